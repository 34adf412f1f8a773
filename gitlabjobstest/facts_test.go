package gitlabjobstest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

// fact is a statement about GitLab, and a check that it is true for the fake.
type fact struct {
	name  string
	check func(t *testing.T, w *fixture)
}

// fixture is a server with a few jobs and a bridge.
type fixture struct {
	*Server

	app, open                *Project
	pl                       *Pipeline
	done, running, manual    *Job
	bridge                   *Bridge
	maintainer, dev, guest   string
	jobs, pipeline, openPipe string // Paths.
}

func newFixture(t *testing.T, opts ...Option) *fixture {
	t.Helper()
	s := NewMemoryServer(t, opts...)
	w := &fixture{
		Server: s, maintainer: s.Tokens.Maintainer, dev: s.Tokens.Developer, guest: s.Tokens.Guest,
		app:  s.AddProject("group/sub/app", ProjectSpec{ID: 7, MovedFrom: []string{"group/old"}}),
		open: s.AddProject("group/open", ProjectSpec{ID: 8, Visibility: Public}),
		jobs: "/projects/7/jobs",
	}
	w.pl = w.app.AddPipeline(PipelineSpec{})
	w.done = w.pl.AddJob(JobSpec{Log: "0123456789", Artifacts: []Artifact{{Type: "archive", Size: 10}}})
	w.running = w.pl.AddJob(JobSpec{Status: gitlabjobs.StatusRunning, Log: "so far\n"})
	w.manual = w.pl.AddJob(JobSpec{Status: gitlabjobs.StatusManual, Inputs: []string{"where"}})
	w.bridge = w.pl.AddBridge(BridgeSpec{Downstream: w.open.AddPipeline(PipelineSpec{})})
	w.pipeline = fmt.Sprintf("/projects/7/pipelines/%d", w.pl.ID())
	w.openPipe = fmt.Sprintf("/projects/8/pipelines/%d", w.bridge.Downstream().ID())
	return w
}

func (w *fixture) send(t *testing.T, what string, extra ...string) result {
	t.Helper()
	return send(t, w.Server, what, extra...)
}

// postAction sends the request for an action on a job as the maintainer.
func (w *fixture) postAction(t *testing.T, j *Job, action string, extra ...string) result {
	t.Helper()
	return send(t, w.Server, "POST "+jobPath(j, "/"+action), append(extra, w.maintainer)...)
}

// postBody sends a POST request. A header in extra sets the type of the body.
func (w *fixture) postBody(t *testing.T, path, body string, extra ...string) result {
	t.Helper()
	return sendBody(t, w.Server, "POST "+path, body, extra...)
}

func (w *fixture) addJob(status gitlabjobs.Status) *Job { return w.pl.AddJob(JobSpec{Status: status}) }

func runFacts(t *testing.T, facts []fact) {
	t.Helper()
	for _, f := range facts {
		t.Run(strings.ReplaceAll(f.name, "/", "|"), func(t *testing.T) {
			t.Parallel()
			f.check(t, newFixture(t))
		})
	}
}

const (
	notRetryable = `{"message":"403 Forbidden - Job is not retryable"}`
	notErasable  = `{"message":"403 Forbidden - Job is not erasable!"}`
	unplayable   = `{"message":"400 Bad request - Unplayable Job"}`
	forbidden    = `{"message":"403 Forbidden"}`
	notFound     = `{"message":"404 Not found"}`
	noProject    = `{"message":"404 Project Not Found"}`
	noRoute      = `{"error":"404 Not Found"}`
	noToken      = `{"message":"401 Unauthorized"}`
)

