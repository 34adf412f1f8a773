package gitlabjobs_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"example.com/gitlabjobs"
)

// FuzzJobPage checks that decoding a page of jobs never panics or yields a nil job, and
// that the jobs marshal to a page that decodes to the same jobs.
func FuzzJobPage(f *testing.F) {
	for _, name := range []string{"list_project_jobs.json", "list_pipeline_bridges.json"} {
		f.Add(fixture(f, name))
	}
	f.Add("[" + fixture(f, "gitlab19_job.json") + "]")
	f.Add(`[{"id":1,"tag_list":[1,""],"x":[{}],"user":{"bio":null},"commit":{"trailers":{"a":"b"},"parent_ids":[]}}]`)
	f.Add(`[{"id":1,"coverage":"1","artifacts":[{},null],"commit":{"extended_trailers":{"a":["b"]}}}]`)
	f.Fuzz(func(t *testing.T, body string) {
		page, err := fuzzed(t, answer{body: body}).Jobs.ListByProject(t.Context(), "1", nil)
		if err != nil {
			if page != nil {
				t.Fatal("got both a page and an error")
			}
			return
		}
		first := marshal(t, page.Items)
		again, err := fuzzed(t, answer{body: first}).Jobs.ListByProject(t.Context(), "1", nil)
		if err != nil {
			t.Fatalf("decoding the marshaled page: %v: %s", err, first)
		}
		if second := marshal(t, again.Items); first != second {
			t.Fatalf("%s\nbecame\n%s", first, second)
		}
	})
}

func marshal(t *testing.T, jobs []*gitlabjobs.Job) string {
	for _, job := range jobs {
		if job == nil {
			t.Fatal("the page contains a nil job")
		}
	}
	b, err := json.Marshal(jobs)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// FuzzLink checks that no header of a page causes a panic or a negative page number, and
// that a page that is taken for the last one has no header that names a next page.
func FuzzLink(f *testing.F) {
	f.Add(`<http://h/api/v4/projects/7/jobs?cursor=eyJ%3D&page=1>; rel="next", <http://h/?page=2>; rel="prev"`, "2")
	f.Add(`<<>>;;rel="`, "-1")
	f.Add("<%zz?cursor=\x00>;rel=next", "")
	for link := range unusualLinks {
		f.Add(link, "")
		f.Add(link, "x")
	}
	f.Fuzz(func(t *testing.T, link, number string) {
		client := fuzzed(t, answer{body: "[]", header: map[string]string{"Link": link, "X-Next-Page": number, "X-Total": number}})
		page, err := client.Jobs.ListByProject(t.Context(), "1", nil)
		if err != nil {
			if page != nil || !strings.Contains(err.Error(), "next page") {
				t.Fatal(page, err)
			}
			return
		}
		if page.NextPage < 0 || page.PrevPage < 0 || page.Total < -1 {
			t.Fatalf("%+v", page)
		}
		if page.HasNext() != (page.NextPage > 0 || page.NextCursor != "") {
			t.Fatal("HasNext is true for the last page")
		}
		if named := strings.TrimSpace(number); !page.HasNext() && named != "" && strings.Trim(named, "+-0") != "" {
			t.Fatalf("X-Next-Page %q is taken for the last page", number)
		}
		// A proxy may add a parameter before rel. The URL is still found.
		if page.NextCursor != "" {
			again, err := fuzzed(t, answer{body: "[]", header: map[string]string{
				"Link": `<http://[h]:x/?a;b&cursor=` + url.QueryEscape(page.NextCursor) + `>; title="; rel=\"prev\", <"; rel="next"`,
			}}).Jobs.ListByProject(t.Context(), "1", nil)
			if err != nil || again.NextCursor != page.NextCursor {
				t.Fatalf("%q became %+v, %v", page.NextCursor, again, err)
			}
		}
	})
}

// FuzzErrorBody checks that no error body causes a panic, and that the error is one
// readable line without the token.
func FuzzErrorBody(f *testing.F) {
	for _, s := range []string{
		`{"message":"404 Not found"}`, `{"message":{"a":["b"]}}`, `{"error":"e","error_description":"d","scope":"api"}`,
		"<html><title>502</title>", "<!-- <script>", "", "\x00\xff", testToken,
		`{"message":"\u0067` + testToken[1:] + `"}`, "%67" + testToken[1:], "&#103;&#x6c;&amp;#112;" + testToken[3:], `\u00&#&;%2\x`, testToken[:9] + "&#4",
	} {
		f.Add(404, s)
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 300 || status > 599 {
			status = 400
		}
		_, err := fuzzed(t, answer{status: status, body: body}).Jobs.Get(t.Context(), "1", 2)
		if err == nil {
			t.Fatal("no error")
		}
		text := err.Error()
		if strings.ContainsAny(text, "\n\r\x00\x1b") || !utf8.ValidString(text) || len(text) > 2000 {
			t.Fatalf("%q is not one line", text)
		}
		if strings.Contains(text, testToken) {
			t.Fatalf("%q contains the token", text)
		}
	})
}

func fuzzed(t *testing.T, a answer) *gitlabjobs.Client {
	return newClient(t, func(req *http.Request) (*http.Response, error) { return a.to(req), nil }, oneAttempt())
}
