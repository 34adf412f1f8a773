package delivery

import (
	"context"
	"errors"
	"sync"
	"time"
)

var (
	// errInterrupted ends an exchange that was interrupted. The client sees that
	// the connection was reset.
	errInterrupted = errors.New("gitlabjobstest: the connection was interrupted")
	errBodyClosed  = errors.New("http: read on closed response body")
)

// noTimeout is the duration of a wait that only an event can end.
const noTimeout = -1

// interruptions ends the waits of exchanges. It counts the interruptions, so
// that an exchange can check whether it was interrupted since it started.
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

// guard ends the waits of one exchange when it is interrupted.
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

// wait waits until the duration has passed, the context has ended, the channel
// closed is closed, or an interruption occurs. It makes the channel that an
// interruption closes, because testing/synctest treats a goroutine as durably
// blocked only on channels that were made in its bubble.
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
	var elapsed <-chan time.Time
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		elapsed = t.C
	}
	select {
	case <-elapsed:
		return nil
	case <-closed:
		return errBodyClosed
	case <-interrupted:
		return errInterrupted
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// register adds a channel that the next interruption closes. It returns false if
// the exchange was already interrupted.
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
