package transport_test

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs/internal/transport"
)

// limited is a 429 with a Retry-After in seconds.
func limited(seconds int) roundTripper {
	return always(429, "Retry later: "+token, "Retry-After", strconv.Itoa(seconds))
}

// left is a success with RateLimit headers.
func left(remaining int, reset time.Duration) roundTripper {
	return func(req *http.Request) (*http.Response, error) {
		return respond(req, 200, "", "RateLimit-Remaining", strconv.Itoa(remaining), "RateLimit-Reset", strconv.FormatInt(time.Now().Add(reset).Unix(), 10))
	}
}

func withAuth(token string) transport.Request {
	r := of("/other")
	r.OtherAuth = true
	r.Authorize = func(req *http.Request) error {
		req.Header.Set("PRIVATE-TOKEN", token)
		return nil
	}
	return r
}

func withHeader(key, value string) transport.Request {
	r := of("/other")
	r.CallHeader = http.Header{key: {value}}
	return r
}

// waited sends a request and returns how long that took.
func waited(t *testing.T, client *transport.Client, r transport.Request) time.Duration {
	t.Helper()
	start := time.Now()
	assert.Equal(t, 200, status(t, client, r))
	return time.Since(start)
}

func TestA429HoldsBackTheCallsOfItsCredential(t *testing.T) {
	t.Parallel()
	query := of("/other")
	query.OtherAuth, query.Authorize = true, jobTokenParam
	for name, tc := range map[string]struct {
		first, second transport.Request
		waits         bool
	}{
		"the same route":                      {get(), get(), true},
		"another route":                       {get(), of("/other"), true},
		"a harmless header":                   {get(), withHeader("X-Trace", "1"), true},
		"another token":                       {get(), withAuth(token), false},
		"the client's after another":          {withAuth(token), get(), false},
		"two tokens":                          {withAuth(token), withAuth("glpat-another-token"), false},
		"the same other token":                {withAuth(token), withAuth(token), true},
		"a token by query":                    {get(), query, false},
		"the same by query":                   {query, query, true},
		"a token in a header of the call":     {get(), withHeader("Private-Token", "glpat-another-token"), false},
		"the same in a header of the call":    {withHeader("Private-Token", token), withHeader("Private-Token", token), true},
		"two tokens in headers of their call": {withHeader("Private-Token", token), withHeader("Private-Token", "glpat-another-token"), false},
	} {
		synctest.Test(t, func(t *testing.T) {
			srv := serve(limited(40), always(200, ""))
			client := newClient(srv)
			tc.first.MaxAttempts = 1
			assert.Equal(t, 429, status(t, client, tc.first))
			wait := waited(t, client, tc.second)
			if !tc.waits {
				assert.Zero(t, wait, name)
				return
			}
			assert.GreaterOrEqual(t, wait, 40*time.Second, name)
			assert.LessOrEqual(t, wait, 50*time.Second, name)
			assert.Len(t, srv.at, 2)
			assert.Zero(t, waited(t, client, tc.second), name)
			assert.Zero(t, transport.Limits(client), name)
		})
	}
}

func TestA429WithoutATimeHoldsBackItsRoute(t *testing.T) {
	t.Parallel()
	for name, response := range map[string]roundTripper{
		"no header": always(429, ""),
		"requests left": func(req *http.Request) (*http.Response, error) {
			return respond(req, 429, "", "RateLimit-Remaining", "7", "RateLimit-Reset", strconv.FormatInt(time.Now().Add(20*time.Second).Unix(), 10))
		},
	} {
		for _, maxAttempts := range []int{1, 2} {
			synctest.Test(t, func(t *testing.T) {
				srv := serve(response, always(200, ""))
				client := newClient(srv, attempts(maxAttempts))
				var wg sync.WaitGroup
				wg.Go(func() { status(t, client, get()) })
				synctest.Wait()
				assert.Zero(t, waited(t, client, of("/other")), name)
				wait := waited(t, client, get())
				assert.GreaterOrEqual(t, wait, 15*time.Second, name)
				assert.LessOrEqual(t, wait, 40*time.Second, name)
				wg.Wait()
			})
		}
	}
}

