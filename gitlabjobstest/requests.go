package gitlabjobstest

import (
	"net/http"
	"net/url"
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
}

// Requests returns the requests that the server saw since its start or since
// ResetRequests, in their order. A refused connection is none.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Request, len(s.requests))
	for i, r := range s.requests {
		all[i] = *r
		// A test may change what it is given.
		all[i].Query, all[i].Header = url.Values(http.Header(r.Query).Clone()), r.Header.Clone()
		all[i].Body = append([]byte(nil), r.Body...)
	}
	return all
}

// ResetRequests forgets the requests and the actions seen so far.
func (s *Server) ResetRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests, s.actions = nil, nil
}

// keep records the request.
func (x *exchange) keep() {
	r := x.req
	x.record = &Request{
		Method: r.Method, Route: x.template(), Host: or(r.Host, r.URL.Host), Path: r.URL.EscapedPath(),
		Query: r.URL.Query(), Header: r.Header.Clone(), Body: x.body, At: time.Now(),
	}
	x.srv.mu.Lock()
	defer x.srv.mu.Unlock()
	x.srv.requests = append(x.srv.requests, x.record)
}
