package gitlabjobs_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

// stage is the environment in which a row of the matrix builds its pipelines.
type stage struct {
	t    *testing.T
	srv  *gitlabjobstest.Server
	app  *gitlabjobstest.Project
	root *gitlabjobstest.Pipeline
}

// newStage returns a stage in a new project of a new server.
func newStage(t *testing.T, options ...gitlabjobstest.Option) stage {
	srv := gitlabjobstest.NewMemoryServer(t, options...)
	app := srv.AddProject("group/app")
	return stage{t, srv, app, app.AddPipeline()}
}

// child adds a pipeline with one job, and a bridge to it.
func (s stage) child(job jobSpec, bridge bridgeSpec) *gitlabjobstest.Pipeline {
	child := s.app.AddPipeline()
	child.AddJob(job)
	bridge.Downstream = child
	s.root.AddBridge(bridge)
	return child
}

// at calls f after a duration.
func (s stage) at(d time.Duration, f func()) { time.AfterFunc(d, f) }

// after returns a job that runs for a duration.
func after(d time.Duration, result gitlabjobs.Status) jobSpec {
	return jobSpec{Script: &gitlabjobstest.Script{Runs: d, Result: result}}
}

// waitRow is a pipeline, its final status in GitLab, and the result of the wait.
type waitRow struct {
	name   string
	server []gitlabjobstest.Option
	spec   pipelineSpec
	build  func(stage)
	opts   gitlabjobs.WaitOptions
	token  bool // Wait with the token of a job in the project.

	gitlab    gitlabjobs.Status
	status    *gitlabjobs.Status // The status of the result, if it is not GitLab's.
	succeeded bool
	err       error
	low, high time.Duration // The range of the wait's duration; high defaults to low plus a minute.
}

const (
	minute  = time.Minute
	created = gitlabjobs.StatusCreated
	running = gitlabjobs.StatusRunning
	success = gitlabjobs.StatusSuccess
	failed  = gitlabjobs.StatusFailed
	manual  = gitlabjobs.StatusManual
	skipped = gitlabjobs.StatusSkipped
)

var unlearned = new(gitlabjobs.Status)

