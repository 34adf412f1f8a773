package gitlabjobs_test

import (
	"context"
	"fmt"
	"net/http"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

func TestWaitEndsAtEveryFinishedState(t *testing.T) {
	t.Parallel()
	for status, end := range map[gitlabjobs.Status]func(*gitlabjobstest.Job){
		gitlabjobs.StatusSuccess:  func(j *gitlabjobstest.Job) { j.Succeed() },
		gitlabjobs.StatusFailed:   func(j *gitlabjobstest.Job) { j.Fail(gitlabjobs.FailureScript) },
		gitlabjobs.StatusCanceled: func(j *gitlabjobstest.Job) { j.Cancel() },
	} {
		t.Run(string(status), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv := gitlabjobstest.NewMemoryServer(t)
				job := srv.AddProject("group/app").AddPipeline(gitlabjobstest.PipelineSpec{}).AddJob(gitlabjobstest.JobSpec{Status: gitlabjobs.StatusPending})
				time.AfterFunc(2*time.Minute, job.Start)
				time.AfterFunc(5*time.Minute, func() { end(job) })
				start := time.Now()
				var seen []gitlabjobs.Status
				final, err := srv.Client(srv.Tokens.Reporter).Jobs.Wait(t.Context(), "group/app", job.ID(), &gitlabjobs.WaitOptions{
					OnUpdate: func(j *gitlabjobs.Job) { seen = append(seen, j.Status) },
				})
				require.NoError(t, err)
				assert.Equal(t, status, final.Status)
				assert.Equal(t, []gitlabjobs.Status{"pending", "running", status}, seen)
				assert.Less(t, time.Since(start), 5*time.Minute+35*time.Second)
				assert.LessOrEqual(t, len(srv.Requests()), 30, "it backs off while nothing changes")
				assert.Equal(t, status == gitlabjobs.StatusSuccess, gitlabjobs.Succeeded(final))
			})
		})
	}
}

// statusServer answers with a job in one status after the other, the last for
// ever.
func statusServer(statuses ...string) transport {
	return func(req *http.Request) (*http.Response, error) {
		status := statuses[0]
		if len(statuses) > 1 {
			statuses = statuses[1:]
		}
		return answer{body: `{"id":7,"name":"x","status":"` + status + `"}`}.to(req), nil
	}
}

func TestWaitGoesThroughEveryStateOfAJob(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		states := []string{"created", "waiting_for_resource", "preparing", "waiting_for_callback", "pending", "running", "brand_new", "canceling", "skipped"}
		var seen []string
		job, err := newClient(t, statusServer(states...)).Jobs.Wait(t.Context(), "1", 7, &gitlabjobs.WaitOptions{
			OnUpdate: func(j *gitlabjobs.Job) { seen = append(seen, string(j.Status)) },
		})
		require.NoError(t, err)
		assert.Equal(t, states, seen)
		assert.Equal(t, gitlabjobs.StatusSkipped, job.Status)
	})
}

func TestABlockedJobIsTheOptionsMatter(t *testing.T) {
	t.Parallel()
	for _, blocked := range []string{"manual", "scheduled"} {
		synctest.Test(t, func(t *testing.T) {
			job, err := newClient(t, statusServer("created", blocked)).Jobs.Wait(t.Context(), "1", 7, nil)
			require.ErrorIs(t, err, gitlabjobs.ErrBlocked)
			assert.EqualValues(t, blocked, job.Status)

			job, err = newClient(t, statusServer(blocked, blocked, "pending", "success")).Jobs.Wait(t.Context(), "1", 7, &gitlabjobs.WaitOptions{WaitForBlocked: true})
			require.NoError(t, err)
			assert.Equal(t, gitlabjobs.StatusSuccess, job.Status)

			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			job, err = newClient(t, statusServer(blocked)).Jobs.Wait(ctx, "1", 7, &gitlabjobs.WaitOptions{WaitForBlocked: true})
			require.ErrorIs(t, err, context.DeadlineExceeded)
			assert.EqualValues(t, blocked, job.Status, "the job as it was last seen")
		})
	}
}

