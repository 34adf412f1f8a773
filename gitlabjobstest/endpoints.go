package gitlabjobstest

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const apiPath = "/api/v4"

// route is an endpoint of the API.
type route struct {
	method, template string
	jobToken         bool // The route accepts job tokens.
	public           bool // The route needs no token if the project is public.
	do               func(*call) *response
	added            bool         // Handle has added the route.
	handler          http.Handler // Replaces do if Handle has added or replaced the route.
}

func routes() []route {
	const get, post = http.MethodGet, http.MethodPost
	return []route{
		{method: get, template: "/projects/:id/jobs", jobToken: true, do: (*call).listProjectJobs},
		{method: get, template: "/projects/:id/pipelines/:pipeline_id", public: true, do: (*call).getPipeline},
		{method: get, template: "/projects/:id/pipelines/:pipeline_id/jobs", jobToken: true, public: true, do: (*call).listPipelineJobs},
		{method: get, template: "/projects/:id/pipelines/:pipeline_id/bridges", jobToken: true, public: true, do: (*call).listBridges},
		{method: get, template: "/projects/:id/pipelines/:pipeline_id/trigger_jobs", jobToken: true, public: true, do: (*call).listBridges},
		{method: get, template: "/projects/:id/jobs/:job_id", do: (*call).getJob},
		{method: get, template: "/projects/:id/jobs/:job_id/trace", do: (*call).trace},
		{method: post, template: "/projects/:id/jobs/:job_id/cancel", do: (*call).cancelJob},
		{method: post, template: "/projects/:id/jobs/:job_id/retry", do: (*call).retryJob},
		{method: post, template: "/projects/:id/jobs/:job_id/erase", do: (*call).eraseJob},
		{method: post, template: "/projects/:id/jobs/:job_id/play", do: (*call).playJob},
		{method: get, template: "/job", jobToken: true, do: (*call).tokenJob},
		{method: get, template: "/job/allowed_agents", jobToken: true, do: (*call).allowedAgents},
	}
}

// call is a request that is being executed, with the world locked.
type call struct {
	srv     *Server
	req     *http.Request
	now     time.Time
	vars    map[string]string
	query   url.Values
	caller  identity
	project *Project
	shared  map[any]any // Objects that several jobs of a response contain.

	params      parameters
	repeated    parameters // The parameters of the query, as Link repeats them.
	paramErrors []string   // The errors of invalid parameters.
}

// match finds the route of a request and the variables in its path. If no route
// matches, allow contains the methods of the routes with this path.
func match(routes []route, method, escapedPath string) (rt *route, vars map[string]string, allow []string) {
	rest, ok := strings.CutPrefix(escapedPath, apiPath)
	if !ok {
		return nil, nil, nil
	}
	parts := strings.Split(rest, "/")
	if method == http.MethodHead {
		method = http.MethodGet
	}
	for _, r := range routes {
		vars, ok := matchPath(strings.Split(r.template, "/"), parts)
		switch {
		case !ok:
		case r.method == method:
			return &r, vars, nil
		case !slices.Contains(allow, r.method):
			allow = append(allow, r.method)
		}
	}
	return nil, nil, allow
}

func matchPath(template, parts []string) (map[string]string, bool) {
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

func (c *call) run(x *exchange) *response {
	if x.allow != nil && c.req.Method == http.MethodOptions {
		return optionsResponse(x.allow)
	}
	if x.route == nil || c.srv.lacksRoute(x.route.template) || c.invalidID() != "" && !c.srv.cfg.older {
		return errorResponse(http.StatusNotFound, "404 Not Found")
	}
	var errResp *response
	if c.caller, errResp = c.srv.authenticate(c.req, c.query, x.route); errResp != nil {
		return errResp
	}
	if x.route.handler != nil {
		return c.runAddedRoute(x.route.handler)
	}
	if errResp = c.readParameters(x.body); errResp != nil {
		return errResp
	}
	if name := c.invalidID(); name != "" {
		return invalidParameter(name)
	}
	return x.route.do(c)
}

// optionsResponse returns the response to OPTIONS.
func optionsResponse(methods []string) *response {
	allow := append([]string{http.MethodOptions}, methods...)
	if slices.Contains(methods, http.MethodGet) {
		allow = append(allow, http.MethodHead)
	}
	resp := testBody(http.StatusNoContent, "")
	resp.header.Set("Allow", strings.Join(allow, ", "))
	return resp
}

// invalidID returns the name of an ID in the path that is not a positive number,
// or an empty string.
func (c *call) invalidID() string {
	for _, name := range []string{"job_id", "pipeline_id"} {
		if v, ok := c.vars[name]; ok && (!isInteger(v) || v[0] == '-' || strings.Trim(v, "0") == "") {
			return name
		}
	}
	return ""
}

// lacksRoute reports whether a server of this version does not have a route.
func (s *Server) lacksRoute(template string) bool {
	return s.cfg.older && strings.HasSuffix(template, "/trigger_jobs") ||
		s.cfg.newer && strings.HasSuffix(template, "/bridges")
}

// isInteger reports whether a string is a decimal integer of any size.
func isInteger(s string) bool {
	s = strings.TrimPrefix(s, "-")
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// itoa is strconv.Itoa for an int64.
func itoa(n int64) string { return strconv.FormatInt(n, 10) }
