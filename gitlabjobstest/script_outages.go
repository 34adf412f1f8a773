package gitlabjobstest

import "time"

// Down takes the server off the network for a duration. Everything in flight
// breaks at once, bodies and hanging responses too, and connections are refused
// until then (with a socket they are reset, as by [Refuse]). Jobs and scripts
// continue. Faults strike no request meanwhile.
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

// shut tells whether connections are refused.
func (s *Server) isUnreachable(now time.Time) bool { return s.closed || now.Before(s.downUntil) }