func TestA429WithRequestsLeftAndAWaitIsOfAllRoutes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reset := strconv.FormatInt(time.Now().Add(20*time.Second).Unix(), 10)
		client := newClient(serve(always(429, "", "RateLimit-Remaining", "7", "RateLimit-Reset", reset, "Retry-After", "30"), always(200, "")), attempts(1))
		assert.Equal(t, 429, status(t, client, get()))
		assert.GreaterOrEqual(t, waited(t, client, of("/other")), 30*time.Second)
	})
	synctest.Test(t, func(t *testing.T) {
		reset := strconv.FormatInt(time.Now().Add(20*time.Second).Unix(), 10)
		client := newClient(serve(always(429, "", "RateLimit-Remaining", "0", "RateLimit-Reset", reset), always(200, "")), attempts(1))
		assert.Equal(t, 429, status(t, client, get()))
		assert.GreaterOrEqual(t, waited(t, client, of("/other")), 20*time.Second)
	})
}

// A 429 that leaves no requests refuses all routes, also without a Retry-After.
func TestA429WithoutRequestsLeftRefusesAllRoutes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reset := strconv.FormatInt(time.Now().Add(5*time.Minute).Unix(), 10)
		client := newClient(serve(always(429, "", "RateLimit-Remaining", "0", "RateLimit-Reset", reset), always(200, "")), attempts(1))
		assert.Equal(t, 429, status(t, client, get()))
		_, _, err := send(t.Context(), t, client, of("/other"))
		var limit *transport.LimitError
		require.ErrorAs(t, err, &limit)
		assert.Equal(t, 5*time.Minute, limit.Remaining)
	})
}

func TestACallThatMayNotWaitForItsGateFails(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		seconds int
		limit   time.Duration // Of the context; 0 for none.
		body    string
		want    string // "" if the call waits.
	}{
		"longer than the policy allows":  {121, 0, "Retry later", "Retry later (for another 2m1s)"},
		"as long as the policy allows":   {120, 0, "", ""},
		"longer than the context allows": {60, time.Minute, "said with " + token, "said with [REDACTED] (for another 1m0s)"},
		"nothing said":                   {60, time.Second, "", "429 Too Many Requests (for another 1m0s)"},
		"just short enough":              {60, 61 * time.Second, "", ""},
		"a senseless time":               {1 << 30, 0, "x", "x (for another 24h0m0s)"},
	} {
		synctest.Test(t, func(t *testing.T) {
			srv := serve(always(429, tc.body, "Retry-After", strconv.Itoa(tc.seconds)), always(200, ""))
			client := newClient(srv)
			first := get()
			first.MaxAttempts = 1
			assert.Equal(t, 429, status(t, client, first))
			ctx := t.Context()
			if tc.limit > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, tc.limit)
				defer cancel()
			}
			start := time.Now()
			c, _, err := send(ctx, t, client, post())
			if tc.want == "" {
				require.NoError(t, err, name)
				assert.GreaterOrEqual(t, time.Since(start), time.Minute, name)
				return
			}
			var limit *transport.LimitError
			require.ErrorAs(t, err, &limit, name)
			assert.Equal(t, tc.want, limit.Error())
			assert.Zero(t, time.Since(start), name)
			assert.Zero(t, c.Attempts)
			assert.Len(t, srv.at, 1)
		})
	}
}

// A 429 without a time may be waited for longer than MaxServerWait: the server did not ask
// for that.
func TestMaxServerWaitIsForWhatTheServerAsks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := serve(always(429, ""), always(200, ""))
		client := newClient(srv, func(c *transport.Config) { c.Policy.MaxServerWait = time.Second })
		first := get()
		first.MaxAttempts = 1
		assert.Equal(t, 429, status(t, client, first))
		assert.GreaterOrEqual(t, waited(t, client, get()), 15*time.Second)
	})
}

func TestASenselessWaitEndsAfterADay(t *testing.T) {
	t.Parallel()
	for name, response := range map[string]roundTripper{
		"a 429":               limited(1 << 30),
		"RateLimit-Remaining": left(0, 1<<30*time.Second),
	} {
		synctest.Test(t, func(t *testing.T) {
			srv := serve(response, always(200, ""))
			client := newClient(srv, func(c *transport.Config) { c.Policy.MaxServerWait = 48 * time.Hour })
			r := get()
			r.MaxAttempts = 1
			status(t, client, r)
			wait := waited(t, client, get())
			assert.GreaterOrEqual(t, wait, 24*time.Hour, name)
			assert.LessOrEqual(t, wait, 24*time.Hour+10*time.Second, name)
		})
	}
}

