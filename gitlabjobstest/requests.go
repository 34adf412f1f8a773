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
	Route  string // The route, such as /projects/:id/jobs/:job_id. Empty if the path has none.
	Host   string // The host that the client sent the request to. See Server.Transport.
	Path   string // The escaped path, as the client sent it.
	Query  url.Values
	Header http.Header
	Body   []byte // The first 1 MiB.
	Status int    // The status code of the response. 0 if the connection was reset or the client gave up.
	At     time.Time

	// Done is the time when the exchange ended: the client received the last byte
	// of the response or closed its body, or the connection broke. It is zero until
	// then.
	Done time.Time
	Sent int64 // Number of bytes of the response's body that the server sent or, in memory, that the client read.
}

// record is a request whose exchange may not have ended yet.
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

// Requests returns the requests that the server has received since its start or
// the last call of ResetRequests, in order. It does not include refused
// connections.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Request, len(s.requests))
	for i, r := range s.requests {
		all[i] = r.snapshot()
	}
	return all
}

// ResetRequests removes the recorded requests and actions.
func (s *Server) ResetRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests, s.actions = nil, nil
}
