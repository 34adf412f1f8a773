package gitlabjobstest

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const apiPath = "/api/v4"

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
		{get, "/projects/:id/pipelines/:pipeline_id", false, true, (*call).getPipeline},
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

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