func TestReadsMatchGitLab(t *testing.T) {
	t.Parallel()
	runFacts(t, []fact{
		{"a project ID is a number or a full path with %2F", func(t *testing.T, w *fixture) {
			byPath := w.send(t, "GET /projects/group%2Fsub%2Fapp/jobs/"+itoa(w.done.id), w.dev).expect(200)
			require.Equal(t, w.send(t, "GET "+jobPath(w.done, ""), w.dev).body, byPath.body)
		}},
		{"a project without a slash that is not a number is 404", func(t *testing.T, w *fixture) {
			w.send(t, "GET /projects/app/jobs", w.dev).expect(404, noProject)
		}},
		{"IDs are 64-bit integers", func(t *testing.T, w *fixture) {
			j := w.pl.AddJob(JobSpec{ID: 16728223589})
			require.Equal(t, []int64{16728223589}, w.send(t, "GET "+w.jobs+"?per_page=1", w.dev).ids())
			w.send(t, "GET "+jobPath(j, ""), w.dev).expect(200)
		}},
		{"project jobs include retried jobs, by descending ID", func(t *testing.T, w *fixture) {
			w.postAction(t, w.done, "retry").expect(201)
			require.Equal(t, []int64{1005, 1003, 1002, 1001}, w.send(t, "GET "+w.jobs, w.dev).ids())
		}},
		{"pipeline jobs omit retried jobs, by descending ID", func(t *testing.T, w *fixture) {
			w.postAction(t, w.done, "retry").expect(201)
			require.Equal(t, []int64{1005, 1003, 1002}, w.send(t, "GET "+w.pipeline+"/jobs", w.dev).ids())
		}},
		{"pipeline jobs with include_retried include retried jobs", func(t *testing.T, w *fixture) {
			w.postAction(t, w.done, "retry").expect(201)
			require.Equal(t, []int64{1005, 1003, 1002, 1001}, w.send(t, "GET "+w.pipeline+"/jobs?include_retried=true", w.dev).ids())
		}},
		{"project jobs by ref", func(t *testing.T, w *fixture) {
			j := w.app.AddPipeline(PipelineSpec{Ref: "v1.0", Tag: true}).AddJob(JobSpec{})
			require.Equal(t, []int64{j.id}, w.send(t, "GET "+w.jobs+"?ref=v1.0", w.dev).ids())
		}},
		{"scope is a single status or an array of any of the 13 statuses", func(t *testing.T, w *fixture) {
			require.Equal(t, []int64{1003}, w.send(t, "GET "+w.jobs+"?scope=manual", w.dev).ids())
			require.Equal(t, []int64{1003, 1002}, w.send(t, "GET "+w.jobs+"?scope[]=manual&scope[]=running", w.dev).ids())
			require.Empty(t, w.send(t, "GET "+w.jobs+"?scope=waiting_for_callback", w.dev).ids())
		}},
		{"an unknown scope is 400", func(t *testing.T, w *fixture) {
			w.send(t, "GET "+w.jobs+"?scope[]=bogus", w.dev).expect(400, `{"error":"scope does not have a valid value"}`)
		}},
		{"bridges and trigger_jobs are the same list", func(t *testing.T, w *fixture) {
			bridges := w.send(t, "GET "+w.pipeline+"/bridges", w.dev).expect(200)
			require.Equal(t, []int64{w.bridge.ID()}, bridges.ids())
			require.Equal(t, bridges.body, w.send(t, "GET "+w.pipeline+"/trigger_jobs", w.dev).expect(200).body)
		}},
		{"older servers do not have trigger_jobs: 404", func(t *testing.T, _ *fixture) {
			w := newFixture(t, OlderServer())
			w.send(t, "GET "+w.pipeline+"/trigger_jobs", w.dev).expect(404, `{"error":"404 Not Found"}`)
			w.send(t, "GET "+w.pipeline+"/bridges", w.dev).expect(200)
		}},
		{"newer servers may not have bridges: 404", func(t *testing.T, _ *fixture) {
			w := newFixture(t, NewerServer())
			w.send(t, "GET "+w.pipeline+"/bridges", w.dev).expect(404)
			w.send(t, "GET "+w.pipeline+"/trigger_jobs", w.dev).expect(200)
		}},
		{"a request for a bridge as a job is 404", func(t *testing.T, w *fixture) {
			w.send(t, "GET "+jobPath(w.bridge.job, ""), w.dev).expect(404, notFound)
		}},
		{"an ID that is not a positive number is 404, even without a token", func(t *testing.T, w *fixture) {
			for _, id := range []string{"x", "-1", "0", "00", "1.5", "%20"} {
				w.send(t, "GET "+w.jobs+"/"+id, w.dev).expect(404, noRoute)
				w.send(t, "POST "+w.jobs+"/"+id+"/retry").expect(404, noRoute)
				w.send(t, "GET /projects/7/pipelines/"+id+"/jobs").expect(404, noRoute)
			}
		}},
		{"an ID that is not a positive number is 400 on older servers", func(t *testing.T, _ *fixture) {
			w := newFixture(t, OlderServer())
			w.send(t, "GET "+w.jobs+"/x", w.dev).expect(400, `{"error":"job_id is invalid"}`)
			w.send(t, "GET "+w.jobs+"/0", w.dev).expect(400, `{"error":"job_id is invalid"}`)
			w.send(t, "GET "+w.jobs+"/x").expect(401, noToken)
		}},
		{"project paths ignore case", func(t *testing.T, w *fixture) {
			w.send(t, "GET /projects/Group%2FSUB%2Fapp/jobs", w.dev).expect(200)
			w.send(t, "GET /projects/GROUP%2Fold/jobs", w.dev).expect(301)
		}},
		{"only failed jobs have failure_reason", func(t *testing.T, w *fixture) {
			require.NotContains(t, w.send(t, "GET "+jobPath(w.done, ""), w.dev).object(), "failure_reason")
			failed := w.addJob(gitlabjobs.StatusFailed)
			require.Equal(t, "script_failure", w.send(t, "GET "+jobPath(failed, ""), w.dev).object()["failure_reason"])
		}},
		{"only jobs with an archive have artifacts_file", func(t *testing.T, w *fixture) {
			require.Contains(t, w.send(t, "GET "+jobPath(w.done, ""), w.dev).object(), "artifacts_file")
			require.NotContains(t, w.send(t, "GET "+jobPath(w.running, ""), w.dev).object(), "artifacts_file")
		}},
		{"runner and runner_manager are null until the job runs", func(t *testing.T, w *fixture) {
			o := w.send(t, "GET "+jobPath(w.manual, ""), w.dev).object()
			require.Contains(t, o, "runner_manager")
			require.Nil(t, o["runner"])
			require.NotNil(t, w.send(t, "GET "+jobPath(w.running, ""), w.dev).object()["runner"])
		}},
		{"bridges have no artifacts, runner, tag_list and archived", func(t *testing.T, w *fixture) {
			b := w.send(t, "GET "+w.pipeline+"/bridges", w.dev).objects()[0]
			for _, k := range []string{"artifacts", "runner", "runner_manager", "tag_list", "archived"} {
				require.NotContains(t, b, k)
			}
			require.NotNil(t, b["downstream_pipeline"])
		}},
		{"older servers send coverage as a string, and fewer fields", func(t *testing.T, _ *fixture) {
			w := newFixture(t, OlderServer())
			j := w.pl.AddJob(JobSpec{Coverage: 98.5})
			o := w.send(t, "GET "+jobPath(j, ""), w.dev).object()
			require.Equal(t, "98.5", o["coverage"])
			require.NotContains(t, o, "archived")
			require.InDelta(t, 98.5, func() any {
				w := newFixture(t)
				return w.send(t, "GET "+jobPath(w.pl.AddJob(JobSpec{Coverage: 98.5}), ""), w.dev).object()["coverage"]
			}(), 0)
		}},
	})
}

