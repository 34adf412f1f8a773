package gitlabjobstest

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

// body is the body of an answer in memory. Reading it takes the time that the
// answer says; closing it, or the end of the request's context, ends a read
// that waits.
type body struct {
	ctx    context.Context
	how    delivery
	all    []byte
	closed chan struct{}
	once   sync.Once

	rest  []byte
	ready int // How many bytes of rest have arrived.
}

var errBodyClosed = errors.New("http: read on closed response body")

func newBody(ctx context.Context, a *answer) *body {
	b := &body{ctx: ctx, how: a.how, all: a.body, closed: make(chan struct{})}
	if b.how.cut {
		b.all = b.all[:b.how.cutAt]
	}
	b.rest = b.all
	return b
}

// Read reads what has arrived, and waits where that is nothing.
func (b *body) Read(p []byte) (int, error) {
	select {
	case <-b.closed:
		return 0, errBodyClosed
	case <-b.ctx.Done():
		return 0, context.Cause(b.ctx)
	default:
	}
	if len(b.rest) == 0 {
		switch {
		case b.how.endless && len(b.all) > 0:
			b.rest = b.all
		case b.how.cut:
			return 0, io.ErrUnexpectedEOF
		default:
			return 0, io.EOF
		}
	}
	if len(p) == 0 {
		return 0, nil
	}
	if b.ready == 0 {
		if err := b.arrive(); err != nil {
			return 0, err
		}
	}
	n := copy(p, b.rest[:b.ready])
	b.rest, b.ready = b.rest[n:], b.ready-n
	return n, nil
}

// arrive waits for the next bytes.
func (b *body) arrive() error {
	if b.how.chunk == 0 {
		b.ready = len(b.rest)
		return nil
	}
	t := time.NewTimer(b.how.every)
	defer t.Stop()
	select {
	case <-t.C:
		b.ready = min(b.how.chunk, len(b.rest))
		return nil
	case <-b.closed:
		return errBodyClosed
	case <-b.ctx.Done():
		return context.Cause(b.ctx)
	}
}

// Close ends reading.
func (b *body) Close() error {
	b.once.Do(func() { close(b.closed) })
	return nil
}
