package delivery

import (
	"context"
	"errors"
	"sync"
	"time"
)

var (
	// errBroken ends what an interruption breaks. Clients see a reset connection.
	errInterrupted = errors.New("gitlabjobstest: the connection was broken")
	errBodyClosed  = errors.New("http: read on closed response body")
)

// forever is a wait without an end.
const noTimeout = -1

// interruptions ends the waits of exchanges. It counts the interruptions, so
// that an exchange knows whether one came after its start.
type interruptions struct {
	mu      sync.Mutex
	count   int
	waiting map[chan struct{}]bool
}

func (i *interruptions) interrupt() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.count++
	for w := range i.waiting {
		close(w)
	}
	i.waiting = nil
}

// guard ends the waits of one exchange at the next interruption.
type guard struct {
	interruptions *interruptions
	count         int
}

// guard returns a guard for an exchange that starts now.
func (i *interruptions) guard() guard {
	i.mu.Lock()
	defer i.mu.Unlock()
	return guard{i, i.count}
}

func (g guard) interrupted() bool {
	g.interruptions.mu.Lock()
	defer g.interruptions.mu.Unlock()
	return g.count != g.interruptions.count
}

// wait waits until a duration has passed, the context or the body is closed, or
// an interruption comes. The channel that an interruption closes is made here by
// the goroutine that waits: testing/synctest does not take others for blocked.
func (g guard) wait(ctx context.Context, d time.Duration, closed <-chan struct{}) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if g.interrupted() {
		return errInterrupted
	}
	if d == 0 {
		return nil
	}
	interrupted := make(chan struct{})
	if !g.register(interrupted) {
		return errInterrupted
	}
	defer g.unregister(interrupted)
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
	case <-interrupted:
		return errInterrupted
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// register is false if the interruption has come already.
func (g guard) register(interrupted chan struct{}) bool {
	g.interruptions.mu.Lock()
	defer g.interruptions.mu.Unlock()
	if g.count != g.interruptions.count {
		return false
	}
	if g.interruptions.waiting == nil {
		g.interruptions.waiting = map[chan struct{}]bool{}
	}
	g.interruptions.waiting[interrupted] = true
	return true
}

func (g guard) unregister(interrupted chan struct{}) {
	g.interruptions.mu.Lock()
	defer g.interruptions.mu.Unlock()
	delete(g.interruptions.waiting, interrupted)
}
