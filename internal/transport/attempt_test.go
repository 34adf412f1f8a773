package transport_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs/internal/transport"
)

// body is a body made of parts, each of which comes after a delay. After the last one it
// ends, or with endless only when it is closed.
type body struct {
	parts   []time.Duration
	endless bool

	closes int
	once   sync.Once
	closed chan struct{}
}

func newBody(endless bool, parts ...time.Duration) *body {
	return &body{parts: parts, endless: endless, closed: make(chan struct{})}
}

func (b *body) Read(p []byte) (int, error) {
	var delay time.Duration
	switch {
	case len(b.parts) > 0:
		delay, b.parts = b.parts[0], b.parts[1:]
	case b.endless:
		delay = math.MaxInt64
	default:
		return 0, io.EOF
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-b.closed:
		return 0, errors.New("closed with " + token)
	case <-timer.C:
		return copy(p, "x"), nil
	}
}

func (b *body) Close() error {
	b.closes++
	b.once.Do(func() { close(b.closed) })
	return nil
}

func with(rc io.ReadCloser, status int, length int64) roundTripper {
	return func(req *http.Request) (*http.Response, error) {
		resp, err := respond(req, status, "")
		resp.Body, resp.ContentLength = rc, length
		return resp, err
	}
}

func hang(req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	return nil, req.Context().Err()
}

func stream() transport.Request {
	r := get()
	r.Stream = true
	return r
}

func TestTheBodyIsReadAndFreed(t *testing.T) {
	t.Parallel()
	client := newClient(always(200, "a body"))
	c, resp, err := send(t.Context(), t, client, get())
	require.NoError(t, err)
	assert.Equal(t, "a body", string(c.ResponseBody()))
	assert.Equal(t, http.NoBody, resp.Body)
	c.Free()
	assert.Nil(t, c.ResponseBody())
	c.Free()

	c, _, err = send(t.Context(), t, newClient(roundTripper(func(*http.Request) (*http.Response, error) { return &http.Response{StatusCode: 204}, nil })), get())
	require.NoError(t, err)
	assert.Empty(t, c.ResponseBody())
}

func TestTheSizeOfABodyIsLimited(t *testing.T) {
	t.Parallel()
	maxBody := func(n int64) func(*transport.Config) { return func(c *transport.Config) { c.MaxBody = n } }
	for name, tc := range map[string]struct {
		size    int
		length  int64 // As announced.
		max     int64
		tooLong bool
	}{
		"as large as may be":            {1000, 1000, 1000, false},
		"that, not announced":           {1000, -1, 1000, false},
		"one byte more":                 {1001, 1001, 1000, true},
		"that, not announced either":    {1001, -1, 1000, true},
		"the largest limit":             {1000, -1, math.MaxInt64, false},
		"announced, and broken off":     {0, 1 << 40, math.MaxInt64, false},
		"larger than what is kept":      {3 << 20, 3 << 20, 4 << 20, false},
		"announced, but larger by much": {5000, 10, 1000, true},
	} {
		r := strings.NewReader(strings.Repeat("x", tc.size))
		c, _, err := send(t.Context(), t, newClient(with(io.NopCloser(r), 200, tc.length), maxBody(tc.max), attempts(3)), get())
		if tc.tooLong {
			require.ErrorContains(t, err, "larger than the limit of the client", name)
			assert.Equal(t, 1, c.Attempts, name)
			assert.False(t, requireFault(t, err).Temporary)
			assert.GreaterOrEqual(t, int64(r.Len()), int64(tc.size)-tc.max-1, "no more is read than that")
			continue
		}
		require.NoError(t, err, name)
		assert.Len(t, c.ResponseBody(), tc.size, name)
		c.Free()
	}
	r := strings.NewReader(strings.Repeat("x", 2000))
	_, _, err := send(t.Context(), t, newClient(with(io.NopCloser(r), 200, 2000), maxBody(1999)), get())
	require.Error(t, err)
	assert.Equal(t, 2000, r.Len(), "nothing is read if the size is announced")
}