func TestErrorsMatchGitLab(t *testing.T) {
	t.Parallel()
	runFacts(t, []fact{
		{"an unknown project is 404 Project Not Found", func(t *testing.T, w *fixture) {
			w.send(t, "GET /projects/999/jobs", w.dev).expect(404, noProject)
		}},
		{"an unknown job or pipeline is 404 Not found", func(t *testing.T, w *fixture) {
			w.send(t, "GET "+w.jobs+"/99999", w.dev).expect(404, notFound)
			w.send(t, "GET /projects/7/pipelines/999/jobs", w.dev).expect(404, notFound)
			w.send(t, "POST "+w.jobs+"/99999/cancel", w.dev).expect(404, notFound)
		}},
		{"a job of another project is 404 Not found", func(t *testing.T, w *fixture) {
			w.send(t, "GET /projects/8/jobs/"+itoa(w.done.id), w.dev).expect(404, notFound)
		}},
		{"an unknown route is 404 with the key error", func(t *testing.T, w *fixture) {
			w.send(t, "GET /nothing", w.dev).expect(404, `{"error":"404 Not Found"}`)
		}},
		{"a method that the route does not have is 404", func(t *testing.T, w *fixture) {
			w.send(t, "DELETE "+w.jobs, w.dev).expect(404, noRoute)
			w.send(t, "GET "+jobPath(w.done, "/retry"), w.dev).expect(404, noRoute)
		}},
		{"OPTIONS is 204 and lists the methods", func(t *testing.T, w *fixture) {
			require.Equal(t, "OPTIONS, GET, HEAD", w.send(t, "OPTIONS "+w.jobs, w.dev).expect(204, "").header.Get("Allow"))
			require.Equal(t, "OPTIONS, POST", w.send(t, "OPTIONS "+jobPath(w.done, "/retry"), w.dev).expect(204, "").header.Get("Allow"))
			w.send(t, "OPTIONS /nothing", w.dev).expect(404, noRoute)
		}},
		{"HEAD is like GET without a body and an ETag", func(t *testing.T, w *fixture) {
			for _, path := range []string{w.jobs, jobPath(w.done, ""), jobPath(w.done, "/trace"), w.pipeline + "/bridges"} {
				head, get := w.send(t, "HEAD "+path, w.dev).expect(200, "").header, w.send(t, "GET "+path, w.dev).expect(200).header
				require.Empty(t, head.Get("Etag"))
				require.NotEmpty(t, get.Get("Etag"))
				require.Equal(t, get.Get("Link"), head.Get("Link"))
			}
			w.send(t, "HEAD "+w.jobs+"/99999", w.dev).expect(404, "")
		}},
		{"HEAD of a moved project is 405", func(t *testing.T, w *fixture) {
			w.send(t, "HEAD /projects/group%2Fold/jobs", w.dev).expect(405, "")
		}},
		{"every response has security and cache headers", func(t *testing.T, w *fixture) {
			for _, path := range []string{w.jobs, jobPath(w.done, "/trace"), w.jobs + "/99999"} {
				h := w.send(t, "GET "+path, w.dev).header
				require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"))
				require.Equal(t, "SAMEORIGIN", h.Get("X-Frame-Options"))
				require.Equal(t, "Origin", h.Get("Vary"))
				require.Equal(t, "default-src 'none'", h.Get("Content-Security-Policy"))
				require.Equal(t, `{"correlation_id":"`+h.Get("X-Request-Id")+`","version":"1"}`, h.Get("X-Gitlab-Meta"))
			}
			require.Equal(t, "no-cache", w.send(t, "GET "+w.jobs).header.Get("Cache-Control"))
			require.Equal(t, "max-age=0, private, must-revalidate", w.send(t, "GET "+w.jobs, w.dev).header.Get("Cache-Control"))
		}},
		{"GET of a moved project is 301 to the configured host and the project's number", func(t *testing.T, _ *fixture) {
			w := newFixture(t, WithExternalURL("https://git.example.com"))
			to := "https://git.example.com/api/v4/projects/7/jobs"
			g := w.send(t, "GET /projects/group%2Fold/jobs", w.dev).expect(301, "This resource has been moved permanently to "+to)
			require.Equal(t, to, g.header.Get("Location"))
		}},
		{"other methods on a moved project are 405", func(t *testing.T, w *fixture) {
			w.send(t, fmt.Sprintf("POST /projects/group%%2Fold/jobs/%d/cancel", w.running.id), w.dev).
				expect(405, `{"message":"Non GET methods are not allowed for moved projects"}`)
			require.Equal(t, gitlabjobs.StatusRunning, w.running.Status())
		}},
		{"409 has the message of a resource lock", func(t *testing.T, w *fixture) {
			w.Fault(Fault{Do: Conflict()})
			w.postAction(t, w.done, "retry").expect(409, `{"message":"409 Conflict: Resource lock"}`)
		}},
		{"500 has a message", func(t *testing.T, w *fixture) {
			w.Fault(Fault{Do: InternalError()})
			w.send(t, "GET "+w.jobs, w.dev).expect(500, `{"message":"500 Internal Server Error"}`)
		}},
		{"every response has a different request ID", func(t *testing.T, w *fixture) {
			first, second := w.send(t, "GET "+w.jobs), w.send(t, "GET "+w.jobs, w.dev)
			require.NotEmpty(t, first.header.Get("X-Request-Id"))
			require.NotEqual(t, first.header.Get("X-Request-Id"), second.header.Get("X-Request-Id"))
		}},
	})
}
