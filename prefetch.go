package gitlabjobs

import (
	"context"
	"slices"
	"sync"
)

// prefetcher fetches pages, the one that is asked for and some after it.
type prefetcher[T any] struct {
	parent context.Context
	most   int // Pages on their way while the caller works; 0 for none.
	fetch  func(context.Context, *fetched[T])

	queue  []*fetched[T] // In order.
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// fetched is a page on its way.
type fetched[T any] struct {
	at       place
	ready    chan struct{} // Closed once the rest is there.
	page     *Page[T]
	err      error
	response Response
}

// take returns a page, once it is there.
func (p *prefetcher[T]) take(at place) *fetched[T] {
	if len(p.queue) == 0 {
		f := &fetched[T]{at: at}
		p.fetch(p.parent, f)
		return f
	}
	if p.queue[0].at != at {
		p.drop() // The server goes on elsewhere than was thought.
		return p.take(at)
	}
	f := p.queue[0]
	p.queue = slices.Delete(p.queue, 0, 1)
	<-f.ready
	return f
}

// send sends for a page, unless it is on its way. It reports false where no more
// pages may be.
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
	p.wg.Go(func() {
		defer close(f.ready)
		p.fetch(ctx, f)
	})
	return true
}

// drop cancels the pages on their way, and waits until they are gone.
func (p *prefetcher[T]) drop() {
	if p.cancel != nil {
		p.cancel()
	}
	p.wg.Wait()
	p.queue, p.ctx, p.cancel = nil, nil, nil
}
