package gitlabjobs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

// failingFirst responds to the first n requests with a, and to the others with a job.
func failingFirst(n int, a answer, times *[]time.Time) transport {
	return func(req *http.Request) (*http.Response, error) {
		*times = append(*times, time.Now())
		if len(*times) <= n {
			return a.to(req), nil
		}
		return answer{body: oneJob}.to(req), nil
	}
}

func TestReadsAreRetriedWithGrowingWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		different := map[time.Duration]bool{}
		for range 50 {
			var times []time.Time
			client := newClient(t, failingFirst(4, answer{status: 500}, &times))
			var resp gitlabjobs.Response
			job, err := client.Jobs.Get(t.Context(), "1", 7, gitlabjobs.WithResponse(&resp))
			require.NoError(t, err)
			assert.EqualValues(t, 7, job.ID)
			assert.Equal(t, 5, resp.Attempts)
			for i, d := range gaps(times) {
				assert.GreaterOrEqual(t, d, 200*time.Millisecond)
				assert.LessOrEqual(t, d, 200*time.Millisecond<<(i+1))
				different[d] = true
			}
		}
		assert.Greater(t, len(different), 150, "waits are random")
	})
}

func TestTheCallersRetryPolicyIsUsed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for name, tc := range map[string]struct {
			policy   gitlabjobs.RetryPolicy
			attempts int
			low, top time.Duration
		}{
			"the default":           {gitlabjobs.RetryPolicy{}, 5, 200 * time.Millisecond, 30 * time.Second},
			"no retries":            {gitlabjobs.RetryPolicy{MaxAttempts: 1}, 1, 0, 0},
			"many, steady":          {gitlabjobs.RetryPolicy{MaxAttempts: 12, MinWait: time.Second, MaxWait: time.Second}, 12, time.Second, time.Second},
			"only a maximum":        {gitlabjobs.RetryPolicy{MaxWait: 50 * time.Millisecond}, 5, 50 * time.Millisecond, 50 * time.Millisecond},
			"only a long minimum":   {gitlabjobs.RetryPolicy{MinWait: time.Minute}, 5, time.Minute, time.Minute},
			"doubling past a limit": {gitlabjobs.RetryPolicy{MaxAttempts: 40, MinWait: time.Hour, MaxWait: 24 * time.Hour}, 40, time.Hour, 24 * time.Hour},
		} {
			var times []time.Time
			client := newClient(t, failingFirst(100, answer{status: 503}, &times), gitlabjobs.WithRetry(tc.policy))
			_, err := client.Jobs.Get(context.WithoutCancel(t.Context()), "1", 7)
			require.ErrorIs(t, err, gitlabjobs.ErrServer, name)
			assert.Len(t, times, tc.attempts, name)
			for _, d := range gaps(times) {
				assert.GreaterOrEqual(t, d, tc.low, name)
				assert.LessOrEqual(t, d, tc.top, name)
			}
		}
	})
}

func TestInvalidRetryPoliciesAreErrors(t *testing.T) {
	t.Parallel()
	for want, policy := range map[string]gitlabjobs.RetryPolicy{
		"is negative":    {MinWait: -1},
		"is longer than": {MinWait: 2 * time.Second, MaxWait: time.Second},
		"MaxAttempts":    {MaxAttempts: -2},
	} {
		_, err := gitlabjobs.NewClient("https://gitlab.example.com", gitlabjobs.NoAuth(), gitlabjobs.WithRetry(policy))
		assert.ErrorContains(t, err, want)
	}
}