func TestWaitFollowsARetryUnderItsNewID(t *testing.T) {
	t.Parallel()
	for _, follow := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			srv := gitlabjobstest.NewMemoryServer(t)
			pipeline := srv.AddProject("group/app").AddPipeline(gitlabjobstest.PipelineSpec{})
			job := pipeline.AddJob(gitlabjobstest.JobSpec{Name: "flaky", Status: gitlabjobs.StatusRunning})
			pipeline.AddJob(gitlabjobstest.JobSpec{Name: "other"})
			client := srv.Client(srv.Tokens.Developer)
			again := make(chan int64, 2)
			time.AfterFunc(time.Minute, func() {
				job.Fail(gitlabjobs.FailureRunnerSystem)
				retried, err := client.Jobs.Retry(context.Background(), "group/app", job.ID(), nil)
				if assert.NoError(t, err) {
					again <- retried.ID
					again <- retried.ID
				}
			})
			time.AfterFunc(10*time.Minute, func() {
				job := srv.Job(<-again)
				job.Start()
				job.Succeed()
			})
			final, err := client.Jobs.Wait(t.Context(), "group/app", job.ID(), &gitlabjobs.WaitOptions{FollowRetries: follow})
			require.NoError(t, err)
			if follow {
				assert.Equal(t, <-again, final.ID)
				assert.Equal(t, gitlabjobs.StatusSuccess, final.Status)
			} else {
				assert.Equal(t, job.ID(), final.ID)
				assert.Equal(t, gitlabjobs.StatusFailed, final.Status)
			}
			time.Sleep(15 * time.Minute) // Until all that was planned has happened.
		})
	}
}

// Three hundred jobs in three stages over ten minutes.
func TestWaitPipelineIsOneListingAPoll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := gitlabjobstest.NewMemoryServer(t)
		pipeline := srv.AddProject("group/app").AddPipeline(gitlabjobstest.PipelineSpec{})
		pipeline.AddJobs(300, func(i int) gitlabjobstest.JobSpec {
			return gitlabjobstest.JobSpec{Script: &gitlabjobstest.Script{Pending: time.Duration(i) * time.Second, Runs: 300 * time.Second}}
		})
		client := srv.Client(srv.Tokens.Reporter)
		start := time.Now()
		updates := 0
		jobs, err := client.Jobs.WaitPipeline(t.Context(), "group/app", pipeline.ID(), &gitlabjobs.WaitOptions{OnUpdate: func(*gitlabjobs.Job) { updates++ }})
		require.NoError(t, err)
		assert.Len(t, jobs, 300)
		assert.True(t, gitlabjobs.Succeeded(jobs...))
		assert.GreaterOrEqual(t, updates, 600)
		polls := len(srv.Requests()) / 3
		assert.Zero(t, len(srv.Requests())%3, "three pages a poll, and nothing else")
		assert.LessOrEqual(t, polls, 150)
		t.Logf("%v of a pipeline: %d polls, %d requests", time.Since(start).Round(time.Second), polls, len(srv.Requests()))
	})
}

func TestWaitPipelineSurvivesFaults(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := gitlabjobstest.NewMemoryServer(t)
		pipeline := srv.AddProject("group/app").AddPipeline(gitlabjobstest.PipelineSpec{})
		pipeline.AddJobs(150, func(i int) gitlabjobstest.JobSpec {
			return gitlabjobstest.JobSpec{Script: &gitlabjobstest.Script{Pending: time.Duration(i) * time.Second, Runs: time.Minute}}
		})
		for i, effect := range []gitlabjobstest.Effect{
			gitlabjobstest.ResetBefore(), gitlabjobstest.BadGateway(), gitlabjobstest.TooManyRequests(), gitlabjobstest.TooManyRequestsFor(10 * time.Minute), gitlabjobstest.CutBody(1000),
		} {
			srv.Fault(gitlabjobstest.Fault{Times: gitlabjobstest.Always, Probability: 0.05, Seed: uint64(i + 1), Do: effect})
		}
		jobs, err := srv.Client(srv.Tokens.Reporter).Jobs.WaitPipeline(t.Context(), "group/app", pipeline.ID(), nil)
		require.NoError(t, err)
		assert.Len(t, jobs, 150)
		assert.True(t, gitlabjobs.Succeeded(jobs...))
	})
}

