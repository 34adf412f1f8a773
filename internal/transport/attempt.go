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

// attemptTransport sends one attempt of a call. It limits the duration of the attempt and
// the size of the response. It reads the whole response, so that a response that breaks off
// is a failed attempt, which can be retried. It has no CloseIdleConnections method, because
// retryablehttp would call it after a failure and close the connections of other calls.
type attemptTransport struct {
	next    http.RoundTripper
	timeout time.Duration
	maxBody int64
}

// newHTTPClient returns the http.Client that sends an attempt and follows its redirects.
func newHTTPClient(config Config) *http.Client {
	hc := new(http.Client)
	if config.HTTPClient != nil {
		*hc = *config.HTTPClient
	}
	transport := &attemptTransport{next: hc.Transport, timeout: config.AttemptTimeout, maxBody: config.MaxBody}
	if hc.Transport == nil {
		transport.next = http.DefaultTransport
		if t, ok := http.DefaultTransport.(*http.Transport); ok && config.HTTPClient == nil {
			transport.next = NewTransport(t, config.AttemptTimeout, config.RootCAs)
		}
	}
	hc.Transport = transport
	hc.CheckRedirect = redirectGuard(hc.CheckRedirect)
	hc.Timeout = 0 // attemptTransport has the timeout. A timeout for whole requests would end long streams.
	return hc
}

// NewTransport returns the transport of a client without an HTTPClient, with the settings
// of base. If the network drops an HTTP/2 connection silently, every attempt on it fails
// until the operating system closes it. Pings detect such a connection within about the
// time of one attempt. The transport does not ping connections that receive data, and
// allows most of the attempt timeout for the reply, so that slow connections stay open.
func NewTransport(base *http.Transport, attemptTimeout time.Duration, roots *x509.CertPool) *http.Transport {
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

// RoundTrip sends one request of an attempt. After a redirect, the attempt has several
// requests, which share one timeout.
func (t *attemptTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	c := callFrom(req.Context())
	ctx, cancel := context.WithCancelCause(req.Context())
	var body attemptBody
	watchdog := time.AfterFunc(t.timeout-time.Since(c.begin), func() {
		missing := "complete response"
		if c.Stream {
			missing = "response"
		}
		cancel(&timeoutError{missing, t.timeout})
		body.close()
	})
	defer watchdog.Stop()

	c.attemptTrace = nil
	sendCtx := ctx
	// A read without TLS needs no trace: net/http repeats a read over HTTP/1 only if that is
	// safe, and GitLab supports HTTP/2 over TLS only.
	if !c.reads() || req.URL.Scheme == "https" {
		c.attemptTrace = newAttemptTrace(cancel)
		sendCtx = httptrace.WithClientTrace(ctx, &c.attemptTrace.trace)
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
			resp.Header.Del("Location") // net/http would return an error that contains the URL.
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

// attemptBody is the body of a response that is being read. Closing it interrupts a Read.
// Canceling the context alone does not interrupt Read in every RoundTripper.
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

// close closes the body once. If the body is not yet open, open closes it.
func (b *attemptBody) close() {
	b.mu.Lock()
	body := b.body
	b.body, b.closed = nil, true
	b.mu.Unlock()
	if body != nil {
		body.Close()
	}
}

// bufferPool is a pool of buffers for response bodies.
var bufferPool = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// maxPooledBody is the size in bytes of the largest buffer that is returned to the pool.
const maxPooledBody = 1 << 20

// MaxErrorBody is the maximum number of bytes that are read from the body of an error
// response.
const MaxErrorBody = 64 << 10

// readBody reads the body of a response into c.buffer. For a 2xx status, a body that is
// larger than the limit is an error. For other statuses, it reads up to MaxErrorBody bytes.
func (t *attemptTransport) readBody(c *Call, resp *http.Response) error {
	c.Free() // The buffer may have the body of an earlier attempt or redirect.
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return nil // The body is the connection, which does not end.
	}
	c.buffer = bufferPool.Get().(*bytes.Buffer)
	if !IsSuccess(resp.StatusCode) {
		_, _ = c.buffer.ReadFrom(io.LimitReader(resp.Body, MaxErrorBody))
		return nil // The status is known even if the body breaks off.
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

// causeOr returns the error with which this package canceled ctx. If it did not cancel ctx,
// or if the parent context has ended too, causeOr returns err.
func causeOr(ctx, parent context.Context, err error) error {
	cause := context.Cause(ctx)
	var timeout *timeoutError
	if parent.Err() == nil && (errors.As(cause, &timeout) || errors.Is(cause, errRepeated)) {
		return cause
	}
	return err
}

// streamBody is the body of a stream, which the caller reads. The timeout applies to each
// Read.
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

// closeBody closes the body once. Close and the end of the context both call it, and the
// body of another transport may not support concurrent calls of Close.
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

// Close closes the body and interrupts a Read.
func (s *streamBody) Close() error {
	s.unlink()
	s.cancel(nil)
	s.closeBody()
	return s.closeErr
}
