package gitlabjobstest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"syscall"
)

// Transport returns a transport that reaches the server without a socket, for
// servers of either kind. It behaves as net/http's does: it calls the hooks of
// net/http/httptrace, returns at once when the request's context ends, and
// fails with the same errors. It answers for every host, so that a test sees
// what is sent to another one (see [Request.Host]). It starts no goroutine.
func (s *Server) Transport() http.RoundTripper { return &transport{s} }

type transport struct{ srv *Server }

// RoundTrip answers a request.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	ctx := r.Context()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if r.URL == nil || r.URL.Host == "" {
		return nil, fmt.Errorf("gitlabjobstest: the request has no host")
	}
	hooks := httptrace.ContextClientTrace(ctx)
	if hooks == nil {
		hooks = &httptrace.ClientTrace{}
	}
	// What the server is handed is its own, as it would be behind a socket.
	served := r.Clone(ctx)
	served.Body = r.Body
	x, open := t.srv.open(served)
	err := connect(hooks, r, func() error {
		switch {
		case !open:
			return refusedError()
		case x.refused():
			return or(x.line.wait(ctx, x.latency, nil), refusedError())
		}
		return nil
	})
	if err != nil {
		return nil, wireError(err)
	}
	if hooks.WroteHeaders != nil {
		hooks.WroteHeaders()
	}
	var sent error
	if r.Body != nil {
		served.Body = &errReader{r: r.Body, err: &sent}
	}
	x.afterBody = func() error {
		if hooks.WroteRequest != nil {
			hooks.WroteRequest(httptrace.WroteRequestInfo{Err: sent})
		}
		return sent
	}
	a, err := x.answer(ctx)
	if err != nil {
		x.over()
		return nil, wireError(err)
	}
	if hooks.GotFirstResponseByte != nil {
		hooks.GotFirstResponseByte()
	}
	resp := x.response(a) //nolint:contextcheck // Its body outlives this call, and looks at the request's context.
	resp.Request = r
	return resp, nil
}

// connect calls the hooks of a new connection, and fails where dialling does.
func connect(hooks *httptrace.ClientTrace, r *http.Request, dial func() error) error {
	host, port := r.URL.Hostname(), r.URL.Port()
	if port == "" {
		port = "80"
		if r.URL.Scheme == "https" {
			port = "443"
		}
	}
	addr := net.JoinHostPort(host, port)
	if hooks.GetConn != nil {
		hooks.GetConn(addr)
	}
	if hooks.ConnectStart != nil {
		hooks.ConnectStart("tcp", addr)
	}
	err := dial()
	if hooks.ConnectDone != nil {
		hooks.ConnectDone("tcp", addr, err)
	}
	if err != nil {
		return err
	}
	if r.URL.Scheme == "https" {
		if hooks.TLSHandshakeStart != nil {
			hooks.TLSHandshakeStart()
		}
		if hooks.TLSHandshakeDone != nil {
			hooks.TLSHandshakeDone(tls.ConnectionState{HandshakeComplete: true}, nil)
		}
	}
	if hooks.GotConn != nil {
		hooks.GotConn(httptrace.GotConnInfo{})
	}
	return nil
}

func refusedError() error { return opError("dial", "connect", syscall.ECONNREFUSED) }

func resetError() error { return opError("read", "read", syscall.ECONNRESET) }

// wireError is what an error of the server's is to a client.
func wireError(err error) error {
	if errors.Is(err, errBroken) {
		return resetError()
	}
	return err
}

func opError(op, call string, errno syscall.Errno) error {
	return &net.OpError{
		Op: op, Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80},
		Err: os.NewSyscallError(call, errno),
	}
}

// errReader keeps the error of a request's body, so that the client hears of
// it.
type errReader struct {
	r   io.Reader
	err *error
}

func (e *errReader) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	if err != nil && err != io.EOF {
		*e.err = err
	}
	return n, err
}

// Close is the transport's to do.
func (e *errReader) Close() error { return nil }

// response is the answer as net/http gives it to a client.
func (x *exchange) response(a *answer) *http.Response {
	r := x.req
	resp := &http.Response{
		Status:     fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)),
		StatusCode: a.status,
		Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header, ContentLength: a.length(),
	}
	if r.Method == http.MethodHead || a.status == http.StatusNotModified || a.status == http.StatusNoContent {
		resp.Body = http.NoBody
		if a.status != http.StatusOK {
			resp.ContentLength = 0
		}
		x.over()
		return resp
	}
	resp.Body = newBody(r.Context(), x, a)
	if a.length() == 0 {
		x.over() // Nobody need read what is empty.
	}
	return resp
}
