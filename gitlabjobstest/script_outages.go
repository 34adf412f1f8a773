package gitlabjobstest

import "time"

// Down takes the server off the network for so long: what it is answering
// breaks at once, bodies and hangs too, and connections are refused until then
// (on a socket they are reset, as by [Refuse]). What happens in it goes on:
// jobs, scripts, and the faults that were set, which meet no request meanwhile.
func (s *Server) Down(d time.Duration) {
	if s.tb != nil {
		s.tb.Helper()
	}
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

// shut says that nothing connects.
func (s *Server) shut(now time.Time) bool { return s.closed || now.Before(s.downUntil) }
