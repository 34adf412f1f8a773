package gitlabjobstest

import (
	"bytes"
	"cmp"
	"io"
	"net/http"
	"slices"
	"strings"
)

// Handle adds a route to the server, or replaces one. The pattern is a method
// and a path below /api/v4, such as "GET
// /projects/:id/pipelines/:pipeline_id/variables". The handler gets the values
// in the path from [http.Request.PathValue], such as "id".
//
// The route behaves like the others: requests are recorded, struck by faults,
// and refused without a valid token. A project that the user cannot see is 404.
// Job tokens are not accepted, unless the route replaces one that accepts them.
// The handler may use the server. The Content-Type of its response is
// application/json unless it sets another, and headers such as ETag and
// Cache-Control are those of the server unless it sets them. If several added
// routes fit a request, the first one is used. GET serves HEAD too, and the
// server responds to OPTIONS itself.
func (s *Server) Handle(pattern string, handler http.Handler) {
	s.tb.Helper()
	method, path, _ := strings.Cut(pattern, " ")
	switch {
	case patternProblem(method, path) != "":
		s.failf("Handle(%q): %s", pattern, patternProblem(method, path))
		return
	case handler == nil:
		s.failf("Handle(%q): the handler is nil", pattern)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	routes := slices.Clone(s.endpoints)
	i := slices.IndexFunc(routes, func(r route) bool { return r.method == method && r.template == path })
	if i < 0 {
		// Before the built-in routes, which may be less specific.
		if i = slices.IndexFunc(routes, func(r route) bool { return !r.added }); i < 0 {
			i = len(routes)
		}
		routes = slices.Insert(routes, i, route{method: method, template: path, added: true})
	}
	routes[i].handler, routes[i].do = handler, nil
	s.endpoints = routes
}

// patternFault says what to write instead of a pattern that no request fits, or
// is empty.
func patternProblem(method, path string) string {
	switch {
	case method == "" || strings.Trim(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" || !strings.HasPrefix(path, "/") ||
		strings.ContainsAny(path, " {}"):
		return "write the pattern as GET /projects/:id/variables, with a method and a path"
	case method == http.MethodHead:
		return "write GET: it serves HEAD too"
	case method == http.MethodOptions:
		return "leave it out: the server responds to OPTIONS itself, with the methods of its routes"
	case strings.HasPrefix(path, apiPath):
		return "leave out " + apiPath + ": each route is below it"
	case strings.Contains(path, "*"):
		return "write :name for a segment that varies instead of *, and one pattern for each number of segments"
	case strings.Contains(path, "?"):
		return "leave out the query: the handler finds it in the request"
	case strings.Contains(path, "//"):
		return "leave out the empty segment of the path"
	case strings.HasSuffix(path, "/"):
		return "name the path, and end it without a slash"
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

// handled returns a response by the handler of an added route, if the caller
// can see the project.
func (c *call) runAddedRoute(h http.Handler) *response {
	if _, ofProject := c.vars["id"]; ofProject && strings.HasPrefix(c.req.URL.Path, apiPath+"/projects/") {
		if errResp := c.findProject(); errResp != nil {
			return errResp
		}
	}
	return &response{header: http.Header{}, handler: h}
}

// serve sets the response to what a handler writes.
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

// Write adds to the body.
func (w *responseWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}
