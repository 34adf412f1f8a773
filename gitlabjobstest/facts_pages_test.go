package gitlabjobstest

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// pageHeaders returns the values of the headers that contain numbers of pages and
// rows, or "none" for a missing header.
func pageHeaders(h http.Header) []string {
	var all []string
	for _, k := range []string{"X-Page", "X-Per-Page", "X-Prev-Page", "X-Next-Page", "X-Total", "X-Total-Pages"} {
		if v, ok := h[k]; ok {
			all = append(all, v[0])
		} else {
			all = append(all, "none")
		}
	}
	return all
}

// rels returns the relations in Link.
func rels(h http.Header) string {
	var all []string
	for l := range strings.SplitSeq(h.Get("Link"), ", ") {
		_, rel, _ := strings.Cut(l, "; ")
		all = append(all, rel)
	}
	return strings.Join(all, " ")
}

func TestOffsetPaginationMatchesGitLab(t *testing.T) {
	t.Parallel()
	runFacts(t, []fact{
		{"per_page is 20 by default", func(t *testing.T, w *fixture) {
			w.pl.AddJobs(30, nil)
			g := w.send(t, "GET "+w.jobs, w.dev)
			require.Len(t, g.ids(), 20)
			require.Equal(t, []string{"1", "20", "", "2", "none", "none"}, pageHeaders(g.header))
		}},
		{"per_page is at most 100, also in Link", func(t *testing.T, w *fixture) {
			w.pl.AddJobs(100, nil)
			g := w.send(t, "GET "+w.jobs+"?per_page=200", w.dev)
			require.Len(t, g.ids(), 100)
			require.Equal(t, []string{"1", "100", "", "2", "none", "none"}, pageHeaders(g.header))
			require.Contains(t, g.header.Get("Link"), "per_page=100>")
		}},
		{"a per_page that is 0 or not a number is 400", func(t *testing.T, w *fixture) {
			w.send(t, "GET "+w.jobs+"?per_page=0", w.dev).expect(400, `{"error":"per_page has a value not allowed"}`)
			w.send(t, "GET "+w.jobs+"?per_page=x", w.dev).expect(400, `{"error":"per_page is invalid"}`)
			w.send(t, "GET "+w.jobs+"?page=x", w.dev).expect(400, `{"error":"page is invalid"}`)
		}},
		{"the first page has no prev, and the last page has no next", func(t *testing.T, w *fixture) {
			first := w.send(t, "GET "+w.pipeline+"/jobs?per_page=1", w.dev).header
			require.Equal(t, []string{"1", "1", "", "2", "3", "3"}, pageHeaders(first))
			require.Equal(t, `rel="next" rel="first" rel="last"`, rels(first))
			middle := w.send(t, "GET "+w.pipeline+"/jobs?per_page=1&page=2", w.dev).header
			require.Equal(t, []string{"2", "1", "1", "3", "3", "3"}, pageHeaders(middle))
			require.Equal(t, `rel="prev" rel="next" rel="first" rel="last"`, rels(middle))
			last := w.send(t, "GET "+w.pipeline+"/jobs?per_page=1&page=3", w.dev).header
			require.Equal(t, []string{"3", "1", "2", "", "3", "3"}, pageHeaders(last))
		}},
		{"a page after the last one is 200 and empty", func(t *testing.T, w *fixture) {
			g := w.send(t, "GET "+w.jobs+"?page=9", w.dev).expect(200, "[]")
			require.Equal(t, []string{"9", "20", "", "", "none", "none"}, pageHeaders(g.header))
			require.Equal(t, `rel="first"`, rels(g.header))
		}},
		{"project jobs have no totals and no last page in Link", func(t *testing.T, w *fixture) {
			h := w.send(t, "GET "+w.jobs+"?per_page=1", w.dev).header
			require.Equal(t, []string{"1", "1", "", "2", "none", "none"}, pageHeaders(h))
			require.Equal(t, `rel="next" rel="first"`, rels(h))
		}},
		{"the pipeline lists omit totals only for more than 10,000 rows", func(t *testing.T, w *fixture) {
			w.pl.AddJobs(10_000-3, nil)
			h := w.send(t, "GET "+w.pipeline+"/jobs", w.dev).header
			require.Equal(t, []string{"1", "20", "", "2", "10000", "500"}, pageHeaders(h))
			w.pl.AddJob(JobSpec{})
			h = w.send(t, "GET "+w.pipeline+"/jobs", w.dev).header
			require.Equal(t, []string{"1", "20", "", "2", "none", "none"}, pageHeaders(h))
			require.Equal(t, `rel="next" rel="first"`, rels(h))
		}},
		{"an offset above 50,000 in project jobs is 405", func(t *testing.T, w *fixture) {
			w.send(t, "GET "+w.jobs+"?per_page=100&page=500", w.dev).expect(200)
			g := w.send(t, "GET "+w.jobs+"?per_page=100&page=501", w.dev).expect(405)
			require.Contains(t, g.body, `{"error":"Offset pagination has a maximum allowed offset of 50000 `)
			w.send(t, "GET "+w.pipeline+"/jobs?per_page=100&page=501", w.dev).expect(200)
		}},
		{"Link has the configured host", func(t *testing.T, _ *fixture) {
			w := newFixture(t, WithExternalURL("https://git.example.com/"))
			h := w.send(t, "GET "+w.jobs, w.dev).header
			require.Equal(t, `<https://git.example.com/api/v4/projects/7/jobs?id=7&page=1&per_page=20>; rel="first"`, h.Get("Link"))
		}},
		{"Link repeats all query parameters, including a token", func(t *testing.T, w *fixture) {
			h := w.send(t, "GET "+w.jobs+"?scope=running&job_token="+w.running.Token()).expect(200).header
			require.Contains(t, h.Get("Link"), "scope%5B%5D=running")
			require.Contains(t, h.Get("Link"), "job_token="+w.running.Token())
		}},
		{"new jobs shift the following pages, so that a job is listed twice", func(t *testing.T, w *fixture) {
			seen := w.send(t, "GET "+w.jobs+"?per_page=2", w.dev).ids()
			w.pl.AddJob(JobSpec{})
			require.Contains(t, w.send(t, "GET "+w.jobs+"?per_page=2&page=2", w.dev).ids(), seen[1])
		}},
	})
}

