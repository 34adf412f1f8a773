package gitlabjobs

import (
	"context"
	"errors"
	"hash/crc32"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

// logReader reads a log from one answer, or from as many as it takes. It knows
// what it has read of the log by a checksum and by its last bytes.
type logReader struct {
	ctx    context.Context
	cancel context.CancelFunc
	source logSource
	sticky error // What every further Read returns.
	failed int   // Answers that broke off since the last byte that came.

	mu     sync.Mutex // Close may come at any time.
	body   io.ReadCloser
	closed bool

	begin, next, end int64 // Of what is wanted; end is -1 for the log's own.
	last             []byte
	keep             int // How long last may be.
	sum              uint32

	whole   bool  // The answer goes to the end of the log, so its end is the log's.
	fresh   int64 // Bytes of the answer that were new.
	size    int64 // Bytes of the answer.
	asked   int64 // How many it could have at most, or 0 for no bound.
	largest int64 // Size of the largest answer before.

	follow bool   // The log grows: its end is for now, and reopen goes on from there.
	etag   string // Of the whole log, when it was last read.
}

// How much of what was read is asked for again, to see that the log is still the
// same. A log that is followed is asked for often.
const (
	lastBytes         = 1 << 10
	lastBytesToFollow = 64
)

func newLogReader(ctx context.Context, source logSource, o TraceOptions) (*logReader, error) {
	switch {
	case source.jobs.owner() == nil:
		return nil, errNoClient
	case ctx == nil:
		return nil, errNoContext
	}
	r := &logReader{source: source, begin: o.Offset, next: o.Offset, end: -1, keep: lastBytes}
	if end := o.Offset + o.Limit; o.Limit > 0 && end > 0 { // A sum below zero is beyond any log.
		r.end = end
	}
	r.ctx, r.cancel = context.WithCancel(ctx)
	if err := r.open(); err != nil {
		r.cancel()
		return nil, err
	}
	r.source = source.later()
	return r, nil
}

// newLogFollower is a reader of a log that grows, from offset on. It stands at an
// end: reopen looks for more.
func newLogFollower(ctx context.Context, source logSource, offset int64) *logReader {
	r := &logReader{
		source: source.later(), begin: offset, next: offset, end: -1, keep: lastBytesToFollow,
		body: http.NoBody, sticky: io.EOF, follow: true,
	}
	r.ctx, r.cancel = context.WithCancel(ctx)
	return r
}

// Read reads on, through as many answers as it takes.
func (r *logReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for r.sticky == nil {
		if r.end >= 0 {
			if r.next == r.end {
				return 0, r.stop(io.EOF)
			}
			p = p[:min(int64(len(p)), r.end-r.next)]
		}
		if r.isClosed() {
			return 0, r.stop(os.ErrClosed)
		}
		n, err := r.body.Read(p)
		r.took(p[:n])
		if err != nil {
			err = r.goOn(err)
		}
		if err != nil {
			_ = r.stop(err) // The next Read returns it.
		}
		if n > 0 {
			return n, nil
		}
	}
	return 0, r.sticky
}

// WriteTo is what io.Copy calls: it reads larger pieces than io.Copy would.
func (r *logReader) WriteTo(w io.Writer) (n int64, err error) {
	p := make([]byte, 64<<10)
	for {
		got, err := r.Read(p)
		if got > 0 {
			wrote, writeErr := w.Write(p[:got])
			n += int64(wrote)
			if writeErr == nil && wrote < got {
				writeErr = io.ErrShortWrite
			}
			if writeErr != nil {
				return n, writeErr
			}
		}
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

func (r *logReader) took(p []byte) {
	if len(p) == 0 {
		return
	}
	r.failed = 0
	r.next += int64(len(p))
	r.fresh += int64(len(p))
	r.size += int64(len(p))
	r.sum = crc32.Update(r.sum, castagnoli(), p)
	if len(p) >= r.keep {
		r.last = append(r.last[:0], p[len(p)-r.keep:]...)
		return
	}
	r.last = append(r.last, p...)
	r.last = append(r.last[:0], r.last[max(0, len(r.last)-r.keep):]...)
}

// castagnoli is the polynomial that processors know. The table is made once, by
// the standard library.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// goOn follows on the end of an answer, clean or not, with the next one. It
// returns io.EOF at the end of the log.
func (r *logReader) goOn(err error) error {
	r.body.Close()
	switch {
	case errors.Is(err, io.EOF):
		if r.isLast() {
			return io.EOF
		}
		return r.open()
	case r.ctx.Err() != nil || errors.Is(err, ErrTraceChanged):
		return err
	}
	if err := r.wait(err); err != nil {
		return err
	}
	return r.open()
}

// isLast reports whether an answer that has ended was the last. One that has as
// much as was asked for is not. A server may give less than it is asked for, always
// the same: one that is shorter than an earlier one is the last, and so is a small
// one, since a log that is being written always has some more.
func (r *logReader) isLast() bool {
	const small = 16 << 10
	largest := r.largest
	r.largest = max(largest, r.size)
	switch {
	case r.whole || r.fresh == 0 || r.next == r.end:
		return true
	case r.asked > 0 && r.size >= r.asked:
		return false
	default:
		return r.follow || r.size < max(largest, small)
	}
}

// stop settles what every further Read returns.
func (r *logReader) stop(err error) error {
	var answered *Error
	var asked *callError
	switch {
	case errors.Is(err, io.EOF):
	case r.isClosed():
		err = os.ErrClosed
	case errors.As(err, &answered), errors.As(err, &asked):
	case r.ctx.Err() != nil:
		err = newCallError(http.MethodGet, *r.source.path, contextError(r.ctx), false)
	default:
		failure := newCallError(http.MethodGet, *r.source.path, err, false)
		failure.temporary = !errors.Is(err, ErrTraceChanged)
		err = failure
	}
	r.sticky = err
	return err
}

func (r *logReader) isClosed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

// Close ends the reading, a Read that waits included.
func (r *logReader) Close() error {
	r.cancel()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	r.closed = true
	return r.body.Close()
}

// sleep waits, or returns why the context ended.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return contextError(ctx)
	case <-timer.C:
		return nil
	}
}
