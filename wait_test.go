package gitlabjobs_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
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
			})
		})
	}
}

// statusServer responds with a job in each status in order, and repeats the last one.
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

func TestWaitEndsAtAManualJobUnlessWaitForBlocked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		job, err := newClient(t, statusServer("created", "manual")).Jobs.Wait(t.Context(), "1", 7, nil)
		require.ErrorIs(t, err, gitlabjobs.ErrBlocked)
		require.ErrorContains(t, err, "gitlabjobs: job 7 of 1: blocked")
		assert.EqualValues(t, "manual", job.Status)

		job, err = newClient(t, statusServer("manual", "manual", "pending", "success")).Jobs.Wait(t.Context(), "1", 7, &gitlabjobs.WaitOptions{WaitForBlocked: true})
		require.NoError(t, err)
		assert.Equal(t, gitlabjobs.StatusSuccess, job.Status)

		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		job, err = newClient(t, statusServer("manual")).Jobs.Wait(ctx, "1", 7, &gitlabjobs.WaitOptions{WaitForBlocked: true})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.EqualValues(t, "manual", job.Status, "the job as last seen")
	})
}

func TestWaitAwaitsAScheduledJob(t *testing.T) {
	t.Parallel()
	assert.True(t, gitlabjobs.StatusManual.Blocked())
	assert.False(t, gitlabjobs.StatusScheduled.Blocked())
	synctest.Test(t, func(t *testing.T) {
		srv := gitlabjobstest.NewMemoryServer(t)
		job := srv.AddProject("group/app").AddPipeline().AddJob(gitlabjobstest.JobSpec{
			ScheduledAt: time.Now().Add(30 * time.Minute), Script: &gitlabjobstest.Script{Runs: time.Minute},
		})
		final, err := srv.Client(srv.Tokens.Reporter).Jobs.Wait(t.Context(), "group/app", job.ID(), nil)
		require.NoError(t, err)
		assert.Equal(t, gitlabjobs.StatusSuccess, final.Status)
	})
}

func TestWaitEndsAtAnUnknownStatusOnlyIfTheServerSaysWhenItEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		bodies := []string{`{"id":7,"status":"brand_new","finished_at":null}`, `{"id":7,"status":"brand_new","finished_at":"2026-01-02T03:04:05Z"}`}
		polls := 0
		client := newClient(t, func(req *http.Request) (*http.Response, error) {
			polls++
			return answer{body: bodies[min(polls/3, 1)]}.to(req), nil
		})
		job, err := client.Jobs.Wait(t.Context(), "1", 7, nil)
		require.NoError(t, err)
		assert.EqualValues(t, "brand_new", job.Status)
		assert.Equal(t, 3, polls)
	})
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
			time.Sleep(15 * time.Minute) // Until all scheduled events have happened.
		})
	}
}

// There are 300 jobs in three stages, which run for ten minutes.
func TestWaitPipelineReadsJobsAndBridgesOncePerPoll(t *testing.T) {
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
		result, err := client.Jobs.WaitPipeline(t.Context(), "group/app", pipeline.ID(), &gitlabjobs.WaitOptions{OnUpdate: func(*gitlabjobs.Job) { updates++ }})
		require.NoError(t, err)
		assert.Len(t, result.Jobs, 300)
		assert.True(t, result.Succeeded())
		assert.GreaterOrEqual(t, updates, 600)
		polls := len(srv.Requests()) / 4
		assert.Zero(t, len(srv.Requests())%4, "three pages of jobs and one of bridges per poll")
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
		result, err := srv.Client(srv.Tokens.Reporter).Jobs.WaitPipeline(t.Context(), "group/app", pipeline.ID(), nil)
		require.NoError(t, err)
		assert.Len(t, result.Jobs, 150)
		assert.True(t, result.Succeeded())
	})
}

// A job of the last page is retried after the first page was read. The old job is no longer
// in the list, and the new one is on the first page.
func TestAJobRetriedDuringAPollIsNotLost(t *testing.T) {
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
		result, err := client.Jobs.WaitPipeline(t.Context(), "group/app", pipeline.ID(), nil)
		require.NoError(t, err)
		assert.Len(t, result.Jobs, 250)
		assert.True(t, result.Succeeded())
		assert.Greater(t, time.Since(start), time.Minute)
	})
}

func TestWaitingIsBoundByItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := gitlabjobstest.NewMemoryServer(t)
		pipeline := srv.AddProject("group/app").AddPipeline(gitlabjobstest.PipelineSpec{})
		job := pipeline.AddJob(gitlabjobstest.JobSpec{Status: gitlabjobs.StatusRunning})
		client := srv.Client(srv.Tokens.Reporter)
		cause := errors.New("the release was called off")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 17*time.Minute, cause)
		defer cancel()
		start := time.Now()
		final, err := client.Jobs.Wait(ctx, "group/app", job.ID(), nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, cause)
		require.ErrorContains(t, err, fmt.Sprintf("waiting for job %d of group/app: context deadline exceeded: the release was called off", job.ID()))
		assert.Equal(t, job.ID(), final.ID)
		result, err := client.Jobs.WaitPipeline(ctx, "group/app", pipeline.ID(), nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, cause)
		assert.Nil(t, result)
		assert.False(t, result.Succeeded())
		assert.Equal(t, 17*time.Minute, time.Since(start))

		// During an outage, the error contains the error of the last poll.
		ctx, cancel = context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		time.AfterFunc(5*time.Minute, func() { srv.Down(time.Hour) })
		result, err = client.Jobs.WaitPipeline(ctx, "group/app", pipeline.ID(), nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		assert.Equal(t, gitlabjobs.StatusRunning, result.Status, "the pipeline as last seen")
	})
}

