package gitlabjobs_test

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

// limiter is a server that allows a number of requests a minute, for each token.
type limiter struct {
	perMinute int
	latency   time.Duration
	headers   bool // Every response has RateLimit headers; otherwise only a 429 has Retry-After.

	mu       sync.Mutex
	window   time.Time
	used     map[string]int
	requests int
	refused  int
	inFlight int
	most     int // The largest number of concurrent requests.
}

func (l *limiter) RoundTrip(req *http.Request) (*http.Response, error) {
	l.mu.Lock()
	now := time.Now()
	if window := now.Truncate(time.Minute); !window.Equal(l.window) {
		l.window, l.used = window, map[string]int{}
	}
	token := req.Header.Get("PRIVATE-TOKEN")
	l.requests++
	l.used[token]++
	l.inFlight++
	l.most = max(l.most, l.inFlight)
	reset := l.window.Add(time.Minute)
	a := answer{body: oneJob, header: map[string]string{}}
	if l.headers {
		a.header["RateLimit-Remaining"] = strconv.Itoa(max(l.perMinute-l.used[token], 0))
		a.header["RateLimit-Reset"] = strconv.FormatInt(reset.Unix(), 10)
	}
	if l.used[token] > l.perMinute {
		l.refused++
		a.status, a.body = http.StatusTooManyRequests, "Retry later\n"
		a.header["Retry-After"] = fmt.Sprint(int((reset.Sub(now) + time.Second - 1) / time.Second))
	}
	l.mu.Unlock()
	err := sleep(req.Context(), l.latency)
	l.mu.Lock()
	l.inFlight--
	l.mu.Unlock()
	return a.to(req), err
}

// sleep waits for a duration of virtual time.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

func gated(t *testing.T, rt http.RoundTripper, opts ...gitlabjobs.ClientOption) *gitlabjobs.Client {
	t.Helper()
	return newClient(t, rt.RoundTrip, opts...)
}

func TestSixtyCallsAgainstFiveRequestsAMinute(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		headers bool
		most    int
	}{
		"RateLimit headers": {true, 66},
		"Retry-After alone": {false, 140},
	} {
		for _, later := range []time.Duration{0, 59 * time.Second, 61 * time.Second} {
			t.Run(fmt.Sprint(name, ", after ", later), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					if later == 61*time.Second && tc.headers {
						t.Skip("the client does not know the limit of another window")
					}
					srv := &limiter{perMinute: 5, latency: 10 * time.Millisecond, headers: tc.headers}
					client := gated(t, srv)
					_, err := client.Jobs.Get(t.Context(), "1", 7)
					require.NoError(t, err)
					require.NoError(t, sleep(t.Context(), later))
					start := time.Now()
					var wg sync.WaitGroup
					for range 60 {
						wg.Go(func() {
							_, err := client.Jobs.Get(t.Context(), "1", 7)
							assert.NoError(t, err)
						})
					}
					wg.Wait()
					t.Logf("%d more requests, %d of them refused, in %v", srv.requests-1, srv.refused, time.Since(start).Round(time.Second))
					assert.LessOrEqual(t, srv.requests, tc.most)
					assert.Less(t, time.Since(start), 13*time.Minute)
				})
			})
		}
	}
}

// script is a server that handles each request with its next step, and repeats the last
// one.
type script struct {
	mu    sync.Mutex
	steps []func(*http.Request) (*http.Response, error)
	at    []time.Duration
	start time.Time
}

func newScript(steps ...func(*http.Request) (*http.Response, error)) *script {
	return &script{steps: steps, start: time.Now()}
}

func (s *script) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.at = append(s.at, time.Since(s.start))
	step := s.steps[min(len(s.at), len(s.steps))-1]
	s.mu.Unlock()
	return step(req)
}

func (s *script) requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.at)
}

func (a answer) step(req *http.Request) (*http.Response, error) { return a.to(req), nil }

func refused(retryAfter string) answer {
	return answer{status: 429, header: map[string]string{"Retry-After": retryAfter}, body: "Retry later\n"}
}

// left is a success response with RateLimit headers.
func left(remaining int, reset time.Duration) answer {
	return answer{body: oneJob, header: map[string]string{
		"RateLimit-Remaining": strconv.Itoa(remaining), "RateLimit-Reset": fmt.Sprint(time.Now().Add(reset).Unix()),
	}}
}

