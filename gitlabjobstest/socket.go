package gitlabjobstest

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"sync"
	"time"
)

// maxPiece is how much of a body that is made while it is sent is there at a
// time.
const maxPiece = 128 << 10

// serveSocket answers a request that came by the socket.
func (s *Server) serveSocket(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		abort(w)
		return
	}
	s.handlers.Add(1)
	s.mu.Unlock()
	defer s.handlers.Done()

	x, ok := s.open(r)
	if !ok {
		abort(w)
		return
	}
	defer x.over()
	if x.refused() {
		_ = x.line.wait(r.Context(), x.latency, nil)
		abort(w)
		return
	}
	a, err := x.answer(r.Context())
	if err != nil {
		if errors.Is(err, errBroken) {
			abort(w)
		}
		return // Or the client is gone.
	}
	maps.Copy(w.Header(), a.header)
	if _, said := a.header["Content-Type"]; !said {
		w.Header()["Content-Type"] = nil // Or net/http makes one up.
	}
	w.WriteHeader(a.status)
	if r.Method == http.MethodHead || a.status == http.StatusNotModified {
		return
	}
	if errors.Is(x.writeBody(r.Context(), w, newFlow(a)), errBroken) {
		abort(w)
	}
}

// writeBody sends a body. Where it sends less than Content-Length, net/http
// closes the connection, which is what a cut is.
func (x *exchange) writeBody(ctx context.Context, w http.ResponseWriter, f *flow) error {
	control := http.NewResponseController(w)
	pause := func(d time.Duration) error {
		// The client is to have what there is before the pause.
		_ = control.Flush()
		return x.line.wait(ctx, d, nil)
	}
	var buf []byte
	if f.made > 0 {
		buf = make([]byte, min(f.made, maxPiece))
	}
	for {
		if err := f.next(pause); err != nil {
			return err
		}
		n, err := w.Write(f.take(f.ready, buf)) //nolint:gosec // A log is text, and says so.
		x.record.sent.Add(int64(n))
		if err != nil {
			return err
		}
		if x.line.broken() {
			return errBroken
		}
	}
}

// abort resets the connection.
func abort(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	_ = conn.SetDeadline(time.Now())
	reset(conn)
}

// reset closes a connection with no time to linger: that does not wait for what
// is still to be sent or read.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// connections are those that a server on a socket has open.
type connections struct {
	mu   sync.Mutex
	open map[net.Conn]bool
}

// track is told by net/http what becomes of each.
func (c *connections) track(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew:
		if c.open == nil {
			c.open = map[net.Conn]bool{}
		}
		c.open[conn] = true
	case http.StateHijacked, http.StateClosed:
		delete(c.open, conn)
	default:
	}
}

// reset breaks them all, those that wait for a client to read too.
func (c *connections) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.open {
		reset(conn)
	}
}