func TestRetryAfterIsObeyed(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status    int
		header    func() map[string]string
		low, high time.Duration
	}{
		"seconds": {429, func() map[string]string { return map[string]string{"Retry-After": "7"} }, 7 * time.Second, 8750 * time.Millisecond},
		"seconds of a 503": {
			503, func() map[string]string { return map[string]string{"Retry-After": "90"} },
			90 * time.Second, 100 * time.Second,
		},
		"a date, by a server whose clock is an hour behind": {429, func() map[string]string {
			server := time.Now().Add(-time.Hour).UTC()
			return map[string]string{"Date": server.Format(http.TimeFormat), "Retry-After": server.Add(8 * time.Second).Format(http.TimeFormat)}
		}, 8 * time.Second, 10 * time.Second},
		"RateLimit-Reset, by a server whose clock is an hour ahead": {429, func() map[string]string {
			server := time.Now().Add(time.Hour).UTC()
			return map[string]string{"Date": server.Format(http.TimeFormat), "RateLimit-Reset": fmt.Sprint(server.Add(9 * time.Second).Unix())}
		}, 9 * time.Second, 11250 * time.Millisecond},
		"RateLimit-Reset of a 500 is about something else": {500, func() map[string]string {
			return map[string]string{"RateLimit-Reset": fmt.Sprint(time.Now().Add(time.Minute).Unix())}
		}, 200 * time.Millisecond, 400 * time.Millisecond},
		"as long as is allowed": {429, func() map[string]string { return map[string]string{"Retry-After": "120"} }, 2 * time.Minute, 130 * time.Second},
		"nothing":               {429, func() map[string]string { return nil }, 15 * time.Second, 30 * time.Second},
		"zero":                  {429, func() map[string]string { return map[string]string{"Retry-After": "0"} }, 15 * time.Second, 30 * time.Second},
		"negative":              {429, func() map[string]string { return map[string]string{"Retry-After": "-60"} }, 15 * time.Second, 30 * time.Second},
		"malformed":             {429, func() map[string]string { return map[string]string{"Retry-After": "in a while"} }, 15 * time.Second, 30 * time.Second},
		"long ago": {
			429, func() map[string]string { return map[string]string{"Retry-After": "Tue, 05 Mar 1996 09:00:00 GMT"} },
			15 * time.Second, 30 * time.Second,
		},
		"long ago, of a 503": {
			503, func() map[string]string { return map[string]string{"Retry-After": "Tue, 05 Mar 1996 09:00:00 GMT"} },
			200 * time.Millisecond, 400 * time.Millisecond,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var times []time.Time
				client := newClient(t, failingFirst(1, answer{status: tc.status, header: tc.header()}, &times))
				_, err := client.Jobs.Get(t.Context(), "1", 7)
				require.NoError(t, err)
				require.Len(t, times, 2)
				d := gaps(times)[0]
				assert.GreaterOrEqual(t, d, tc.low)
				assert.LessOrEqual(t, d, tc.high)
			})
		})
	}
}

func TestRetriesAfterRetryAfterAreSpread(t *testing.T) {
	t.Parallel()
	for status, callers := range map[int]int{429: 64, 503: 40} {
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			var back []time.Duration
			start := time.Now()
			client := newClient(t, func(req *http.Request) (*http.Response, error) {
				since := time.Since(start)
				if since == 0 {
					time.Sleep(time.Millisecond) // The other requests are in progress.
					return answer{status: status, header: map[string]string{"Retry-After": "1"}}.to(req), nil
				}
				mu.Lock()
				defer mu.Unlock()
				back = append(back, since-time.Millisecond)
				return answer{body: oneJob}.to(req), nil
			})
			var wg sync.WaitGroup
			for range callers {
				wg.Go(func() {
					_, err := client.Jobs.Get(t.Context(), "1", 7)
					assert.NoError(t, err)
				})
			}
			wg.Wait()
			require.Len(t, back, callers)
			slices.Sort(back)
			assert.GreaterOrEqual(t, back[0], time.Second, status)
			assert.LessOrEqual(t, back[callers-1], 1250*time.Millisecond, status)
			assert.Greater(t, back[callers-1]-back[0], 100*time.Millisecond, status)
		})
	}
}

func TestTheSpreadLeavesTimeBeforeTheDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for range 50 {
			ctx, cancel := context.WithTimeout(t.Context(), 40100*time.Millisecond)
			var times []time.Time
			client := newClient(t, failingFirst(1, answer{status: 429, header: map[string]string{"Retry-After": "40"}}, &times))
			_, err := client.Jobs.Get(ctx, "1", 7)
			cancel()
			require.NoError(t, err)
		}
	})
}