func waitRows() []waitRow {
	jobs := func(specs ...jobSpec) func(stage) {
		return func(s stage) {
			for _, spec := range specs {
				s.root.AddJob(spec)
			}
		}
	}
	downstream := gitlabjobs.WaitOptions{Downstream: true}
	return []waitRow{
		// Jobs only.
		{name: "all jobs succeeded", build: jobs(jobSpec{}, jobSpec{Status: skipped}), gitlab: success, succeeded: true},
		{name: "jobs that run", build: jobs(after(5*minute, success), jobSpec{}), gitlab: success, succeeded: true, low: 5 * minute},
		{name: "a failed job", build: jobs(jobSpec{}, jobSpec{Status: failed}), gitlab: failed},
		{name: "a failed job that may fail", build: jobs(jobSpec{}, jobSpec{Status: failed, AllowFailure: true}), gitlab: success, succeeded: true},
		{name: "a canceled job", build: func(s stage) {
			job := s.root.AddJob(after(time.Hour, success))
			s.at(5*minute, job.Cancel)
		}, gitlab: gitlabjobs.StatusCanceled, low: 5 * minute},
		{name: "skipped jobs", build: jobs(jobSpec{Status: skipped}), gitlab: skipped},
		{name: "skipped jobs and an optional manual one", build: jobs(jobSpec{Status: skipped}, jobSpec{Status: manual, AllowFailure: true}), gitlab: skipped},
		{name: "an optional manual job", build: jobs(jobSpec{}, jobSpec{Status: manual, AllowFailure: true}), gitlab: success, succeeded: true},
		{name: "a manual job", build: jobs(jobSpec{}, jobSpec{Status: manual}), gitlab: manual, err: gitlabjobs.ErrBlocked},
		{name: "a manual job among others", build: jobs(after(5*minute, success), jobSpec{Status: manual}), gitlab: manual, err: gitlabjobs.ErrBlocked, low: 5 * minute},
		{name: "a manual job beside a failed one", build: jobs(jobSpec{Status: failed}, jobSpec{Status: manual}), gitlab: manual, err: gitlabjobs.ErrBlocked},
		{name: "jobs created behind a manual job", build: jobs(jobSpec{}, jobSpec{Status: manual}, jobSpec{Status: created}), gitlab: manual, err: gitlabjobs.ErrBlocked},
		{name: "a manual job that is played, with WaitForBlocked", build: func(s stage) {
			job := s.root.AddJob(jobSpec{Status: manual})
			s.at(10*minute, func() { job.Start(); job.Succeed() })
		}, opts: gitlabjobs.WaitOptions{WaitForBlocked: true}, gitlab: success, succeeded: true, low: 10 * minute},
		{name: "an optional manual job, with WaitForBlocked", build: jobs(jobSpec{}, jobSpec{Status: manual, AllowFailure: true}), opts: gitlabjobs.WaitOptions{WaitForBlocked: true}, gitlab: success, succeeded: true},
		{name: "a manual job with StopOnManual", build: jobs(after(5*minute, success), jobSpec{Status: manual, AllowFailure: true}), opts: gitlabjobs.WaitOptions{StopOnManual: true}, gitlab: running, err: gitlabjobs.ErrBlocked},
		{name: "a failed job with StopOnFailure", build: jobs(after(5*minute, success), jobSpec{Status: failed}), opts: gitlabjobs.WaitOptions{StopOnFailure: true}, gitlab: running},
		{name: "a failed job that may fail, with StopOnFailure", build: jobs(after(5*minute, success), jobSpec{Status: failed, AllowFailure: true}), opts: gitlabjobs.WaitOptions{StopOnFailure: true}, gitlab: success, succeeded: true, low: 5 * minute},
		{name: "a scheduled job", build: jobs(jobSpec{ScheduledAt: time.Date(2000, 1, 1, 0, 30, 0, 0, time.UTC), Script: &gitlabjobstest.Script{Runs: minute}}), gitlab: success, succeeded: true, low: 31 * minute},
		{name: "a stage that begins late", build: func(s stage) {
			s.root.AddJob(jobSpec{})
			job := s.root.AddJob(jobSpec{Status: created})
			s.at(10*minute, func() { job.Enqueue(); job.Start(); job.Succeed() })
		}, gitlab: success, succeeded: true, low: 10 * minute},
		{name: "retried while waiting", build: func(s stage) {
			s.root.AddJob(after(10*minute, success))
			job := s.root.AddJob(after(2*minute, failed))
			s.at(5*minute, func() {
				again, err := s.srv.Client(s.srv.Tokens.Developer).Jobs.Retry(context.Background(), "group/app", job.ID(), nil)
				if assert.NoError(s.t, err) {
					s.srv.Job(again.ID).Run(gitlabjobstest.Script{Runs: 20 * minute})
				}
			})
		}, gitlab: success, succeeded: true, low: 25 * minute},
		{name: "retried by GitLab between two polls", build: func(s stage) {
			s.root.AddJob(jobSpec{
				AutoRetry: 2, Script: &gitlabjobstest.Script{Runs: 61 * time.Second, Result: failed},
				Retries: []gitlabjobstest.Script{{Runs: time.Second, Result: failed}, {Runs: 5 * minute}},
			})
		}, gitlab: success, succeeded: true, low: 6 * minute},
		{name: "retried by GitLab in vain", build: func(s stage) {
			s.root.AddJob(jobSpec{AutoRetry: 2, Script: &gitlabjobstest.Script{Runs: minute, Result: failed}})
		}, gitlab: failed, low: 3 * minute},

		// The status of the pipeline.
		{name: "a status that lags behind", spec: pipelineSpec{StatusLag: 3 * minute}, build: jobs(after(5*minute, success)), gitlab: success, succeeded: true, low: 8 * minute},
		{name: "a failure that lags behind", spec: pipelineSpec{StatusLag: 3 * minute}, build: jobs(after(5*minute, failed), jobSpec{}), gitlab: failed, low: 8 * minute},
		{name: "a manual status that lags behind", spec: pipelineSpec{StatusLag: 3 * minute}, build: jobs(after(5*minute, success), jobSpec{Status: manual}), gitlab: manual, err: gitlabjobs.ErrBlocked, low: 8 * minute},
		{name: "a status that is ahead of a running job", spec: pipelineSpec{Status: success}, build: func(s stage) {
			s.root.AddJob(after(5*minute, failed))
			s.at(7*minute, func() { s.root.SetStatus(failed) })
		}, gitlab: failed, low: 7 * minute},
		{name: "a status that is ahead of a created job", spec: pipelineSpec{Status: success}, build: func(s stage) {
			s.root.AddJob(jobSpec{})
			job := s.root.AddJob(jobSpec{Status: created})
			s.at(5*minute, func() { job.Enqueue(); job.Start(); job.Succeed() })
		}, gitlab: success, succeeded: true, low: 5 * minute},
		{name: "a status that is ahead of a manual job", spec: pipelineSpec{Status: success}, build: func(s stage) {
			s.root.AddJob(jobSpec{Status: manual})
			s.at(5*minute, func() { s.root.SetStatus(manual) })
		}, gitlab: manual, err: gitlabjobs.ErrBlocked, low: 5 * minute},
		{name: "a success that nothing confirms", spec: pipelineSpec{Status: success}, build: jobs(jobSpec{Status: failed}), gitlab: success, succeeded: true, low: minute, high: 6 * minute},
		{name: "StopOnFailure while the status is stale", spec: pipelineSpec{Status: success}, build: jobs(jobSpec{Status: failed}), opts: gitlabjobs.WaitOptions{StopOnFailure: true}, gitlab: success},
		{name: "StopOnManual while the status is stale", spec: pipelineSpec{Status: success}, build: jobs(jobSpec{Status: manual}), opts: gitlabjobs.WaitOptions{StopOnManual: true}, gitlab: success, err: gitlabjobs.ErrBlocked},
		{name: "external checks that fail", build: func(s stage) {
			s.root.AddJob(jobSpec{})
			s.root.SetStatus(running)
			s.at(5*minute, func() { s.root.SetStatus(failed) })
		}, gitlab: failed, low: 5 * minute},
		{name: "an unknown status", spec: pipelineSpec{Status: "brand_new", AnyStatus: true}, build: jobs(jobSpec{}), gitlab: "brand_new", err: context.DeadlineExceeded, low: 2 * time.Hour},
		{name: "an unknown status that passes", spec: pipelineSpec{Status: "brand_new", AnyStatus: true}, build: func(s stage) {
			s.root.AddJob(jobSpec{})
			s.at(5*minute, func() { s.root.SetStatus(success) })
		}, gitlab: success, succeeded: true, low: 5 * minute},
		{name: "a job with an unknown status", spec: pipelineSpec{Status: success}, build: func(s stage) {
			s.root.AddJob(jobSpec{})
			s.srv.Fault(gitlabjobstest.Fault{Times: gitlabjobstest.Always, Do: gitlabjobstest.UnknownStatus("brand_new")})
		}, gitlab: success, succeeded: true},
		{name: "a job with an unknown status that has not finished", spec: pipelineSpec{Status: success}, build: func(s stage) {
			s.root.AddJob(jobSpec{Status: running})
			s.srv.Fault(gitlabjobstest.Fault{Times: gitlabjobstest.Always, Do: gitlabjobstest.UnknownStatus("brand_new")})
		}, gitlab: success, err: context.DeadlineExceeded, low: 2 * time.Hour},

		// No jobs, or no pipeline objects.
		{name: "empty, broken YAML", spec: pipelineSpec{Status: failed}, gitlab: failed},
		{name: "empty, external checks that passed", spec: pipelineSpec{Status: success}, gitlab: success, succeeded: true},
		{name: "empty at first", build: func(s stage) {
			s.at(5*minute, func() { s.root.AddJob(after(5*minute, success)) })
		}, gitlab: success, succeeded: true, low: 10 * minute},
		{name: "empty for good", gitlab: created, err: context.DeadlineExceeded, low: 2 * time.Hour},
		{name: "empty, and its status is refused", spec: pipelineSpec{Status: success}, token: true, gitlab: success, status: unlearned, low: 20 * time.Second},
		{name: "no pipeline objects", server: []gitlabjobstest.Option{gitlabjobstest.WithoutPipelineObjects()}, build: jobs(after(5*minute, success), jobSpec{}), gitlab: success, succeeded: true, low: 5 * minute},
		{name: "no pipeline objects, a failure", server: []gitlabjobstest.Option{gitlabjobstest.WithoutPipelineObjects()}, build: jobs(after(5*minute, failed), jobSpec{}), gitlab: failed, low: 5 * minute},
		{name: "no pipeline objects, a manual job", server: []gitlabjobstest.Option{gitlabjobstest.WithoutPipelineObjects()}, build: jobs(jobSpec{}, jobSpec{Status: manual}, jobSpec{Status: created}), gitlab: manual, err: gitlabjobs.ErrBlocked},
		{name: "no pipeline objects, and the status is refused", server: []gitlabjobstest.Option{gitlabjobstest.WithoutPipelineObjects()}, build: jobs(after(5*minute, success)), token: true, gitlab: success, status: unlearned, low: 5*minute + 20*time.Second, high: 7 * minute},
		{name: "no pipeline objects, the status is refused, a manual job", server: []gitlabjobstest.Option{gitlabjobstest.WithoutPipelineObjects()}, build: jobs(jobSpec{Status: manual}, jobSpec{Status: created}), token: true, gitlab: manual, status: unlearned, err: gitlabjobs.ErrBlocked},
		{name: "an older server", server: []gitlabjobstest.Option{gitlabjobstest.OlderServer()}, build: jobs(after(5*minute, success)), gitlab: success, succeeded: true, low: 5 * minute},
		{name: "a server that lists trigger_jobs", server: []gitlabjobstest.Option{gitlabjobstest.NewerServer()}, build: jobs(after(5*minute, success)), gitlab: success, succeeded: true, low: 5 * minute},

		// Bridges.
		{name: "a failed bridge", build: func(s stage) {
			s.root.AddJob(jobSpec{})
			s.root.AddBridge(bridgeSpec{Status: failed})
		}, opts: downstream, gitlab: failed},
		{name: "a failed bridge that may fail", build: func(s stage) {
			s.root.AddJob(jobSpec{})
			s.root.AddBridge(bridgeSpec{Status: failed, AllowFailure: true})
		}, opts: downstream, gitlab: success, succeeded: true},
		{name: "a failed bridge, with StopOnFailure", build: func(s stage) {
			s.root.AddJob(after(5*minute, success))
			s.root.AddBridge(bridgeSpec{Status: failed})
		}, opts: gitlabjobs.WaitOptions{StopOnFailure: true}, gitlab: running},
		{name: "a manual bridge", build: func(s stage) {
			s.root.AddJob(jobSpec{})
			s.root.AddBridge(bridgeSpec{Status: manual})
		}, opts: downstream, gitlab: manual, err: gitlabjobs.ErrBlocked},
		{name: "jobs created behind a manual bridge", build: func(s stage) {
			s.root.AddJob(jobSpec{Status: created})
			s.root.AddBridge(bridgeSpec{Status: manual})
		}, gitlab: manual, err: gitlabjobs.ErrBlocked},
		{name: "an optional manual bridge", build: func(s stage) {
			s.root.AddJob(jobSpec{})
			s.root.AddBridge(bridgeSpec{Status: manual, AllowFailure: true})
		}, opts: downstream, gitlab: success, succeeded: true},
		{name: "bridges only", build: func(s stage) {
			s.child(after(5*minute, success), bridgeSpec{Depend: true})
		}, gitlab: success, succeeded: true, low: 5 * minute},
		{name: "a child that the bridge does not depend on", build: func(s stage) {
			s.child(after(5*minute, failed), bridgeSpec{})
		}, gitlab: success, succeeded: true},
		{name: "a child that the bridge depends on fails", build: func(s stage) {
			s.root.AddJob(jobSpec{})
			s.child(after(5*minute, failed), bridgeSpec{Depend: true})
		}, gitlab: failed, low: 5 * minute},
		{name: "a dependent child that waits for a manual job", build: func(s stage) {
			s.root.AddJob(jobSpec{})
			s.child(jobSpec{Status: manual}, bridgeSpec{Depend: true})
		}, gitlab: running, err: gitlabjobs.ErrBlocked},
		{name: "jobs created behind a dependent child that waits", build: func(s stage) {
			s.root.AddJob(jobSpec{Status: created})
			s.child(jobSpec{Status: manual}, bridgeSpec{Depend: true})
		}, gitlab: running, err: gitlabjobs.ErrBlocked, low: 5 * time.Second},
		{name: "a job that starts while a dependent child waits", build: func(s stage) {
			job := s.root.AddJob(jobSpec{Status: created})
			s.child(jobSpec{Status: manual}, bridgeSpec{Depend: true})
			s.at(time.Second, func() { job.Run(gitlabjobstest.Script{Runs: 5 * minute}) })
		}, gitlab: running, err: gitlabjobs.ErrBlocked, low: 5 * minute},
		{name: "a dependent child that is played, with WaitForBlocked", build: func(s stage) {
			child := s.child(jobSpec{Status: manual}, bridgeSpec{Depend: true})
			s.at(10*minute, func() { child.Jobs()[0].Start(); child.Jobs()[0].Succeed() })
		}, opts: gitlabjobs.WaitOptions{WaitForBlocked: true}, gitlab: success, succeeded: true, low: 10 * minute},

		// Downstream.
		{name: "below: a child that the bridge does not depend on", build: func(s stage) {
			s.root.AddJob(jobSpec{})
			s.child(after(5*minute, success), bridgeSpec{})
		}, opts: downstream, gitlab: success, succeeded: true, low: 5 * minute},
		{name: "below: a child that fails", build: func(s stage) {
			s.root.AddJob(jobSpec{})
			s.child(after(5*minute, failed), bridgeSpec{})
		}, opts: downstream, gitlab: success, low: 5 * minute},
		{name: "below: a child that fails, with StopOnFailure", build: func(s stage) {
			s.root.AddJob(after(10*minute, success))
			s.child(after(5*minute, failed), bridgeSpec{})
		}, opts: gitlabjobs.WaitOptions{Downstream: true, StopOnFailure: true}, gitlab: running, low: 5 * minute},
		{name: "below: a child that the bridge depends on", build: func(s stage) {
			s.root.AddJob(jobSpec{})
			s.child(after(5*minute, success), bridgeSpec{Depend: true})
		}, opts: downstream, gitlab: success, succeeded: true, low: 5 * minute},
		{name: "below: a child that is skipped", build: func(s stage) {
			s.child(jobSpec{Status: skipped}, bridgeSpec{})
		}, opts: downstream, gitlab: success},
		{name: "below: a child that waits", build: func(s stage) {
			s.root.AddJob(after(5*minute, success))
			s.child(jobSpec{Status: manual}, bridgeSpec{})
		}, opts: downstream, gitlab: success, err: gitlabjobs.ErrBlocked, low: 5 * minute},
		{name: "below: an optional manual job, with StopOnManual", build: func(s stage) {
			s.root.AddJob(after(5*minute, success))
			s.child(jobSpec{Status: manual, AllowFailure: true}, bridgeSpec{})
		}, opts: gitlabjobs.WaitOptions{Downstream: true, StopOnManual: true}, gitlab: running, err: gitlabjobs.ErrBlocked},
		{name: "below: a grandchild that waits", build: func(s stage) {
			child := s.app.AddPipeline()
			grandchild := s.app.AddPipeline()
			grandchild.AddJob(jobSpec{Status: manual})
			child.AddBridge(bridgeSpec{Downstream: grandchild, Depend: true})
			s.root.AddBridge(bridgeSpec{Downstream: child, Depend: true})
		}, opts: downstream, gitlab: running, err: gitlabjobs.ErrBlocked},
		{name: "below: a grandchild that runs", build: func(s stage) {
			child := s.child(jobSpec{}, bridgeSpec{})
			grandchild := s.app.AddPipeline()
			grandchild.AddJob(after(10*minute, failed))
			child.AddBridge(bridgeSpec{Downstream: grandchild})
		}, opts: downstream, gitlab: success, low: 10 * minute},
		{name: "below: a bridge that starts late", build: func(s stage) {
			s.root.AddJob(after(time.Hour, success))
			child := s.app.AddPipeline()
			child.AddJob(jobSpec{Status: created, Script: &gitlabjobstest.Script{Runs: minute}})
			bridge := s.root.AddBridge(bridgeSpec{Status: created, Downstream: child})
			s.at(30*minute, bridge.Start)
		}, opts: downstream, gitlab: success, succeeded: true, low: time.Hour},
		{name: "below: no access", build: func(s stage) {
			child := s.srv.AddProject("other/lib").AddPipeline()
			child.AddJob(jobSpec{})
			s.root.AddBridge(bridgeSpec{Downstream: child})
			s.srv.Fault(gitlabjobstest.Fault{Times: gitlabjobstest.Always, Match: func(r gitlabjobstest.Request) bool {
				return strings.Contains(r.Path, fmt.Sprintf("/pipelines/%d/", child.ID()))
			}, Do: gitlabjobstest.Answer(403, nil, `{"message":"403 Forbidden"}`)})
		}, opts: downstream, gitlab: success},
		{name: "below: a bridge that succeeded without a pipeline", build: func(s stage) {
			s.root.AddBridge(bridgeSpec{Status: success})
		}, opts: downstream, gitlab: success},
		{name: "below: a bridge that may fail succeeded without a pipeline", build: func(s stage) {
			s.root.AddBridge(bridgeSpec{Status: success, AllowFailure: true})
		}, opts: downstream, gitlab: success, succeeded: true},
		{name: "below a bridge that may fail: a failure", build: func(s stage) {
			s.root.AddJob(after(10*minute, success))
			s.child(after(5*minute, failed), bridgeSpec{AllowFailure: true})
		}, opts: gitlabjobs.WaitOptions{Downstream: true, StopOnFailure: true}, gitlab: success, succeeded: true, low: 10 * minute},
		{name: "below a bridge that may fail: a manual job, with StopOnManual", build: func(s stage) {
			s.root.AddJob(after(5*minute, success))
			s.child(jobSpec{Status: manual}, bridgeSpec{AllowFailure: true})
		}, opts: gitlabjobs.WaitOptions{Downstream: true, StopOnManual: true}, gitlab: success, succeeded: true, low: 5 * minute},
		{name: "below a bridge that may fail: a manual job", build: func(s stage) {
			s.child(jobSpec{Status: manual}, bridgeSpec{AllowFailure: true})
		}, opts: downstream, gitlab: success, succeeded: true},
		{name: "below a bridge that may fail and one that may not", build: func(s stage) {
			child := s.child(jobSpec{Status: failed}, bridgeSpec{})
			s.root.AddBridge(bridgeSpec{AllowFailure: true, Downstream: child, AnyDownstream: true})
		}, opts: downstream, gitlab: success},
		{name: "below a bridge that may not fail and one that may", build: func(s stage) {
			child := s.child(jobSpec{Status: failed}, bridgeSpec{AllowFailure: true})
			s.root.AddBridge(bridgeSpec{Downstream: child, AnyDownstream: true})
		}, opts: downstream, gitlab: success},
		{name: "below: a cycle", build: func(s stage) {
			child := s.child(after(5*minute, success), bridgeSpec{})
			child.AddBridge(bridgeSpec{Downstream: s.root, AnyDownstream: true})
			s.root.AddBridge(bridgeSpec{Downstream: s.root, AnyDownstream: true})
		}, opts: downstream, gitlab: success, succeeded: true, low: 5 * minute},
	}
}

