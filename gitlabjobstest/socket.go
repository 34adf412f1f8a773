package gitlabjobstest

import (
	"context"
	"net"
	"net/http"
	"time"
)

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
	if !ok || x.refused() {
		abort(w)
		return
	}
	a, err := x.answer(r.Context())
	if err != nil {
		return // The client is gone.
	}
	switch {
	case a.how.reset:
		abort(w)
		return
	case a.how.hang:
		<-r.Context().Done()
		return
	}
	for k, v := range a.header {
		w.Header()[k] = v
	}
	if _, said := a.header["Content-Type"]; !said {
		w.Header()["Content-Type"] = nil // Or net/http makes one up.
	}
	w.WriteHeader(a.status)
	if r.Method == http.MethodHead || a.status == http.StatusNotModified {
		return
	}
	writeBody(r.Context(), w, a)
}

// writeBody sends the body the way the answer says. Where it sends less than
// Content-Length, net/http closes the connection, which is what a cut is.
func writeBody(ctx context.Context, w http.ResponseWriter, a *answer) {
	body := a.body
	if a.how.cut {
		body = body[:a.how.cutAt]
	}
	flush := http.NewResponseController(w)
	for {
		for rest := body; len(rest) > 0; {
			n := len(rest)
			if a.how.chunk > 0 {
				n = min(n, a.how.chunk)
			}
			if wait(ctx, a.how.every) != nil {
				return
			}
			if _, err := w.Write(rest[:n]); err != nil {
				return
			}
			if flush.Flush() != nil {
				return
			}
			rest = rest[n:]
		}
		if !a.how.endless || len(body) == 0 {
			return
		}
	}
}

// abort resets the connection: with no time to linger, closing it does not
// wait for what is still to be sent or read.
func abort(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.SetDeadline(time.Now())
	_ = conn.Close()
}
