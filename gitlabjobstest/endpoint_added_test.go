package gitlabjobstest

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

func respondWith(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, text) })
}

func TestHandleAddsRoute(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	w.Handle("POST /projects/:id/pipelines/:pipeline_id/retry", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		w.running.Succeed() // A handler may use the server.
		rw.Header().Set("X-Own", "1")
		rw.WriteHeader(http.StatusCreated)
		_, _ = fmt.Fprintf(rw, `{"project":%q,"pipeline":%q,"body":%q}`, r.PathValue("id"), r.PathValue("pipeline_id"), body)
	}))
	g := w.send(t, "POST /projects/group%2Fsub%2Fapp/pipelines/5/retry", w.dev, `{"a":1}`).
		expect(201, `{"project":"group/sub/app","pipeline":"5","body":"{\"a\":1}"}`)
	require.Equal(t, "application/json", g.header.Get("Content-Type"))
	require.Equal(t, "1", g.header.Get("X-Own"))
	require.NotEmpty(t, g.header.Get("X-Request-Id"))
	require.Equal(t, gitlabjobs.StatusSuccess, w.running.Status())
	require.Equal(t, "/projects/:id/pipelines/:pipeline_id/retry", w.Requests()[0].Route)
}

func TestAddedRouteChecksTokenAndProject(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	w.Handle("GET /projects/:id/variables", respondWith("[]"))
	w.Handle("POST /projects/:id/variables", respondWith("{}"))
	w.Handle("GET /user", respondWith("{}"))
	const path = "/projects/7/variables"
	w.send(t, "GET "+path, w.dev).expect(200, "[]")
	w.send(t, "POST "+path, w.dev).expect(200, "{}")
	w.send(t, "GET "+path).expect(401, noToken)
	w.send(t, "GET "+path, w.Tokens.Expired).expect(401, expiredToken)
	w.send(t, "GET "+path, "JOB-TOKEN: "+w.running.Token()).expect(401, noToken)
	w.send(t, "POST "+path, w.Tokens.ReadAPI).expect(403, noScope)
	w.send(t, "GET "+path, w.Tokens.Outsider).expect(404, noProject)
	w.send(t, "GET /projects/group%2Fold/variables", w.dev).expect(301)
	w.send(t, "DELETE "+path, w.dev).expect(404, noRoute)
	w.send(t, "GET /user", w.dev).expect(200)
}

func TestFaultsApplyToAddedRoute(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	w.Handle("GET /projects/:id/variables", respondWith("[]"))
	w.Fault(Fault{Method: "GET", Route: "/projects/:id/variables", Do: InternalError()})
	w.send(t, "GET /projects/7/variables", w.dev).expect(500)
	w.send(t, "GET /projects/7/variables", w.dev).expect(200)
}

func TestHandleReplacesRoute(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	w.Handle("GET /job", respondWith(`{"id":1}`))
	w.send(t, "GET /job", "JOB-TOKEN: "+w.running.Token()).expect(200, `{"id":1}`)
	w.Handle("GET /job", respondWith(`{"id":2}`))
	w.send(t, "GET /job", "JOB-TOKEN: "+w.running.Token()).expect(200, `{"id":2}`)
	w.Handle("GET /projects/:id/jobs/artifacts", respondWith(`{"route":"artifacts"}`))
	w.send(t, "GET /projects/7/jobs/artifacts", w.dev).expect(200, `{"route":"artifacts"}`)
	w.send(t, "GET "+jobPath(w.done, ""), w.dev).expect(200)
}

func TestHandlePatternErrorSaysHowToFixIt(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{
		"/job": "write the pattern as GET", "GET job": "write the pattern as GET", "get /job": "write the pattern as GET",
		"GET /projects/{id}": "write the pattern as GET", "GET /api/v4/job": "leave out /api/v4",
		"HEAD /projects/:id/thing": "write GET, which also serves HEAD", "OPTIONS /projects/:id/thing": "the server responds to OPTIONS itself",
		"GET /projects/:id/*": "write :name instead of * for a variable segment", "GET /projects/*path": "write :name instead of * for a variable segment", "* /job": "write the pattern as GET",
		"GET /projects/": "does not end with a slash", "GET /": "does not end with a slash", "GET //job": "leave out the empty segment",
		"GET /projects//jobs": "leave out the empty segment", "GET /projects/:id/jobs?scope=failed": "leave out the query",
	} {
		require.Contains(t, failureOf(t, func(s *Server) { s.Handle(pattern, respondWith("")) }), want, pattern)
	}
	require.Contains(t, failureOf(t, func(s *Server) { s.Handle("GET /x", nil) }), "handler is nil")
}

func TestOptionsListsEachMethodOnce(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	w.Handle("GET /projects/:project/jobs", respondWith("[]"))
	w.Handle("POST /projects/:id/jobs", respondWith("[]"))
	w.Handle("POST /projects/:project/jobs", respondWith("[]"))
	g := w.send(t, "OPTIONS "+w.jobs).expect(http.StatusNoContent)
	require.Equal(t, "OPTIONS, GET, POST, HEAD", g.header.Get("Allow"))
}

func TestAddedRouteKeepsHandlersHeaders(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	own := map[string]string{
		"Etag": `"mine"`, "Cache-Control": "no-store", "Vary": "Accept", "Content-Type": "text/csv", "X-Frame-Options": "DENY",
		"Content-Security-Policy": "default-src 'self'", "X-Runtime": "1",
	}
	w.Handle("GET /own", http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		for name, value := range own {
			rw.Header().Set(name, value)
		}
		_, _ = fmt.Fprint(rw, "a,b")
	}))
	w.Handle("GET /plain", respondWith("[]"))
	g := w.send(t, "GET /own", w.dev).expect(200, "a,b")
	for name, value := range own {
		require.Equal(t, []string{value}, g.header.Values(name), name)
	}
	require.Equal(t, "nosniff", g.header.Get("X-Content-Type-Options"), "the server sets the headers that the handler does not set")
	g = w.send(t, "GET /own", w.dev, `If-None-Match: "mine"`).expect(http.StatusNotModified, "")
	require.Equal(t, "no-store", g.header.Get("Cache-Control"))

	g = w.send(t, "GET /plain", w.dev).expect(200)
	require.Equal(t, "Origin", g.header.Get("Vary"))
	require.Equal(t, "max-age=0, private, must-revalidate", g.header.Get("Cache-Control"))
	w.send(t, "GET /plain", w.dev, "If-None-Match: "+g.header.Get("Etag")).expect(http.StatusNotModified, "")
}
