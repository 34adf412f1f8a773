package gitlabjobstest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

// fact is one sentence of what a GitLab server does, and how the fake shows it.
type fact struct {
	says  string
	check func(t *testing.T, w *small)
}

// small is the world that the facts are shown in.
type small struct {
	*Server

	app, open                *Project
	pl                       *Pipeline
	done, running, manual    *Job
	bridge                   *Bridge
	maintainer, dev, guest   string
	jobs, pipeline, openPipe string // Paths.
}

func newSmall(t *testing.T, opts ...Option) *small {
	t.Helper()
	s := NewMemoryServer(t, opts...)
	w := &small{
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

func (w *small) ask(t *testing.T, what string, extra ...string) got {
	t.Helper()
	return ask(t, w.Server, what, extra...)
}

// act posts an action on a job as the maintainer.
func (w *small) act(t *testing.T, j *Job, action string, extra ...string) got {
	t.Helper()
	return ask(t, w.Server, "POST "+on(j, "/"+action), append(extra, w.maintainer)...)
}

// post posts a body of the kind that a header in extra says.
func (w *small) post(t *testing.T, path, body string, extra ...string) got {
	t.Helper()
	return askWith(t, w.Server, "POST "+path, body, extra...)
}

func (w *small) add(status gitlabjobs.Status) *Job { return w.pl.AddJob(JobSpec{Status: status}) }

func check(t *testing.T, facts []fact) {
	t.Helper()
	for _, f := range facts {
		t.Run(strings.ReplaceAll(f.says, "/", "|"), func(t *testing.T) {
			t.Parallel()
			f.check(t, newSmall(t))
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

func TestFactsOfReading(t *testing.T) {
	t.Parallel()
	check(t, []fact{
		{"an id is a number or a full path with %2F", func(t *testing.T, w *small) {
			byPath := w.ask(t, "GET /projects/group%2Fsub%2Fapp/jobs/"+itoa(w.done.id), w.dev).is(200)
			require.Equal(t, w.ask(t, "GET "+on(w.done, ""), w.dev).body, byPath.body)
		}},
		{"a name without a slash that is not a number is 404", func(t *testing.T, w *small) {
			w.ask(t, "GET /projects/app/jobs", w.dev).is(404, noProject)
		}},
		{"ids are int64", func(t *testing.T, w *small) {
			j := w.pl.AddJob(JobSpec{ID: 16728223589})
			require.Equal(t, []int64{16728223589}, w.ask(t, "GET "+w.jobs+"?per_page=1", w.dev).ids())
			w.ask(t, "GET "+on(j, ""), w.dev).is(200)
		}},
		{"project jobs: retried ones included, id descending", func(t *testing.T, w *small) {
			w.act(t, w.done, "retry").is(201)
			require.Equal(t, []int64{1005, 1003, 1002, 1001}, w.ask(t, "GET "+w.jobs, w.dev).ids())
		}},
		{"pipeline jobs: retried ones left out, id descending", func(t *testing.T, w *small) {
			w.act(t, w.done, "retry").is(201)
			require.Equal(t, []int64{1005, 1003, 1002}, w.ask(t, "GET "+w.pipeline+"/jobs", w.dev).ids())
		}},
		{"pipeline jobs: include_retried includes them", func(t *testing.T, w *small) {
			w.act(t, w.done, "retry").is(201)
			require.Equal(t, []int64{1005, 1003, 1002, 1001}, w.ask(t, "GET "+w.pipeline+"/jobs?include_retried=true", w.dev).ids())
		}},
		{"project jobs by ref", func(t *testing.T, w *small) {
			j := w.app.AddPipeline(PipelineSpec{Ref: "v1.0", Tag: true}).AddJob(JobSpec{})
			require.Equal(t, []int64{j.id}, w.ask(t, "GET "+w.jobs+"?ref=v1.0", w.dev).ids())
		}},
		{"scope as one value, as an array, and of any of the 13 statuses", func(t *testing.T, w *small) {
			require.Equal(t, []int64{1003}, w.ask(t, "GET "+w.jobs+"?scope=manual", w.dev).ids())
			require.Equal(t, []int64{1003, 1002}, w.ask(t, "GET "+w.jobs+"?scope[]=manual&scope[]=running", w.dev).ids())
			require.Empty(t, w.ask(t, "GET "+w.jobs+"?scope=waiting_for_callback", w.dev).ids())
		}},
		{"an unknown scope is 400", func(t *testing.T, w *small) {
			w.ask(t, "GET "+w.jobs+"?scope[]=bogus", w.dev).is(400, `{"error":"scope does not have a valid value"}`)
		}},
		{"bridges and trigger_jobs are the same list", func(t *testing.T, w *small) {
			bridges := w.ask(t, "GET "+w.pipeline+"/bridges", w.dev).is(200)
			require.Equal(t, []int64{w.bridge.ID()}, bridges.ids())
			require.Equal(t, bridges.body, w.ask(t, "GET "+w.pipeline+"/trigger_jobs", w.dev).is(200).body)
		}},
		{"older servers lack trigger_jobs: 404", func(t *testing.T, _ *small) {
			w := newSmall(t, OlderServer())
			w.ask(t, "GET "+w.pipeline+"/trigger_jobs", w.dev).is(404, `{"error":"404 Not Found"}`)
			w.ask(t, "GET "+w.pipeline+"/bridges", w.dev).is(200)
		}},
		{"newer servers may lack bridges: 404", func(t *testing.T, _ *small) {
			w := newSmall(t, NewerServer())
			w.ask(t, "GET "+w.pipeline+"/bridges", w.dev).is(404)
			w.ask(t, "GET "+w.pipeline+"/trigger_jobs", w.dev).is(200)
		}},
		{"get of a bridge's id is 404", func(t *testing.T, w *small) {
			w.ask(t, "GET "+on(w.bridge.job, ""), w.dev).is(404, notFound)
		}},
		{"an id that is no positive number is 404, even without a token", func(t *testing.T, w *small) {
			for _, id := range []string{"x", "-1", "0", "00", "1.5", "%20"} {
				w.ask(t, "GET "+w.jobs+"/"+id, w.dev).is(404, noRoute)
				w.ask(t, "POST "+w.jobs+"/"+id+"/retry").is(404, noRoute)
				w.ask(t, "GET /projects/7/pipelines/"+id+"/jobs").is(404, noRoute)
			}
		}},
		{"older servers: it is 400", func(t *testing.T, _ *small) {
			w := newSmall(t, OlderServer())
			w.ask(t, "GET "+w.jobs+"/x", w.dev).is(400, `{"error":"job_id is invalid"}`)
			w.ask(t, "GET "+w.jobs+"/0", w.dev).is(400, `{"error":"job_id is invalid"}`)
			w.ask(t, "GET "+w.jobs+"/x").is(401, noToken)
		}},
		{"a project's path may be in another case", func(t *testing.T, w *small) {
			w.ask(t, "GET /projects/Group%2FSUB%2Fapp/jobs", w.dev).is(200)
			w.ask(t, "GET /projects/GROUP%2Fold/jobs", w.dev).is(301)
		}},
		{"job: failure_reason is absent unless it failed", func(t *testing.T, w *small) {
			require.NotContains(t, w.ask(t, "GET "+on(w.done, ""), w.dev).object(), "failure_reason")
			failed := w.add(gitlabjobs.StatusFailed)
			require.Equal(t, "script_failure", w.ask(t, "GET "+on(failed, ""), w.dev).object()["failure_reason"])
		}},
		{"job: artifacts_file is absent without an archive", func(t *testing.T, w *small) {
			require.Contains(t, w.ask(t, "GET "+on(w.done, ""), w.dev).object(), "artifacts_file")
			require.NotContains(t, w.ask(t, "GET "+on(w.running, ""), w.dev).object(), "artifacts_file")
		}},
		{"job: runner and runner_manager are null until it runs", func(t *testing.T, w *small) {
			o := w.ask(t, "GET "+on(w.manual, ""), w.dev).object()
			require.Contains(t, o, "runner_manager")
			require.Nil(t, o["runner"])
			require.NotNil(t, w.ask(t, "GET "+on(w.running, ""), w.dev).object()["runner"])
		}},
		{"bridge: no artifacts, runner, tag_list, archived", func(t *testing.T, w *small) {
			b := w.ask(t, "GET "+w.pipeline+"/bridges", w.dev).objects()[0]
			for _, k := range []string{"artifacts", "runner", "runner_manager", "tag_list", "archived"} {
				require.NotContains(t, b, k)
			}
			require.NotNil(t, b["downstream_pipeline"])
		}},
		{"older servers: coverage as a string, and fewer fields", func(t *testing.T, _ *small) {
			w := newSmall(t, OlderServer())
			j := w.pl.AddJob(JobSpec{Coverage: 98.5})
			o := w.ask(t, "GET "+on(j, ""), w.dev).object()
			require.Equal(t, "98.5", o["coverage"])
			require.NotContains(t, o, "archived")
			require.InDelta(t, 98.5, func() any {
				w := newSmall(t)
				return w.ask(t, "GET "+on(w.pl.AddJob(JobSpec{Coverage: 98.5}), ""), w.dev).object()["coverage"]
			}(), 0)
		}},
	})
}

func TestFactsOfErrors(t *testing.T) {
	t.Parallel()
	check(t, []fact{
		{"no such project is 404 Project Not Found", func(t *testing.T, w *small) {
			w.ask(t, "GET /projects/999/jobs", w.dev).is(404, noProject)
		}},
		{"no such job or pipeline is 404 Not found", func(t *testing.T, w *small) {
			w.ask(t, "GET "+w.jobs+"/99999", w.dev).is(404, notFound)
			w.ask(t, "GET /projects/7/pipelines/999/jobs", w.dev).is(404, notFound)
			w.ask(t, "POST "+w.jobs+"/99999/cancel", w.dev).is(404, notFound)
		}},
		{"a job of another project is 404 Not found", func(t *testing.T, w *small) {
			w.ask(t, "GET /projects/8/jobs/"+itoa(w.done.id), w.dev).is(404, notFound)
		}},
		{"no such endpoint is 404 by error", func(t *testing.T, w *small) {
			w.ask(t, "GET /nothing", w.dev).is(404, `{"error":"404 Not Found"}`)
		}},
		{"another method than the endpoint's is 404", func(t *testing.T, w *small) {
			w.ask(t, "DELETE "+w.jobs, w.dev).is(404, noRoute)
			w.ask(t, "GET "+on(w.done, "/retry"), w.dev).is(404, noRoute)
		}},
		{"OPTIONS is 204 and names the methods", func(t *testing.T, w *small) {
			require.Equal(t, "OPTIONS, GET, HEAD", w.ask(t, "OPTIONS "+w.jobs, w.dev).is(204, "").header.Get("Allow"))
			require.Equal(t, "OPTIONS, POST", w.ask(t, "OPTIONS "+on(w.done, "/retry"), w.dev).is(204, "").header.Get("Allow"))
			w.ask(t, "OPTIONS /nothing", w.dev).is(404, noRoute)
		}},
		{"HEAD is as GET, with no body and no ETag", func(t *testing.T, w *small) {
			for _, path := range []string{w.jobs, on(w.done, ""), on(w.done, "/trace"), w.pipeline + "/bridges"} {
				head, get := w.ask(t, "HEAD "+path, w.dev).is(200, "").header, w.ask(t, "GET "+path, w.dev).is(200).header
				require.Empty(t, head.Get("Etag"))
				require.NotEmpty(t, get.Get("Etag"))
				require.Equal(t, get.Get("Link"), head.Get("Link"))
			}
			w.ask(t, "HEAD "+w.jobs+"/99999", w.dev).is(404, "")
		}},
		{"HEAD of a moved project is 405", func(t *testing.T, w *small) {
			w.ask(t, "HEAD /projects/group%2Fold/jobs", w.dev).is(405, "")
		}},
		{"every response has the headers that browsers heed", func(t *testing.T, w *small) {
			for _, path := range []string{w.jobs, on(w.done, "/trace"), w.jobs + "/99999"} {
				h := w.ask(t, "GET "+path, w.dev).header
				require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"))
				require.Equal(t, "SAMEORIGIN", h.Get("X-Frame-Options"))
				require.Equal(t, "Origin", h.Get("Vary"))
				require.Equal(t, "default-src 'none'", h.Get("Content-Security-Policy"))
				require.Equal(t, `{"correlation_id":"`+h.Get("X-Request-Id")+`","version":"1"}`, h.Get("X-Gitlab-Meta"))
			}
			require.Equal(t, "no-cache", w.ask(t, "GET "+w.jobs).header.Get("Cache-Control"))
			require.Equal(t, "max-age=0, private, must-revalidate", w.ask(t, "GET "+w.jobs, w.dev).header.Get("Cache-Control"))
		}},
		{"a moved project: GET is 301 to the configured host and the number", func(t *testing.T, _ *small) {
			w := newSmall(t, WithExternalURL("https://git.example.com"))
			to := "https://git.example.com/api/v4/projects/7/jobs"
			g := w.ask(t, "GET /projects/group%2Fold/jobs", w.dev).is(301, "This resource has been moved permanently to "+to)
			require.Equal(t, to, g.header.Get("Location"))
		}},
		{"a moved project: other methods are 405", func(t *testing.T, w *small) {
			w.ask(t, fmt.Sprintf("POST /projects/group%%2Fold/jobs/%d/cancel", w.running.id), w.dev).
				is(405, `{"message":"Non GET methods are not allowed for moved projects"}`)
			require.Equal(t, gitlabjobs.StatusRunning, w.running.Status())
		}},
		{"409 is a resource lock", func(t *testing.T, w *small) {
			w.Fault(Fault{Do: Conflict()})
			w.act(t, w.done, "retry").is(409, `{"message":"409 Conflict: Resource lock"}`)
		}},
		{"500 has a message", func(t *testing.T, w *small) {
			w.Fault(Fault{Do: InternalError()})
			w.ask(t, "GET "+w.jobs, w.dev).is(500, `{"message":"500 Internal Server Error"}`)
		}},
		{"every answer has a request id", func(t *testing.T, w *small) {
			one, other := w.ask(t, "GET "+w.jobs), w.ask(t, "GET "+w.jobs, w.dev)
			require.NotEmpty(t, one.header.Get("X-Request-Id"))
			require.NotEqual(t, one.header.Get("X-Request-Id"), other.header.Get("X-Request-Id"))
		}},
	})
}