var fine = answer{body: oneJob}

func TestA429HoldsBackAllCallsOfItsCredential(t *testing.T) {
	t.Parallel()
	const other = "glpat-another-0123456789"
	for name, tc := range map[string]struct {
		call func(context.Context, *gitlabjobs.Client) error
		held bool
	}{
		"another route": {func(ctx context.Context, c *gitlabjobs.Client) error {
			_, err := c.Jobs.ListByProject(ctx, "1", nil)
			return err
		}, true},
		"a write": {func(ctx context.Context, c *gitlabjobs.Client) error {
			_, err := c.Jobs.Retry(ctx, "1", 7, nil)
			return err
		}, true},
		"another header": {func(ctx context.Context, c *gitlabjobs.Client) error {
			_, err := c.Jobs.Get(ctx, "1", 7, gitlabjobs.WithHeader("X-Caller", "me"))
			return err
		}, true},
		"WithAuth": {func(ctx context.Context, c *gitlabjobs.Client) error {
			_, err := c.Jobs.Get(ctx, "1", 7, gitlabjobs.WithAuth(gitlabjobs.PrivateToken(other)))
			return err
		}, false},
		"WithAuth, in the query": {func(ctx context.Context, c *gitlabjobs.Client) error {
			_, err := c.Jobs.Get(ctx, "1", 7, gitlabjobs.WithAuth(gitlabjobs.JobTokenParam(other)))
			return err
		}, false},
		"NoAuth": {func(ctx context.Context, c *gitlabjobs.Client) error {
			_, err := c.Jobs.Get(ctx, "1", 7, gitlabjobs.WithAuth(gitlabjobs.NoAuth()))
			return err
		}, false},
		"WithHeader": {func(ctx context.Context, c *gitlabjobs.Client) error {
			_, err := c.Jobs.Get(ctx, "1", 7, gitlabjobs.WithHeader("PRIVATE-TOKEN", other))
			return err
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				job := func(req *http.Request) (*http.Response, error) {
					if strings.HasSuffix(req.URL.Path, "/jobs") {
						return answer{body: "[" + oneJob + "]"}.to(req), nil
					}
					return fine.to(req), nil
				}
				srv := newScript(refused("60").step, job)
				client := gated(t, srv, gitlabjobs.WithRetry(gitlabjobs.RetryPolicy{MaxAttempts: 1}))
				_, err := client.Jobs.Get(t.Context(), "1", 7)
				require.ErrorIs(t, err, gitlabjobs.ErrRateLimited)
				require.NoError(t, sleep(t.Context(), 20*time.Second))
				require.NoError(t, tc.call(t.Context(), client))
				if tc.held {
					assert.GreaterOrEqual(t, srv.at[1], 60*time.Second)
					assert.LessOrEqual(t, srv.at[1], 70*time.Second)
				} else {
					assert.Equal(t, 20*time.Second, srv.at[1])
				}
			})
		})
	}
}

func TestTwoCallsWithOneTokenShareAGate(t *testing.T) {
	t.Parallel()
	for name, as := range map[string]func(token string) gitlabjobs.RequestOption{
		"WithAuth": func(token string) gitlabjobs.RequestOption {
			return gitlabjobs.WithAuth(gitlabjobs.PrivateToken(token))
		},
		"WithHeader": func(token string) gitlabjobs.RequestOption { return gitlabjobs.WithHeader("PRIVATE-TOKEN", token) },
		"a query": func(token string) gitlabjobs.RequestOption {
			return gitlabjobs.WithAuth(gitlabjobs.JobTokenParam(token))
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			srv := newScript(refused("60").step, fine.step)
			client := gated(t, srv, gitlabjobs.WithRetry(gitlabjobs.RetryPolicy{MaxAttempts: 1}))
			_, err := client.Jobs.Get(t.Context(), "1", 7, as("first-token"))
			require.ErrorIs(t, err, gitlabjobs.ErrRateLimited)
			_, err = client.Jobs.Get(t.Context(), "1", 7, as("second-token"))
			require.NoError(t, err)
			_, err = client.Jobs.Get(t.Context(), "1", 7)
			require.NoError(t, err)
			assert.Zero(t, srv.at[2], name)
			_, err = client.Jobs.Get(t.Context(), "2", 8, as("first-token"))
			require.NoError(t, err)
			assert.GreaterOrEqual(t, srv.at[3], 60*time.Second, name)
		})
	}
}

