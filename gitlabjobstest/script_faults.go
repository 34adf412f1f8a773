package gitlabjobstest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Always as the Times of a [Fault] lets it strike for as long as the server
// lives.
const Always = -1

// Fault is something that goes wrong, and with which requests. Faults are
// looked at in the order in which they were set, up to the first that a request
// fits and that Does something. One that only has a Latency does not end the
// search: such latencies add up, and what comes behind strikes too.
type Fault struct {
	Method string // Empty: any.
	Route  string // An endpoint, such as /projects/:id/jobs/:job_id; empty: any.
	Skip   int    // So many fitting requests are let through first.
	Times  int    // How many it strikes: 0 means one.

	// Match says whether a request fits; nil means that each does. It is asked
	// before the request is read, which hence has no Body yet, by several
	// requests at once if there are. It may use the server.
	Match func(Request) bool

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
	struck int
}

// FaultHandle is a fault that was set.
type FaultHandle struct {
	srv *Server
	set *fault // nil: it was refused.
}

// Fault lets something go wrong. What it returns tells how often it did, and
// ends it.
func (s *Server) Fault(f Fault) *FaultHandle {
	if s.tb != nil {
		s.tb.Helper()
	}
	if why := f.refuse(s.routes()); why != "" {
		s.failf("Fault: %s", why)
		return &FaultHandle{srv: s}
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
	return &FaultHandle{s, set}
}

// Struck returns how many requests the fault has struck.
func (h *FaultHandle) Struck() int {
	if h.set == nil {
		return 0
	}
	h.srv.mu.Lock()
	defer h.srv.mu.Unlock()
	return h.set.struck
}

// Clear ends the fault: it strikes no further request. Clearing it twice does
// nothing.
func (h *FaultHandle) Clear() {
	if h.set == nil {
		return
	}
	h.srv.mu.Lock()
	defer h.srv.mu.Unlock()
	h.set.left = 0
}

func (f *Fault) refuse(routes []route) string {
	switch {
	case f.Times < Always || f.Skip < 0:
		return fmt.Sprintf("Times is %d and Skip is %d: use Always or 0 and more, and for Skip 0 and more", f.Times, f.Skip)
	case f.Probability < 0 || f.Probability > 1:
		return fmt.Sprintf("Probability is %v: use a number from 0 to 1", f.Probability)
	case f.Latency < 0:
		return fmt.Sprintf("Latency is %v: use 0 or more", f.Latency)
	case f.Do.problem != "":
		return f.Do.problem
	}
	if f.Route == "" {
		return ""
	}
	for _, r := range routes {
		if r.template == f.Route && (f.Method == "" || f.Method == r.method) {
			return ""
		}
	}
	return strings.TrimSpace("there is no route "+f.Method+" "+f.Route) + ": write Route like /projects/:id/jobs/:job_id, without /api/v4, or add it with Server.Handle first"
}

// ClearFaults lets nothing more go wrong.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		f.left = 0
	}
	s.faults = nil
}

// fits says what can be said of a request without asking Match.
func (f *fault) fits(r *record) bool {
	return f.left != 0 && (f.Method == "" || f.Method == r.Method) && (f.Route == "" || f.Route == r.Route)
}

// matching asks each Match that there is. The server is not locked meanwhile,
// since a test's function may well look at it.
func (s *Server) matching(r *record) map[*fault]bool {
	s.mu.Lock()
	var ask []*fault
	for _, f := range s.faults {
		if f.Match != nil && f.fits(r) && !s.shut(r.At) {
			ask = append(ask, f)
		}
	}
	s.mu.Unlock()
	if ask == nil {
		return nil
	}
	said := make(map[*fault]bool, len(ask))
	for _, f := range ask {
		said[f] = f.Match(r.snapshot())
	}
	return said
}

// strike returns the latency that a request meets, and the fault that does
// something to it, or nil.
func (s *Server) strike(r *record, matched map[*fault]bool) (time.Duration, *fault) {
	var latency time.Duration
	for _, f := range s.faults {
		if !f.fits(r) || f.Match != nil && !matched[f] {
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
		f.struck++
		latency += f.Latency
		if f.Do.make != nil {
			return latency, f
		}
	}
	return latency, nil
}
