package gitlabjobstest

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

func TestCancelMatchesGitLab(t *testing.T) {
	t.Parallel()
	runFacts(t, []fact{
		{"cancel responds with 201 and the job", func(t *testing.T, w *fixture) {
			o := w.postAction(t, w.running, "cancel").expect(201).object()
			require.Equal(t, "canceled", o["status"])
			require.NotNil(t, o["finished_at"])
			require.Equal(t, gitlabjobs.StatusCanceled, w.running.Status())
			require.Equal(t, 1, w.running.Count(ActionCancel))
		}},
		{"cancel of a finished job responds with 201 and changes nothing", func(t *testing.T, w *fixture) {
			for _, s := range []gitlabjobs.Status{
				gitlabjobs.StatusSuccess, gitlabjobs.StatusFailed, gitlabjobs.StatusCanceled,
				gitlabjobs.StatusSkipped,
			} {
				j := w.addJob(s)
				before := w.send(t, "GET "+jobPath(j, ""), w.dev).body
				w.postAction(t, j, "cancel").expect(201, before)
			}
			require.Zero(t, w.Count(ActionCancel))
		}},
		{"cancel of a job that has not started", func(t *testing.T, w *fixture) {
			for _, s := range []gitlabjobs.Status{
				gitlabjobs.StatusCreated, gitlabjobs.StatusWaitingForResource, gitlabjobs.StatusPreparing,
				gitlabjobs.StatusWaitingForCallback, gitlabjobs.StatusPending, gitlabjobs.StatusScheduled,
				gitlabjobs.StatusManual,
			} {
				o := w.postAction(t, w.addJob(s), "cancel").expect(201).object()
				require.Equal(t, "canceled", o["status"])
				require.NotNil(t, o["finished_at"])
			}
			require.Equal(t, 7, w.Count(ActionCancel))
		}},
		{"cancel of an archived job", func(t *testing.T, w *fixture) {
			j := w.pl.AddJob(JobSpec{Archived: true, Status: gitlabjobs.StatusRunning})
			require.Equal(t, "canceled", w.postAction(t, j, "cancel").expect(201).object()["status"])
		}},
		{"a running job can become canceling first", func(t *testing.T, w *fixture) {
			j := w.pl.AddJob(JobSpec{Status: gitlabjobs.StatusRunning, GracefulCancel: true})
			for range 2 {
				o := w.postAction(t, j, "cancel").expect(201).object()
				require.Equal(t, "canceling", o["status"])
				require.Nil(t, o["finished_at"])
			}
			require.Equal(t, 1, j.Count(ActionCancel), "the second request changed nothing")
			j.FinishCancel()
			require.Equal(t, gitlabjobs.StatusCanceled, j.Status())
		}},
		{"a maintainer can end a canceling job with force", func(t *testing.T, w *fixture) {
			j := w.addJob(gitlabjobs.StatusCanceling)
			w.send(t, "POST "+jobPath(j, "/cancel"), w.dev, `{"force":true}`).expect(403, forbidden)
			require.Equal(t, gitlabjobs.StatusCanceling, j.Status())
			require.Equal(t, "canceled", w.postAction(t, j, "cancel", `{"force":true}`).expect(201).object()["status"])
		}},
		{"force does not change other jobs", func(t *testing.T, w *fixture) {
			for _, s := range []gitlabjobs.Status{gitlabjobs.StatusPending, gitlabjobs.StatusRunning, gitlabjobs.StatusManual} {
				require.EqualValues(t, s, w.postAction(t, w.addJob(s), "cancel", `{"force":true}`).expect(201).object()["status"])
			}
			require.Zero(t, w.Count(ActionCancel))
		}},
		{"cancel of a bridge is 404", func(t *testing.T, w *fixture) {
			w.postAction(t, w.bridge.job, "cancel").expect(404, notFound)
		}},
	})
}

