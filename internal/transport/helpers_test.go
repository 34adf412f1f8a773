package transport_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs/internal/transport"
)

const (
	token  = "glpat-secret-0123456789"
	origin = "https://gitlab.example.com"
)

// roundTripper is a server in a function.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// respond returns a response. header has alternating names and values.
func respond(req *http.Request, status int, body string, header ...string) (*http.Response, error) {
	resp := &http.Response{
		StatusCode: status, Header: make(http.Header), Request: req, ContentLength: int64(len(body)),
		Body: io.NopCloser(strings.NewReader(body)),
	}
	for i := 0; i < len(header); i += 2 {
		resp.Header.Set(header[i], header[i+1])
	}
	return resp, nil
}

// always is a server that gives the same response to each request.
func always(status int, body string, header ...string) roundTripper {
	return func(req *http.Request) (*http.Response, error) { return respond(req, status, body, header...) }
}

// server gives the responses of a list in order, and the last one again and again. It
// records when the requests came.
type server struct {
	began time.Time

	mu        sync.Mutex
	at        []time.Duration
	responses []roundTripper
}

func serve(responses ...roundTripper) *server {
	return &server{began: time.Now(), responses: responses}
}

func (s *server) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.at = append(s.at, time.Since(s.began))
	response := s.responses[min(len(s.at), len(s.responses))-1]
	s.mu.Unlock()
	return response(req)
}

func newClient(rt http.RoundTripper, changes ...func(*transport.Config)) *transport.Client {
	config := transport.Config{
		HTTPClient:     &http.Client{Transport: rt},
		Policy:         transport.Policy{MaxAttempts: 5, MinWait: 200 * time.Millisecond, MaxWait: 30 * time.Second, MaxServerWait: 2 * time.Minute},
		AttemptTimeout: 30 * time.Second,
		MaxBody:        1 << 20,
		UserAgent:      "tests",
		Message:        func(body []byte) string { return string(body) },
	}
	for _, change := range changes {
		change(&config)
	}
	return transport.New(config)
}

func attempts(n int) func(*transport.Config) {
	return func(c *transport.Config) { c.Policy.MaxAttempts = n }
}

func privateToken(req *http.Request) error {
	req.Header.Set("PRIVATE-TOKEN", token)
	return nil
}

func jobTokenParam(req *http.Request) error {
	transport.SetParam(req.URL, "job_token", token)
	return nil
}

// get is a read.
func get() transport.Request {
	return transport.Request{
		Method: http.MethodGet, URL: origin + "/api/v4/projects/1/jobs/7?page=2", Route: "/projects/:id/jobs/:job_id",
		Path: "/projects/1/jobs/7", Authorize: privateToken, Repeatable: true,
	}
}

// post is a write that must not happen twice.
func post() transport.Request {
	r := get()
	r.Method, r.Route, r.Repeatable = http.MethodPost, r.Route+"/play", false
	return r
}

func of(route string) transport.Request {
	r := get()
	r.Route = route
	return r
}

func send(ctx context.Context, t *testing.T, client *transport.Client, r transport.Request) (*transport.Call, *http.Response, error) {
	t.Helper()
	c := client.NewCall(r)
	require.NoError(t, c.Prepare(ctx))
	resp, err := c.Send() //nolint:contextcheck // Prepare has the context.
	return c, resp, err
}

// status sends a request and returns the status of the response.
func status(t *testing.T, client *transport.Client, r transport.Request) int {
	t.Helper()
	_, resp, err := send(t.Context(), t, client, r)
	require.NoError(t, err)
	return resp.StatusCode
}

func contextWithTimeout(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(t.Context(), d)
}

// sleep is a wait of virtual time.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
