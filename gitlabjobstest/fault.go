package gitlabjobstest

import (
	"math/rand/v2"
	"time"
)

// Always as the Times of a [Fault] lets it strike for as long as the server
// lives.
const Always = -1

// Fault is something that goes wrong, and with which requests. The first fault
// that a request fits strikes it, in the order in which they were set.
type Fault struct {
	Method string // Empty: any.
	Route  string // An endpoint, such as /projects/:id/jobs/:job_id; empty: any.
	Skip   int    // So many fitting requests are let through first.
	Times  int    // How many it strikes: 0 means one.

	Probability float64 // That it strikes a fitting request; 0 means it does for sure.
	Seed        uint64  // Of the probability: the same one strikes the same requests.

	Latency time.Duration // Passes before anything else happens.
	Do      Effect        // What goes wrong; the zero Effect is nothing beyond the latency.
}

// fault is a Fault that has been set.
type fault struct {
	Fault

	effect effect
	chance *rand.Rand
	left   int // Negative: no end.
}

// Fault lets something go wrong.
func (s *Server) Fault(f Fault) {
	if s.tb != nil {
		s.tb.Helper()
	}
	if why := f.refuse(); why != "" {
		s.bad("Fault: %s", why)
		return
	}
	set := &fault{Fault: f, left: or(f.Times, 1)}
	if f.Do.make != nil {
		set.effect = f.Do.make()
	}
	if f.Probability > 0 {
		set.chance = rand.New(rand.NewPCG(f.Seed, f.Seed))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, set)
}

func (f *Fault) refuse() string {
	switch {
	case f.Times < Always || f.Skip < 0:
		return "Times is how many requests it strikes, or Always, and Skip is 0 or more"
	case f.Probability < 0 || f.Probability > 1:
		return "the Probability is from 0 to 1"
	case f.Latency < 0:
		return "the Latency is below 0"
	case f.Do.bad != "":
		return f.Do.bad
	}
	if f.Route == "" {
		return ""
	}
	for _, r := range routes() {
		if r.template == f.Route && (f.Method == "" || f.Method == r.method) {
			return ""
		}
	}
	return "there is no endpoint " + f.Method + " " + f.Route + ": write it as /projects/:id/jobs/:job_id, with no /api/v4"
}

// ClearFaults lets nothing more go wrong.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// strike returns the fault that a request meets, or nil.
func (s *Server) strike(method, template string) *fault {
	for _, f := range s.faults {
		if f.left == 0 || f.Method != "" && f.Method != method || f.Route != "" && f.Route != template {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		if f.chance != nil && f.chance.Float64() >= f.Probability {
			continue
		}
		if f.left > 0 {
			f.left--
		}
		return f
	}
	return nil
}
