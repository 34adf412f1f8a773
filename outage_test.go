package gitlabjobs_test

import (
	"context"
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

// waiters wait for a job or its pipeline, and return the last known status.
func waiters() map[string]func(context.Context, *gitlabjobs.Client, int64, int64, gitlabjobs.WaitOptions) (gitlabjobs.Status, error) {
	pipeline := func(ctx context.Context, c *gitlabjobs.Client, pipeline, _ int64, o gitlabjobs.WaitOptions) (gitlabjobs.Status, error) {
		result, err := c.Jobs.WaitPipeline(ctx, "group/app", pipeline, &o)
		if result == nil {
			return "", err
		}
		return result.Status, err
	}
	return map[string]func(context.Context, *gitlabjobs.Client, int64, int64, gitlabjobs.WaitOptions) (gitlabjobs.Status, error){
		"Wait": func(ctx context.Context, c *gitlabjobs.Client, _, job int64, o gitlabjobs.WaitOptions) (gitlabjobs.Status, error) {
			j, err := c.Jobs.Wait(ctx, "group/app", job, &o)
			if j == nil {
				return "", err
			}
			return j.Status, err
		},
		"WaitPipeline": pipeline,
		"Downstream": func(ctx context.Context, c *gitlabjobs.Client, id, job int64, o gitlabjobs.WaitOptions) (gitlabjobs.Status, error) {
			o.Downstream = true
			return pipeline(ctx, c, id, job, o)
		},
	}
}

func TestWaitSurvivesOutages(t *testing.T) {
	t.Parallel()
	for name, wait := range waiters() {
		for _, outage := range []time.Duration{5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 14 * time.Minute, 16 * time.Minute} {
			t.Run(fmt.Sprint(name, outage), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					srv := gitlabjobstest.NewMemoryServer(t)
					s := stage{t: t, srv: srv, app: srv.AddProject("group/app")}
					s.root = s.app.AddPipeline()
					job := s.root.AddJob(after(30*time.Minute, success))
					s.child(after(25*time.Minute, success), bridgeSpec{})
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
					status, err := wait(t.Context(), client, s.root.ID(), job.ID(), gitlabjobs.WaitOptions{})
					ended := time.Since(began)
					if outage < 15*time.Minute {
						require.NoError(t, err)
						assert.Equal(t, success, status)
						assert.LessOrEqual(t, ended, 21*time.Minute)
						t.Logf("%s, outage of %v: survived, %d requests during it", name, outage, requests)
					} else {
						require.ErrorContains(t, err, "no successful response for 15m0s")
						require.ErrorIs(t, err, syscall.ECONNREFUSED)
						assert.Equal(t, running, status, "as last seen")
						assert.GreaterOrEqual(t, ended, 15*time.Minute)
						assert.LessOrEqual(t, ended, 17*time.Minute)
						t.Logf("%s, outage of %v: ended after %v, %d requests during it", name, outage, ended.Round(time.Second), requests)
					}
					assert.LessOrEqual(t, requests, 40)
				})
			})
		}
	}
}

func TestEachOutageIsMeasuredFromItsFirstPoll(t *testing.T) {
	t.Parallel()
	for name, wait := range waiters() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv := gitlabjobstest.NewMemoryServer(t)
				pipeline := srv.AddProject("group/app").AddPipeline()
				job := pipeline.AddJob(after(2*time.Hour, success))
				// Two outages of 10 minutes are tolerated. In the third, only the attempts of the
				// first poll count.
				srv.Fault(during(time.Now().Add(5*time.Minute), 10*time.Minute, gitlabjobstest.BadGateway()))
				srv.Fault(during(time.Now().Add(20*time.Minute), 10*time.Minute, gitlabjobstest.BadGateway()))
				began := time.Now().Add(40 * time.Minute)
				srv.Fault(during(began, time.Hour, gitlabjobstest.Hang()))
				_, err := wait(t.Context(), srv.Client(srv.Tokens.Reporter), pipeline.ID(), job.ID(), gitlabjobs.WaitOptions{})
				require.ErrorContains(t, err, "no successful response for 15m0s")
				assert.GreaterOrEqual(t, time.Since(began), 15*time.Minute)
				assert.LessOrEqual(t, time.Since(began), 17*time.Minute)
			})
		})
	}
}