func TestAUsedUpLimitHoldsBackTheNextCall(t *testing.T) {
	t.Parallel()
	for remaining, least := range map[int]time.Duration{0: 30 * time.Second, 1: 0} {
		synctest.Test(t, func(t *testing.T) {
			client := newClient(serve(left(remaining, 30*time.Second), always(200, "")))
			status(t, client, get())
			wait := waited(t, client, of("/other"))
			assert.GreaterOrEqual(t, wait, least)
			assert.LessOrEqual(t, wait, least*5/4)
		})
	}
	// It fails no call: one that may not wait is sent.
	synctest.Test(t, func(t *testing.T) {
		client := newClient(serve(left(0, 121*time.Second), always(200, "")))
		status(t, client, get())
		assert.Zero(t, waited(t, client, get()))
	})
	synctest.Test(t, func(t *testing.T) {
		client := newClient(serve(left(0, 60*time.Second), always(200, "")))
		status(t, client, get())
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		_, _, err := send(ctx, t, client, get())
		require.NoError(t, err)
	})
}

// slow is a server whose responses take a second. It counts the requests in flight.
type slow struct {
	response func() roundTripper

	mu             sync.Mutex
	inFlight, most int
	at             []time.Time
}

func (s *slow) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.at = append(s.at, time.Now())
	s.inFlight++
	s.most = max(s.most, s.inFlight)
	response := s.response()
	s.mu.Unlock()
	err := sleep(req.Context(), time.Second)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight--
	if err != nil {
		return nil, err
	}
	return response(req)
}

// many sends n requests at once.
func many(t *testing.T, client *transport.Client, n int) {
	t.Helper()
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			_, _, err := send(t.Context(), t, client, get())
			assert.NoError(t, err)
		})
	}
	wg.Wait()
}

func TestAtMostRateLimitRemainingRequestsAreInFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := &slow{response: func() roundTripper { return left(3, time.Hour) }}
		client := newClient(srv)
		status(t, client, get())
		srv.most = 0
		many(t, client, 20)
		assert.Equal(t, 3, srv.most)
	})
}

func TestAfterAWaitOneRequestGoesFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		first := true
		srv := &slow{response: func() roundTripper {
			if first {
				first = false
				return limited(60)
			}
			return always(200, "")
		}}
		client := newClient(srv)
		r := get()
		r.MaxAttempts = 1
		assert.Equal(t, 429, status(t, client, r))
		srv.most, srv.at = 0, nil
		var wg sync.WaitGroup
		for range 7 {
			wg.Go(func() { assert.Equal(t, 200, status(t, client, get())) })
		}
		require.NoError(t, sleep(t.Context(), 72*time.Second)) // All have finished their spread.
		wg.Wait()
		require.Len(t, srv.at, 7)
		assert.GreaterOrEqual(t, srv.at[1].Sub(srv.at[0]), time.Second, "one goes first")
		assert.Zero(t, transport.Limits(client))
	})
}

// With the same wait for all, each response lets one more request go.
func TestEachResponseLetsOneMoreRequestGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := 0
		srv := &slow{response: func() roundTripper {
			if n++; n == 1 {
				return limited(1)
			}
			return always(200, "")
		}}
		client := newClient(srv, func(c *transport.Config) { c.Policy.MinWait = 0 })
		r := get()
		r.MaxAttempts = 1
		assert.Equal(t, 429, status(t, client, r))
		srv.at = nil
		many(t, client, 7)
		var perSecond []int
		for _, at := range srv.at {
			i := int(at.Sub(srv.at[0]) / time.Second)
			for len(perSecond) <= i {
				perSecond = append(perSecond, 0)
			}
			perSecond[i]++
		}
		assert.Equal(t, []int{1, 2, 4}, perSecond)
	})
}

func TestACallThatComesAfterTheFirstOneWaitsForItsResponse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const latency = 25 * time.Second
		long := func(req *http.Request) (*http.Response, error) {
			if err := sleep(req.Context(), latency); err != nil {
				return nil, err
			}
			return respond(req, 200, "")
		}
		srv := serve(limited(60), long)
		client := newClient(srv) // Its first call comes back after 60 to 70 seconds.
		var wg sync.WaitGroup
		for _, after := range []time.Duration{0, 72 * time.Second} {
			wg.Go(func() {
				if sleep(t.Context(), after) == nil {
					status(t, client, get())
				}
			})
		}
		wg.Wait()
		require.Len(t, srv.at, 3)
		assert.GreaterOrEqual(t, srv.at[2], srv.at[1]+latency)
		assert.Zero(t, transport.Limits(client))
	})
}

