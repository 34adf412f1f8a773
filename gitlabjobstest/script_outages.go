package gitlabjobstest

import "time"

// Down takes the server off the network for a duration. It interrupts all
// responses in flight, including bodies and hanging responses. Until the duration
// has passed, the server refuses connections (a server with a socket resets them,
// as for [Refuse]) and faults do not apply. Jobs and scripts continue.
func (s *Server) Down(d time.Duration) {
	s.tb.Helper()
	if d <= 0 {
		s.failf("Down(%v): use a duration above 0", d)
		return
	}
	now := s.lock()
	if until := now.Add(d); until.After(s.downUntil) {
		s.downUntil = until
	}
	s.mu.Unlock()
	s.network.Interrupt()
}

// isUnreachable reports whether the server refuses connections.
func (s *Server) isUnreachable(now time.Time) bool { return s.closed || now.Before(s.downUntil) }