// during makes all requests fail for some time.
func during(began time.Time, lasts time.Duration, effect gitlabjobstest.Effect) gitlabjobstest.Fault {
	return gitlabjobstest.Fault{Times: gitlabjobstest.Always, Do: effect, Match: func(gitlabjobstest.Request) bool {
		since := time.Since(began)
		return since >= 0 && since < lasts
	}}
}

func TestWaitToleratesTemporaryErrors(t *testing.T) {
	t.Parallel()
	html := gitlabjobstest.Answer(200, http.Header{"Content-Type": {"text/html"}}, "<html><title>Down for maintenance</title></html>")
	for name, tc := range map[string]struct {
		effect   gitlabjobstest.Effect
		lasts    time.Duration // The duration of the fault, from the third minute on.
		opts     gitlabjobs.WaitOptions
		err      error         // nil: the fault is tolerated.
		within   time.Duration // The maximum time to the end of the wait after the third minute; default: a minute.
		requests int           // The maximum number of requests; 0: any.
	}{
		"bad gateway":                           {effect: gitlabjobstest.BadGateway(), lasts: 10 * time.Minute},
		"GitLab's 500":                          {effect: gitlabjobstest.InternalError(), lasts: 10 * time.Minute},
		"unavailable, with a time":              {effect: gitlabjobstest.Unavailable(time.Hour), lasts: 10 * time.Minute},
		"a limit without a time":                {effect: gitlabjobstest.TooManyRequests(), lasts: 10 * time.Minute},
		"a limit with a time":                   {effect: gitlabjobstest.TooManyRequestsFor(30 * time.Second), lasts: 10 * time.Minute},
		"a limit longer than a call waits":      {effect: gitlabjobstest.TooManyRequestsFor(8 * time.Minute), lasts: time.Minute, requests: 2},
		"a limit beyond MaxOutage":              {effect: gitlabjobstest.TooManyRequestsFor(16 * time.Minute), lasts: time.Minute, err: gitlabjobs.ErrRateLimited, requests: 1},
		"a limit beyond the rest of MaxOutage":  {effect: gitlabjobstest.TooManyRequestsFor(8 * time.Minute), lasts: 20 * time.Minute, err: gitlabjobs.ErrRateLimited, within: 9 * time.Minute, requests: 2},
		"a maintenance page":                    {effect: html, lasts: 10 * time.Minute},
		"a server that hangs":                   {effect: gitlabjobstest.Hang(), lasts: 10 * time.Minute},
		"a short MaxOutage":                     {effect: gitlabjobstest.BadGateway(), lasts: 20 * time.Minute, opts: gitlabjobs.WaitOptions{MaxOutage: 5 * time.Minute}, err: gitlabjobs.ErrServer, within: 6 * time.Minute},
		"a long MaxOutage":                      {effect: gitlabjobstest.BadGateway(), lasts: 50 * time.Minute, opts: gitlabjobs.WaitOptions{MaxOutage: time.Hour}},
		"a long interval":                       {effect: gitlabjobstest.BadGateway(), lasts: 14 * time.Minute, opts: gitlabjobs.WaitOptions{MinInterval: 2 * time.Minute, MaxInterval: 5 * time.Minute}, requests: 11, within: 14 * time.Minute},
		"no MaxOutage":                          {effect: gitlabjobstest.BadGateway(), lasts: 20 * time.Minute, opts: gitlabjobs.WaitOptions{MaxOutage: 1}, err: gitlabjobs.ErrServer, requests: 5},
		"unavailable for longer than MaxOutage": {effect: gitlabjobstest.Unavailable(time.Hour), lasts: 20 * time.Minute, err: gitlabjobs.ErrServer, within: 16 * time.Minute, requests: 2},
		"no MaxOutage, and no time passes":      {effect: gitlabjobstest.Unavailable(time.Hour), lasts: 20 * time.Minute, opts: gitlabjobs.WaitOptions{MaxOutage: 1}, err: gitlabjobs.ErrServer, requests: 1},
		"a token that is revoked":               {effect: gitlabjobstest.Answer(401, nil, `{"message":"401 Unauthorized"}`), lasts: 20 * time.Minute, err: gitlabjobs.ErrUnauthorized, requests: 1},
		"a project that is gone":                {effect: gitlabjobstest.Answer(404, nil, `{"message":"404 Project Not Found"}`), lasts: 20 * time.Minute, err: gitlabjobs.ErrNotFound, requests: 1},
		"not implemented":                       {effect: gitlabjobstest.Answer(501, nil, `{}`), lasts: 20 * time.Minute, err: gitlabjobs.ErrServer, requests: 1},
	} {
		for waiter, wait := range waiters() {
			t.Run(name+", "+waiter, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					srv := gitlabjobstest.NewMemoryServer(t)
					pipeline := srv.AddProject("group/app").AddPipeline()
					job := pipeline.AddJob(after(tc.lasts+10*time.Minute, success))
					began := time.Now().Add(3 * time.Minute)
					fault := srv.Fault(during(began, tc.lasts, tc.effect))
					status, err := wait(t.Context(), srv.Client(srv.Tokens.Reporter), pipeline.ID(), job.ID(), tc.opts)
					if tc.err == nil {
						require.NoError(t, err)
						assert.Equal(t, success, status)
					} else {
						require.ErrorIs(t, err, tc.err)
						assert.Equal(t, running, status, "as last seen")
						assert.LessOrEqual(t, time.Since(began), max(tc.within, time.Minute))
					}
					if tc.requests > 0 {
						assert.LessOrEqual(t, fault.Struck(), tc.requests)
					}
				})
			})
		}
	}
}

