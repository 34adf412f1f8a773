package transport

import (
	"context"
	"errors"
	"net/http/httptrace"
	"net/textproto"
	"sync/atomic"
)

// errRepeated ends an attempt if net/http is about to send its request a second time. Over
// HTTP/2, net/http does that after a reset or a GOAWAY, without a limit, and even if the
// server has executed the request.
var errRepeated = errors.New("the server reset the HTTP/2 stream after the request was sent")

// attemptTrace records the progress of an attempt. The transport may call its hooks after
// the attempt has ended.
type attemptTrace struct {
	trace                       httptrace.ClientTrace
	cancel                      context.CancelCauseFunc
	connRequested, connObtained atomic.Bool // The transport requested a connection, and got one.
	sent                        atomic.Bool // The request was sent over HTTP/2, and no response has begun.
	http2                       atomic.Bool
	informational               atomic.Int32 // Number of 1xx responses.
}

const maxInformational = 100

// newAttemptTrace returns an attemptTrace whose trace calls cancel if the transport is
// about to send the request a second time over HTTP/2. It does not affect requests over
// HTTP/1, because net/http repeats those only if that is safe.
func newAttemptTrace(cancel context.CancelCauseFunc) *attemptTrace {
	t := &attemptTrace{cancel: cancel}
	t.trace = httptrace.ClientTrace{
		GetConn:              t.getConn,
		GotConn:              t.gotConn,
		WroteHeaderField:     t.wroteHeaderField,
		GotFirstResponseByte: t.gotFirstResponseByte,
		Got1xxResponse:       t.got1xxResponse,
	}
	return t
}

func (t *attemptTrace) getConn(string) {
	t.connRequested.Store(true)
	if t.sent.Load() {
		t.cancel(errRepeated)
	}
}

// gotConn ends the attempt as getConn does, because net/http does not call getConn for a
// connection that it dialed for another call.
func (t *attemptTrace) gotConn(httptrace.GotConnInfo) {
	t.connObtained.Store(true)
	if t.sent.Load() {
		t.cancel(errRepeated)
	}
}

// wroteHeaderField detects HTTP/2 by its pseudo-headers. HTTP/2 transports write the header
// to the connection directly after this hook.
func (t *attemptTrace) wroteHeaderField(key string, _ []string) {
	if key == ":method" {
		t.http2.Store(true)
		t.sent.Store(true)
	}
}

// gotFirstResponseByte allows a RoundTripper to send another request after a response, for
// example with a renewed token.
func (t *attemptTrace) gotFirstResponseByte() { t.sent.Store(false) }

// got1xxResponse reverts gotFirstResponseByte, because an informational response is not the
// final response. It also limits their number: net/http does not if this hook is set.
func (t *attemptTrace) got1xxResponse(int, textproto.MIMEHeader) error {
	t.sent.Store(t.http2.Load())
	if t.informational.Add(1) > maxInformational {
		return errors.New("too many 1xx responses")
	}
	return nil
}
