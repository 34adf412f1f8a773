package gitlabjobstest

import (
	"cmp"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"
)

// Request is a request that the server received.
type Request struct {
	Method string
	Route  string // The endpoint, such as /projects/:id/jobs/:job_id. Empty if there is none.
	Host   string // The host that the client asked for. In memory a server serves every host.
	Path   string // As sent, in its escaped form.
	Query  url.Values
	Header http.Header
	Body   []byte // The first 1 MiB.
	Status int    // Of the response. 0 if the connection was reset or the client gave up.
	At     time.Time

	// Done is when the client had received the last byte of the response or
	// closed it, or when the connection broke. It is zero until then.
	Done time.Time
	Sent int64 // Number of bytes of the response's body that were sent, or in memory read by the client.
}

// record is a request that may still change.
type record struct {
	Request

	sent atomic.Int64
}

func newRecord(r *http.Request, route string) *record {
	return &record{Request: Request{
		Method: r.Method, Route: route, Host: cmp.Or(r.Host, r.URL.Host), Path: r.URL.EscapedPath(),
		Query: r.URL.Query(), Header: r.Header.Clone(), At: time.Now(),
	}}
}

// snapshot returns a copy that a test may modify.
func (r *record) snapshot() Request {
	c := r.Request
	c.Query, c.Header = url.Values(http.Header(r.Query).Clone()), r.Header.Clone()
	c.Body = append([]byte(nil), r.Body...)
	c.Sent = r.sent.Load()
	return c
}

// Requests returns the requests that the server received since its start or
// since ResetRequests, in order. Refused connections are not included.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Request, len(s.requests))
	for i, r := range s.requests {
		all[i] = r.snapshot()
	}
	return all
}

// ResetRequests forgets the requests and the actions so far.
func (s *Server) ResetRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests, s.actions = nil, nil
}