func TestWaitPipelineEndsAsGitLabDecides(t *testing.T) {
	t.Parallel()
	for _, row := range waitRows() {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv := gitlabjobstest.NewMemoryServer(t, row.server...)
				app := srv.AddProject("group/app")
				s := stage{t, srv, app, app.AddPipeline(row.spec)}
				if row.build != nil {
					row.build(s)
				}
				client := srv.Client(srv.Tokens.Reporter)
				if row.token {
					client = srv.ClientWithAuth(gitlabjobs.JobToken(app.AddPipeline().AddJob(after(24*time.Hour, success)).Token()))
				}
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
				defer cancel()
				start := time.Now()
				result, err := client.Jobs.WaitPipeline(ctx, "group/app", s.root.ID(), &row.opts)
				elapsed := time.Since(start)

				if row.err == nil {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, row.err)
				}
				assert.Equal(t, row.gitlab, s.root.Status(), "GitLab's status")
				status := row.gitlab
				if row.status != nil {
					status = *row.status
				}
				assert.Equal(t, status, result.Status)
				assert.Equal(t, row.succeeded, result.Succeeded())
				if result.Succeeded() {
					assert.Equal(t, success, s.root.Status())
				}
				high := row.high
				if high == 0 {
					high = row.low + minute
				}
				assert.GreaterOrEqual(t, elapsed, row.low)
				assert.LessOrEqual(t, elapsed, high)
				cancel()
				time.Sleep(24 * time.Hour) // Until all timers have expired.
			})
		})
	}
}
