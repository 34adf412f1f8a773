package gitlabjobs

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"
)

// attemptTransport is one attempt of a request: it bounds it in time and in
// bytes, and reads the whole answer, so that an answer that breaks off is a
// failed attempt, which the retry loop sees. It has no CloseIdleConnections, by
// which one call's failure would reach the connections of others.
type attemptTransport struct {
	next    http.RoundTripper
	own     bool // next is the library's own, and speaks HTTP/2 only over TLS.
	timeout time.Duration
	maxBody int64
}

// newHTTPClient returns the client that the requests are sent through. Without one of
// the caller's, roots are the certificates to trust, or nil for those of the system.
func newHTTPClient(c *Client, own *http.Client, roots *x509.CertPool) *http.Client {
	hc := new(http.Client)
	if own != nil {
		*hc = *own
	}
	attempts := &attemptTransport{next: hc.Transport, timeout: c.attemptTimeout, maxBody: c.maxBody}
	if hc.Transport == nil {
		attempts.next = http.DefaultTransport
		if t, ok := http.DefaultTransport.(*http.Transport); ok && own == nil {
			attempts.next = ownTransport(t, c.attemptTimeout, roots)
			attempts.own = t.Protocols == nil || !t.Protocols.UnencryptedHTTP2()
		}
	}
	hc.Transport = attempts
	hc.CheckRedirect = redirectGuard(hc.CheckRedirect)
	hc.Timeout = 0 // The attempt has its own, and a log may take as long as it is large.
	return hc
}

// ownTransport returns the library's own transport. A connection that the network
// dropped silently would fail every attempt until the operating system gives up
// on it. Pings find it within about the time of one attempt. A connection that
// still delivers anything is not pinged, and a ping has most of an attempt's time
// for its reply, so that slow connections live on.
func ownTransport(base *http.Transport, attemptTimeout time.Duration, roots *x509.CertPool) *http.Transport {
	t := base.Clone()
	t.MaxIdleConnsPerHost = 32 // One host is all that a client talks to.
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

var errBodyTooLarge = errors.New("the answer is larger than the client's bound: see WithMaxBody")

// timeoutError is an attempt that took too long. It is not the context's
// deadline, and does not pass for it.
type timeoutError struct {
	what  string
	after time.Duration
}

func (e *timeoutError) Error() string   { return fmt.Sprintf("no %s within %v", e.what, e.after) }
func (e *timeoutError) Timeout() bool   { return true }
func (e *timeoutError) Temporary() bool { return true }

func (t *attemptTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	c := callFrom(req.Context())
	ctx, cancel := context.WithCancelCause(req.Context())
	what := "complete answer"
	if c.stream {
		what = "answer"
	}
	timeout := &timeoutError{what, t.timeout}
	// What earlier hops of a redirect took is gone.
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
		err = errors.New("the HTTP transport returned neither an answer nor an error")
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
	if c.stream && isSuccess(resp.StatusCode) {
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

// attemptBody is the body of a response that is being read. Closing it ends a Read
// that waits: not every body ends with the context of its request.
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

// close closes the body once. One that is yet to be opened is closed then.
func (b *attemptBody) close() {
	b.mu.Lock()
	body := b.body
	b.body, b.closed = nil, true
	b.mu.Unlock()
	if body != nil {
		body.Close()
	}
}

// bodies are buffers for answers, none of them large.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

const maxPooledBody = 1 << 20

// readBody reads an answer up to the bound of its kind: all of a success, and
// the beginning of anything else.
func (t *attemptTransport) readBody(c *call, resp *http.Response) error {
	c.free() // What an attempt before left.
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return nil // The body is the connection, and would never end.
	}
	c.buffer = bodies.Get().(*bytes.Buffer)
	if !isSuccess(resp.StatusCode) {
		_, _ = c.buffer.ReadFrom(io.LimitReader(resp.Body, maxErrorBody))
		return nil // The status says what counts, even where the rest is lost.
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

// answer is the body of an answer that is not a stream. Nothing keeps it.
func (c *call) answer() []byte {
	if c.buffer == nil {
		return nil
	}
	return c.buffer.Bytes()
}

// free lets other calls have the buffer.
func (c *call) free() {
	if c.buffer != nil && c.buffer.Cap() <= maxPooledBody {
		c.buffer.Reset()
		bodies.Put(c.buffer)
	}
	c.buffer = nil
}

func isSuccess(status int) bool { return status >= 200 && status <= 299 }

// causeOr returns why ctx ended, if it did and its parent did not, or else err.
func causeOr(ctx, parent context.Context, err error) error {
	cause := context.Cause(ctx)
	var timeout *timeoutError
	if parent.Err() == nil && (errors.As(cause, &timeout) || errors.Is(cause, errRepeated)) {
		return cause
	}
	return err
}

// streamBody is a response body that the caller reads. Each wait for more of it
// is bounded.
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

func newStreamBody(ctx, parent context.Context, cancel context.CancelCauseFunc, resp *http.Response, bound time.Duration) *streamBody {
	timeout := &timeoutError{"further bytes", bound}
	watchdog := time.AfterFunc(bound, func() { cancel(timeout) })
	watchdog.Stop()
	s := &streamBody{body: resp.Body, ctx: ctx, parent: parent, cancel: cancel, timeout: timeout, watchdog: watchdog}
	s.unlink = context.AfterFunc(ctx, s.closeBody) // Not every body ends with the context.
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
		err = callFrom(s.parent).secrets.redactError(causeOr(s.ctx, s.parent, err))
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