func TestRetryMatchesGitLab(t *testing.T) {
	t.Parallel()
	runFacts(t, []fact{
		{"retry responds with 201 and a new job of the user who retried it", func(t *testing.T, w *fixture) {
			o := w.postAction(t, w.done, "retry").expect(201).object()
			require.EqualValues(t, 1005, o["id"])
			require.Equal(t, "pending", o["status"])
			require.Equal(t, w.done.Name(), o["name"])
			require.Nil(t, o["started_at"])
			user, _ := o["user"].(map[string]any)
			require.Equal(t, w.Users.Maintainer.Username(), user["username"])
			require.True(t, w.done.Retried())
			require.Equal(t, gitlabjobs.StatusSuccess, w.done.Status())
			require.Equal(t, []ActionTaken{{ActionRetry, w.done.ID(), 1005, w.Users.Maintainer, w.Actions()[0].At}}, w.Actions())
		}},
		{"success, failed, canceled and canceling jobs can be retried", func(t *testing.T, w *fixture) {
			for _, s := range []gitlabjobs.Status{
				gitlabjobs.StatusSuccess, gitlabjobs.StatusFailed, gitlabjobs.StatusCanceled, gitlabjobs.StatusCanceling,
			} {
				w.postAction(t, w.addJob(s), "retry").expect(201)
			}
		}},
		{"jobs with other statuses cannot be retried", func(t *testing.T, w *fixture) {
			for _, s := range []gitlabjobs.Status{
				gitlabjobs.StatusCreated, gitlabjobs.StatusPending, gitlabjobs.StatusRunning,
				gitlabjobs.StatusSkipped, gitlabjobs.StatusManual, gitlabjobs.StatusScheduled,
			} {
				w.postAction(t, w.addJob(s), "retry").expect(403, notRetryable)
			}
		}},
		{"a retried job cannot be retried again", func(t *testing.T, w *fixture) {
			w.postAction(t, w.done, "retry").expect(201)
			w.postAction(t, w.done, "retry").expect(403, notRetryable)
			require.Equal(t, 1, w.Count(ActionRetry))
		}},
		{"an archived job is refused with 403", func(t *testing.T, w *fixture) {
			w.postAction(t, w.pl.AddJob(JobSpec{Archived: true}), "retry").expect(403, forbidden)
		}},
		{"the server reads inputs, not job_inputs", func(t *testing.T, w *fixture) {
			j := w.pl.AddJob(JobSpec{Inputs: []string{"where"}})
			w.postAction(t, j, "retry", `{"inputs":{"where":"here","job_inputs":1}}`).
				expect(400, `{"message":"400 Bad request - Unknown input: job_inputs"}`)
			w.postAction(t, j, "retry", `{"inputs":{"where":"here"},"job_inputs":{"no":"matter"}}`).expect(201)
			require.Equal(t, map[string]any{"where": "here"}, w.Job(1006).Inputs())
		}},
		{"a job that declares no inputs ignores inputs", func(t *testing.T, w *fixture) {
			w.postAction(t, w.done, "retry", `{"inputs":{"where":"here"}}`).expect(201)
			require.Empty(t, w.Job(1005).Inputs())
		}},
		{"the error lists all unknown inputs", func(t *testing.T, w *fixture) {
			j := w.pl.AddJob(JobSpec{Inputs: []string{"where"}})
			w.postAction(t, j, "retry", `{"inputs":{"b":1,"where":"here","a":2}}`).
				expect(400, `{"message":"400 Bad request - Unknown inputs: a, b"}`)
		}},
		{"retry of a bridge responds with a job with the tag bridge", func(t *testing.T, w *fixture) {
			o := w.postAction(t, w.bridge.job, "retry").expect(201).object()
			require.Equal(t, []any{"bridge"}, o["tag_list"])
			require.Equal(t, "pending", o["status"])
			require.NotNil(t, o["started_at"])
			require.NotNil(t, o["duration"])
			require.NotContains(t, o, "runner_manager")
			require.NotContains(t, o, "downstream_pipeline")
			require.NotNil(t, w.Bridge(1005).Downstream(), "it triggers another pipeline")
			require.NotEqual(t, w.bridge.Downstream().ID(), w.Bridge(1005).Downstream().ID())
		}},
	})
}