func TestWaitPipelineEnds(t *testing.T) {
	t.Parallel()
	type (
		spec   = gitlabjobstest.JobSpec
		bridge = gitlabjobstest.BridgeSpec
	)
	running := func(d time.Duration) spec {
		return spec{Script: &gitlabjobstest.Script{Runs: d}}
	}
	for name, tc := range map[string]struct {
		jobs    []spec
		bridges []bridge
		opts    gitlabjobs.WaitOptions
		after   func(*gitlabjobstest.Pipeline) // Ten minutes later.
		err     error
		low     time.Duration
		high    time.Duration
	}{
		"with no jobs":              {},
		"where all are finished":    {jobs: []spec{{}, {Status: gitlabjobs.StatusFailed}, {Status: gitlabjobs.StatusSkipped}}},
		"once all are finished":     {jobs: []spec{running(5 * time.Minute), {}}, low: 5 * time.Minute, high: 6 * time.Minute},
		"an optional manual job":    {jobs: []spec{{}, {Status: gitlabjobs.StatusManual, AllowFailure: true}}},
		"a manual job":              {jobs: []spec{{}, {Status: gitlabjobs.StatusManual}}, err: gitlabjobs.ErrBlocked},
		"a scheduled job":           {jobs: []spec{{}, {Status: gitlabjobs.StatusScheduled}}, err: gitlabjobs.ErrBlocked},
		"an optional scheduled job": {jobs: []spec{{}, {Status: gitlabjobs.StatusScheduled, AllowFailure: true}}, err: gitlabjobs.ErrBlocked},
		"a manual job among others": {jobs: []spec{running(5 * time.Minute), {Status: gitlabjobs.StatusManual}}, err: gitlabjobs.ErrBlocked, low: 5 * time.Minute, high: 6 * time.Minute},
		"StopOnManual":              {jobs: []spec{running(5 * time.Minute), {Status: gitlabjobs.StatusManual, AllowFailure: true}}, opts: gitlabjobs.WaitOptions{StopOnManual: true}, err: gitlabjobs.ErrBlocked},
		"StopOnFailure":             {jobs: []spec{running(5 * time.Minute), {Status: gitlabjobs.StatusFailed}}, opts: gitlabjobs.WaitOptions{StopOnFailure: true}},
		"StopOnFailure of a job that may fail": {
			jobs: []spec{running(5 * time.Minute), {Status: gitlabjobs.StatusFailed, AllowFailure: true}},
			opts: gitlabjobs.WaitOptions{StopOnFailure: true}, low: 5 * time.Minute, high: 6 * time.Minute,
		},
		"a stage behind a manual job": {jobs: []spec{{}, {Status: gitlabjobs.StatusManual}, {Status: gitlabjobs.StatusCreated}}, err: gitlabjobs.ErrBlocked, high: 2 * time.Minute},
		"a stage behind a manual bridge": {
			jobs: []spec{{}, {Status: gitlabjobs.StatusCreated}}, bridges: []bridge{{Status: gitlabjobs.StatusManual}},
			err: gitlabjobs.ErrBlocked, high: 2 * time.Minute,
		},
		"a stage behind a running bridge": {
			jobs: []spec{{}, {Status: gitlabjobs.StatusCreated}}, bridges: []bridge{{Status: gitlabjobs.StatusRunning}},
			after: func(p *gitlabjobstest.Pipeline) { p.Jobs()[1].Cancel() }, low: 10 * time.Minute, high: 11 * time.Minute,
		},
		"a stage behind a child that waits": {
			jobs: []spec{{}, {Status: gitlabjobs.StatusCreated}}, bridges: []bridge{{Status: gitlabjobs.StatusRunning, Depend: true}},
			err: gitlabjobs.ErrBlocked, high: 2 * time.Minute,
		},
		"a stage that begins late": {jobs: []spec{{}, {Status: gitlabjobs.StatusCreated}}, after: func(p *gitlabjobstest.Pipeline) {
			p.Jobs()[1].Enqueue()
			p.Jobs()[1].Start()
			p.Jobs()[1].Succeed()
		}, low: 10 * time.Minute, high: 11 * time.Minute},
		"WaitForBlocked": {
			jobs: []spec{{}, {Status: gitlabjobs.StatusManual, AllowFailure: true}}, opts: gitlabjobs.WaitOptions{WaitForBlocked: true},
			after: func(p *gitlabjobstest.Pipeline) { p.Jobs()[1].Start(); p.Jobs()[1].Succeed() }, low: 10 * time.Minute, high: 11 * time.Minute,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv := gitlabjobstest.NewMemoryServer(t)
				pipeline := srv.AddProject("group/app").AddPipeline(gitlabjobstest.PipelineSpec{})
				for _, s := range tc.jobs {
					pipeline.AddJob(s)
				}
				for _, s := range tc.bridges {
					if s.Depend {
						s.Downstream = pipeline.Project().AddPipeline()
						s.Downstream.AddJob(gitlabjobstest.JobSpec{Status: gitlabjobs.StatusManual})
					}
					pipeline.AddBridge(s)
				}
				if tc.after != nil {
					time.AfterFunc(10*time.Minute, func() { tc.after(pipeline) })
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				start := time.Now()
				jobs, err := srv.Client(srv.Tokens.Reporter).Jobs.WaitPipeline(ctx, "group/app", pipeline.ID(), &tc.opts)
				if tc.err == nil {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, tc.err)
				}
				assert.Len(t, jobs, len(tc.jobs), "the jobs come with an error, too")
				assert.GreaterOrEqual(t, time.Since(start), tc.low)
				assert.LessOrEqual(t, time.Since(start), tc.high)
			})
		})
	}
}

