package transport

import (
	"context"
	"errors"
	"net/http/httptrace"
	"net/textproto"
	"sync/atomic"
)

// errRepeated ends an attempt whose request net/http would send a second time.
// Over HTTP/2 it does so after a reset or a GOAWAY, without a limit, and even if
// the server has executed the request.
var errRepeated = errors.New("the server reset the HTTP/2 stream after the request was sent")

// wire records how far an attempt got. The transport may call its hooks after
// the attempt has ended.
type wire struct {
	trace         httptrace.ClientTrace
	cancel        context.CancelCauseFunc
	asked, got    atomic.Bool // A connection.
	sent          atomic.Bool // The request was sent over HTTP/2, and no response has begun.
	http2         atomic.Bool
	informational atomic.Int32 // Number of 1xx responses.
}

const maxInformational = 100

// newWire returns a wire whose trace ends the attempt with cancel if the
// transport is about to send the request a second time over HTTP/2. Requests
// over HTTP/1 are not affected: net/http repeats those only if that is safe.
func newWire(cancel context.CancelCauseFunc) *wire {
	w := &wire{cancel: cancel}
	w.trace = httptrace.ClientTrace{
		GetConn:              w.getConn,
		GotConn:              w.gotConn,
		WroteHeaderField:     w.wroteHeaderField,
		GotFirstResponseByte: w.gotFirstResponseByte,
		Got1xxResponse:       w.got1xxResponse,
	}
	return w
}

func (w *wire) getConn(string) {
	w.asked.Store(true)
	if w.sent.Load() {
		w.cancel(errRepeated)
	}
}

// gotConn also ends the attempt: a connection that was dialed for another call comes
// without a getConn.
func (w *wire) gotConn(httptrace.GotConnInfo) {
	w.got.Store(true)
	if w.sent.Load() {
		w.cancel(errRepeated)
	}
}

// wroteHeaderField tells HTTP/2, which has pseudo-headers, from HTTP/1. HTTP/2
// transports write the fields to the connection right after this.
func (w *wire) wroteHeaderField(key string, _ []string) {
	if key == ":method" {
		w.http2.Store(true)
		w.sent.Store(true)
	}
}

// gotFirstResponseByte allows a RoundTripper to send another request after a
// response, for example with a renewed token.
func (w *wire) gotFirstResponseByte() { w.sent.Store(false) }

// got1xxResponse takes that back: after an informational response the request
// still has none. net/http does not limit their number if this hook is set.
func (w *wire) got1xxResponse(int, textproto.MIMEHeader) error {
	w.sent.Store(w.http2.Load())
	if w.informational.Add(1) > maxInformational {
		return errors.New("too many 1xx responses")
	}
	return nil
}