func TestA429WithoutATimeHoldsBackItsRoute(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]func() answer{
		"no header":                    func() answer { return answer{status: 429} },
		"headers of a limit with room": func() answer { a := left(1000, 20*time.Second); a.status = 429; return a },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv := newScript(first().step, fine.step)
				client := gated(t, srv, gitlabjobs.WithRetry(gitlabjobs.RetryPolicy{MaxAttempts: 1}))
				_, err := client.Jobs.Get(t.Context(), "1", 7)
				require.ErrorIs(t, err, gitlabjobs.ErrRateLimited)
				_, err = client.Jobs.Retry(t.Context(), "1", 7, nil)
				require.NoError(t, err)
				assert.Zero(t, srv.at[1])
				_, err = client.Jobs.Get(t.Context(), "2", 9)
				require.NoError(t, err)
				assert.GreaterOrEqual(t, srv.at[2], 15*time.Second)
				assert.LessOrEqual(t, srv.at[2], 40*time.Second)
			})
		})
	}
}

func TestWaitingAtAGateUsesNoAttempts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := newScript(refused("60").step, refused("60").step, refused("60").step, fine.step)
		client := gated(t, srv, gitlabjobs.WithRetry(gitlabjobs.RetryPolicy{MaxAttempts: 1}))
		_, err := client.Jobs.Get(t.Context(), "1", 7)
		require.ErrorIs(t, err, gitlabjobs.ErrRateLimited)
		var resp [3]gitlabjobs.Response
		var wg sync.WaitGroup
		for i := range resp {
			wg.Go(func() { _, _ = client.Jobs.Get(t.Context(), "1", 7, gitlabjobs.WithResponse(&resp[i])) })
		}
		wg.Wait()
		statuses := map[int]int{}
		for _, r := range resp {
			assert.Equal(t, 1, r.Attempts)
			statuses[r.StatusCode]++
		}
		assert.Equal(t, map[int]int{429: 2, 200: 1}, statuses)
		assert.GreaterOrEqual(t, srv.at[3], 180*time.Second) // In total longer than MaxServerWait.
	})
}

func TestAGateThatOutlastsACallFailsIt(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		after   string
		timeout time.Duration
		policy  gitlabjobs.RetryPolicy
	}{
		"the deadline":  {"60", 30 * time.Second, gitlabjobs.RetryPolicy{}},
		"MaxServerWait": {"60", 0, gitlabjobs.RetryPolicy{MaxServerWait: 40 * time.Second}},
		"a long time":   {"3600", 0, gitlabjobs.RetryPolicy{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv := newScript(refused(tc.after).step, fine.step)
				client := gated(t, srv, gitlabjobs.WithRetry(tc.policy))
				first, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_, err := client.Jobs.Get(first, "1", 7)
				require.ErrorIs(t, err, gitlabjobs.ErrRateLimited)
				require.NoError(t, sleep(t.Context(), 10*time.Second))

				ctx := t.Context()
				if tc.timeout > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tc.timeout)
					defer cancel()
				}
				resp := gitlabjobs.Response{StatusCode: 200, Attempts: 9}
				_, err = client.Jobs.Retry(ctx, "1", 7, nil, gitlabjobs.WithResponse(&resp))
				var e *gitlabjobs.Error
				require.ErrorAs(t, err, &e)
				require.ErrorIs(t, err, gitlabjobs.ErrRateLimited)
				require.NotErrorIs(t, err, gitlabjobs.ErrOutcomeUnknown)
				assert.Equal(t, "POST", e.Method)
				assert.Equal(t, "/projects/:id/jobs/:job_id/retry", e.Route)
				assert.Equal(t, "Retry later", e.Message)
				closed, err := strconv.Atoi(tc.after)
				require.NoError(t, err)
				assert.Equal(t, time.Duration(closed)*time.Second-10*time.Second, e.RetryAfter)
				assert.Equal(t, gitlabjobs.Response{}, resp)
				assert.Equal(t, 1, srv.requests())
			})
		})
	}
}