func TestTheFirstRequestOfAWaitMustSucceed(t *testing.T) {
	t.Parallel()
	for waiter, wait := range waiters() {
		synctest.Test(t, func(t *testing.T) {
			srv := gitlabjobstest.NewMemoryServer(t)
			pipeline := srv.AddProject("group/app").AddPipeline()
			job := pipeline.AddJob()
			fault := srv.Fault(gitlabjobstest.Fault{Times: gitlabjobstest.Always, Do: gitlabjobstest.BadGateway()})
			status, err := wait(t.Context(), srv.Client(srv.Tokens.Reporter), pipeline.ID(), job.ID(), gitlabjobs.WaitOptions{})
			require.ErrorIs(t, err, gitlabjobs.ErrServer, waiter)
			assert.Empty(t, status)
			assert.Equal(t, 5, fault.Struck(), "as a single call")
		})
	}
}

func TestAWaitToleratesErrorsOnceTheServerHasResponded(t *testing.T) {
	t.Parallel()
	for name, fails := range map[string]func(gitlabjobstest.Request) bool{
		"the bridges fail":                  func(r gitlabjobstest.Request) bool { return strings.HasSuffix(r.Path, "/bridges") },
		"the second page":                   func(r gitlabjobstest.Request) bool { return r.Query.Get("page") == "2" },
		"the pipeline below":                func(r gitlabjobstest.Request) bool { return strings.HasSuffix(r.Path, "/pipelines/11/jobs") },
		"the bridges of the pipeline below": func(r gitlabjobstest.Request) bool { return strings.HasSuffix(r.Path, "/pipelines/11/bridges") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv := gitlabjobstest.NewMemoryServer(t)
				s := stage{t: t, srv: srv, app: srv.AddProject("group/app")}
				s.root = s.app.AddPipeline(pipelineSpec{ID: 10})
				s.root.AddJobs(150, nil)
				below := s.app.AddPipeline(pipelineSpec{ID: 11})
				below.AddJob(jobSpec{})
				s.root.AddBridge(bridgeSpec{Downstream: below})
				fault := during(time.Now(), 10*time.Minute, gitlabjobstest.BadGateway())
				inTime := fault.Match
				fault.Match = func(r gitlabjobstest.Request) bool { return fails(r) && inTime(r) }
				srv.Fault(fault)
				start := time.Now()
				result, err := srv.Client(srv.Tokens.Reporter).Jobs.WaitPipeline(t.Context(), "group/app", 10, &gitlabjobs.WaitOptions{Downstream: true})
				require.NoError(t, err)
				assert.True(t, result.Succeeded())
				assert.GreaterOrEqual(t, time.Since(start), 10*time.Minute)
			})
		})
	}
}

