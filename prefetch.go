package gitlabjobs

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// prefetcher fetches pages: the requested one, and some after it in advance.
type prefetcher[T any] struct {
	parent context.Context
	most   int // Pages to fetch in advance; 0 for none.
	fetch  func(context.Context, *fetched[T])

	queue  []*fetched[T] // In order.
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// fetched is a page that is being fetched.
type fetched[T any] struct {
	at       place
	attempts int  // Made before.
	once500  bool // Do not retry a 500.

	ready    chan struct{} // Closed once the fields below are set.
	page     *Page[T]
	err      error
	response Response
	panicked any // The value of a panic, in a caller's Auth or transport.
}

var errGoexit = errors.New("gitlabjobs: the goroutine that fetched a page in advance ended before the request: Auth or the transport called runtime.Goexit")

// take waits for a page and returns it. If fetching it panicked, take panics with
// the same value, so that a panic reaches the caller's goroutine.
func (p *prefetcher[T]) take(at place) *fetched[T] {
	if len(p.queue) == 0 {
		f := &fetched[T]{at: at}
		p.fetch(p.parent, f)
		return f
	}
	if p.queue[0].at != at {
		p.drop() // The list continues at another page than expected.
		return p.take(at)
	}
	f := p.queue[0]
	p.queue = slices.Delete(p.queue, 0, 1)
	<-f.ready
	if f.panicked != nil {
		panic(f.panicked)
	}
	return f
}

// send starts to fetch a page, unless that has been done. It reports false if no more
// pages may be fetched in advance.
func (p *prefetcher[T]) send(at place) bool {
	if slices.ContainsFunc(p.queue, func(f *fetched[T]) bool { return f.at == at }) {
		return true
	}
	if len(p.queue) >= p.most {
		return false
	}
	if p.ctx == nil {
		p.ctx, p.cancel = context.WithCancel(p.parent) //nolint:gosec // drop calls it.
	}
	f := &fetched[T]{at: at, ready: make(chan struct{})}
	p.queue = append(p.queue, f)
	ctx := p.ctx
	f.err = errGoexit
	p.wg.Go(func() {
		defer close(f.ready)
		defer func() { f.panicked = recover() }()
		p.fetch(ctx, f)
	})
	return true
}

// drop cancels the requests in progress, and waits until they have ended.
func (p *prefetcher[T]) drop() {
	if p.cancel != nil {
		p.cancel()
	}
	p.wg.Wait()
	p.queue, p.ctx, p.cancel = nil, nil, nil
}