// A job of the last page is retried after the first page was read: the old one has
// left the list, and the new one stands where the look has been.
func TestAJobThatIsRetriedDuringALookIsNotLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := gitlabjobstest.NewMemoryServer(t)
		pipeline := srv.AddProject("group/app").AddPipeline()
		first := pipeline.AddJob(gitlabjobstest.JobSpec{Name: "flaky", Status: gitlabjobs.StatusRunning})
		pipeline.AddJobs(249, nil)
		developer := srv.Client(srv.Tokens.Developer)
		looks := 0
		rt := transport(func(req *http.Request) (*http.Response, error) {
			resp, err := srv.Transport().RoundTrip(req)
			if req.URL.Query().Get("page") == "1" {
				if looks++; looks == 2 {
					first.Fail(gitlabjobs.FailureRunnerSystem)
					again, err := developer.Jobs.Retry(req.Context(), "group/app", first.ID(), nil)
					if assert.NoError(t, err) {
						time.AfterFunc(time.Minute, func() {
							srv.Job(again.ID).Start()
							srv.Job(again.ID).Succeed()
						})
					}
				}
			}
			return resp, err
		})
		client := srv.Client(srv.Tokens.Reporter, gitlabjobs.WithHTTPClient(&http.Client{Transport: rt}))
		start := time.Now()
		jobs, err := client.Jobs.WaitPipeline(t.Context(), "group/app", pipeline.ID(), nil)
		require.NoError(t, err)
		assert.Len(t, jobs, 250)
		assert.True(t, gitlabjobs.Succeeded(jobs...))
		assert.Greater(t, time.Since(start), time.Minute)
	})
}

