package gitlabjobstest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Always is the value of Fault.Times for a [Fault] that applies to any number of
// requests.
const Always = -1

// Fault makes requests slow or makes them fail. The server checks the faults in
// the order in which they were added. The first fault that applies and has an
// Effect ends the check. Faults that have only a Latency do not: the server adds
// up their latencies.
type Fault struct {
	Method string // Empty matches every method.
	Route  string // A route, such as /projects/:id/jobs/:job_id. Empty matches every route.
	Skip   int    // Number of matching requests before the fault applies.
	Times  int    // Number of requests that the fault applies to. 0 means one.

	// Match selects among the requests that match Method and Route. If it is nil, the fault
	// matches all of them. The server calls it before it reads the request's body, so the
	// Body is empty. It must be safe for concurrent use, and may use the server.
	Match func(Request) bool

	Probability float64 // The probability that the fault applies to a matching request. 0 means always.
	Seed        uint64  // The seed of the probability. With the same seed the fault applies to the same requests.

	Latency time.Duration // How long the request waits before anything else happens.
	Do      Effect        // The failure. The zero Effect has no effect besides the latency.
}

// fault is a Fault that was added to a server.
type fault struct {
	Fault

	effect    effect
	random    *rand.Rand
	remaining int // How often the fault can still apply. Negative means without limit.
	struck    int
}

// FaultHandle refers to a fault that was added to a server.
type FaultHandle struct {
	srv   *Server
	fault *fault // nil if the fault was invalid.
}

// Fault adds a fault. The handle counts the requests that the fault has applied
// to, and can remove the fault.
func (s *Server) Fault(f Fault) *FaultHandle {
	s.tb.Helper()
	if problem := f.validate(s.routes()); problem != "" {
		s.failf("Fault: %s", problem)
		return &FaultHandle{srv: s}
	}
	added := &fault{Fault: f, remaining: cmp.Or(f.Times, 1)}
	if f.Do.effect != nil {
		added.effect = *f.Do.effect
	}
	if f.Probability > 0 {
		added.random = rand.New(rand.NewPCG(f.Seed, f.Seed))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, added)
	return &FaultHandle{s, added}
}

// Struck returns the number of requests that the fault has applied to.
func (h *FaultHandle) Struck() int {
	if h.fault == nil {
		return 0
	}
	h.srv.mu.Lock()
	defer h.srv.mu.Unlock()
	return h.fault.struck
}

// Clear removes the fault. Calling Clear again does nothing.
func (h *FaultHandle) Clear() {
	if h.fault == nil {
		return
	}
	h.srv.mu.Lock()
	defer h.srv.mu.Unlock()
	h.fault.remaining = 0
}

// validate returns what is wrong with the fault, or an empty string.
func (f *Fault) validate(routes []route) string {
	switch {
	case f.Times < Always || f.Skip < 0:
		return fmt.Sprintf("Times is %d and Skip is %d: use 0 or more for both, or Always for Times", f.Times, f.Skip)
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
	return strings.TrimSpace("the server has no route "+f.Method+" "+f.Route) + ": write Route like /projects/:id/jobs/:job_id, without /api/v4, or add the route with Server.Handle first"
}

// ClearFaults removes all faults.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		f.remaining = 0
	}
	s.faults = nil
}

// matches reports whether the fault matches a request, apart from Match.
func (f *fault) matches(r *record) bool {
	return f.remaining != 0 && (f.Method == "" || f.Method == r.Method) && (f.Route == "" || f.Route == r.Route)
}

// callMatches calls the Match functions and returns their results. It does not
// lock the server while it calls them, because they may use the server.
func (s *Server) callMatches(r *record) map[*fault]bool {
	s.mu.Lock()
	var candidates []*fault
	for _, f := range s.faults {
		if f.Match != nil && f.matches(r) && !s.isUnreachable(r.At) {
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

// applyFaults returns the latency of a request and the fault that has an effect
// on it. The fault is nil if there is none.
func (s *Server) applyFaults(r *record, matched map[*fault]bool) (time.Duration, *fault) {
	var latency time.Duration
	for _, f := range s.faults {
		if !f.matches(r) || f.Match != nil && !matched[f] {
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
		if f.Do.effect != nil {
			return latency, f
		}
	}
	return latency, nil
}
