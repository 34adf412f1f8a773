package gitlabjobs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

type fileQuery struct {
	Ref   string `url:"ref"`
	Empty string `url:"empty,omitempty"`
}

func TestDoMakesTheRequest(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		method, route string
		args          []string
		in            any
		uri, body     string
	}{
		"no arguments":      {"GET", "/version", nil, nil, "/version", ""},
		"a project":         {"GET", "/projects/:id", []string{"group/sub group/app"}, nil, "/projects/group%2Fsub%20group%2Fapp", ""},
		"escaped once":      {"GET", "/projects/:id/repository/files/:file_path/raw", []string{"7", "dir/a%2Fb?#ü;.go"}, nil, "/projects/7/repository/files/dir%2Fa%252Fb%3F%23%C3%BC%3B.go/raw", ""},
		"dots in a name":    {"GET", "/projects/:id/releases/:tag", []string{"7", "v1..2"}, nil, "/projects/7/releases/v1..2", ""},
		"a top-level group": {"GET", "/groups/:id", []string{"group"}, nil, "/groups/group", ""},
		"a struct as query": {"GET", "/projects/:id/pipelines", []string{"7"}, fileQuery{Ref: "a&b"}, "/projects/7/pipelines?ref=a%26b", ""},
		"a pointer":         {"HEAD", "/projects/:id/pipelines", []string{"7"}, &fileQuery{Ref: "main"}, "/projects/7/pipelines?ref=main", ""},
		"values as query":   {"DELETE", "/projects/:id/x", []string{"7"}, url.Values{"a[]": {"1", "2"}}, "/projects/7/x?a%5B%5D=1&a%5B%5D=2", ""},
		"JSON":              {"POST", "/projects/:id/pipeline", []string{"7"}, map[string]any{"ref": "main", "n": 1}, "/projects/7/pipeline", `{"n":1,"ref":"main"}`},
		"PUT": {"PUT", "/projects/:id", []string{"7"}, struct {
			Name  string `json:"name,omitempty"`
			Count int    `json:"count,omitempty"`
		}{Name: "x"}, "/projects/7", `{"name":"x"}`},
		"a nil pointer": {"POST", "/x", nil, (*fileQuery)(nil), "/x", ""},
		"PATCH":         {"PATCH", "/x", nil, json.RawMessage(`[1]`), "/x", `[1]`},
		"OPTIONS":       {"OPTIONS", "/x", nil, nil, "/x", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requests := 0
			client := newClient(t, func(req *http.Request) (*http.Response, error) {
				requests++
				assert.Equal(t, tc.method, req.Method)
				assert.Equal(t, "/api/v4"+tc.uri, req.URL.RequestURI())
				assert.Equal(t, testToken, req.Header.Get("PRIVATE-TOKEN"))
				assert.Equal(t, tc.route, gitlabjobs.RouteFromContext(req.Context()))
				var body []byte
				if req.Body != nil {
					body, _ = io.ReadAll(req.Body)
				}
				assert.Equal(t, tc.body, string(body))
				if tc.body != "" {
					assert.Equal(t, "application/json", req.Header.Get("Content-Type"))
				}
				return answer{status: 202, header: map[string]string{"X-Request-Id": "01R"}}.to(req), nil
			})
			var resp gitlabjobs.Response
			require.NoError(t, client.Do(t.Context(), tc.method, tc.route, tc.args, tc.in, nil, gitlabjobs.WithResponse(&resp)))
			assert.Equal(t, 1, requests)
			assert.Equal(t, 202, resp.StatusCode)
			assert.Equal(t, "01R", resp.RequestID)
		})
	}
}

