package delivery

import (
	"context"
	"errors"
	"sync"
	"time"
)

var (
	// errBroken ends what an interruption breaks. Clients see a reset connection.
	errBroken     = errors.New("gitlabjobstest: the connection was broken")
	errBodyClosed = errors.New("http: read on closed response body")
)

// forever is a wait without an end.
const forever = -1

// interruptions ends the waits of exchanges. It counts the interruptions, so
// that an exchange knows whether one came after its start.
type interruptions struct {
	mu      sync.Mutex
	count   int
	waiting map[chan struct{}]bool
}

func (i *interruptions) trigger() {
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

func (g guard) broken() bool {
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
	if g.broken() {
		return errBroken
	}
	if d == 0 {
		return nil
	}
	broken := make(chan struct{})
	if !g.register(broken) {
		return errBroken
	}
	defer g.unregister(broken)
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
	case <-broken:
		return errBroken
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// register is false if the interruption has come already.
func (g guard) register(broken chan struct{}) bool {
	g.interruptions.mu.Lock()
	defer g.interruptions.mu.Unlock()
	if g.count != g.interruptions.count {
		return false
	}
	if g.interruptions.waiting == nil {
		g.interruptions.waiting = map[chan struct{}]bool{}
	}
	g.interruptions.waiting[broken] = true
	return true
}

func (g guard) unregister(broken chan struct{}) {
	g.interruptions.mu.Lock()
	defer g.interruptions.mu.Unlock()
	delete(g.interruptions.waiting, broken)
}
