package gitlabjobstest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Always is a Times of a [Fault] that strikes without an end.
const Always = -1

// Fault is a failure and the requests that it strikes. Each request meets the
// faults in the order in which they were set, up to the first one that fits and
// has an Effect. Faults that only have a Latency do not end the search: their
// latencies add up.
type Fault struct {
	Method string // Empty means any.
	Route  string // An endpoint, such as /projects/:id/jobs/:job_id. Empty means any.
	Skip   int    // Number of fitting requests that pass first.
	Times  int    // Number of requests that it strikes. 0 means one.

	// Match tells whether a request fits. nil means that each does. It is
	// called before the request is read, so the request has no Body, and
	// possibly by several requests at once. It may use the server.
	Match func(Request) bool

	Probability float64 // That it strikes a fitting request. 0 means always.
	Seed        uint64  // Of the probability. The same seed strikes the same requests.

	Latency time.Duration // Passes before anything else happens.
	Do      Effect        // What goes wrong. The zero Effect adds nothing to the latency.
}

// fault is a Fault that was set.
type fault struct {
	Fault

	effect    effect
	random    *rand.Rand
	remaining int // Negative means without an end.
	struck    int
}

// FaultHandle refers to a fault that was set.
type FaultHandle struct {
	srv   *Server
	fault *fault // nil if it was invalid.
}

// Fault sets a fault. The handle tells how often it struck, and ends it.
func (s *Server) Fault(f Fault) *FaultHandle {
	s.tb.Helper()
	if problem := f.validate(s.routes()); problem != "" {
		s.failf("Fault: %s", problem)
		return &FaultHandle{srv: s}
	}
	added := &fault{Fault: f, remaining: cmp.Or(f.Times, 1)}
	if f.Do.make != nil {
		added.effect = f.Do.make()
	}
	if f.Probability > 0 {
		added.random = rand.New(rand.NewPCG(f.Seed, f.Seed))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, added)
	return &FaultHandle{s, added}
}

// Struck returns how many requests the fault has struck.
func (h *FaultHandle) Struck() int {
	if h.fault == nil {
		return 0
	}
	h.srv.mu.Lock()
	defer h.srv.mu.Unlock()
	return h.fault.struck
}

// Clear ends the fault. Clearing it twice does nothing.
func (h *FaultHandle) Clear() {
	if h.fault == nil {
		return
	}
	h.srv.mu.Lock()
	defer h.srv.mu.Unlock()
	h.fault.remaining = 0
}

func (f *Fault) validate(routes []route) string {
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

// ClearFaults ends all faults.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		f.remaining = 0
	}
	s.faults = nil
}

// fits tells whether a request fits, apart from Match.
func (f *fault) fits(r *record) bool {
	return f.remaining != 0 && (f.Method == "" || f.Method == r.Method) && (f.Route == "" || f.Route == r.Route)
}

// matching calls each Match. The server is not locked meanwhile, because a
// test's function may use it.
func (s *Server) callMatches(r *record) map[*fault]bool {
	s.mu.Lock()
	var candidates []*fault
	for _, f := range s.faults {
		if f.Match != nil && f.fits(r) && !s.isUnreachable(r.At) {
			candidates = append(candidates, f)
		}
	}
	s.mu.Unlock()
	if candidates == nil {
		return nil
	}
	matched := make(map[*fault]bool, len(candidates))
	for _, f := range candidates {
		matched[f] = f.Match(r.snapshot())
	}
	return matched
}

// strike returns the latency of a request and the fault that has an effect on
// it, or nil.
func (s *Server) applyFaults(r *record, matched map[*fault]bool) (time.Duration, *fault) {
	var latency time.Duration
	for _, f := range s.faults {
		if !f.fits(r) || f.Match != nil && !matched[f] {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		if f.random != nil && f.random.Float64() >= f.Probability {
			continue
		}
		if f.remaining > 0 {
			f.remaining--
		}
		f.struck++
		latency += f.Latency
		if f.Do.make != nil {
			return latency, f
		}
	}
	return latency, nil
}
