package transport_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptrace"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs/internal/transport"
)

func failing(err error) roundTripper {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

var (
	errDial  = &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	errReset = &net.OpError{Op: "read", Err: errors.New("connection reset by peer")}
)

func TestAReadIsRetriedWithGrowingWaits(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]roundTripper{"a status": always(503, ""), "a fault": failing(io.ErrUnexpectedEOF)} {
		synctest.Test(t, func(t *testing.T) {
			srv := serve(fault, fault, fault, fault, always(200, "done"))
			c, resp, err := send(t.Context(), t, newClient(srv), get())
			require.NoError(t, err, name)
			assert.Equal(t, 200, resp.StatusCode)
			assert.Equal(t, "done", string(c.ResponseBody()))
			assert.Equal(t, 5, c.Attempts)
			for i := range 4 {
				wait := srv.at[i+1] - srv.at[i]
				assert.GreaterOrEqual(t, wait, 200*time.Millisecond)
				assert.LessOrEqual(t, wait, 200*time.Millisecond<<(i+1))
			}
		})
	}
}

func TestTheNumberOfAttempts(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*transport.Request)
		sent   int
		total  int
	}{
		"the policy's":       {func(*transport.Request) {}, 5, 5},
		"the request's":      {func(r *transport.Request) { r.MaxAttempts = 2 }, 2, 2},
		"with earlier ones":  {func(r *transport.Request) { r.Attempts = 3 }, 2, 5},
		"more than there is": {func(r *transport.Request) { r.Attempts = 5 }, 1, 6},
		"more than usual":    {func(r *transport.Request) { r.MaxAttempts = 8 }, 8, 8},
	} {
		synctest.Test(t, func(t *testing.T) {
			srv := serve(always(503, ""))
			r := get()
			tc.change(&r)
			c, resp, err := send(t.Context(), t, newClient(srv), r)
			require.NoError(t, err)
			assert.Equal(t, 503, resp.StatusCode)
			assert.Len(t, srv.at, tc.sent, name)
			assert.Equal(t, tc.total, c.Attempts, name)
		})
	}
}

func TestWhichStatusesAreRetried(t *testing.T) {
	t.Parallel()
	for code := 200; code <= 700; code++ {
		want := code == 408 || code == 425 || code == 429 || code >= 500 && code <= 599 && code != 501 && code != 505
		assert.Equal(t, want, transport.TemporaryStatus(code), code)
		assert.Equal(t, code <= 299, transport.IsSuccess(code), code)
	}
	assert.False(t, transport.IsSuccess(199))
	for _, code := range []int{408, 500, 599, 404, 501, 600} {
		synctest.Test(t, func(t *testing.T) {
			srv := serve(always(code, ""))
			assert.Equal(t, code, status(t, newClient(srv, attempts(2)), get()))
			assert.Equal(t, transport.TemporaryStatus(code), len(srv.at) == 2, code)
		})
	}
}

func TestA500CanBeLeftToTheCaller(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]int{500: 1, 502: 2} {
		synctest.Test(t, func(t *testing.T) {
			srv := serve(always(code, ""))
			r := get()
			r.NoRetryOn500 = true
			status(t, newClient(srv, attempts(2)), r)
			assert.Len(t, srv.at, want)
		})
	}
}

// traced is a transport that reports how far it gets, and fails.
func traced(asked, got bool, err error) roundTripper {
	return func(req *http.Request) (*http.Response, error) {
		trace := httptrace.ContextClientTrace(req.Context())
		if asked {
			trace.GetConn("gitlab.example.com:443")
		}
		if got {
			trace.GotConn(httptrace.GotConnInfo{})
		}
		return nil, err
	}
}

