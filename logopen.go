package gitlabjobs

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"os"
)

// How a logReader gets an answer that goes on where the one before ended.

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
	known, log, err := r.source.knowsRanges(r.ctx, r.etag) //nolint:bodyclose // use keeps it.
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
		if log, err = r.source.get(r.ctx, nil, r.etag); err != nil { //nolint:bodyclose // use keeps it.
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