func TestAServersWaitThatIsTooLongFailsAtOnce(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		header  map[string]string
		policy  gitlabjobs.RetryPolicy
		timeout time.Duration
		status  int
		after   time.Duration
	}{
		"longer than MaxServerWait":           {map[string]string{"Retry-After": "121"}, gitlabjobs.RetryPolicy{}, 0, 429, 121 * time.Second},
		"longer than MaxServerWait, shorter":  {map[string]string{"Retry-After": "5"}, gitlabjobs.RetryPolicy{MaxServerWait: 4 * time.Second}, 0, 429, 5 * time.Second},
		"longer than the context":             {map[string]string{"Retry-After": "60"}, gitlabjobs.RetryPolicy{}, 59 * time.Second, 429, time.Minute},
		"huge":                                {map[string]string{"Retry-After": strings.Repeat("9", 400)}, gitlabjobs.RetryPolicy{}, 0, 429, time.Duration(math.MaxInt64).Truncate(time.Second)},
		"the back-off outlasts the context":   {nil, gitlabjobs.RetryPolicy{MinWait: 10 * time.Second}, 5 * time.Second, 500, 0},
		"a 503 that is longer than either is": {map[string]string{"Retry-After": "7200"}, gitlabjobs.RetryPolicy{}, time.Hour, 503, 2 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if tc.timeout > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tc.timeout)
					defer cancel()
				}
				var times []time.Time
				client := newClient(t, failingFirst(9, answer{status: tc.status, header: tc.header}, &times), gitlabjobs.WithRetry(tc.policy))
				start := time.Now()
				_, err := client.Jobs.Get(ctx, "1", 7)
				var e *gitlabjobs.Error
				require.ErrorAs(t, err, &e)
				require.NotErrorIs(t, err, context.DeadlineExceeded)
				assert.Equal(t, tc.status, e.StatusCode)
				assert.Equal(t, tc.after, e.RetryAfter)
				assert.Zero(t, time.Since(start))
				assert.Len(t, times, 1)
			})
		})
	}
}

func TestAContextThatEndsStopsAWaitAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(3*time.Second, cancel)
		start := time.Now()
		client := answering(t, answer{status: 429, header: map[string]string{"Retry-After": "60"}})
		_, err := client.Jobs.Get(ctx, "1", 7)
		require.ErrorIs(t, err, context.Canceled)
		require.EqualError(t, err, "gitlabjobs: GET /projects/1/jobs/7: context canceled")
		assert.Equal(t, 3*time.Second, time.Since(start))
	})
}

func TestAContextThatEndsStopsARequestAtOnce(t *testing.T) {
	t.Parallel()
	const timeout = 1500 * time.Millisecond
	for name, effect := range map[string]gitlabjobstest.Effect{
		"while no response arrives":   gitlabjobstest.HangAfter(),
		"while a body arrives slowly": gitlabjobstest.SlowBody(1, time.Second),
	} {
		for _, m := range methods {
			t.Run(name+"/"+m.name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, m)
					w.srv.Fault(gitlabjobstest.Fault{Times: gitlabjobstest.Always, Do: effect})
					client := w.srv.ClientWithAuth(w.auth)
					ctx, cancel := context.WithTimeout(t.Context(), timeout)
					defer cancel()
					start := time.Now()
					err := m.call(ctx, client, w.id)
					require.ErrorIs(t, err, context.DeadlineExceeded)
					assert.Equal(t, m.isWrite(), errors.Is(err, gitlabjobs.ErrOutcomeUnknown))
					assert.Equal(t, timeout, time.Since(start))
				})
			})
		}
	}
}

func TestRetriesDoNotMultiplyAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		requests, down := 0, true
		client := newClient(t, func(req *http.Request) (*http.Response, error) {
			requests++
			if down {
				return answer{status: 503}.to(req), nil
			}
			return answer{body: oneJob}.to(req), nil
		})
		const calls = 500
		for range calls {
			_, err := client.Jobs.Get(t.Context(), "1", 7)
			require.ErrorIs(t, err, gitlabjobs.ErrServer)
		}
		assert.Less(t, requests, calls*5/4, "500 calls would be 2500 requests")

		down = false
		for range calls {
			_, err := client.Jobs.Get(t.Context(), "1", 7)
			require.NoError(t, err)
		}
		down, requests = true, 0
		_, err := client.Jobs.Get(t.Context(), "1", 7)
		require.Error(t, err)
		assert.Equal(t, 5, requests, "once the server is back, so are the retries")
	})
}

