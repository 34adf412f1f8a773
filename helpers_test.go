package gitlabjobs_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

const testToken = "glpat-secret-0123456789"

// transport is a server implemented by a function.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// answer is the response of a test server to every request.
type answer struct {
	status int
	header map[string]string
	body   string
}

func (a answer) to(req *http.Request) *http.Response {
	h := make(http.Header)
	h.Set("Content-Type", "application/json")
	for k, v := range a.header {
		h.Set(k, v)
	}
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return &http.Response{
		StatusCode: a.status, Header: h, Request: req, ContentLength: int64(len(a.body)),
		Body: io.NopCloser(strings.NewReader(a.body)),
	}
}

// newClient returns a client that sends its requests to rt.
func newClient(t *testing.T, rt transport, opts ...gitlabjobs.ClientOption) *gitlabjobs.Client {
	t.Helper()
	opts = append([]gitlabjobs.ClientOption{gitlabjobs.WithHTTPClient(&http.Client{Transport: rt})}, opts...)
	client, err := gitlabjobs.NewClient("https://gitlab.example.com", gitlabjobs.PrivateToken(testToken), opts...)
	require.NoError(t, err)
	return client
}

// answering returns a client of a server that always sends the same response.
func answering(t *testing.T, a answer, opts ...gitlabjobs.ClientOption) *gitlabjobs.Client {
	t.Helper()
	return newClient(t, func(req *http.Request) (*http.Response, error) { return a.to(req), nil }, opts...)
}

// gaps returns the durations between successive times.
func gaps(times []time.Time) []time.Duration {
	var d []time.Duration
	for i := 1; i < len(times); i++ {
		d = append(d, times[i].Sub(times[i-1]))
	}
	return d
}

// requestGaps returns the durations between successive requests.
func requestGaps(srv *gitlabjobstest.Server) []time.Duration {
	var times []time.Time
	for _, req := range srv.Requests() {
		times = append(times, req.At)
	}
	return gaps(times)
}

// inFull returns the size of a test: full with GITLABJOBS_LARGE=1, and otherwise a smaller
// one that tests the same in less time.
func inFull(full, quick int) int {
	if os.Getenv("GITLABJOBS_LARGE") == "1" {
		return full
	}
	return quick
}

func fixture(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return string(b)
}
