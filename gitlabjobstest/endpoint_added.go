package gitlabjobstest

import (
	"bytes"
	"cmp"
	"io"
	"net/http"
	"slices"
	"strings"
)

// Handle adds a route to the server or replaces a route. The pattern consists of
// a method and a path below /api/v4, for example
//
//	GET /projects/:id/pipelines/:pipeline_id/variables
//
// The handler gets the parts of the path with [http.Request.PathValue], such as
// "id". It may use the server.
//
// The server records requests for the route, applies faults to them, and responds
// with 401 if they have no valid token. If the user cannot see the project, the
// response is 404. The route does not accept job tokens, unless it replaces a
// route that does.
//
// If the handler does not set Content-Type, it is application/json. The server
// also sets headers such as ETag and Cache-Control if the handler does not. If a
// request matches several added routes, the server uses the route that was added
// first. A route for GET also serves HEAD. The server responds to OPTIONS itself.
func (s *Server) Handle(pattern string, handler http.Handler) {
	s.tb.Helper()
	method, path, _ := strings.Cut(pattern, " ")
	switch {
	case patternProblem(method, path) != "":
		s.failf("Handle(%q): %s", pattern, patternProblem(method, path))
		return
	case handler == nil:
		s.failf("Handle(%q): the handler is nil: pass an http.Handler", pattern)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	routes := slices.Clone(s.endpoints)
	i := slices.IndexFunc(routes, func(r route) bool { return r.method == method && r.template == path })
	if i < 0 {
		// Added routes precede the built-in routes, which may be less specific.
		if i = slices.IndexFunc(routes, func(r route) bool { return !r.added }); i < 0 {
			i = len(routes)
		}
		routes = slices.Insert(routes, i, route{method: method, template: path, added: true})
	}
	routes[i].handler, routes[i].do = handler, nil
	s.endpoints = routes
}

// patternProblem returns what is wrong with a pattern that no request can match,
// or an empty string.
func patternProblem(method, path string) string {
	switch {
	case method == "" || strings.Trim(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" || !strings.HasPrefix(path, "/") ||
		strings.ContainsAny(path, " {}"):
		return "write the pattern as GET /projects/:id/variables, with a method and a path"
	case method == http.MethodHead:
		return "write GET, which also serves HEAD"
	case method == http.MethodOptions:
		return "leave out the route: the server responds to OPTIONS itself, with the methods of its routes"
	case strings.HasPrefix(path, apiPath):
		return "leave out " + apiPath + ": the path is relative to it"
	case strings.Contains(path, "*"):
		return "write :name instead of * for a variable segment, and add one route for each number of segments"
	case strings.Contains(path, "?"):
		return "leave out the query: the handler can read it from the request"
	case strings.Contains(path, "//"):
		return "leave out the empty segment of the path"
	case strings.HasSuffix(path, "/"):
		return "write a path that does not end with a slash"
	default:
		return ""
	}
}

// routes returns the routes of the server.
func (s *Server) routes() []route {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.endpoints
}

// runAddedRoute returns a response that the handler of an added route will write,
// or an error if the caller cannot see the project.
func (c *call) runAddedRoute(h http.Handler) *response {
	if _, ofProject := c.vars["id"]; ofProject && strings.HasPrefix(c.req.URL.Path, apiPath+"/projects/") {
		if errResp := c.findProject(); errResp != nil {
			return errResp
		}
	}
	return &response{header: http.Header{}, handler: h}
}

// runHandler calls the handler, and sets the response to what it writes.
func (resp *response) runHandler(h http.Handler, x *exchange) {
	r := x.req.Clone(x.req.Context())
	r.Body = io.NopCloser(bytes.NewReader(x.body))
	for name, value := range x.vars {
		r.SetPathValue(name, value)
	}
	w := &responseWriter{header: resp.header}
	h.ServeHTTP(w, r)
	resp.status, resp.body = cmp.Or(w.status, http.StatusOK), w.body.Bytes()
	if _, set := resp.header["Content-Type"]; !set && len(resp.body) > 0 {
		resp.header.Set("Content-Type", "application/json")
	}
}

// responseWriter collects what a handler writes.
type responseWriter struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header returns the headers of the response.
func (w *responseWriter) Header() http.Header { return w.header }

// WriteHeader sets the status. Only the first one counts.
func (w *responseWriter) WriteHeader(status int) { w.status = cmp.Or(w.status, status) }

// Write appends to the body.
func (w *responseWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}
