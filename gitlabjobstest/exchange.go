package gitlabjobstest

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"time"
)

// maxBody is how much of a request's body is read.
const maxBody = 1 << 20

// exchange is one request and what becomes of it.
type exchange struct {
	srv     *Server
	req     *http.Request
	route   *route
	vars    map[string]string
	allow   []string // The methods of the path, if the request has another one.
	latency time.Duration
	fault   *fault
	record  *record
	body    []byte
	id      string
	line    lifeline

	afterBody func() error // Called once the body has been read; in memory only.
}

// open takes a request in: it finds its route and the faults that strike it.
// It is false where nothing is connected: the server is closed or down.
func (s *Server) open(r *http.Request) (*exchange, bool) {
	x := &exchange{srv: s, req: r, line: s.outages.line()}
	x.route, x.vars, x.allow = match(s.routes(), r.Method, r.URL.EscapedPath())
	x.record = newRecord(r, x.template())
	fits := s.matching(x.record)
	now := s.lock()
	defer s.mu.Unlock()
	if s.shut(now) {
		return nil, false
	}
	s.answered++
	x.id = fmt.Sprintf("fake-request-%d", s.answered)
	x.latency, x.fault = s.strike(x.record, fits)
	return x, true
}

func (x *exchange) template() string {
	if x.route == nil {
		return ""
	}
	return x.route.template
}

func (x *exchange) refused() bool { return x.fault != nil && x.fault.effect.refuse }

// answer finds the answer to the request, faults included. It fails only where
// the request's context, or an outage, ends it first.
func (x *exchange) answer(ctx context.Context) (*answer, error) {
	if x.req.Body != nil {
		// What a client fails to send is not there to be answered.
		x.body, _ = io.ReadAll(io.LimitReader(x.req.Body, maxBody))
	}
	if x.afterBody != nil {
		if err := x.afterBody(); err != nil {
			return nil, err
		}
	}
	x.keep()
	if err := x.line.wait(ctx, x.latency, nil); err != nil {
		return nil, err
	}
	var a *answer
	if x.fault != nil {
		a = x.fault.effect.instead(x.srv)
	}
	if a == nil {
		a = x.act()
		if x.fault != nil {
			x.fault.effect.alter(x.srv, a)
		}
	}
	if err := x.line.wait(ctx, a.how.after, nil); err != nil {
		return nil, err
	}
	a.stamp(x.id, time.Now())
	switch {
	case a.how.reset:
		return nil, errBroken
	case a.how.hang:
		return nil, x.line.wait(ctx, forever, nil)
	}
	x.srv.mu.Lock()
	defer x.srv.mu.Unlock()
	x.record.Status = a.status
	return a, nil
}

// act lets the request act on the world.
func (x *exchange) act() *answer {
	s := x.srv
	now := s.lock()
	a := func() *answer {
		defer s.mu.Unlock()
		return x.dispatch(now)
	}()
	if a.handler != nil {
		a.serve(a.handler, x)
	}
	a.finish(x.req)
	if !s.isStorage(x.req) {
		a.secure(x.id)
	}
	return a
}

func (x *exchange) dispatch(now time.Time) *answer {
	s := x.srv
	if err := s.Err(); err != nil {
		return message(http.StatusInternalServerError, "500 Internal Server Error: "+err.Error())
	}
	c := &call{srv: s, req: x.req, now: now, vars: x.vars, query: x.req.URL.Query(), memo: map[any]any{}}
	if s.isStorage(x.req) {
		return c.fromStorage()
	}
	limit := s.throttle(c)
	if limit != nil && limit.status != 0 {
		return limit
	}
	a := c.run(x)
	if limit != nil {
		maps.Copy(a.header, limit.header)
	}
	return a
}

// keep records the request.
func (x *exchange) keep() {
	x.srv.mu.Lock()
	defer x.srv.mu.Unlock()
	x.record.Body, x.record.At = x.body, time.Now()
	x.srv.requests = append(x.srv.requests, x.record)
}

// over notes when the request was done with. Only the first time counts.
func (x *exchange) over() {
	x.srv.mu.Lock()
	defer x.srv.mu.Unlock()
	if x.record.Done.IsZero() {
		x.record.Done = time.Now()
	}
}
