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

// got is an answer as a client without a library sees it.
type got struct {
	t      *testing.T
	status int
	header http.Header
	body   string
}

// ask sends "METHOD /path" below /api/v4 to the server, in memory. Each header
// is "Name: value"; a plain word is a PRIVATE-TOKEN; "{" begins a JSON body.
func ask(t *testing.T, s *Server, what string, extra ...string) got {
	t.Helper()
	return askWith(t, s, what, "", extra...)
}

// askWith is ask with a body of any kind.
func askWith(t *testing.T, s *Server, what, content string, extra ...string) got {
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
	return got{t, resp.StatusCode, resp.Header, string(b)}
}

// is checks the status and, where it is given, the body.
func (g got) is(status int, body ...string) got {
	g.t.Helper()
	require.Equal(g.t, status, g.status, "the body is %s", g.body)
	if len(body) > 0 {
		require.Equal(g.t, body[0], g.body)
	}
	return g
}

// object decodes the body.
func (g got) object() map[string]any {
	g.t.Helper()
	var o map[string]any
	require.NoError(g.t, json.Unmarshal([]byte(g.body), &o), g.body)
	return o
}

// objects decodes a body that is an array.
func (g got) objects() []map[string]any {
	g.t.Helper()
	var o []map[string]any
	require.NoError(g.t, json.Unmarshal([]byte(g.body), &o), g.body)
	return o
}

// ids are those of the jobs in the body, in their order.
func (g got) ids() []int64 {
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

// created is what most of a pipeline is at first.
const created = gitlabjobs.StatusCreated

// on is the path of a job.
func on(j *Job, rest string) string {
	return fmt.Sprintf("/projects/%d/jobs/%d%s", j.pipeline.project.id, j.id, rest)
}

// fakeTB stands for a test that a bad set-up ends.
type fakeTB struct {
	testing.TB

	failed string
}

func (f *fakeTB) Helper() {}

func (f *fakeTB) Fatalf(format string, args ...any) {
	f.failed = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// failure runs a set-up and returns the line that ends its test.
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