func TestAWriteIsSentAgainOnlyIfItDidNotArrive(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		rt       roundTripper
		attempts int
		unknown  bool
	}{
		"no connection":                    {failing(errDial), 5, false},
		"a connection that broke":          {failing(errReset), 1, true},
		"another error":                    {failing(io.ErrUnexpectedEOF), 1, true},
		"no connection, traced":            {traced(true, false, io.ErrUnexpectedEOF), 5, false},
		"a connection, traced":             {traced(true, true, errDial), 1, true},
		"nothing traced":                   {traced(false, false, errDial), 5, false},
		"a rate limit":                     {always(429, ""), 5, false},
		"a server error":                   {always(500, ""), 1, true},
		"an error of a proxy":              {always(599, ""), 1, true},
		"a timeout":                        {always(408, ""), 1, true},
		"a result elsewhere":               {always(303, ""), 1, true},
		"another protocol":                 {always(101, ""), 1, true},
		"not found":                        {always(404, ""), 1, false},
		"too early":                        {always(425, ""), 1, false},
		"a success":                        {always(201, ""), 1, false},
		"a status that does not exist yet": {always(499, ""), 1, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			srv := serve(tc.rt)
			c, _, _ := send(t.Context(), t, newClient(srv), post())
			assert.Len(t, srv.at, tc.attempts, name)
			assert.Equal(t, tc.unknown, c.Unknown, name)
		})
	}
}

func TestAReadHasNoUnknownOutcome(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		for _, rt := range []roundTripper{failing(errReset), always(500, "")} {
			synctest.Test(t, func(t *testing.T) {
				r := get()
				r.Method = method
				c, _, _ := send(t.Context(), t, newClient(rt), r)
				assert.False(t, c.Unknown)
			})
		}
	}
}

func TestALaterAttemptDoesNotMakeAnUnknownOutcomeKnown(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ first, later roundTripper }{
		"broken, then no connection": {failing(errReset), failing(errDial)},
		"an error, no connection":    {always(502, ""), failing(errDial)},
		"broken, then not found":     {failing(errReset), always(404, "")},
		"an error, then a limit":     {always(502, ""), always(429, "")},
	} {
		synctest.Test(t, func(t *testing.T) {
			srv := serve(tc.first, tc.later)
			r := post()
			r.Repeatable = true
			c, _, _ := send(t.Context(), t, newClient(srv), r)
			assert.Greater(t, len(srv.at), 1, name)
			assert.True(t, c.Unknown, name)
		})
	}
}

func TestRetryAfterIsObeyed(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status    int
		header    []string
		low, high time.Duration
	}{
		"seconds":           {503, []string{"Retry-After", "40"}, 40 * time.Second, 50 * time.Second},
		"less than MinWait": {503, []string{"Retry-After", "1"}, 3 * time.Second, 6 * time.Second},
		"as long as may be": {503, []string{"Retry-After", "120"}, 120 * time.Second, 130 * time.Second},
		"a 429 without":     {429, nil, 15 * time.Second, 30 * time.Second},
		"a 429 with":        {429, []string{"Retry-After", "8"}, 8 * time.Second, 8*time.Second + 6*time.Second},
		"a 503 without":     {503, nil, 3 * time.Second, 6 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			srv := serve(always(tc.status, "", tc.header...), always(200, ""))
			assert.Equal(t, 200, status(t, newClient(srv, func(c *transport.Config) { c.Policy.MinWait = 3 * time.Second }), get()), name)
			assert.GreaterOrEqual(t, srv.at[1], tc.low, name)
			assert.LessOrEqual(t, srv.at[1], tc.high, name)
		})
	}
}

// The random part is at most ten seconds, and after each further attempt a quarter of that.
func TestTheRandomPartOfAWaitIsShorterAfterMoreAttempts(t *testing.T) {
	t.Parallel()
	var longest [3]time.Duration
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			busy := always(503, "", "Retry-After", "60")
			srv := serve(busy, busy, busy, always(200, ""))
			assert.Equal(t, 200, status(t, newClient(srv), get()))
			for i := range longest {
				longest[i] = max(longest[i], srv.at[i+1]-srv.at[i]-time.Minute)
			}
		})
	}
	for i, limit := range []time.Duration{10 * time.Second, 10 * time.Second / 4, 10 * time.Second / 16} {
		assert.LessOrEqual(t, longest[i], limit)
		assert.Greater(t, longest[i], limit/2)
	}
}