func TestAnInvalidResetTimeDoesNotCloseAGateForever(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := newScript(refused(strings.Repeat("9", 30)).step, fine.step)
		client := gated(t, srv)
		_, err := client.Jobs.Get(t.Context(), "1", 7)
		require.ErrorIs(t, err, gitlabjobs.ErrRateLimited)
		require.NoError(t, sleep(t.Context(), 24*time.Hour))
		_, err = client.Jobs.Get(t.Context(), "1", 7)
		require.NoError(t, err)
	})
}

func TestAnUsedUpLimitHoldsBackTheNextCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := newScript(left(0, 50*time.Second).step, fine.step)
		client := gated(t, srv)
		for range 2 {
			_, err := client.Jobs.Get(t.Context(), "1", 7)
			require.NoError(t, err)
		}
		assert.GreaterOrEqual(t, srv.at[1], 50*time.Second)
		assert.LessOrEqual(t, srv.at[1], 60*time.Second)
	})
}

func TestAnUsedUpLimitFailsNoCall(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ reset, timeout time.Duration }{
		"beyond the deadline":  {50 * time.Second, 20 * time.Second},
		"beyond MaxServerWait": {121 * time.Second, time.Hour},
	} {
		synctest.Test(t, func(t *testing.T) {
			srv := newScript(left(0, tc.reset).step, fine.step)
			client := gated(t, srv)
			_, err := client.Jobs.Get(t.Context(), "1", 7)
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), tc.timeout)
			defer cancel()
			_, err = client.Jobs.Get(ctx, "1", 7)
			require.NoError(t, err, name)
			assert.Zero(t, srv.at[1], name)
		})
	}
}

func TestAtMostRateLimitRemainingRequestsAreInFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := &limiter{perMinute: 8, latency: 100 * time.Millisecond, headers: true}
		client := gated(t, srv)
		_, err := client.Jobs.Get(t.Context(), "1", 7)
		require.NoError(t, err)
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				_, err := client.Jobs.Get(t.Context(), "1", 7)
				assert.NoError(t, err)
			})
		}
		wg.Wait()
		assert.Equal(t, 7, srv.most)
		assert.Zero(t, srv.refused)
	})
}

func TestWhenAGateOpensOneRequestGoesFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const latency = 25 * time.Second
		slow := func(req *http.Request) (*http.Response, error) {
			return fine.to(req), sleep(req.Context(), latency)
		}
		srv := newScript(refused("60").step, slow)
		client := gated(t, srv)
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				_ = sleep(t.Context(), time.Duration(i)*time.Second)
				_, err := client.Jobs.Get(t.Context(), "1", 7)
				assert.NoError(t, err)
			})
		}
		wg.Wait()
		require.Len(t, srv.at, 21)
		first := srv.at[1]
		assert.GreaterOrEqual(t, first, 60*time.Second)
		assert.GreaterOrEqual(t, srv.at[2], first+latency)
		assert.GreaterOrEqual(t, srv.at[4], first+2*latency) // Each response allows one more concurrent request.
		assert.LessOrEqual(t, srv.at[20], first+5*latency)
	})
}

func TestACallThatComesAfterTheFirstOneWaitsForItsResponse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const latency = 25 * time.Second
		slow := func(req *http.Request) (*http.Response, error) {
			return fine.to(req), sleep(req.Context(), latency)
		}
		srv := newScript(refused("60").step, slow)
		client := gated(t, srv) // Its first call returns after 60 to 70 seconds.
		var wg sync.WaitGroup
		for _, after := range []time.Duration{0, 72 * time.Second} {
			wg.Go(func() {
				_ = sleep(t.Context(), after)
				_, err := client.Jobs.Get(t.Context(), "1", 7)
				assert.NoError(t, err)
			})
		}
		wg.Wait()
		require.Len(t, srv.at, 3)
		assert.GreaterOrEqual(t, srv.at[2], srv.at[1]+latency)
	})
}