func TestTheRetryBudgetOfARouteDoesNotAffectOtherRoutes(t *testing.T) {
	t.Parallel()
	for _, status := range []int{503, 408, 425} {
		synctest.Test(t, func(t *testing.T) {
			requests := 0
			client := newClient(t, func(req *http.Request) (*http.Response, error) {
				requests++
				return answer{status: status}.to(req), nil
			})
			for range 100 {
				_, err := client.Jobs.Get(t.Context(), "1", 7)
				require.Error(t, err)
			}
			requests = 0
			_, err := client.Jobs.Get(t.Context(), "1", 7)
			require.Error(t, err)
			assert.Equal(t, 1, requests, "after %d", status)
			_, err = client.Jobs.ListByProject(t.Context(), "1", nil)
			require.Error(t, err)
			assert.Equal(t, 6, requests, "after %d", status)
		})
	}
}

func TestGivingUpAndLongWaitsAreWarnings(t *testing.T) {
	t.Parallel()
	const to = "method=GET route=/projects/:id/jobs/:job_id path=/projects/1/jobs/7 "
	for name, tc := range map[string]struct {
		fails  int
		answer answer
		want   []string
	}{
		"attempts used up":  {9, answer{status: 502}, []string{`msg="gitlab request gave up" ` + to + "attempt=5 status=502"}},
		"a long wait":       {1, answer{status: 503, header: map[string]string{"Retry-After": "11"}}, []string{`msg="gitlab request waits" ` + to + "attempt=1 status=503"}},
		"too long a wait":   {1, answer{status: 429, header: map[string]string{"Retry-After": "700"}}, []string{`msg="gitlab request gave up" ` + to + "attempt=1 status=429"}},
		"short waits":       {4, answer{status: 503}, nil},
		"a permanent error": {9, answer{status: 404}, nil},
		"nothing to report": {0, answer{}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var log strings.Builder
				var times []time.Time
				client := newClient(t, failingFirst(tc.fails, tc.answer, &times), gitlabjobs.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))))
				_, _ = client.Jobs.Get(t.Context(), "1", 7)
				lines := strings.Split(strings.TrimSuffix(log.String(), "\n"), "\n")
				if tc.want == nil {
					assert.Empty(t, log.String())
					return
				}
				require.Len(t, lines, len(tc.want))
				for i, want := range tc.want {
					assert.Contains(t, lines[i], "level=WARN "+want)
				}
			})
		})
	}
}

func TestRateLimitsDoNotUseUpTheRetries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		requests := 0
		client := newClient(t, func(req *http.Request) (*http.Response, error) {
			requests++
			if requests%3 != 0 {
				return answer{status: 429}.to(req), nil
			}
			return answer{body: oneJob}.to(req), nil
		})
		for range 500 {
			_, err := client.Jobs.Get(t.Context(), "1", 7)
			require.NoError(t, err)
		}
	})
}

// pool is a transport that counts the calls of CloseIdleConnections.
type pool struct {
	transport
	closed int
}

func (p *pool) CloseIdleConnections() { p.closed++ }

func TestAFailedCallDoesNotCloseOtherConnections(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &pool{transport: func(req *http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }}
		client, err := gitlabjobs.NewClient("https://gitlab.example.com", gitlabjobs.NoAuth(), gitlabjobs.WithHTTPClient(&http.Client{Transport: p}))
		require.NoError(t, err)
		_, err = client.Jobs.Get(t.Context(), "1", 7)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = client.Jobs.Get(ctx, "1", 7)
		require.Error(t, err)
		assert.Zero(t, p.closed)
		client.CloseIdleConnections()
		assert.Equal(t, 1, p.closed)
	})
}

func TestATransportThatReturnsNothingIsAnError(t *testing.T) {
	t.Parallel()
	client := newClient(t, func(*http.Request) (*http.Response, error) { return nil, nil }, oneAttempt()) //nolint:nilnil // The odd one.
	_, err := client.Jobs.Get(t.Context(), "1", 7)
	require.ErrorContains(t, err, "neither a response nor an error")

	client = newClient(t, func(req *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{}, Request: req}, nil
	}, oneAttempt())
	_, err = client.Jobs.Get(t.Context(), "1", 7)
	require.ErrorContains(t, err, "the body is empty")
	_, err = client.Jobs.Trace(t.Context(), "1", 7, nil)
	require.NoError(t, err)
}