func TestEraseMatchesGitLab(t *testing.T) {
	t.Parallel()
	runFacts(t, []fact{
		{"erase responds with 201, sets erased_at, and removes the log and artifacts", func(t *testing.T, w *fixture) {
			o := w.postAction(t, w.done, "erase").expect(201).object()
			require.NotNil(t, o["erased_at"])
			require.Len(t, o["artifacts"], 2, "the response contains the deleted artifacts")
			o = w.send(t, "GET "+jobPath(w.done, ""), w.dev).object()
			require.Empty(t, o["artifacts"])
			require.NotContains(t, o, "artifacts_file")
			w.send(t, "GET "+jobPath(w.done, "/trace"), w.dev).expect(200, "")
			require.True(t, w.done.Erased())
		}},
		{"an erased job cannot be erased again", func(t *testing.T, w *fixture) {
			w.postAction(t, w.done, "erase").expect(201)
			w.postAction(t, w.done, "erase").expect(403, notErasable)
			require.Equal(t, 1, w.done.Count(ActionErase))
		}},
		{"only finished jobs with a log or artifacts can be erased", func(t *testing.T, w *fixture) {
			w.postAction(t, w.running, "erase").expect(403, notErasable)
			w.postAction(t, w.manual, "erase").expect(403, notErasable)
			w.postAction(t, w.pl.AddJob(JobSpec{NoLog: true}), "erase").expect(403, notErasable)
			w.postAction(t, w.pl.AddJob(JobSpec{NoLog: true, Artifacts: []Artifact{{Type: "junit"}}}), "erase").expect(201)
			w.postAction(t, w.addJob(gitlabjobs.StatusFailed), "erase").expect(201)
		}},
		{"an archived job can be erased", func(t *testing.T, w *fixture) {
			w.postAction(t, w.pl.AddJob(JobSpec{Archived: true}), "erase").expect(201)
		}},
		{"erase of a bridge is 404, even for a reporter", func(t *testing.T, w *fixture) {
			w.postAction(t, w.bridge.job, "erase").expect(404, notFound)
			w.send(t, "POST "+jobPath(w.bridge.job, "/erase"), w.Tokens.Reporter).expect(404, notFound)
			w.send(t, "POST "+jobPath(w.done, "/erase"), w.Tokens.Reporter).expect(403, forbidden)
		}},
		{"erase is 409 while GitLab refreshes the statistics", func(t *testing.T, w *fixture) {
			w.app.SetStatsRefreshing(true)
			w.postAction(t, w.done, "erase").expect(409,
				`{"message":"Action temporarily disabled. The project this pipeline belongs to is undergoing stats refresh."}`)
			w.app.SetStatsRefreshing(false)
			w.postAction(t, w.done, "erase").expect(201)
		}},
		{"a developer can erase only their own jobs", func(t *testing.T, w *fixture) {
			w.send(t, "POST "+jobPath(w.pl.AddJob(JobSpec{User: w.Users.Maintainer}), "/erase"), w.dev).expect(403, forbidden)
			w.send(t, "POST "+jobPath(w.done, "/erase"), w.dev).expect(201)
		}},
	})
}