// Responses can arrive in another order than they were made: the least number counts, until
// the server's counter is reset.
func TestResponsesInAnyOrderAreCounted(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		responses []roundTripper
		most      int
	}{
		"the latest is lower":        {[]roundTripper{left(5, time.Hour), left(2, time.Hour)}, 2},
		"the latest is higher":       {[]roundTripper{left(2, time.Hour), left(5, time.Hour)}, 2},
		"another period":             {[]roundTripper{left(2, time.Hour), left(5, 2*time.Hour)}, 5},
		"one of the period before":   {[]roundTripper{left(5, 2*time.Hour), left(2, time.Hour)}, 5},
		"not a number":               {[]roundTripper{left(3, time.Hour), always(200, "", "RateLimit-Remaining", "x", "RateLimit-Reset", "9999999999")}, 3},
		"a number without an end":    {[]roundTripper{left(3, time.Hour), always(200, "", "RateLimit-Remaining", "1")}, 3},
		"one from an earlier period": {[]roundTripper{left(3, time.Hour), left(1, -time.Hour)}, 3},
	} {
		synctest.Test(t, func(t *testing.T) {
			srv := &slow{response: func() roundTripper { return always(200, "") }}
			list := serve(tc.responses...)
			client := newClient(list)
			for range tc.responses {
				status(t, client, get())
			}
			list.next(srv.RoundTrip)
			many(t, client, 10)
			assert.Equal(t, tc.most, srv.most, name)
		})
	}
}

func TestARedirectToAnotherHostSaysNothingOfTheLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := roundTripper(func(req *http.Request) (*http.Response, error) {
			switch {
			case req.URL.Host != "gitlab.example.com":
				return limited(60)(req)
			case req.URL.Path == "/api/v4/projects/1/jobs/7":
				return respond(req, 302, "", "Location", "https://storage.example/x")
			}
			return respond(req, 200, "")
		})
		client := newClient(srv, attempts(1))
		assert.Equal(t, 429, status(t, client, get()))
		assert.Zero(t, transport.Limits(client))
	})
}

func TestAContextEndsTheWaitAtAGate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := newClient(serve(limited(60), always(200, "")))
		r := get()
		r.MaxAttempts = 1
		assert.Equal(t, 429, status(t, client, r))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		c, _, err := send(ctx, t, client, get())
		require.ErrorIs(t, err, context.Canceled)
		assert.Equal(t, time.Second, time.Since(start))
		assert.Zero(t, c.Attempts)
		assert.Positive(t, waited(t, client, get()))
		assert.Zero(t, waited(t, client, get()))
		assert.Zero(t, transport.Limits(client), "nobody is left who waits")
	})
}

func TestACallThatMayNotWaitAtOneGateWaitsAtTheOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hour := strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10)
		srv := serve(always(200, "", "RateLimit-Remaining", "0", "RateLimit-Reset", hour), always(429, ""), always(200, ""))
		client := newClient(srv, attempts(1))
		status(t, client, get())                          // The limit of all routes is used up for longer than a call may wait.
		assert.Equal(t, 429, status(t, client, get()))    // So this one is sent, and the route's own limit refuses it.
		assert.Zero(t, waited(t, client, of("/other")))   // Another route is not refused,
		assert.Positive(t, waited(t, client, get()))      // and this one waits at its own gate.
		assert.Zero(t, time.Since(srv.began)/time.Minute) // It waited for no minute.
	})
}

// The deadline of one call does not shorten the wait of others.
func TestADeadlineDoesNotShortenALimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for range 20 { // The wait is random.
			client := newClient(serve(always(429, ""), always(200, "")))
			ctx, cancel := contextWithTimeout(t, time.Second)
			_, resp, err := send(ctx, t, client, get())
			cancel()
			require.NoError(t, err)
			assert.Equal(t, 429, resp.StatusCode)
			assert.GreaterOrEqual(t, waited(t, client, get()), 15*time.Second)
		}
	})
}

func TestIdleGatesAreRemoved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := newClient(left(100, time.Minute))
		most := 0
		for i := range 1000 {
			require.NoError(t, sleep(t.Context(), time.Second))
			status(t, client, withAuth(fmt.Sprint("token-", i)))
			most = max(most, transport.Limits(client))
		}
		assert.LessOrEqual(t, most, 2*61)
		assert.Greater(t, most, 61)
	})
	synctest.Test(t, func(t *testing.T) {
		client := newClient(left(100, time.Minute))
		for i := range 100 {
			status(t, client, withAuth(fmt.Sprint("token-", i)))
			require.NoError(t, sleep(t.Context(), time.Hour))
			assert.LessOrEqual(t, transport.Limits(client), 16, "all of them are over")
		}
	})
	synctest.Test(t, func(t *testing.T) {
		client := newClient(serve(always(429, ""), always(200, "")))
		assert.Equal(t, 200, status(t, client, get()))
		assert.Zero(t, transport.Limits(client))
	})
}
