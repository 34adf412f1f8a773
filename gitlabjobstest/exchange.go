package gitlabjobstest

import (
	"fmt"
	"maps"
	"net/http"
	"time"

	"example.com/gitlabjobs/gitlabjobstest/internal/delivery"
)

// exchange is one request and its response.
type exchange struct {
	srv     *Server
	req     *http.Request
	route   *route
	vars    map[string]string
	allow   []string // The methods of the path, if it does not have the request's method.
	latency time.Duration
	fault   *fault
	record  *record
	body    []byte
	id      string
}

// network connects the server with its clients.
type network struct{ *Server }

// Accept finds the route of a request and the fault that applies to it. It
// returns false if the server is closed or down.
func (s network) Accept(r *http.Request) (delivery.Exchange, bool) {
	x := &exchange{srv: s.Server, req: r}
	x.route, x.vars, x.allow = match(s.routes(), r.Method, r.URL.EscapedPath())
	x.record = newRecord(r, x.template())
	matched := s.callMatches(x.record)
	now := s.lock()
	defer s.mu.Unlock()
	if s.isUnreachable(now) {
		return nil, false
	}
	s.accepted++
	x.id = fmt.Sprintf("fake-request-%d", s.accepted)
	x.latency, x.fault = s.applyFaults(x.record, matched)
	return x, true
}

func (x *exchange) template() string {
	if x.route == nil {
		return ""
	}
	return x.route.template
}

// Refused reports whether a fault refuses the connection.
func (x *exchange) Refused() bool { return x.fault != nil && x.fault.effect.refuse }

// Latency returns the sum of the latencies of the faults.
func (x *exchange) Latency() time.Duration { return x.latency }

// Received records the request.
func (x *exchange) Received(body []byte) {
	x.srv.mu.Lock()
	defer x.srv.mu.Unlock()
	x.body = body
	x.record.Body, x.record.At = body, time.Now()
	x.srv.requests = append(x.srv.requests, x.record)
}

// Respond executes the request, unless a fault replaces its response, and
// returns the response with the changes of the fault.
func (x *exchange) Respond() *delivery.Response {
	var e effect
	if x.fault != nil {
		e = x.fault.effect
	}
	var resp *response
	if e.respond != nil {
		resp = e.respond()
	} else {
		resp = x.execute()
	}
	if e.change != nil {
		e.change(resp)
	}
	return resp.deliverable(x.id)
}

// Responded records the status code of the response.
func (x *exchange) Responded(status int) {
	x.srv.mu.Lock()
	defer x.srv.mu.Unlock()
	x.record.Status = status
}

// Sent records how many bytes of the body were sent.
func (x *exchange) Sent(n int) { x.record.sent.Add(int64(n)) }

// Done records the time when the exchange ended. Only the first call counts.
func (x *exchange) Done() {
	x.srv.mu.Lock()
	defer x.srv.mu.Unlock()
	if x.record.Done.IsZero() {
		x.record.Done = time.Now()
	}
}

// execute executes the request.
func (x *exchange) execute() *response {
	s := x.srv
	now := s.lock()
	resp := func() *response {
		defer s.mu.Unlock()
		return x.dispatch(now)
	}()
	if resp.handler != nil {
		resp.runHandler(resp.handler, x)
	}
	resp.finish(x.req)
	if !s.isStorage(x.req) {
		resp.setCommonHeaders(x.id)
	}
	return resp
}

func (x *exchange) dispatch(now time.Time) *response {
	s := x.srv
	if err := s.Err(); err != nil {
		return messageResponse(http.StatusInternalServerError, "500 Internal Server Error: "+err.Error())
	}
	c := &call{srv: s, req: x.req, now: now, vars: x.vars, query: x.req.URL.Query(), shared: map[any]any{}}
	if s.isStorage(x.req) {
		return c.serveStorage()
	}
	limit := s.throttle(c)
	if limit != nil && limit.status != 0 {
		return limit
	}
	resp := c.run(x)
	if limit != nil {
		maps.Copy(resp.header, limit.header)
	}
	return resp
}
