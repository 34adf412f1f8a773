package gitlabjobstest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	apiPath = "/api/v4"
	maxBody = 1 << 20
)

// route is an endpoint.
type route struct {
	method, template string
	jobToken         bool // Job tokens open it.
	public           bool // It can be read without a token where the project is public.
	do               func(*call) *answer
}

func routes() []route {
	const get, post = http.MethodGet, http.MethodPost
	return []route{
		{get, "/projects/:id/jobs", true, false, (*call).listProjectJobs},
		{get, "/projects/:id/pipelines/:pipeline_id/jobs", true, true, (*call).listPipelineJobs},
		{get, "/projects/:id/pipelines/:pipeline_id/bridges", true, true, (*call).listBridges},
		{get, "/projects/:id/pipelines/:pipeline_id/trigger_jobs", true, true, (*call).listBridges},
		{get, "/projects/:id/jobs/:job_id", false, false, (*call).getJob},
		{get, "/projects/:id/jobs/:job_id/trace", false, false, (*call).trace},
		{post, "/projects/:id/jobs/:job_id/cancel", false, false, (*call).cancelJob},
		{post, "/projects/:id/jobs/:job_id/retry", false, false, (*call).retryJob},
		{post, "/projects/:id/jobs/:job_id/erase", false, false, (*call).eraseJob},
		{post, "/projects/:id/jobs/:job_id/play", false, false, (*call).playJob},
		{get, "/job", true, false, (*call).tokenJob},
		{get, "/job/allowed_agents", true, false, (*call).allowedAgents},
	}
}

// call is one request on its way through an endpoint, with the world locked.
type call struct {
	srv     *Server
	req     *http.Request
	now     time.Time
	vars    map[string]string
	query   url.Values
	body    map[string]any
	who     identity
	project *Project
	memo    map[any]any // What jobs of one answer share.
}

// match finds the endpoint for a path. wrong is true where the path is one and
// the method is not.
func match(method, escapedPath string) (rt *route, vars map[string]string, wrong bool) {
	rest, ok := strings.CutPrefix(escapedPath, apiPath)
	if !ok {
		return nil, nil, false
	}
	parts := strings.Split(rest, "/")
	if method == http.MethodHead {
		method = http.MethodGet
	}
	for _, r := range routes() {
		vars, ok := fit(strings.Split(r.template, "/"), parts)
		switch {
		case !ok:
		case r.method == method:
			return &r, vars, false
		default:
			wrong = true
		}
	}
	return nil, nil, wrong
}

func fit(template, parts []string) (map[string]string, bool) {
	if len(template) != len(parts) {
		return nil, false
	}
	vars := map[string]string{}
	for i, t := range template {
		name, isVar := strings.CutPrefix(t, ":")
		if !isVar {
			if t != parts[i] {
				return nil, false
			}
			continue
		}
		v, err := url.PathUnescape(parts[i])
		if err != nil || v == "" {
			return nil, false
		}
		vars[name] = v
	}
	return vars, true
}

// exchange is one request and what becomes of it.
type exchange struct {
	srv    *Server
	req    *http.Request
	route  *route
	vars   map[string]string
	wrong  bool // The method.
	fault  *fault
	record *Request
	body   []byte
	id     string

	afterBody func() error // Called once the body has been read; in memory only.
}

// open takes a request in: it finds its route and the fault that strikes it.
// It is false where the server is closed.
func (s *Server) open(r *http.Request) (*exchange, bool) {
	x := &exchange{srv: s, req: r}
	x.route, x.vars, x.wrong = match(r.Method, r.URL.EscapedPath())
	s.lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, false
	}
	s.answered++
	x.id = fmt.Sprintf("fake-request-%d", s.answered)
	x.fault = s.strike(r.Method, x.template())
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
// the request's context ends first.
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
	var a *answer
	if f := x.fault; f != nil {
		if err := wait(ctx, f.Latency); err != nil {
			return nil, err
		}
		a = f.effect.instead(x.srv)
	}
	if a == nil {
		a = x.act()
		if x.fault != nil {
			x.fault.effect.alter(x.srv, a)
		}
	}
	if err := wait(ctx, a.how.after); err != nil {
		return nil, err
	}
	a.stamp(x.id, time.Now())
	if !a.how.reset && !a.how.hang {
		x.srv.mu.Lock()
		x.record.Status = a.status
		x.srv.mu.Unlock()
	}
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
	a.finish(x.req)
	return a
}

func (x *exchange) dispatch(now time.Time) *answer {
	s := x.srv
	if err := s.Err(); err != nil {
		return message(http.StatusInternalServerError, "500 Internal Server Error: "+err.Error())
	}
	c := &call{srv: s, req: x.req, now: now, vars: x.vars, query: x.req.URL.Query(), memo: map[any]any{}}
	limit := s.throttle(c)
	if limit != nil && limit.status != 0 {
		return limit
	}
	a := c.run(x)
	if limit != nil {
		for k, v := range limit.header {
			a.header[k] = v
		}
	}
	return a
}

func (c *call) run(x *exchange) *answer {
	if x.wrong {
		return failure(http.StatusMethodNotAllowed, "405 Not Allowed")
	}
	if x.route == nil || c.srv.lacks(x.route.template) {
		return failure(http.StatusNotFound, "404 Not Found")
	}
	var refused *answer
	if c.who, refused = c.srv.authenticate(c.req, c.query, x.route); refused != nil {
		return refused
	}
	if refused = c.readBody(x.body); refused != nil {
		return refused
	}
	for _, name := range []string{"job_id", "pipeline_id"} {
		if v, ok := c.vars[name]; ok && !digits(v) {
			return invalid(name)
		}
	}
	return x.route.do(c)
}

// lacks says whether a server of this age does not have an endpoint.
func (s *Server) lacks(template string) bool {
	return s.cfg.older && strings.HasSuffix(template, "/trigger_jobs") ||
		s.cfg.newer && strings.HasSuffix(template, "/bridges")
}

// digits tells a number, even one too large for an id.
func digits(s string) bool {
	s = strings.TrimPrefix(s, "-")
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// wait waits in the time of the test, virtual or not.
func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
