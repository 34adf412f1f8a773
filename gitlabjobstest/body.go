package gitlabjobstest

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

// flow is how far a body has got on its way.
type flow struct {
	content

	how   delivery
	pos   int64
	end   int64 // Behind the last byte that goes out.
	ready int64 // How many bytes may go out now.
}

func newFlow(a *answer) *flow {
	f := &flow{content: a.content(), how: a.how}
	if f.end = f.size(); f.how.cut {
		f.end = f.how.cutAt
	}
	return f
}

// next makes bytes ready, after the pause that the answer says. It ends with
// io.EOF, or as a connection does that closes too early.
func (f *flow) next(wait func(time.Duration) error) error {
	if f.ready > 0 {
		return nil
	}
	if f.pos == f.end {
		switch {
		case f.how.endless && f.end > 0:
			f.pos = 0
		case f.how.cut:
			return io.ErrUnexpectedEOF
		default:
			return io.EOF
		}
	}
	f.ready = f.end - f.pos
	if f.how.chunk > 0 {
		f.ready = min(f.ready, int64(f.how.chunk))
		return wait(f.how.every)
	}
	return nil
}

// take returns the next bytes that are ready, n at most, those that are made in
// buf.
func (f *flow) take(n int64, buf []byte) []byte {
	p := f.part(f.pos, min(n, f.ready), buf)
	f.pos, f.ready = f.pos+int64(len(p)), f.ready-int64(len(p))
	return p
}

// over says that nothing follows.
func (f *flow) over() bool { return f.pos == f.end && !f.how.endless && !f.how.cut }

// body is the body of an answer in memory. Reading it takes the time that the
// answer says; closing it, the end of the request's context or an outage ends a
// read that waits.
type body struct {
	ctx    context.Context
	x      *exchange
	flow   *flow
	closed chan struct{}
	once   sync.Once
}

var errBodyClosed = errors.New("http: read on closed response body")

func newBody(ctx context.Context, x *exchange, a *answer) *body {
	return &body{ctx: ctx, x: x, flow: newFlow(a), closed: make(chan struct{})}
}

// Read reads what has arrived, and waits where that is nothing.
func (b *body) Read(p []byte) (int, error) {
	select {
	case <-b.closed:
		return 0, errBodyClosed
	default:
	}
	n, err := b.read(p)
	if err != nil {
		b.x.over()
	}
	return n, wireError(err)
}

func (b *body) read(p []byte) (int, error) {
	pause := func(d time.Duration) error { return b.x.line.wait(b.ctx, d, b.closed) }
	if err := pause(0); err != nil {
		return 0, err
	}
	if len(p) == 0 {
		return 0, nil
	}
	if err := b.flow.next(pause); err != nil {
		b.flow.ready = 0 // A pause that was broken off lets nothing through.
		return 0, err
	}
	part := b.flow.take(int64(len(p)), p)
	n := len(part)
	if &part[0] != &p[0] { // Held, not made in p.
		copy(p, part)
	}
	b.x.record.sent.Add(int64(n))
	if b.flow.over() {
		b.x.over()
	}
	return n, nil
}

// Close ends reading.
func (b *body) Close() error {
	b.once.Do(func() { close(b.closed) })
	b.x.over()
	return nil
}
