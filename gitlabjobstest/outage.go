package gitlabjobstest

import (
	"context"
	"errors"
	"sync"
	"time"
)

// errBroken ends what an outage has struck. A client sees a reset connection.
var errBroken = errors.New("gitlabjobstest: the connection was broken")

// forever is how long a request that hangs waits.
const forever = -1

// Down takes the server off the network for so long: what it is answering
// breaks at once, bodies and hangs too, and connections are refused until then
// (on a socket they are reset, as by [Refuse]). What happens in it goes on:
// jobs, scripts, and the faults that were set, which meet no request meanwhile.
func (s *Server) Down(d time.Duration) {
	if s.tb != nil {
		s.tb.Helper()
	}
	if d <= 0 {
		s.bad("Down(%v): use a duration above 0", d)
		return
	}
	now := s.lock()
	if until := now.Add(d); until.After(s.downUntil) {
		s.downUntil = until
	}
	s.mu.Unlock()
	s.outages.strike()
	s.conns.reset()
}

// shut says that nothing connects.
func (s *Server) shut(now time.Time) bool { return s.closed || now.Before(s.downUntil) }

// outages breaks off what is on its way. It knows what waits, and by their
// number what began before the last of them.
type outages struct {
	mu      sync.Mutex
	n       int
	waiting map[chan struct{}]bool
}

func (o *outages) strike() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.n++
	for w := range o.waiting {
		close(w)
	}
	o.waiting = nil
}

// lifeline ties a request to the outages that come after its beginning.
type lifeline struct {
	o *outages
	n int
}

func (o *outages) line() lifeline {
	o.mu.Lock()
	defer o.mu.Unlock()
	return lifeline{o, o.n}
}

func (l lifeline) broken() bool {
	l.o.mu.Lock()
	defer l.o.mu.Unlock()
	return l.n != l.o.n
}

// wait waits in the time of the test, virtual or not, and for no longer than
// the request lives. The channel that an outage closes is made here, by who
// waits: testing/synctest counts others as work that goes on.
func (l lifeline) wait(ctx context.Context, d time.Duration, closed <-chan struct{}) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if l.broken() {
		return errBroken
	}
	if d == 0 {
		return nil
	}
	cut := make(chan struct{})
	if !l.join(cut) {
		return errBroken
	}
	defer l.leave(cut)
	var due <-chan time.Time
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		due = t.C
	}
	select {
	case <-due:
		return nil
	case <-closed:
		return errBodyClosed
	case <-cut:
		return errBroken
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (l lifeline) join(cut chan struct{}) bool {
	l.o.mu.Lock()
	defer l.o.mu.Unlock()
	if l.n != l.o.n {
		return false
	}
	if l.o.waiting == nil {
		l.o.waiting = map[chan struct{}]bool{}
	}
	l.o.waiting[cut] = true
	return true
}

func (l lifeline) leave(cut chan struct{}) {
	l.o.mu.Lock()
	defer l.o.mu.Unlock()
	delete(l.o.waiting, cut)
}
