package delivery

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

// Transport returns a transport that sends requests to the handler in memory.
// Like net/http's transport, it calls the hooks of net/http/httptrace, returns as
// soon as the request's context ends, and fails with the same errors. It accepts
// every host.
func (n *Network) Transport() http.RoundTripper { return &transport{n} }

type transport struct{ network *Network }

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	ctx := r.Context()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if r.URL == nil || r.URL.Host == "" {
		return nil, errors.New("gitlabjobstest: the request has no host")
	}
	hooks := httptrace.ContextClientTrace(ctx)
	if hooks == nil {
		hooks = &httptrace.ClientTrace{}
	}
	served := r.Clone(ctx) // The handler must not share the request with the client.
	served.Body = r.Body
	g := t.network.interruptions.guard()
	x, accepted := t.network.handler.Accept(served)
	err := connect(hooks, r, func() error {
		switch {
		case !accepted:
			return refusedError()
		case x.Refused():
			if err := g.wait(ctx, x.Latency(), nil); err != nil {
				return err
			}
			return refusedError()
		}
		return nil
	})
	if err != nil {
		return nil, clientError(err)
	}
	if hooks.WroteHeaders != nil {
		hooks.WroteHeaders()
	}
	var bodyErr error
	if r.Body != nil {
		served.Body = &errReader{r: r.Body, err: &bodyErr}
	}
	resp, err := respond(ctx, served, x, g, func() error {
		if hooks.WroteRequest != nil {
			hooks.WroteRequest(httptrace.WroteRequestInfo{Err: bodyErr})
		}
		return bodyErr
	})
	if err != nil {
		x.Done()
		return nil, clientError(err)
	}
	if hooks.GotFirstResponseByte != nil {
		hooks.GotFirstResponseByte()
	}
	return resp.toClient(r, x, g), nil
}

// connect calls dial and the hooks of a new connection. It returns the error of
// dial.
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

func refusedError() error { return newOpError("dial", "connect", syscall.ECONNREFUSED) }

func resetError() error { return newOpError("read", "read", syscall.ECONNRESET) }

// clientError returns the error that a client sees.
func clientError(err error) error {
	if errors.Is(err, errInterrupted) {
		return resetError()
	}
	return err
}

func newOpError(op, call string, errno syscall.Errno) error {
	return &net.OpError{
		Op: op, Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80},
		Err: os.NewSyscallError(call, errno),
	}
}

// errReader stores the error that occurs when a request's body is read.
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

// Close does nothing, because the transport closes the body.
func (e *errReader) Close() error { return nil }

// toClient converts the response to the one that the client receives.
func (r *Response) toClient(req *http.Request, x Exchange, g guard) *http.Response {
	resp := &http.Response{
		Status:     fmt.Sprintf("%d %s", r.Status, http.StatusText(r.Status)),
		StatusCode: r.Status,
		Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: r.Header, ContentLength: r.length(), Request: req,
	}
	if hasNoBody(req.Method, r.Status) {
		resp.Body = http.NoBody
		if r.Status == http.StatusNotModified || r.Status == http.StatusNoContent {
			resp.ContentLength = 0
		}
		x.Done()
		return resp
	}
	resp.Body = newMemoryBody(req.Context(), x, g, r)
	if r.length() == 0 {
		x.Done() // A client need not read an empty body.
	}
	return resp
}