// A waiter outlasts an outage of GitLab, and says which one it did not.
func TestWaitSurvivesOutages(t *testing.T) {
	t.Parallel()
	for _, outage := range []time.Duration{5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 14 * time.Minute, 16 * time.Minute} {
		t.Run(outage.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv := gitlabjobstest.NewMemoryServer(t)
				job := srv.AddProject("group/app").AddPipeline().AddJob(gitlabjobstest.JobSpec{
					Script: &gitlabjobstest.Script{Runs: 30 * time.Minute},
				})
				began := time.Now().Add(10 * time.Minute)
				requests := 0
				rt := transport(func(req *http.Request) (*http.Response, error) {
					if since := time.Since(began); since >= 0 && since < outage {
						requests++
					}
					return srv.Transport().RoundTrip(req)
				})
				time.AfterFunc(10*time.Minute, func() { srv.Down(outage) })
				client := srv.Client(srv.Tokens.Reporter, gitlabjobs.WithHTTPClient(&http.Client{Transport: rt}))
				final, err := client.Jobs.Wait(t.Context(), "group/app", job.ID(), nil)
				t.Logf("%d requests during the outage, ended %v after it began", requests, time.Since(began))
				if outage < 15*time.Minute {
					require.NoError(t, err)
					assert.Equal(t, gitlabjobs.StatusSuccess, final.Status)
				} else {
					require.ErrorContains(t, err, "no successful response for 15m0s")
					require.ErrorIs(t, err, syscall.ECONNREFUSED)
					assert.Equal(t, gitlabjobs.StatusRunning, final.Status, "the job as last seen")
					assert.GreaterOrEqual(t, time.Since(began), 15*time.Minute)
					assert.LessOrEqual(t, time.Since(began), 17*time.Minute)
				}
				assert.LessOrEqual(t, requests, 40)
			})
		})
	}
}

func TestWaitingIsBoundByItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := gitlabjobstest.NewMemoryServer(t)
		pipeline := srv.AddProject("group/app").AddPipeline(gitlabjobstest.PipelineSpec{})
		job := pipeline.AddJob(gitlabjobstest.JobSpec{Status: gitlabjobs.StatusRunning})
		client := srv.Client(srv.Tokens.Reporter)
		ctx, cancel := context.WithTimeout(t.Context(), 17*time.Minute)
		defer cancel()
		start := time.Now()
		final, err := client.Jobs.Wait(ctx, "group/app", job.ID(), nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, job.ID(), final.ID)
		jobs, err := client.Jobs.WaitPipeline(ctx, "group/app", pipeline.ID(), nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Empty(t, jobs)
		assert.Equal(t, 17*time.Minute, time.Since(start))
	})
}

func TestBadWaitOptionsAreRefused(t *testing.T) {
	t.Parallel()
	client := newClient(t, func(*http.Request) (*http.Response, error) { return nil, fmt.Errorf("a request was sent") })
	for want, o := range map[string]gitlabjobs.WaitOptions{
		"WaitOptions: an interval is negative": {MaxInterval: -1},
		"MinInterval 2s is longer":             {MinInterval: 2 * time.Second, MaxInterval: time.Second},
	} {
		_, err := client.Jobs.Wait(t.Context(), "1", 7, &o)
		require.ErrorContains(t, err, want)
		_, err = client.Jobs.WaitPipeline(t.Context(), "1", 7, &o)
		require.ErrorContains(t, err, want)
	}
	_, err := answering(t, answer{status: 404}).Jobs.WaitPipeline(t.Context(), "1", 7, nil)
	require.ErrorIs(t, err, gitlabjobs.ErrNotFound)
	job, err := answering(t, answer{status: 404}).Jobs.Wait(t.Context(), "1", 7, nil)
	require.ErrorIs(t, err, gitlabjobs.ErrNotFound)
	assert.Nil(t, job)
}

func TestSucceededAllowsWhatMayFail(t *testing.T) {
	t.Parallel()
	for status, want := range map[gitlabjobs.Status][2]bool{ // Must not fail, may fail.
		"success": {true, true}, "skipped": {true, true}, "failed": {false, true}, "canceled": {false, true},
		"manual": {false, true}, "scheduled": {false, true}, "running": {false, false}, "created": {false, false}, "brand_new": {false, false},
	} {
		for i, may := range []bool{false, true} {
			assert.Equal(t, want[i], gitlabjobs.Succeeded(&gitlabjobs.Job{Status: "success"}, &gitlabjobs.Job{Status: status, AllowFailure: may}), "%s, %v", status, may)
		}
	}
	assert.True(t, gitlabjobs.Succeeded())
}