// If the context ends while a downstream pipeline is read, this is not an error of that pipeline.
func TestWaitPipelineEndsWithItsContextWhileReadingBelow(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	child := s.child(jobSpec{}, bridgeSpec{AllowFailure: true})
	ctx, cancel := context.WithCancel(t.Context())
	rt := transport(func(req *http.Request) (*http.Response, error) {
		if strings.HasSuffix(req.URL.Path, fmt.Sprintf("/pipelines/%d/jobs", child.ID())) {
			cancel()
			return nil, ctx.Err()
		}
		return s.srv.Transport().RoundTrip(req)
	})
	client := s.srv.Client(s.srv.Tokens.Reporter, gitlabjobs.WithHTTPClient(&http.Client{Transport: rt}))
	_, err := client.Jobs.WaitPipeline(ctx, "group/app", s.root.ID(), &gitlabjobs.WaitOptions{Downstream: true})
	require.ErrorIs(t, err, context.Canceled)
}

func TestAPollDuringAnOutageIsOneAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := gitlabjobstest.NewMemoryServer(t)
		job := srv.AddProject("group/app").AddPipeline().AddJob(after(time.Hour, success))
		fault := srv.Fault(during(time.Now().Add(10*time.Minute), 10*time.Minute, gitlabjobstest.BadGateway()))
		_, err := srv.Client(srv.Tokens.Reporter).Jobs.Wait(t.Context(), "group/app", job.ID(), nil)
		require.NoError(t, err)
		// The first poll that fails has 5 attempts. Then the interval doubles from 1 s to 30 s.
		assert.LessOrEqual(t, fault.Struck(), 5+5+(600-31)/30+1)
		assert.Greater(t, fault.Struck(), 20)
	})
}

// After an outage, errors are retried as before it, even if every poll has one.
func TestALargeWaitSurvivesErrorsAfterAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		for range inFull(60, 25) {
			s.child(after(25*time.Minute, success), bridgeSpec{})
		}
		time.AfterFunc(5*time.Minute, func() { s.srv.Down(2 * time.Minute) })
		time.AfterFunc(7*time.Minute, func() {
			s.srv.Fault(gitlabjobstest.Fault{Times: gitlabjobstest.Always, Probability: 0.05, Seed: 3, Do: gitlabjobstest.BadGateway()})
		})
		result, err := s.srv.Client(s.srv.Tokens.Reporter).Jobs.WaitPipeline(t.Context(), "group/app", s.root.ID(), &gitlabjobs.WaitOptions{Downstream: true})
		require.NoError(t, err)
		assert.True(t, result.Succeeded())
	})
}

// The time without a response and the time without a complete poll are not added.
func TestAPollThatFailsInPartAfterALongOutageIsTolerated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := gitlabjobstest.NewMemoryServer(t)
		pipeline := srv.AddProject("group/app").AddPipeline()
		pipeline.AddJob(after(time.Hour, success))
		time.AfterFunc(10*time.Minute, func() { srv.Down(14 * time.Minute) })
		fault := during(time.Now().Add(24*time.Minute), 5*time.Minute, gitlabjobstest.BadGateway())
		inTime := fault.Match
		fault.Match = func(r gitlabjobstest.Request) bool { return strings.HasSuffix(r.Path, "/bridges") && inTime(r) }
		srv.Fault(fault)
		result, err := srv.Client(srv.Tokens.Reporter).Jobs.WaitPipeline(t.Context(), "group/app", pipeline.ID(), nil)
		require.NoError(t, err)
		assert.True(t, result.Succeeded())
	})
}

func TestPollsDuringAnOutageAreAtIntervals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := gitlabjobstest.NewMemoryServer(t)
		job := srv.AddProject("group/app").AddPipeline().AddJob(gitlabjobstest.JobSpec{Status: gitlabjobs.StatusRunning})
		srv.Fault(gitlabjobstest.Fault{Skip: 1, Times: gitlabjobstest.Always, Do: gitlabjobstest.BadGateway()})
		opts := &gitlabjobs.WaitOptions{MinInterval: 10 * time.Second, MaxInterval: 10 * time.Second, MaxOutage: 10 * time.Hour}
		_, err := srv.Client(srv.Tokens.Reporter).Jobs.Wait(t.Context(), "group/app", job.ID(), opts)
		require.ErrorIs(t, err, gitlabjobs.ErrServer)
		between := requestGaps(srv)
		between = between[10 : len(between)-1] // The first failure is retried within a poll, and the last poll is at the end of MaxOutage.
		assert.GreaterOrEqual(t, slices.Min(between), 10*time.Second)
		assert.LessOrEqual(t, slices.Max(between), 33*time.Second, "up to a tenth longer than the longest interval")
		assert.GreaterOrEqual(t, slices.Max(between), 30*time.Second)
	})
}