func TestOfAnErrorTheBeginningIsRead(t *testing.T) {
	t.Parallel()
	for size, want := range map[int]int{10: 10, 64 << 10: 64 << 10, 65 << 10: 64 << 10} {
		r := strings.NewReader(strings.Repeat("x", size))
		c, resp, err := send(t.Context(), t, newClient(with(io.NopCloser(r), 404, int64(size)), func(c *transport.Config) { c.MaxBody = 1 }), get())
		require.NoError(t, err)
		assert.Equal(t, 404, resp.StatusCode)
		assert.Len(t, c.ResponseBody(), want)
	}
	c, resp, err := send(t.Context(), t, newClient(with(io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF)), 404, 10)), get())
	require.NoError(t, err, "the status counts, even if the body breaks off")
	assert.Equal(t, 404, resp.StatusCode)
	assert.Empty(t, c.ResponseBody())
}

func TestABodyThatBreaksOffIsAFailedAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := serve(with(io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF)), 200, 10), always(200, "whole"))
		c, _, err := send(t.Context(), t, newClient(srv), get())
		require.NoError(t, err)
		assert.Equal(t, 2, c.Attempts)
		assert.Equal(t, "whole", string(c.ResponseBody()))
	})
}

func TestAnAttemptHasATimeout(t *testing.T) {
	t.Parallel()
	redirected := func(next roundTripper) roundTripper {
		return func(req *http.Request) (*http.Response, error) {
			if req.URL.Path == "/elsewhere" {
				return next(req)
			}
			if err := sleep(req.Context(), 20*time.Second); err != nil {
				return nil, err
			}
			return respond(req, 307, "", "Location", "/elsewhere")
		}
	}
	for name, tc := range map[string]struct {
		rt   func() roundTripper
		r    transport.Request
		want string
	}{
		"no response":              {func() roundTripper { return hang }, get(), "no complete response within 30s"},
		"no response to a stream":  {func() roundTripper { return hang }, stream(), "no response within 30s"},
		"no end":                   {func() roundTripper { return with(newBody(true), 200, -1) }, get(), "no complete response within 30s"},
		"slow, without an end":     {func() roundTripper { return with(newBody(true, 20*time.Second), 200, -1) }, get(), "no complete response within 30s"},
		"no response after a hop":  {func() roundTripper { return redirected(hang) }, get(), "no complete response within 30s"},
		"a hop and an endless end": {func() roundTripper { return redirected(with(newBody(true), 200, -1)) }, get(), "no complete response within 30s"},
	} {
		synctest.Test(t, func(t *testing.T) {
			srv := serve(func(req *http.Request) (*http.Response, error) { return tc.rt()(req) })
			c, _, err := send(t.Context(), t, newClient(srv, attempts(2)), tc.r)
			require.EqualError(t, err, tc.want, name)
			var timeout interface{ Timeout() bool }
			require.ErrorAs(t, err, &timeout)
			assert.True(t, timeout.Timeout())
			assert.True(t, requireFault(t, err).Temporary)
			assert.Equal(t, 2, c.Attempts, name)
			assert.InDelta(t, 60, time.Since(srv.began).Seconds(), 0.5, name)
		})
	}
}

func TestAnErrorThatNeverEndsIsOneAfterTheTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		assert.Equal(t, 404, status(t, newClient(with(newBody(true, 0), 404, -1)), get()))
		assert.Equal(t, 30*time.Second, time.Since(start))
	})
}

func TestTheContextEndsTheReadingOfABody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBody(true)
		c := newClient(with(b, 200, -1)).NewCall(get())
		ctx, cancel := contextWithTimeout(t, time.Second)
		defer cancel()
		require.NoError(t, c.Prepare(ctx))
		start := time.Now()
		_, err := c.Send()
		require.Error(t, err)
		assert.False(t, requireFault(t, err).Temporary)
		assert.Equal(t, time.Second, time.Since(start))
		assert.Equal(t, 1, b.closes)
	})
}

func TestTheBodyOfAnotherProtocolIsNotRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBody(true)
		c, resp, err := send(t.Context(), t, newClient(with(b, 101, -1)), get())
		require.NoError(t, err)
		assert.Equal(t, 101, resp.StatusCode)
		assert.Nil(t, c.ResponseBody())
		assert.Equal(t, 1, b.closes)
	})
}

func TestAStreamIsReadByTheCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		b := newBody(false, 29*time.Second, 29*time.Second, 29*time.Second)
		c, resp, err := send(t.Context(), t, newClient(with(b, 200, 1<<40)), stream())
		require.NoError(t, err)
		assert.Nil(t, c.ResponseBody())
		require.NoError(t, sleep(t.Context(), time.Hour)) // The caller may take its time.
		read, err := io.ReadAll(resp.Body)
		require.NoError(t, err, "each wait has the timeout, not all of them")
		assert.Equal(t, "xxx", string(read))
		assert.Equal(t, time.Hour+87*time.Second, time.Since(start))
		require.NoError(t, resp.Body.Close())
		require.NoError(t, resp.Body.Close())
		synctest.Wait()
		assert.Equal(t, 1, b.closes)
	})
}

func TestAStreamThatStopsHasATimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBody(true, time.Second)
		_, resp, err := send(t.Context(), t, newClient(with(b, 200, -1)), stream())
		require.NoError(t, err)
		start := time.Now()
		read, err := io.ReadAll(resp.Body)
		require.EqualError(t, err, "no further bytes within 30s")
		assert.Equal(t, "x", string(read))
		assert.Equal(t, 31*time.Second, time.Since(start))
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, 1, b.closes)
	})
}

func TestTheErrorOfAStreamShowsNoSecret(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(cancel func(), resp *http.Response){
		"the context": func(cancel func(), _ *http.Response) { cancel() },
		"Close":       func(_ func(), resp *http.Response) { resp.Body.Close() },
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := contextWithTimeout(t, time.Hour)
			defer cancel()
			b := newBody(true)
			_, resp, err := send(ctx, t, newClient(with(b, 200, -1)), stream())
			require.NoError(t, err)
			time.AfterFunc(time.Second, func() { end(cancel, resp) })
			start := time.Now()
			_, err = resp.Body.Read(make([]byte, 10))
			require.EqualError(t, err, "closed with [REDACTED]", name)
			assert.Equal(t, time.Second, time.Since(start))
			synctest.Wait()
			assert.Equal(t, 1, b.closes, name)
			require.NoError(t, resp.Body.Close())
		})
	}
}

func TestAnErrorIsNoStream(t *testing.T) {
	t.Parallel()
	c, resp, err := send(t.Context(), t, newClient(always(404, "no log")), stream())
	require.NoError(t, err)
	assert.Equal(t, http.NoBody, resp.Body)
	assert.Equal(t, "no log", string(c.ResponseBody()))
}

func TestATransportThatReturnsNothing(t *testing.T) {
	t.Parallel()
	_, _, err := send(t.Context(), t, newClient(roundTripper(func(*http.Request) (*http.Response, error) { return nil, nil }), attempts(1)), get())
	require.ErrorContains(t, err, "neither a response nor an error")
}

func TestARedirectWithoutAnAddressIsTheResponse(t *testing.T) {
	t.Parallel()
	_, resp, err := send(t.Context(), t, newClient(always(302, "", "Location", "https://[/"+token)), get())
	require.NoError(t, err)
	assert.Equal(t, 302, resp.StatusCode)
	assert.Empty(t, resp.Header.Get("Location"))
}

type pool struct {
	roundTripper
	closed int
}

func (p *pool) CloseIdleConnections() { p.closed++ }

func TestOnlyTheCallerClosesIdleConnections(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &pool{roundTripper: failing(errReset)}
		client := newClient(p)
		_, _, err := send(t.Context(), t, client, get())
		require.Error(t, err)
		assert.Zero(t, p.closed)
		client.CloseIdleConnections()
		assert.Equal(t, 1, p.closed)
	})
	newClient(nil, func(c *transport.Config) { c.HTTPClient = nil }).CloseIdleConnections()
}

// serveNothing starts a server on the loopback interface that responds with 204, and returns
// its URL.
func serveNothing(t *testing.T) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	t.Cleanup(srv.Close)
	return srv.URL
}