func TestDoRefusesBadArgumentsBeforeSending(t *testing.T) {
	t.Parallel()
	client := newClient(t, func(*http.Request) (*http.Response, error) {
		t.Error("a request was sent")
		return nil, errors.New("no")
	})
	const pipeline = "/projects/:id/pipelines/:pipeline_id"
	for name, tc := range map[string]struct {
		method, route string
		args          []string
		in, out       any
		want          string
	}{
		"too few arguments":       {"GET", pipeline, []string{"7"}, nil, nil, "1 arguments for a route with 2 placeholders"},
		"too many arguments":      {"GET", "/version", []string{"7"}, nil, nil, "1 arguments for a route with 0 placeholders"},
		"not a project":           {"GET", pipeline, []string{"app", "1"}, nil, nil, "neither a number nor a full path"},
		"an escaped project":      {"GET", pipeline, []string{"group%2Fapp", "1"}, nil, nil, "is escaped"},
		"an empty argument":       {"GET", pipeline, []string{"7", ""}, nil, nil, "pipeline_id is empty"},
		"a dot":                   {"GET", pipeline, []string{"7", "."}, nil, nil, `pipeline_id is "."`},
		"two dots":                {"GET", pipeline, []string{"7", ".."}, nil, nil, `pipeline_id is ".."`},
		"dots inside":             {"GET", pipeline, []string{"7", "a/../b"}, nil, nil, `pipeline_id is "a/../b"`},
		"a control character":     {"GET", pipeline, []string{"7", "a\nb"}, nil, nil, `pipeline_id is "a\nb"`},
		"a query":                 {"GET", "/projects?x=1", nil, nil, nil, "query"},
		"a fragment":              {"GET", "/projects#x", nil, nil, nil, "fragment"},
		"a host":                  {"GET", "https://other.example/projects", nil, nil, nil, "host"},
		"a host without a scheme": {"GET", "//other.example/projects", nil, nil, nil, "empty segment"},
		"no slash":                {"GET", "projects", nil, nil, nil, "slash"},
		"no route":                {"GET", "", nil, nil, nil, "slash"},
		"the API's own path":      {"GET", "/api/v4/projects", nil, nil, nil, "/api"},
		"up":                      {"GET", "/projects/../../x", nil, nil, nil, `".."`},
		"an empty segment":        {"GET", "/projects//x", nil, nil, nil, "empty segment"},
		"a slash at the end":      {"GET", "/projects/", nil, nil, nil, "empty segment"},
		"an unnamed placeholder":  {"GET", "/projects/:", nil, nil, nil, "without a name"},
		"an escape":               {"GET", "/projects/group%2Fapp", nil, nil, nil, "placeholder"},
		"a blank":                 {"GET", "/projects/a b", nil, nil, nil, "placeholder"},
		"a method in lower case":  {"get", "/version", nil, nil, nil, "is not a method"},
		"no method":               {"", "/version", nil, nil, nil, "is not a method"},
		"a map as a query":        {"GET", "/version", nil, map[string]string{"a": "b"}, nil, "in is a map[string]string"},
		"a text as a query":       {"DELETE", "/version", nil, "a=b", nil, "in is a string"},
		"no JSON":                 {"POST", "/version", nil, make(chan int), nil, "encoding the request body"},
		"a reader":                {"POST", "/version", nil, strings.NewReader("a"), nil, "in is a *strings.Reader"},
		"encoded JSON as bytes":   {"POST", "/version", nil, []byte("{}"), nil, "json.RawMessage"},
		"a text":                  {"PUT", "/version", nil, "{}", nil, "in is a string"},
		"a part of a segment":     {"GET", "/archive.:format", nil, nil, nil, "not a whole segment"},
		"another project":         {"GET", "/projects/:project_id/x", []string{"a%2Fb"}, nil, nil, "is escaped"},
		"a value as out":          {"GET", "/version", nil, nil, gitlabjobs.Job{}, "out is a gitlabjobs.Job"},
		"a nil pointer as out":    {"GET", "/version", nil, nil, (*gitlabjobs.Job)(nil), "out is a *gitlabjobs.Job"},
		"a nil writer as out":     {"GET", "/version", nil, nil, (*bytes.Buffer)(nil), "out is a *bytes.Buffer"},
		"HEAD with out":           {"HEAD", "/version", nil, nil, new(any), "HEAD has no body"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := client.Do(t.Context(), tc.method, tc.route, tc.args, tc.in, tc.out)
			require.ErrorContains(t, err, tc.want)
			assert.True(t, strings.HasPrefix(err.Error(), "gitlabjobs: "), err)
			assert.False(t, gitlabjobs.Temporary(err))
		})
	}
	require.Error(t, (*gitlabjobs.Client)(nil).Do(t.Context(), "GET", "/version", nil, nil, nil))
	require.Error(t, client.Do(nil, "GET", "/version", nil, nil, nil)) //nolint:staticcheck // What happens if someone does.
}

