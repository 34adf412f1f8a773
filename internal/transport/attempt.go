package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"
)

// attemptTransport sends one attempt of a call. It limits the attempt in time and its
// response in size, and reads the whole response, so that one that breaks off is a failed
// attempt, which may be retried. It has no CloseIdleConnections: retryablehttp would call
// it after a failure, and close the connections of other calls.
type attemptTransport struct {
	next    http.RoundTripper
	own     bool // next is the client's own, which uses HTTP/2 only over TLS.
	timeout time.Duration
	maxBody int64
}

// newHTTPClient returns the client of net/http that follows the redirects of an attempt.
func newHTTPClient(config Config) *http.Client {
	hc := new(http.Client)
	if config.HTTPClient != nil {
		*hc = *config.HTTPClient
	}
	attempts := &attemptTransport{next: hc.Transport, timeout: config.AttemptTimeout, maxBody: config.MaxBody}
	if hc.Transport == nil {
		attempts.next = http.DefaultTransport
		if t, ok := http.DefaultTransport.(*http.Transport); ok && config.HTTPClient == nil {
			attempts.next = OwnTransport(t, config.AttemptTimeout, config.RootCAs)
			attempts.own = t.Protocols == nil || !t.Protocols.UnencryptedHTTP2()
		}
	}
	hc.Transport = attempts
	hc.CheckRedirect = redirectGuard(hc.CheckRedirect)
	hc.Timeout = 0 // Each attempt has a timeout, and a stream may take as long as it is large.
	return hc
}

// OwnTransport returns the transport of a client without an HTTPClient, with the settings
// of base. A connection that the network dropped silently would fail every attempt until
// the operating system gives up on it. Pings find it within about the time of one attempt.
// A connection that still delivers anything is not pinged, and a ping has most of an
// attempt's time for its reply, so that slow connections live on.
func OwnTransport(base *http.Transport, attemptTimeout time.Duration, roots *x509.CertPool) *http.Transport {
	t := base.Clone()
	t.MaxIdleConnsPerHost = 32 // A client has one host.
	if roots != nil {
		if t.TLSClientConfig == nil {
			t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		t.TLSClientConfig.RootCAs = roots
	}
	if t.HTTP2 == nil {
		t.HTTP2 = new(http.HTTP2Config)
	}
	t.HTTP2.SendPingTimeout = max(attemptTimeout/4, 1)
	t.HTTP2.PingTimeout = max(attemptTimeout-attemptTimeout/4, 1)
	return t
}

// RoundTrip is called for each hop of a redirect. They share the time of one attempt.
func (t *attemptTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	c := callFrom(req.Context())
	ctx, cancel := context.WithCancelCause(req.Context())
	what := "complete response"
	if c.Stream {
		what = "response"
	}
	timeout := &timeoutError{what, t.timeout}
	var body attemptBody
	watchdog := time.AfterFunc(t.timeout-time.Since(c.begun), func() {
		cancel(timeout)
		body.close()
	})
	defer watchdog.Stop()

	c.wire = nil
	sendCtx := ctx
	if !c.reads() || req.URL.Scheme == "https" || !t.own {
		c.wire = newWire(cancel)
		sendCtx = httptrace.WithClientTrace(ctx, &c.wire.trace)
	}
	resp, err := t.next.RoundTrip(req.WithContext(sendCtx))
	if err == nil && resp == nil {
		err = errors.New("the HTTP transport returned neither a response nor an error")
	}
	if err != nil {
		err = causeOr(ctx, req.Context(), err)
		cancel(nil)
		return nil, err
	}
	if resp.Body == nil {
		resp.Body = http.NoBody
	}
	if location := resp.Header.Get("Location"); location != "" {
		if _, err := req.URL.Parse(location); err != nil {
			resp.Header.Del("Location") // net/http would fail on it, and repeat it in the error.
		}
	}
	if c.Stream && IsSuccess(resp.StatusCode) {
		resp.Body = newStreamBody(ctx, req.Context(), cancel, resp, t.timeout)
		return resp, nil
	}
	body.open(resp.Body)
	if req.Context().Done() != nil {
		defer context.AfterFunc(req.Context(), body.close)()
	}
	err = t.readBody(c, resp)
	body.close()
	if err != nil {
		err = causeOr(ctx, req.Context(), err)
		cancel(nil)
		return nil, err
	}
	cancel(nil)
	resp.Body = http.NoBody
	return resp, nil
}

// attemptBody is the body of a response that is being read. Closing it ends a Read that
// waits. The end of the context alone does not do that for the bodies of every transport.
type attemptBody struct {
	mu     sync.Mutex
	body   io.Closer
	closed bool
}

func (b *attemptBody) open(body io.Closer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		body.Close()
		return
	}
	b.body = body
}