func TestKeysetPaginationMatchesGitLab(t *testing.T) {
	t.Parallel()
	runFacts(t, []fact{
		{"Link has only next, and the last page has no Link", func(t *testing.T, w *fixture) {
			first := w.send(t, "GET "+w.jobs+"?pagination=keyset&per_page=2", w.dev).expect(200)
			require.Equal(t, []int64{1003, 1002}, first.ids())
			require.Equal(t, `rel="next"`, rels(first.header))
			require.Empty(t, first.header.Get("X-Page"))
			second := w.send(t, "GET "+w.jobs+"?pagination=keyset&per_page=2&cursor="+first.header.Get("X-Next-Cursor"), w.dev).expect(200)
			require.Equal(t, []int64{1001}, second.ids())
			require.NotContains(t, second.header, "Link")
			require.NotContains(t, second.header, "X-Next-Cursor")
			back := w.send(t, "GET "+w.jobs+"?pagination=keyset&per_page=2&cursor="+second.header.Get("X-Prev-Cursor"), w.dev)
			require.Equal(t, first.ids(), back.ids())
		}},
		{"pages neither skip nor repeat jobs, also with a scope", func(t *testing.T, w *fixture) {
			w.pl.AddJobs(25, nil)
			var ids []int64
			next := ""
			for range 10 {
				g := w.send(t, "GET "+w.jobs+"?pagination=keyset&per_page=5&scope=success&cursor="+next, w.dev)
				ids = append(ids, g.ids()...)
				w.pl.AddJob(JobSpec{})
				if next = g.header.Get("X-Next-Cursor"); next == "" {
					break
				}
			}
			require.Len(t, ids, 26)
			for i := range ids[1:] {
				require.Greater(t, ids[i], ids[i+1])
			}
		}},
		{"an unsupported order is 405", func(t *testing.T, w *fixture) {
			for _, by := range []string{"order_by=name&sort=asc", "order_by=id&sort=asc", "sort=asc"} {
				w.send(t, "GET "+w.jobs+"?pagination=keyset&"+by, w.dev).
					expect(405, `{"error":"Keyset pagination is not yet available for this type of request"}`)
			}
			w.send(t, "GET "+w.jobs+"?pagination=keyset&order_by=id&sort=desc", w.dev).expect(200)
		}},
		{"the pipeline lists ignore pagination=keyset", func(t *testing.T, w *fixture) {
			h := w.send(t, "GET "+w.pipeline+"/jobs?pagination=keyset&per_page=1", w.dev).expect(200).header
			require.Equal(t, []string{"1", "1", "", "2", "3", "3"}, pageHeaders(h))
		}},
		{"servers before 15.9 ignore pagination=keyset", func(t *testing.T, _ *fixture) {
			w := newFixture(t, OlderServer())
			h := w.send(t, "GET "+w.jobs+"?pagination=keyset&per_page=1", w.dev).expect(200).header
			require.Equal(t, []string{"1", "1", "", "2", "none", "none"}, pageHeaders(h))
			require.NotContains(t, h, "X-Next-Cursor")
		}},
		{"a malformed cursor is a 500", func(t *testing.T, w *fixture) {
			for _, cursor := range []string{"%21", "garbage", "bnVsbA==", "WzFd"} {
				w.send(t, "GET "+w.jobs+"?pagination=keyset&cursor="+cursor, w.dev).expect(500, `{"message":"500 Internal Server Error"}`)
			}
			w.send(t, "GET "+w.jobs+"?pagination=keyset&cursor=e30", w.dev).expect(200)
		}},
		{"a cursor with an impossible ID is a 500 in both directions", func(t *testing.T, w *fixture) {
			for _, id := range []string{"9223372036854775807", "9223372036854775808", "0", "-1", "-9223372036854775808", "x"} {
				for _, kind := range []string{"n", "p"} {
					w.send(t, "GET "+w.jobs+"?pagination=keyset&cursor="+cursor{id, kind}.String(), w.dev).
						expect(500, `{"message":"500 Internal Server Error"}`)
				}
			}
			for _, kind := range []string{"n", "p"} { // A cursor without an ID is the start of the list.
				g := w.send(t, "GET "+w.jobs+"?pagination=keyset&per_page=2&cursor="+cursor{"", kind}.String(), w.dev).expect(200)
				require.Equal(t, []int64{1003, 1002}, g.ids())
				require.NotContains(t, g.header, "X-Prev-Cursor")
			}
			g := w.send(t, "GET "+w.jobs+"?pagination=keyset&cursor="+cursor{"9223372036854775806", "n"}.String(), w.dev).expect(200)
			require.Equal(t, []int64{1003, 1002, 1001}, g.ids())
		}},
		{"a page without rows after its cursor is a 500", func(t *testing.T, w *fixture) {
			first := w.send(t, "GET "+w.jobs+"?pagination=keyset&per_page=2&scope[]=success&scope[]=running&scope[]=manual", w.dev).expect(200)
			next := "?pagination=keyset&per_page=2&cursor=" + first.header.Get("X-Next-Cursor")
			w.send(t, "GET "+w.jobs+next, w.dev).expect(200)
			w.send(t, "GET "+w.jobs+next+"&scope=failed", w.dev).expect(500, `{"message":"500 Internal Server Error"}`)
			w.done.Delete()
			w.send(t, "GET "+w.jobs+next, w.dev).expect(500)
		}},
		{"a first page without rows is empty", func(t *testing.T, w *fixture) {
			w.send(t, "GET "+w.jobs+"?pagination=keyset&scope=failed", w.dev).expect(200, "[]")
		}},
		{"per_page has no maximum, and a negative per_page is a 500", func(t *testing.T, w *fixture) {
			w.pl.AddJobs(200, nil)
			require.Len(t, w.send(t, "GET "+w.jobs+"?pagination=keyset&per_page=150", w.dev).expect(200).ids(), 150)
			w.send(t, "GET "+w.jobs+"?pagination=keyset&per_page=-1", w.dev).expect(500)
			w.send(t, "GET "+w.jobs+"?pagination=keyset&per_page=0", w.dev).expect(400)
		}},
		{"project jobs accept scope as an object, and pipeline jobs do not", func(t *testing.T, w *fixture) {
			require.Equal(t, []int64{1003, 1002}, w.send(t, "GET "+w.jobs+"?scope[0]=manual&scope[1]=running", w.dev).expect(200).ids())
			w.send(t, "GET "+w.pipeline+"/jobs?scope[0]=manual", w.dev).expect(400, `{"error":"scope does not have a valid value"}`)
			w.send(t, "GET "+w.pipeline+"/bridges?scope[0]=manual", w.dev).expect(400, `{"error":"scope does not have a valid value"}`)
		}},
		{"a nested value is 400, and the error lists all invalid parameters", func(t *testing.T, w *fixture) {
			w.send(t, "GET "+w.jobs+"?page[]=1&per_page[a]=1", w.dev).expect(400, `{"error":"page is invalid, per_page is invalid"}`)
			w.send(t, "GET "+w.jobs+"?ref[]=main&scope=no", w.dev).expect(400, `{"error":"scope does not have a valid value, ref is invalid"}`)
		}},
		{"huge page numbers", func(t *testing.T, w *fixture) {
			w.send(t, "GET "+w.jobs+"?page=99999999999999999999", w.dev).expect(405)
			w.send(t, "GET "+w.pipeline+"/jobs?page=99999999999999999999", w.dev).expect(500)
			w.send(t, "GET "+w.pipeline+"/jobs?per_page=99999999999999999999", w.dev).expect(200)
		}},
	})
}

