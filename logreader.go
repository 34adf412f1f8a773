package gitlabjobs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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
	case source.jobs.client == nil:
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

// brokenError is an answer that broke off while it was looked through for the next
// byte.
type brokenError struct{ error }

func (e *brokenError) Unwrap() error { return e.error }

// open gets an answer that goes on at the next byte, in as many attempts as the
// policy allows. Each request has its own for what comes before the answer.
func (r *logReader) open() error {
	for {
		err := r.openOnce()
		var broken *brokenError
		if !errors.As(err, &broken) {
			return err
		}
		if err := r.wait(broken.error); err != nil {
			return err
		}
	}
}

// wait comes before an answer that takes the place of one that broke off. It
// returns cause where there are to be no more.
func (r *logReader) wait(cause error) error {
	policy := r.source.jobs.client.retry
	if r.failed++; r.failed >= policy.MaxAttempts {
		return cause
	}
	r.etag = "" // Of a log that has not been read to its end.
	return sleep(r.ctx, jitter(policy, r.failed))
}

func (r *logReader) openOnce() error {
	if r.next == 0 && r.end < 0 {
		log, err := r.source.get(r.ctx, nil, r.etag)
		return r.use(log, true, err)
	}
	known, log, err := r.source.knowsRanges(r.ctx, r.etag)
	if err != nil {
		return err
	}
	if known {
		if same, err := r.openRange(); same || err != nil {
			return err
		}
		// Either the log has changed, or this server ignores the parameters
		// after all: the log, from its first byte on, tells which.
	}
	return r.openWhole(log)
}

// openRange asks for the log from the next byte on, and for the last bytes once
// more. It reports false where those are not what they were.
func (r *logReader) openRange() (same bool, err error) {
	again := int64(len(r.last))
	q := &rangeQuery{Offset: r.next - again}
	switch {
	case r.end >= 0:
		q.Limit = new(min(r.end-r.next+again, maxByteLimit))
	case again == 0: // There is nothing to compare: a piece shows by its size whether it is one.
		q.Limit = new(int64(maxByteLimit))
	}
	log, err := r.source.get(r.ctx, q, "")
	if err != nil {
		return false, err
	}
	was := make([]byte, again)
	if err := readFull(log.Body, was); err != nil {
		log.Body.Close()
		return false, err
	}
	if !bytes.Equal(was, r.last) || q.Limit != nil && log.ContentLength > *q.Limit {
		return false, log.Body.Close()
	}
	if q.Limit != nil {
		log.Body = &piece{log.Body, *q.Limit - again}
	}
	err = r.use(log, false, nil)
	r.size = again
	if q.Limit != nil {
		r.asked = *q.Limit
	}
	return true, err
}

// piece is an answer that a byte_limit bounds. One that is longer is of a server
// that ignores it, and anything but the part that was asked for.
type piece struct {
	io.ReadCloser
	left int64
}

func (p *piece) Read(b []byte) (int, error) {
	n, err := p.ReadCloser.Read(b)
	if p.left -= int64(n); p.left < 0 {
		return 0, ErrTraceChanged
	}
	return n, err
}

// readFull fills p, or as much of it as there is. An error is one of the answer,
// not its end.
func readFull(r io.Reader, p []byte) error {
	for len(p) > 0 {
		n, err := r.Read(p)
		p = p[n:]
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return &brokenError{err}
		}
	}
	return nil
}

// errTraceGone is a log of which nothing is left.
var errTraceGone = fmt.Errorf("%w: it is empty now", ErrTraceChanged)

// openWhole reads a log, which may be at hand, up to the next byte.
func (r *logReader) openWhole(log *http.Response) (err error) {
	if log == nil {
		if log, err = r.source.get(r.ctx, nil, r.etag); err != nil {
			return err
		}
	}
	skipped, err := io.CopyN(io.Discard, log.Body, r.begin)
	if errors.Is(err, io.EOF) && r.next == r.begin {
		return r.use(log, true, nil) // The log ends before the part begins.
	}
	sum := crc32.New(castagnoli())
	if err == nil {
		var n int64
		n, err = io.CopyN(sum, log.Body, r.next-r.begin)
		skipped += n
	}
	switch {
	case errors.Is(err, io.EOF) && skipped == 0:
		err = errTraceGone
	case errors.Is(err, io.EOF), err == nil && sum.Sum32() != r.sum:
		err = ErrTraceChanged
	case err != nil:
		err = &brokenError{err}
	}
	return r.use(log, true, err)
}

// use makes an answer the one that is read, unless there was an error, or Close.
func (r *logReader) use(log *http.Response, whole bool, err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil && r.closed {
		err = os.ErrClosed
	}
	if err != nil {
		if log != nil {
			log.Body.Close()
		}
		return err
	}
	r.body, r.whole, r.fresh, r.size, r.asked = log.Body, whole, 0, 0, 0
	if r.follow && whole {
		r.etag = log.Header.Get("Etag")
	}
	return nil
}

// reopen goes on after the end that the log had. It reports false where the log
// has not changed since.
func (r *logReader) reopen() (bool, error) {
	r.sticky = nil
	err := r.open()
	if errors.Is(err, errNotModified) {
		r.sticky = io.EOF
		return false, nil
	}
	return true, err
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
			r.stop(err)
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
		err = newCallError(http.MethodGet, traceRoute, r.ctx.Err(), false)
	default:
		err = newCallError(http.MethodGet, traceRoute, err, false)
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

// sleep waits, or returns the context's error.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