// Sixty-four goroutines share a client. Each call has its own token, and each must receive
// its own response despite all faults.
func TestOneClientServesManyGoroutines(t *testing.T) {
	t.Parallel()
	srv := gitlabjobstest.NewServer(t)
	project := srv.AddProject("group/app")
	pipeline := project.AddPipeline(gitlabjobstest.PipelineSpec{})
	jobs := pipeline.AddJobs(64, func(int) gitlabjobstest.JobSpec { return gitlabjobstest.JobSpec{Status: gitlabjobs.StatusFailed} })
	for i, effect := range []gitlabjobstest.Effect{
		gitlabjobstest.ResetBefore(), gitlabjobstest.ResetAfter(), gitlabjobstest.InternalError(), gitlabjobstest.TooManyRequests(),
		gitlabjobstest.CutBody(20), gitlabjobstest.BadGateway(),
	} {
		srv.Fault(gitlabjobstest.Fault{Times: gitlabjobstest.Always, Probability: 0.02, Seed: uint64(i), Do: effect})
	}
	client := srv.Client(srv.Tokens.NoScope, gitlabjobs.WithRetry(gitlabjobs.RetryPolicy{MinWait: 1, MaxWait: time.Millisecond, MaxAttempts: 20}))
	tokens := []string{srv.Tokens.Maintainer, srv.Tokens.Developer, srv.Tokens.Reporter, srv.Tokens.Guest}

	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			token := tokens[i%len(tokens)]
			as := gitlabjobs.WithAuth(gitlabjobs.PrivateToken(token))
			mark := fmt.Sprint("caller-", i)
			id := jobs[i].ID()
			for range 2 {
				var resp gitlabjobs.Response
				job, err := client.Jobs.Get(t.Context(), "group/app", id, as, gitlabjobs.WithHeader("X-Caller", mark), gitlabjobs.WithResponse(&resp))
				if token == srv.Tokens.Guest {
					assert.ErrorIs(t, err, gitlabjobs.ErrForbidden)
				} else if assert.NoError(t, err) {
					assert.Equal(t, id, job.ID)
				}
				assert.NotZero(t, resp.Attempts)
				n := 0
				ahead := &gitlabjobs.ListPipelineJobsOptions{ListOptions: gitlabjobs.ListOptions{PerPage: 20, Prefetch: i % 3}, IncludeRetried: true}
				for _, err := range client.Jobs.AllByPipeline(t.Context(), "group/app", pipeline.ID(), ahead, as, gitlabjobs.WithHeader("X-Caller", mark)) {
					if token != srv.Tokens.Guest {
						assert.NoError(t, err) //nolint:testifylint // Not in the test's goroutine.
					}
					n++
				}
				if token != srv.Tokens.Guest {
					assert.GreaterOrEqual(t, n, 64)
				}
			}
			if token != srv.Tokens.Guest {
				log, err := readAll(client.Jobs.Trace(t.Context(), "group/app", id, &gitlabjobs.TraceOptions{Offset: int64(i % 3)}, as, gitlabjobs.WithHeader("X-Caller", mark)))
				assert.NoError(t, err) //nolint:testifylint // Not in the test's goroutine.
				assert.NotEmpty(t, log)
				canceled, err := client.Jobs.Cancel(t.Context(), "group/app", id, nil, as, gitlabjobs.WithHeader("X-Caller", mark))
				if token != srv.Tokens.Reporter && assert.NoError(t, err) {
					assert.Equal(t, gitlabjobs.StatusFailed, canceled.Status)
				}
			}
			_, err := client.Jobs.Retry(t.Context(), "group/app", id, nil, as, gitlabjobs.WithHeader("X-Caller", mark))
			switch {
			case token == srv.Tokens.Guest || token == srv.Tokens.Reporter:
				assert.Error(t, err) //nolint:testifylint // Not in the test's goroutine.
				assert.Zero(t, jobs[i].Count(gitlabjobstest.ActionRetry))
			case err == nil:
				assert.Equal(t, 1, jobs[i].Count(gitlabjobstest.ActionRetry))
			default:
				assert.LessOrEqual(t, jobs[i].Count(gitlabjobstest.ActionRetry), 1)
			}
		})
	}
	wg.Wait()
	for _, req := range srv.Requests() {
		var i int
		_, err := fmt.Sscanf(req.Header.Get("X-Caller"), "caller-%d", &i)
		require.NoError(t, err)
		assert.Equal(t, []string{tokens[i%len(tokens)]}, req.Header.Values("PRIVATE-TOKEN"), "the token of another call")
	}
	client.CloseIdleConnections()
}
