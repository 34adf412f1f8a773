package gitlabjobstest

import (
	"net/http"
	"net/url"
	"sync/atomic"
	"time"
)

// Request is a request that the server saw.
type Request struct {
	Method string
	Route  string // The endpoint, such as /projects/:id/jobs/:job_id; empty: there is none.
	Host   string // As the client names it. In memory a server answers for every host.
	Path   string // Escaped, as it was sent.
	Query  url.Values
	Header http.Header
	Body   []byte // At most 1 MiB of it.
	Status int    // What was answered; 0: nothing, since the connection was reset or the client went away.
	At     time.Time

	// Done is when it was over: the client had the last byte of the answer, or
	// closed it, or the connection broke. Until then it is zero.
	Done time.Time
	Sent int64 // How much of the answer's body the client was sent; in memory, has read.
}

// record is a request while it may still change.
type record struct {
	Request

	sent atomic.Int64
}

func newRecord(r *http.Request, route string) *record {
	return &record{Request: Request{
		Method: r.Method, Route: route, Host: or(r.Host, r.URL.Host), Path: r.URL.EscapedPath(),
		Query: r.URL.Query(), Header: r.Header.Clone(), At: time.Now(),
	}}
}

// snapshot is for a test, which may change what it is given.
func (r *record) snapshot() Request {
	c := r.Request
	c.Query, c.Header = url.Values(http.Header(r.Query).Clone()), r.Header.Clone()
	c.Body = append([]byte(nil), r.Body...)
	c.Sent = r.sent.Load()
	return c
}

// Requests returns the requests that the server saw since its start or since
// ResetRequests, in their order. A refused connection is none.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Request, len(s.requests))
	for i, r := range s.requests {
		all[i] = r.snapshot()
	}
	return all
}

// ResetRequests forgets the requests and the actions seen so far.
func (s *Server) ResetRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests, s.actions = nil, nil
}