func TestDoDecodesTheResponse(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer
		out  any
		want any
		err  string
	}{
		"a library type":           {answer{body: `{"id":7,"status":"success"}`}, new(gitlabjobs.Pipeline), nil, ""},
		"a slice":                  {answer{body: `[1,2]`}, new([]int), &[]int{1, 2}, ""},
		"no out":                   {answer{body: `no JSON`}, nil, nil, ""},
		"no content":               {answer{status: 204}, &[]int{3}, &[]int{3}, ""},
		"an empty body":            {answer{}, new([]int), nil, "the body is empty"},
		"an empty body, no out":    {answer{}, nil, nil, ""},
		"broken JSON":              {answer{body: `[1,`}, new([]int), nil, "(application/json): unexpected end of JSON input"},
		"another type":             {answer{body: `{}`}, new([]int), nil, "cannot unmarshal object"},
		"an error":                 {answer{status: 404, body: `{"message":"404 Not found"}`}, new([]int), nil, "GET /x/7: 404 Not found"},
		"larger than the bound":    {answer{body: `[` + strings.Repeat("1,", 600) + `1]`}, new([]int), nil, "WithMaxBody"},
		"an HTML page of a proxy":  {answer{body: "<html>", header: map[string]string{"Content-Type": "text/html"}}, new([]int), nil, "(text/html)"},
		"a redirect to plain http": {answer{status: 302, header: map[string]string{"Location": "http://gitlab.example.com/y"}}, new([]int), nil, "from https to http"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := answering(t, tc.answer, oneAttempt(), gitlabjobs.WithMaxBody(1000))
			err := client.Do(t.Context(), http.MethodGet, "/x/:y", []string{"7"}, nil, tc.out)
			if tc.err != "" {
				require.ErrorContains(t, err, tc.err)
				return
			}
			require.NoError(t, err)
			if p, ok := tc.out.(*gitlabjobs.Pipeline); ok {
				assert.EqualValues(t, 7, p.ID)
				assert.Equal(t, gitlabjobs.StatusSuccess, p.Status)
			} else {
				assert.Equal(t, tc.want, tc.out)
			}
		})
	}
}

// Only GET and HEAD are retried if the server may have processed the request.
func TestDoRetriesReadsOnly(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
		for _, broken := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				requests := 0
				client := newClient(t, func(req *http.Request) (*http.Response, error) {
					requests++
					if broken {
						return nil, errors.New("connection reset by peer")
					}
					return answer{status: 502}.to(req), nil
				})
				err := client.Do(t.Context(), method, "/x", nil, nil, nil)
				require.Error(t, err)
				read := method == "GET" || method == "HEAD"
				assert.Equal(t, read, requests == 5, "%s: %d requests", method, requests)
				assert.Equal(t, !read, errors.Is(err, gitlabjobs.ErrOutcomeUnknown), method)
			})
		}
	}
}

// artifacts is a server that redirects a download to object storage.
func artifacts(t *testing.T, body func() io.Reader, length int64) transport {
	return func(req *http.Request) (*http.Response, error) {
		if req.URL.Host != "storage.example" {
			return answer{status: 302, header: map[string]string{"Location": "https://storage.example/a.zip?signature=s"}}.to(req), nil
		}
		assert.Empty(t, req.Header.Get("PRIVATE-TOKEN"))
		assert.Equal(t, "signature=s", req.URL.RawQuery)
		resp := answer{}.to(req)
		resp.Body, resp.ContentLength = io.NopCloser(body()), length
		return resp, nil
	}
}

func TestDoStreamsToAWriter(t *testing.T) {
	t.Parallel()
	const size = 3 << 20
	content := func() io.Reader { return io.LimitReader(zeros{}, size) }
	client := newClient(t, artifacts(t, content, -1), gitlabjobs.WithMaxBody(1000))
	var n countingWriter
	require.NoError(t, client.Do(t.Context(), "GET", "/projects/:id/jobs/:job_id/artifacts", []string{"1", "2"}, nil, &n))
	assert.EqualValues(t, size, n)

	empty := newClient(t, artifacts(t, func() io.Reader { return strings.NewReader("") }, 0))
	n = 0
	require.NoError(t, empty.Do(t.Context(), "GET", "/x", nil, nil, &n), "an empty file is a file")
	assert.EqualValues(t, 0, n)
}

