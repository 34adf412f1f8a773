package gitlabjobstest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

// result is a response of the server.
type result struct {
	t      *testing.T
	status int
	header http.Header
	body   string
}

// send sends a request, such as "GET /job", to the server in memory. The path is
// relative to /api/v4. Each extra is a header such as "Name: value", a JSON body
// that starts with "{", or an access token.
func send(t *testing.T, s *Server, what string, extra ...string) result {
	t.Helper()
	return sendBody(t, s, what, "", extra...)
}

// sendBody is like send, with a body of any type.
func sendBody(t *testing.T, s *Server, what, content string, extra ...string) result {
	t.Helper()
	method, path, _ := strings.Cut(what, " ")
	var body io.Reader
	if content != "" {
		body = strings.NewReader(content)
	}
	header := http.Header{}
	for _, e := range extra {
		name, value, isHeader := strings.Cut(e, ": ")
		switch {
		case strings.HasPrefix(e, "{"):
			body = strings.NewReader(e)
			header.Set("Content-Type", "application/json")
		case isHeader:
			header.Set(name, value)
		case e != "":
			header.Set("Private-Token", e)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+"/api/v4"+path, body)
	require.NoError(t, err)
	req.Header = header
	resp, err := s.Transport().RoundTrip(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return result{t, resp.StatusCode, resp.Header, string(b)}
}

// expect checks the status code and the body, if it is given.
func (g result) expect(status int, body ...string) result {
	g.t.Helper()
	require.Equal(g.t, status, g.status, "the body is %s", g.body)
	if len(body) > 0 {
		require.Equal(g.t, body[0], g.body)
	}
	return g
}

// object decodes the body.
func (g result) object() map[string]any {
	g.t.Helper()
	var o map[string]any
	require.NoError(g.t, json.Unmarshal([]byte(g.body), &o), g.body)
	return o
}

// objects decodes a body that is an array.
func (g result) objects() []map[string]any {
	g.t.Helper()
	var o []map[string]any
	require.NoError(g.t, json.Unmarshal([]byte(g.body), &o), g.body)
	return o
}

// ids returns the IDs of the jobs in the body.
func (g result) ids() []int64 {
	g.t.Helper()
	var jobs []struct {
		ID int64 `json:"id"`
	}
	require.NoError(g.t, json.Unmarshal([]byte(g.body), &jobs), g.body)
	ids := []int64{}
	for _, j := range jobs {
		ids = append(ids, j.ID)
	}
	return ids
}

const created = gitlabjobs.StatusCreated

// jobPath returns the path of a route of a job.
func jobPath(j *Job, rest string) string {
	return fmt.Sprintf("/projects/%d/jobs/%d%s", j.pipeline.project.id, j.id, rest)
}

// fakeTB is a test that records its failure.
type fakeTB struct {
	testing.TB

	failed string
}

func (f *fakeTB) Helper() {}

func (f *fakeTB) Fatalf(format string, args ...any) {
	f.failed = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// failureOf runs a set-up with an invalid argument, and returns the message that
// fails the test.
func failureOf(t *testing.T, setUp func(s *Server)) string {
	t.Helper()
	f := &fakeTB{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		setUp(NewMemoryServer(f))
	}()
	<-done
	return f.failed
}