func TestInvalidWaitOptionsAreErrors(t *testing.T) {
	t.Parallel()
	client := newClient(t, func(*http.Request) (*http.Response, error) { return nil, fmt.Errorf("a request was sent") })
	for want, o := range map[string]gitlabjobs.WaitOptions{
		"WaitOptions: MaxInterval is -1ns": {MaxInterval: -1},
		"MinInterval 2s is longer":         {MinInterval: 2 * time.Second, MaxInterval: time.Second},
		"MaxOutage is -1ns: use 0":         {MaxOutage: -1},
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

func TestWaitReturnsTheJobIfItsRetriesCannotBeListed(t *testing.T) {
	t.Parallel()
	for name, effect := range map[string]gitlabjobstest.Effect{
		"for good":    gitlabjobstest.Answer(403, nil, `{"message":"403 Forbidden"}`),
		"bad gateway": gitlabjobstest.BadGateway(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv := gitlabjobstest.NewMemoryServer(t)
				job := srv.AddProject("group/app").AddPipeline().AddJob(gitlabjobstest.JobSpec{})
				srv.Fault(gitlabjobstest.Fault{Times: gitlabjobstest.Always, Route: "/projects/:id/pipelines/:pipeline_id/jobs", Do: effect})
				var seen []gitlabjobs.Status
				final, err := srv.Client(srv.Tokens.Reporter).Jobs.Wait(t.Context(), "group/app", job.ID(), &gitlabjobs.WaitOptions{
					FollowRetries: true, OnUpdate: func(j *gitlabjobs.Job) { seen = append(seen, j.Status) },
				})
				require.Error(t, err)
				require.NotNil(t, final)
				assert.Equal(t, job.ID(), final.ID)
				assert.Equal(t, []gitlabjobs.Status{"success"}, seen)
			})
		})
	}
}

func TestWaitPipelineReportsAJobThatWasMissingOnlyIfItHasChanged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const first, second = `{"id":7,"status":"success","pipeline":{"id":5,"status":"%s"}}`, `{"id":8,"status":"%s","pipeline":{"id":5,"status":"%[1]s"}}`
		polls := []string{first + "," + second, second, first + "," + second}
		poll := 0
		client := newClient(t, func(req *http.Request) (*http.Response, error) {
			if req.URL.Path[len(req.URL.Path)-5:] != "/jobs" {
				return answer{body: "[]"}.to(req), nil
			}
			status := "running"
			if poll == len(polls) {
				status, poll = "success", poll-1
			}
			body := "[" + strings.ReplaceAll(strings.ReplaceAll(polls[poll], "%[1]s", status), "%s", status) + "]"
			poll++
			return answer{body: body}.to(req), nil
		})
		var updates []string
		_, err := client.Jobs.WaitPipeline(t.Context(), "1", 5, &gitlabjobs.WaitOptions{OnUpdate: func(j *gitlabjobs.Job) {
			updates = append(updates, fmt.Sprint(j.ID, " ", j.Status))
		}})
		require.NoError(t, err)
		assert.Equal(t, []string{"7 success", "8 running", "8 success"}, updates)
	})
}

// Each pause has a random part of up to a tenth of the interval, for which the shortest
// interval leaves no room.
func TestIntervalsCanBeANanosecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, pl, client := newApp(t)
		job := pl.AddJob(gitlabjobstest.JobSpec{Script: &gitlabjobstest.Script{Runs: 20 * time.Nanosecond}})
		done, err := client.Jobs.Wait(t.Context(), "group/app", job.ID(), &gitlabjobs.WaitOptions{MinInterval: 1, MaxInterval: 1})
		require.NoError(t, err)
		assert.Equal(t, gitlabjobs.StatusSuccess, done.Status)
		events, _ := watchFor(t, 20, client, gitlabjobs.WatchOptions{MinInterval: 1, MaxInterval: 1})
		assert.Empty(t, events)
	})
}

func TestWaitPollsAtIntervals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := gitlabjobstest.NewMemoryServer(t)
		job := srv.AddProject("group/app").AddPipeline().AddJob(gitlabjobstest.JobSpec{Script: &gitlabjobstest.Script{Runs: time.Hour}})
		_, err := srv.Client(srv.Tokens.Reporter).Jobs.Wait(t.Context(), "group/app", job.ID(), nil)
		require.NoError(t, err)
		between := requestGaps(srv)
		assert.InDelta(t, 5*time.Second, slices.Min(between), float64(time.Second), "after a change")
		assert.InDelta(t, 32*time.Second, slices.Max(between), float64(2*time.Second), "up to a tenth longer than MaxInterval")
	})
}