// close closes the body, once. A body that comes later is closed by open.
func (b *attemptBody) close() {
	b.mu.Lock()
	body := b.body
	b.body, b.closed = nil, true
	b.mu.Unlock()
	if body != nil {
		body.Close()
	}
}

// bodies are buffers for the bodies of responses.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// maxPooledBody is the size of the largest buffer that is kept.
const maxPooledBody = 1 << 20

// MaxErrorBody is the size in bytes from which on the body of an error is not read.
const MaxErrorBody = 64 << 10

// readBody reads a response: of a success all of it, up to the limit, and of anything
// else the beginning.
func (t *attemptTransport) readBody(c *Call, resp *http.Response) error {
	c.Free() // The body of the attempt, or the redirect, before.
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return nil // The body is the connection, and would never end.
	}
	c.buffer = bodies.Get().(*bytes.Buffer)
	if !IsSuccess(resp.StatusCode) {
		_, _ = c.buffer.ReadFrom(io.LimitReader(resp.Body, MaxErrorBody))
		return nil // The status is what matters, even if the rest is lost.
	}
	if resp.ContentLength > t.maxBody {
		return errBodyTooLarge
	}
	if resp.ContentLength > 0 {
		c.buffer.Grow(int(min(resp.ContentLength, 1<<20)) + bytes.MinRead)
	}
	n, err := c.buffer.ReadFrom(io.LimitReader(resp.Body, min(t.maxBody, math.MaxInt64-1)+1))
	if err == nil && n > t.maxBody {
		err = errBodyTooLarge
	}
	return err
}

// causeOr returns why ctx was ended by this package, or err if it was not, or if its parent
// has ended too.
func causeOr(ctx, parent context.Context, err error) error {
	cause := context.Cause(ctx)
	var timeout *timeoutError
	if parent.Err() == nil && (errors.As(cause, &timeout) || errors.Is(cause, errRepeated)) {
		return cause
	}
	return err
}

// streamBody is a body that the caller reads. The timeout applies to each Read.
type streamBody struct {
	body     io.ReadCloser
	ctx      context.Context
	parent   context.Context
	cancel   context.CancelCauseFunc
	timeout  *timeoutError
	watchdog *time.Timer
	unlink   func() bool
	closing  sync.Once
	closeErr error
}

func newStreamBody(ctx, parent context.Context, cancel context.CancelCauseFunc, resp *http.Response, limit time.Duration) *streamBody {
	timeout := &timeoutError{"further bytes", limit}
	watchdog := time.AfterFunc(limit, func() { cancel(timeout) })
	watchdog.Stop()
	s := &streamBody{body: resp.Body, ctx: ctx, parent: parent, cancel: cancel, timeout: timeout, watchdog: watchdog}
	s.unlink = context.AfterFunc(ctx, s.closeBody) // See attemptBody.
	return s
}

// closeBody closes the body once, whether Close or the end of the context comes first:
// the body of another transport may not allow two calls of Close at a time.
func (s *streamBody) closeBody() {
	s.closing.Do(func() { s.closeErr = s.body.Close() })
}

func (s *streamBody) Read(p []byte) (int, error) {
	s.watchdog.Reset(s.timeout.after)
	n, err := s.body.Read(p)
	s.watchdog.Stop()
	if err != nil && !errors.Is(err, io.EOF) {
		err = callFrom(s.parent).Secrets.RedactError(causeOr(s.ctx, s.parent, err))
	}
	return n, err
}

// Close ends a Read that waits, too.
func (s *streamBody) Close() error {
	s.unlink()
	s.cancel(nil)
	s.closeBody()
	return s.closeErr
}