func TestPlayMatchesGitLab(t *testing.T) {
	t.Parallel()
	runFacts(t, []fact{
		{"play responds with 200 and the same job, whose user has played it", func(t *testing.T, w *fixture) {
			o := w.postAction(t, w.manual, "play").expect(200).object()
			require.EqualValues(t, w.manual.ID(), o["id"])
			require.Equal(t, "pending", o["status"])
			user, _ := o["user"].(map[string]any)
			require.Equal(t, w.Users.Maintainer.Username(), user["username"])
		}},
		{"manual and scheduled jobs can be played", func(t *testing.T, w *fixture) {
			w.postAction(t, w.addJob(gitlabjobs.StatusScheduled), "play").expect(200)
			for _, s := range []gitlabjobs.Status{
				gitlabjobs.StatusCreated, gitlabjobs.StatusPending, gitlabjobs.StatusRunning,
				gitlabjobs.StatusSuccess, gitlabjobs.StatusFailed, gitlabjobs.StatusSkipped,
			} {
				w.postAction(t, w.addJob(s), "play").expect(400, unplayable)
			}
			require.Equal(t, 1, w.Count(ActionPlay))
		}},
		{"a scheduled job becomes pending at its time", func(t *testing.T, _ *fixture) {
			synctest.Test(t, func(t *testing.T) {
				w := newFixture(t)
				due := time.Now().Add(time.Hour)
				j := w.pl.AddJob(JobSpec{ScheduledAt: due, Script: &Script{Pending: time.Minute}})
				never := w.addJob(gitlabjobs.StatusScheduled)
				canceled := w.pl.AddJob(JobSpec{ScheduledAt: due})
				canceled.Cancel()
				time.Sleep(time.Hour - 1)
				require.Equal(t, gitlabjobs.StatusScheduled, j.Status())
				time.Sleep(time.Nanosecond)
				require.Equal(t, gitlabjobs.StatusPending, j.Status())
				time.Sleep(time.Minute)
				require.Equal(t, gitlabjobs.StatusSuccess, j.Status())
				require.Equal(t, gitlabjobs.StatusScheduled, never.Status())
				require.Equal(t, gitlabjobs.StatusCanceled, canceled.Status())
			})
		}},
		{"play of a finished manual job creates a new job", func(t *testing.T, w *fixture) {
			w.postAction(t, w.manual, "play").expect(200)
			w.manual.Succeed()
			require.EqualValues(t, 1005, w.postAction(t, w.manual, "play").expect(200).object()["id"])
			require.True(t, w.manual.Retried())
			require.Equal(t, 2, w.manual.Count(ActionPlay))
		}},
		{"play sets the variables", func(t *testing.T, w *fixture) {
			w.postAction(t, w.manual, "play", `{"job_variables_attributes":[{"key":"A","value":"1"},{"key":"B","value":""}]}`).expect(200)
			require.Equal(t, map[string]string{"A": "1", "B": ""}, w.manual.Variables())
		}},
		{"variables need a key and a value", func(t *testing.T, w *fixture) {
			w.postAction(t, w.manual, "play", `{"job_variables_attributes":[{"key":"A"}]}`).
				expect(400, `{"error":"job_variables_attributes[0][value] is missing"}`)
			w.postAction(t, w.manual, "play", `{"job_variables_attributes":[{"value":"A"}]}`).
				expect(400, `{"error":"job_variables_attributes[0][key] is missing"}`)
			require.Equal(t, gitlabjobs.StatusManual, w.manual.Status())
		}},
		{"with an invalid variable, play responds with 200 and changes nothing", func(t *testing.T, w *fixture) {
			for _, key := range []string{`""`, `"a-b"`, `null`, `"` + strings.Repeat("a", 256) + `"`, `"ü"`} {
				o := w.postAction(t, w.manual, "play", `{"job_variables_attributes":[{"key":"OK","value":"1"},{"key":`+key+`,"value":"1"}]}`).expect(200).object()
				require.Equal(t, "manual", o["status"], key)
			}
			require.Empty(t, w.manual.Variables())
			require.Zero(t, w.Count(ActionPlay))
		}},
		{"a variable that is set twice is a 500", func(t *testing.T, w *fixture) {
			w.postAction(t, w.manual, "play", `{"job_variables_attributes":[{"key":"A","value":"1"},{"key":" A ","value":"2"}]}`).
				expect(500, `{"message":"500 Internal Server Error"}`)
			require.Equal(t, gitlabjobs.StatusManual, w.manual.Status())
		}},
		{"numbers and booleans become strings, and white space around a key is removed", func(t *testing.T, w *fixture) {
			w.postAction(t, w.manual, "play", `{"job_variables_attributes":[{"key":" A ","value":1},{"key":2,"value":true},{"key":"C","value":null}]}`).expect(200)
			require.Equal(t, map[string]string{"A": "1", "2": "true", "C": ""}, w.manual.Variables())
		}},
		{"a form can contain variables", func(t *testing.T, w *fixture) {
			form := "Content-Type: application/x-www-form-urlencoded"
			post := func(body string) result {
				return w.postBody(t, jobPath(w.manual, "/play"), body, form, "PRIVATE-TOKEN: "+w.maintainer)
			}
			post("job_variables_attributes[0][key]=A&job_variables_attributes[0][value]=1").expect(400, `{"error":"job_variables_attributes is invalid"}`)
			post("job_variables_attributes[][key]=A&job_variables_attributes[][value]=1&job_variables_attributes[][key]=B&job_variables_attributes[][value]=2").expect(200)
			require.Equal(t, map[string]string{"A": "1", "B": "2"}, w.manual.Variables())
		}},
		{"play of a finished manual job ignores variables and inputs", func(t *testing.T, w *fixture) {
			w.postAction(t, w.manual, "play", `{"job_variables_attributes":[{"key":"A","value":"1"}],"job_inputs":{"where":"here"}}`).expect(200)
			w.manual.Succeed()
			w.postAction(t, w.manual, "play", `{"job_variables_attributes":[{"key":"A","value":"2"}],"job_inputs":{"where":"there"}}`).expect(200)
			require.Equal(t, map[string]string{"A": "1"}, w.Job(1005).Variables(), "the variables of the first play")
			require.NotEqual(t, map[string]any{"where": "there"}, w.Job(1005).Inputs())
		}},
		{"retry copies the variables of a job, but not those of a bridge", func(t *testing.T, w *fixture) {
			w.postAction(t, w.manual, "play", `{"job_variables_attributes":[{"key":"A","value":"1"}]}`).expect(200)
			w.manual.Fail(gitlabjobs.FailureScript)
			w.postAction(t, w.manual, "retry").expect(201)
			jobs := w.pl.jobs
			require.Equal(t, map[string]string{"A": "1"}, jobs[len(jobs)-1].Variables())
			b := w.pl.AddBridge(BridgeSpec{Status: gitlabjobs.StatusManual})
			w.postAction(t, b.job, "play", `{"job_variables_attributes":[{"key":"A","value":"1"}]}`).expect(200)
			w.postAction(t, b.job, "retry").expect(201)
			bridges := w.pl.bridges
			require.NotSame(t, b.job, bridges[len(bridges)-1])
			require.Empty(t, bridges[len(bridges)-1].Variables())
		}},
		{"a bridge can be played once", func(t *testing.T, w *fixture) {
			b := w.pl.AddBridge(BridgeSpec{Status: gitlabjobs.StatusManual})
			w.postAction(t, b.job, "play").expect(200)
			w.postAction(t, b.job, "play").expect(400, unplayable)
			require.Equal(t, gitlabjobs.StatusSuccess, b.Status())
		}},
		{"play sets inputs and refuses unknown inputs", func(t *testing.T, w *fixture) {
			w.postAction(t, w.manual, "play", `{"job_inputs":{"nope":"x"}}`).expect(400, `{"message":"400 Bad request - Unknown input: nope"}`)
			w.postAction(t, w.manual, "play", `{"job_inputs":{"where":["a",1]}}`).expect(200)
			require.Contains(t, w.manual.Inputs(), "where")
		}},
		{"play of a bridge responds with a bridge and starts its pipeline", func(t *testing.T, w *fixture) {
			downstream := w.open.AddPipeline(PipelineSpec{})
			first := downstream.AddJob(JobSpec{Status: gitlabjobs.StatusCreated})
			b := w.pl.AddBridge(BridgeSpec{Status: gitlabjobs.StatusManual, Downstream: downstream})
			require.Nil(t, b.Downstream())
			o := w.postAction(t, b.job, "play").expect(200).object()
			require.Equal(t, "pending", o["status"])
			require.Contains(t, o, "downstream_pipeline")
			require.Nil(t, o["downstream_pipeline"], "GitLab makes it in the background")
			later := w.send(t, "GET "+w.pipeline+"/bridges?per_page=1", w.dev).objects()[0]
			require.Equal(t, "success", later["status"])
			listed, _ := later["downstream_pipeline"].(map[string]any)
			require.EqualValues(t, downstream.ID(), listed["id"])
			require.Equal(t, gitlabjobs.StatusPending, first.Status())
		}},
		{"an archived job is refused with 403", func(t *testing.T, w *fixture) {
			w.postAction(t, w.pl.AddJob(JobSpec{Archived: true, Status: gitlabjobs.StatusManual}), "play").expect(403, forbidden)
		}},
	})
}