func TestABrokenDownloadReportsTheBytesWritten(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		body   io.Reader
		length int64
		want   error
	}{
		"a reset":                   {io.MultiReader(strings.NewReader("12345"), iotest.ErrReader(errors.New("connection reset by peer"))), -1, nil},
		"a clean end, but too soon": {strings.NewReader("12345"), 10, io.ErrUnexpectedEOF},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requests := 0
			client := newClient(t, artifacts(t, func() io.Reader { requests++; return tc.body }, tc.length))
			var out bytes.Buffer
			err := client.Do(t.Context(), "GET", "/projects/:id/jobs/:job_id/artifacts", []string{"1", "2"}, nil, &out)
			require.ErrorContains(t, err, "gitlabjobs: GET /projects/1/jobs/2/artifacts: the response broke off after 5 bytes were written: ")
			assert.True(t, gitlabjobs.Temporary(err))
			if tc.want != nil {
				require.ErrorIs(t, err, tc.want)
			}
			assert.Equal(t, "12345", out.String())
			assert.Equal(t, 1, requests)
		})
	}
}

func TestADownloadEndsWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	client := newClient(t, artifacts(t, func() io.Reader {
		return io.MultiReader(strings.NewReader("12345"), readerFunc(func([]byte) (int, error) {
			cancel()
			return 0, errors.New("use of closed network connection")
		}))
	}, -1))
	err := client.Do(ctx, "GET", "/x", nil, nil, io.Discard)
	require.ErrorIs(t, err, context.Canceled)
	assert.False(t, gitlabjobs.Temporary(err))
}

func TestTheErrorOfTheWriterIsReturnedUnchanged(t *testing.T) {
	t.Parallel()
	client := newClient(t, artifacts(t, func() io.Reader { return strings.NewReader("12345") }, 5))
	err := client.Do(t.Context(), "GET", "/x", nil, nil, fullDisk{})
	assert.Equal(t, os.ErrDeadlineExceeded, err)
	assert.False(t, gitlabjobs.Temporary(err))
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

type countingWriter int64

func (c *countingWriter) Write(p []byte) (int, error) {
	*c += countingWriter(len(p))
	return len(p), nil
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, os.ErrDeadlineExceeded }

func TestADefaultHeaderIsSentWithEveryRequest(t *testing.T) {
	t.Parallel()
	var got []string
	client := newClient(t, func(req *http.Request) (*http.Response, error) {
		if req.URL.Host == "storage.example" {
			assert.Empty(t, req.Header.Get("X-Team"), "another host")
			return answer{}.to(req), nil
		}
		assert.Equal(t, "exporter", req.Header.Get("User-Agent"))
		assert.Equal(t, []string{testToken}, req.Header.Values("PRIVATE-TOKEN"), "the client's credentials win")
		got = append(got, fmt.Sprint(req.Header.Get("X-Team"), req.Header.Values("X-Team"), req.Host))
		if strings.HasSuffix(req.URL.Path, "/trace") {
			return answer{status: 302, header: map[string]string{"Location": "https://storage.example/"}}.to(req), nil
		}
		return answer{status: 404, body: `{"message":"of dashboards: 404 Not found"}`}.to(req), nil
	}, gitlabjobs.WithDefaultHeader("x-team", "dashboards"), gitlabjobs.WithDefaultHeader("User-Agent", "exporter"),
		gitlabjobs.WithDefaultHeader("PRIVATE-TOKEN", "another token"))
	_, err := client.Jobs.Get(t.Context(), "1", 2)
	require.ErrorContains(t, err, "of dashboards", "a header that is no credential is not redacted")
	_, err = client.Jobs.Get(t.Context(), "1", 2, gitlabjobs.WithHeader("X-Team", "bots"))
	require.Error(t, err)
	_, err = client.Jobs.Get(t.Context(), "1", 2)
	require.Error(t, err, "the call before changed nothing")
	_, err = client.Jobs.Trace(t.Context(), "1", 2, nil)
	require.NoError(t, err)
	const host = "gitlab.example.com"
	assert.Equal(t, []string{
		"dashboards[dashboards]" + host, "bots[bots]" + host, "dashboards[dashboards]" + host, "dashboards[dashboards]" + host,
	}, got)

	for _, bad := range [][2]string{{"", "x"}, {"a b", "x"}, {"X-A", "a\nb"}, {"Content-Length", "1"}, {"Idempotency-Key", "1"}} {
		_, err := gitlabjobs.NewClient("https://gitlab.example.com", gitlabjobs.NoAuth(), gitlabjobs.WithDefaultHeader(bad[0], bad[1]))
		require.ErrorContains(t, err, "WithDefaultHeader")
	}
}