func TestLogsMatchGitLab(t *testing.T) {
	t.Parallel()
	trace := func(t *testing.T, w *fixture, j *Job, query string) result {
		t.Helper()
		return w.send(t, "GET "+jobPath(j, "/trace")+query, w.dev)
	}
	runFacts(t, []fact{
		{"a log is 200 with text/plain", func(t *testing.T, w *fixture) {
			g := trace(t, w, w.done, "").expect(200, "0123456789")
			require.Equal(t, "text/plain", g.header.Get("Content-Type"))
			require.Equal(t, fmt.Sprintf(`infile; filename="%d.log"`, w.done.id), g.header.Get("Content-Disposition"))
		}},
		{"a missing or erased log is 200 with an empty body", func(t *testing.T, w *fixture) {
			trace(t, w, w.manual, "").expect(200, "")
			w.postAction(t, w.done, "erase")
			trace(t, w, w.done, "").expect(200, "")
		}},
		{"older servers can respond to a missing log with 404", func(t *testing.T, _ *fixture) {
			w := newFixture(t, MissingTraceNotFound())
			trace(t, w, w.manual, "").expect(404, notFound)
			trace(t, w, w.done, "").expect(200)
		}},
		{"the log of a running job is incomplete", func(t *testing.T, w *fixture) {
			trace(t, w, w.running, "").expect(200, "so far\n")
			w.running.AppendLog("more\n")
			trace(t, w, w.running, "").expect(200, "so far\nmore\n")
		}},
		{"Range is ignored", func(t *testing.T, w *fixture) {
			w.send(t, "GET "+jobPath(w.done, "/trace"), w.dev, "Range: bytes=2-3").expect(200, "0123456789")
		}},
		{"newer servers support byte_offset and byte_limit", func(t *testing.T, w *fixture) {
			trace(t, w, w.done, "?byte_offset=2&byte_limit=3").expect(200, "234")
			trace(t, w, w.done, "?byte_offset=8&byte_limit=512000").expect(200, "89")
			trace(t, w, w.done, "?byte_offset=7").expect(200, "789")
			trace(t, w, w.done, "?byte_limit=1").expect(200, "0")
		}},
		{"an offset after the end is 200 with an empty body", func(t *testing.T, w *fixture) {
			trace(t, w, w.done, "?byte_offset=10").expect(200, "")
			trace(t, w, w.done, "?byte_offset=1000&byte_limit=5").expect(200, "")
		}},
		{"byte_offset and byte_limit out of range are 400", func(t *testing.T, w *fixture) {
			trace(t, w, w.done, "?byte_offset=-1").expect(400, `{"error":"byte_offset does not have a valid value"}`)
			trace(t, w, w.done, "?byte_limit=0").expect(400, `{"error":"byte_limit does not have a valid value"}`)
			trace(t, w, w.done, "?byte_limit=512001").expect(400, `{"error":"byte_limit does not have a valid value"}`)
			trace(t, w, w.done, "?byte_limit=x").expect(400, `{"error":"byte_limit is invalid"}`)
		}},
		{"older servers ignore byte_offset and byte_limit", func(t *testing.T, _ *fixture) {
			w := newFixture(t, OlderServer())
			trace(t, w, w.done, "?byte_offset=-1&byte_limit=0").expect(200, "0123456789")
		}},
		{"the log contains colors and section marks", func(t *testing.T, w *fixture) {
			body := trace(t, w, w.pl.AddJob(JobSpec{}), "").expect(200).body
			require.Contains(t, body, "\x1b[0KRunning with gitlab-runner")
			require.Contains(t, body, "\r\x1b[0K")
		}},
		{"responses have an ETag, and If-None-Match is 304", func(t *testing.T, w *fixture) {
			for _, path := range []string{jobPath(w.done, "/trace"), jobPath(w.done, ""), w.pipeline + "/bridges"} {
				tag := w.send(t, "GET "+path, w.dev).expect(200).header.Get("Etag")
				require.Regexp(t, `^W/"[0-9a-f]{32}"$`, tag)
				g := w.send(t, "GET "+path, w.dev, "If-None-Match: "+tag).expect(304, "")
				require.Equal(t, tag, g.header.Get("Etag"))
			}
			tag := trace(t, w, w.running, "").header.Get("Etag")
			w.running.AppendLog("more\n")
			w.send(t, "GET "+jobPath(w.running, "/trace"), w.dev, "If-None-Match: "+tag).expect(200)
		}},
	})
}

// For any cursor, the response is a page of jobs by descending ID, or GitLab's
// server error.
func FuzzCursor(f *testing.F) {
	for _, id := range []string{"", "1", "1001", "1002", "1003", "1004", "9223372036854775807", "-9223372036854775808", "x", "0"} {
		for _, kind := range []string{"n", "p", ""} {
			f.Add(id, kind, "")
		}
	}
	f.Add("", "", "garbage")
	f.Fuzz(func(t *testing.T, id, kind, raw string) {
		w := newFixture(t)
		if raw == "" {
			raw = cursor{id, kind}.String()
		}
		g := w.send(t, "GET "+w.jobs+"?pagination=keyset&per_page=2&cursor="+url.QueryEscape(raw), w.dev)
		if g.status == http.StatusInternalServerError {
			g.expect(500, `{"message":"500 Internal Server Error"}`)
			return
		}
		g.expect(200)
		ids := g.ids()
		require.NotEmpty(t, ids)
		require.LessOrEqual(t, len(ids), 2)
		require.IsDecreasing(t, ids)
	})
}