// A success response used up the limit of all endpoints, so no call fails because of it.
// Calls that are sent anyway obey the limit of their endpoint.
func TestACallThatMayNotWaitAtOneGateWaitsAtTheOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const latency = 20 * time.Second
		slow := func(req *http.Request) (*http.Response, error) {
			return fine.to(req), sleep(req.Context(), latency)
		}
		srv := newScript(answer{status: 429}.step, left(0, time.Hour).step, slow)
		client := gated(t, srv, gitlabjobs.WithRetry(gitlabjobs.RetryPolicy{MaxAttempts: 1}))
		_, err := client.Jobs.Get(t.Context(), "1", 7)
		require.ErrorIs(t, err, gitlabjobs.ErrRateLimited)
		_, err = client.Jobs.Retry(t.Context(), "1", 7, nil)
		require.NoError(t, err)
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				_, err := client.Jobs.Get(t.Context(), "1", 7)
				assert.NoError(t, err)
			})
		}
		wg.Wait()
		require.Len(t, srv.at, 4)
		assert.Less(t, srv.at[2], time.Minute)
		assert.GreaterOrEqual(t, srv.at[3], srv.at[2]+latency)
	})
}

func TestARedirectToAnotherHostDoesNotCloseTheGate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := newScript(
			answer{status: 302, header: map[string]string{"Location": "https://storage.example/log"}}.step,
			refused("60").step,
			fine.step,
		)
		client := gated(t, srv, gitlabjobs.WithRetry(gitlabjobs.RetryPolicy{MaxAttempts: 1}))
		_, err := client.Jobs.Trace(t.Context(), "1", 7, nil)
		require.ErrorIs(t, err, gitlabjobs.ErrRateLimited)
		_, err = client.Jobs.Get(t.Context(), "1", 7)
		require.NoError(t, err)
		assert.Zero(t, srv.at[2])
	})
}

func TestAContextEndsTheWaitAtAGate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hang := func(req *http.Request) (*http.Response, error) {
			<-req.Context().Done()
			return nil, req.Context().Err()
		}
		srv := newScript(refused("60").step, hang, fine.step)
		client := gated(t, srv, gitlabjobs.WithRetry(gitlabjobs.RetryPolicy{MaxAttempts: 1}))
		_, err := client.Jobs.Get(t.Context(), "1", 7)
		require.ErrorIs(t, err, gitlabjobs.ErrRateLimited)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(5*time.Second, cancel)
		start := time.Now()
		var resp gitlabjobs.Response
		_, err = client.Jobs.Retry(ctx, "1", 7, nil, gitlabjobs.WithResponse(&resp))
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, gitlabjobs.ErrOutcomeUnknown)
		assert.Equal(t, 5*time.Second, time.Since(start))
		assert.Zero(t, resp.Attempts)

		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(80*time.Second, cancel)
		attempts := make([]gitlabjobs.Response, 2)
		var wg sync.WaitGroup
		for i := range attempts {
			wg.Go(func() {
				_, err := client.Jobs.Retry(ctx, "1", 7, nil, gitlabjobs.WithResponse(&attempts[i]))
				assert.ErrorIs(t, err, context.Canceled)
			})
		}
		wg.Wait()
		assert.Equal(t, 85*time.Second, time.Since(start))
		assert.Equal(t, 1, attempts[0].Attempts+attempts[1].Attempts, "one waited behind the other")
		synctest.Wait()
		_, err = client.Jobs.Get(t.Context(), "1", 7)
		require.NoError(t, err) // No other call holds the gate.
	})
}

func TestACallThatWasRefusedSeveralTimesGoesBeforeOthers(t *testing.T) {
	t.Parallel()
	longest := make([]time.Duration, 4)
	for range 30 {
		synctest.Test(t, func(t *testing.T) {
			var times []time.Time
			client := newClient(t, func(req *http.Request) (*http.Response, error) {
				times = append(times, time.Now())
				return answer{status: 429, header: map[string]string{"Retry-After": "40"}}.to(req), nil
			})
			_, err := client.Jobs.Get(t.Context(), "1", 7)
			require.ErrorIs(t, err, gitlabjobs.ErrRateLimited)
			for i, gap := range gaps(times) {
				longest[i] = max(longest[i], gap-40*time.Second)
			}
		})
	}
	assert.Greater(t, longest[0], 5*time.Second)
	assert.LessOrEqual(t, longest[1], 2500*time.Millisecond)
	assert.LessOrEqual(t, longest[2], 625*time.Millisecond)
	assert.LessOrEqual(t, longest[3], 157*time.Millisecond)
}