// GitLab has HTTP/2 only over TLS, and net/http repeats a request over HTTP/1 only if that
// is safe. So a read without TLS needs no trace.
func TestWhichAttemptsAreTraced(t *testing.T) {
	t.Parallel()
	url := serveNothing(t)
	own := newClient(nil, func(c *transport.Config) { c.HTTPClient = nil })
	t.Cleanup(own.CloseIdleConnections)
	for name, tc := range map[string]struct {
		client *transport.Client
		r      transport.Request
		url    string
		traced bool
	}{
		"a read":                               {own, get(), url, false},
		"a write":                              {own, post(), url, true},
		"a read over TLS":                      {own, get(), "https" + url[len("http"):], true},
		"a read over TLS by another transport": {newClient(always(200, "")), get(), origin, true},
	} {
		tc.r.URL, tc.r.MaxAttempts = tc.url, 1
		c, _, _ := send(t.Context(), t, tc.client, tc.r)
		assert.Equal(t, tc.traced, transport.Traced(c), name)
	}
}

func TestTheHTTPClientIsCopied(t *testing.T) {
	t.Parallel()
	hc := &http.Client{Timeout: time.Second, Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
		if err := sleep(req.Context(), 20*time.Second); err != nil {
			return nil, err
		}
		return respond(req, 200, "")
	})}
	synctest.Test(t, func(t *testing.T) {
		assert.Equal(t, 200, status(t, newClient(nil, func(c *transport.Config) { c.HTTPClient = hc }), get()), "its timeout is not used")
	})
	assert.Equal(t, time.Second, hc.Timeout)
	assert.IsType(t, roundTripper(nil), hc.Transport)
	assert.Nil(t, hc.CheckRedirect)
}

func TestAClientWithoutAnHTTPClientHasItsOwnConnections(t *testing.T) {
	t.Parallel()
	url := serveNothing(t)
	for range 2 {
		client := newClient(nil, func(c *transport.Config) { c.HTTPClient = nil })
		defer client.CloseIdleConnections()
		reused := false
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { reused = info.Reused }})
		r := get()
		r.URL = url
		_, _, err := send(ctx, t, client, r)
		require.NoError(t, err)
		assert.False(t, reused)
	}
}

func TestTheOwnTransportPingsSilentConnections(t *testing.T) {
	t.Parallel()
	base := &http.Transport{MaxIdleConns: 7}
	roots := x509.NewCertPool()
	own := transport.NewTransport(base, 30*time.Second, roots)
	assert.Equal(t, 7, own.MaxIdleConns)
	assert.Equal(t, 32, own.MaxIdleConnsPerHost)
	assert.Equal(t, 7500*time.Millisecond, own.HTTP2.SendPingTimeout)
	assert.Equal(t, 22500*time.Millisecond, own.HTTP2.PingTimeout)
	assert.Same(t, roots, own.TLSClientConfig.RootCAs)
	if base.HTTP2 != nil { // Clone sets it from Go 1.27 on.
		assert.Zero(t, base.HTTP2.SendPingTimeout, "the base is not changed")
	}

	base = &http.Transport{TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{}} // net/http makes no TLSClientConfig.
	own = transport.NewTransport(base, 30*time.Second, roots)
	assert.Same(t, roots, own.TLSClientConfig.RootCAs)
	assert.EqualValues(t, tls.VersionTLS12, own.TLSClientConfig.MinVersion)
	assert.Nil(t, transport.NewTransport(base, 30*time.Second, nil).TLSClientConfig)

	base = &http.Transport{HTTP2: &http.HTTP2Config{MaxReadFrameSize: 1 << 20}, TLSClientConfig: &tls.Config{ServerName: "x", MinVersion: tls.VersionTLS13}}
	own = transport.NewTransport(base, 1, roots)
	assert.Equal(t, 1<<20, own.HTTP2.MaxReadFrameSize)
	assert.EqualValues(t, 1, own.HTTP2.SendPingTimeout, "0 would be for no pings")
	assert.EqualValues(t, 1, own.HTTP2.PingTimeout)
	assert.Equal(t, "x", own.TLSClientConfig.ServerName)
	assert.EqualValues(t, tls.VersionTLS13, own.TLSClientConfig.MinVersion)
	assert.Same(t, base.TLSClientConfig.RootCAs, transport.NewTransport(base, 1, nil).TLSClientConfig.RootCAs)
}