func TestAWaitThatIsTooLongEndsTheCallAtOnce(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		after string
		limit time.Duration // Of the context.
	}{
		"longer than the policy allows":     {"121", time.Hour},
		"longer than the context allows":    {"60", time.Minute},
		"longer than the context, by a lot": {"100", time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), tc.limit)
			defer cancel()
			srv := serve(always(503, "", "Retry-After", tc.after))
			_, resp, err := send(ctx, t, newClient(srv), get())
			require.NoError(t, err)
			assert.Equal(t, 503, resp.StatusCode)
			assert.Len(t, srv.at, 1, name)
			assert.Zero(t, time.Since(srv.began))
		})
	}
}

func TestTheSpreadLeavesTimeBeforeTheDeadline(t *testing.T) {
	t.Parallel()
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 62*time.Second)
			defer cancel()
			srv := serve(always(503, "", "Retry-After", "60"), always(200, ""))
			_, resp, err := send(ctx, t, newClient(srv), get())
			require.NoError(t, err)
			assert.Equal(t, 200, resp.StatusCode)
			assert.GreaterOrEqual(t, srv.at[1], 60*time.Second)
			assert.LessOrEqual(t, srv.at[1], 61*time.Second)
		})
	}
}

func TestTheContextEndsAWaitAndARequest(t *testing.T) {
	t.Parallel()
	hanging := func(req *http.Request) (*http.Response, error) {
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	for name, rt := range map[string]roundTripper{"a wait": always(503, "", "Retry-After", "60"), "a request": hanging} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			time.AfterFunc(time.Second, cancel)
			srv := serve(rt)
			_, _, err := send(ctx, t, newClient(srv), get())
			require.ErrorIs(t, err, context.Canceled, name)
			fault := requireFault(t, err)
			assert.False(t, fault.Temporary)
			assert.Equal(t, "context canceled", fault.Error())
			assert.Equal(t, time.Second, time.Since(srv.began), name)
			assert.Len(t, srv.at, 1)
		})
	}
}

func requireFault(t *testing.T, err error) *transport.FaultError {
	t.Helper()
	var fault *transport.FaultError
	require.ErrorAs(t, err, &fault)
	return fault
}

func TestWhichFaultsAreTemporary(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err  error
		want bool
	}{
		"a connection":  {errReset, true},
		"a certificate": {fmt.Errorf("tls: %w", &tls.CertificateVerificationError{Err: errors.New("unknown authority")}), false},
		"a scheme":      {http.ErrSchemeMismatch, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			srv := serve(failing(tc.err))
			_, _, err := send(t.Context(), t, newClient(srv), get())
			assert.Equal(t, tc.want, requireFault(t, err).Temporary, name)
			assert.Equal(t, tc.want, len(srv.at) == 5, name)
			require.ErrorIs(t, err, tc.err)
		})
	}
}

func TestCookiesOfAJarAreSentOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		jar, err := cookiejar.New(nil)
		require.NoError(t, err)
		var cookies []string
		client := newClient(nil, func(c *transport.Config) {
			c.HTTPClient = &http.Client{Jar: jar, Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
				cookies = append(cookies, req.Header.Get("Cookie"))
				return respond(req, 503, "", "Set-Cookie", "session="+token)
			})}
		})
		c, _, err := send(t.Context(), t, client, get())
		require.NoError(t, err)
		assert.Equal(t, "session="+token, cookies[4])
		assert.Equal(t, 5, c.Attempts)
		r := get()
		r.Authorize = func(*http.Request) error { return nil }
		c = client.NewCall(r)
		require.NoError(t, c.Prepare(t.Context()))
		assert.Equal(t, "a [REDACTED]", c.Secrets.Redact("a "+token))
	})
}
