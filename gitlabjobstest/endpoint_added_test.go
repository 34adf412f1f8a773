package gitlabjobstest

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

func say(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, text) })
}

func TestARouteMayBeAdded(t *testing.T) {
	t.Parallel()
	w := newSmall(t)
	w.Handle("POST /projects/:id/pipelines/:pipeline_id/retry", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		w.running.Succeed() // It may use the server.
		rw.Header().Set("X-Own", "1")
		rw.WriteHeader(http.StatusCreated)
		_, _ = fmt.Fprintf(rw, `{"project":%q,"pipeline":%q,"body":%q}`, r.PathValue("id"), r.PathValue("pipeline_id"), body)
	}))
	g := w.ask(t, "POST /projects/group%2Fsub%2Fapp/pipelines/5/retry", w.dev, `{"a":1}`).
		is(201, `{"project":"group/sub/app","pipeline":"5","body":"{\"a\":1}"}`)
	require.Equal(t, "application/json", g.header.Get("Content-Type"))
	require.Equal(t, "1", g.header.Get("X-Own"))
	require.NotEmpty(t, g.header.Get("X-Request-Id"))
	require.Equal(t, gitlabjobs.StatusSuccess, w.running.Status())
	require.Equal(t, "/projects/:id/pipelines/:pipeline_id/retry", w.Requests()[0].Route)
}

func TestAnAddedRouteRefusesWhomTheOthersDo(t *testing.T) {
	t.Parallel()
	w := newSmall(t)
	w.Handle("GET /projects/:id/variables", say("[]"))
	w.Handle("POST /projects/:id/variables", say("{}"))
	w.Handle("GET /user", say("{}"))
	const path = "/projects/7/variables"
	w.ask(t, "GET "+path, w.dev).is(200, "[]")
	w.ask(t, "POST "+path, w.dev).is(200, "{}")
	w.ask(t, "GET "+path).is(401, noToken)
	w.ask(t, "GET "+path, w.Tokens.Expired).is(401, expiredToken)
	w.ask(t, "GET "+path, "JOB-TOKEN: "+w.running.Token()).is(401, noToken)
	w.ask(t, "POST "+path, w.Tokens.ReadAPI).is(403, noScope)
	w.ask(t, "GET "+path, w.Tokens.Outsider).is(404, noProject)
	w.ask(t, "GET /projects/group%2Fold/variables", w.dev).is(301)
	w.ask(t, "DELETE "+path, w.dev).is(404, noRoute)
	w.ask(t, "GET /user", w.dev).is(200)
}

func TestAnAddedRouteMeetsFaults(t *testing.T) {
	t.Parallel()
	w := newSmall(t)
	w.Handle("GET /projects/:id/variables", say("[]"))
	w.Fault(Fault{Method: "GET", Route: "/projects/:id/variables", Do: InternalError()})
	w.ask(t, "GET /projects/7/variables", w.dev).is(500)
	w.ask(t, "GET /projects/7/variables", w.dev).is(200)
}

func TestARouteOfTheServerMayBeReplaced(t *testing.T) {
	t.Parallel()
	w := newSmall(t)
	w.Handle("GET /job", say(`{"id":1}`))
	w.ask(t, "GET /job", "JOB-TOKEN: "+w.running.Token()).is(200, `{"id":1}`)
	w.Handle("GET /job", say(`{"id":2}`))
	w.ask(t, "GET /job", "JOB-TOKEN: "+w.running.Token()).is(200, `{"id":2}`)
	w.Handle("GET /projects/:id/jobs/artifacts", say(`{"before":"the job of that name"}`))
	w.ask(t, "GET /projects/7/jobs/artifacts", w.dev).is(200, `{"before":"the job of that name"}`)
	w.ask(t, "GET "+on(w.done, ""), w.dev).is(200)
}

func TestAPatternThatIsNoneSaysWhatToWrite(t *testing.T) {
	t.Parallel()
	for pattern, mend := range map[string]string{
		"/job": "write the pattern as GET", "GET job": "write the pattern as GET", "get /job": "write the pattern as GET",
		"GET /projects/{id}": "write the pattern as GET", "GET /api/v4/job": "leave out /api/v4",
		"HEAD /projects/:id/thing": "write GET, which also serves HEAD", "OPTIONS /projects/:id/thing": "the server responds to OPTIONS itself",
		"GET /projects/:id/*": "write :name instead of * for a variable segment", "GET /projects/*path": "write :name instead of * for a variable segment", "* /job": "write the pattern as GET",
		"GET /projects/": "does not end with a slash", "GET /": "does not end with a slash", "GET //job": "leave out the empty segment",
		"GET /projects//jobs": "leave out the empty segment", "GET /projects/:id/jobs?scope=failed": "leave out the query",
	} {
		require.Contains(t, failureOf(t, func(s *Server) { s.Handle(pattern, say("")) }), mend, pattern)
	}
	require.Contains(t, failureOf(t, func(s *Server) { s.Handle("GET /x", nil) }), "handler is nil")
}

func TestOptionsNamesAMethodOnce(t *testing.T) {
	t.Parallel()
	w := newSmall(t)
	w.Handle("GET /projects/:project/jobs", say("[]"))
	w.Handle("POST /projects/:id/jobs", say("[]"))
	w.Handle("POST /projects/:project/jobs", say("[]"))
	g := w.ask(t, "OPTIONS "+w.jobs).is(http.StatusNoContent)
	require.Equal(t, "OPTIONS, GET, POST, HEAD", g.header.Get("Allow"))
}

func TestAnAddedRouteKeepsItsHeaders(t *testing.T) {
	t.Parallel()
	w := newSmall(t)
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
	w.Handle("GET /plain", say("[]"))
	g := w.ask(t, "GET /own", w.dev).is(200, "a,b")
	for name, value := range own {
		require.Equal(t, []string{value}, g.header.Values(name), name)
	}
	require.Equal(t, "nosniff", g.header.Get("X-Content-Type-Options"), "what it does not set is that of the server")
	g = w.ask(t, "GET /own", w.dev, `If-None-Match: "mine"`).is(http.StatusNotModified, "")
	require.Equal(t, "no-store", g.header.Get("Cache-Control"))

	g = w.ask(t, "GET /plain", w.dev).is(200)
	require.Equal(t, "Origin", g.header.Get("Vary"))
	require.Equal(t, "max-age=0, private, must-revalidate", g.header.Get("Cache-Control"))
	w.ask(t, "GET /plain", w.dev, "If-None-Match: "+g.header.Get("Etag")).is(http.StatusNotModified, "")
}
