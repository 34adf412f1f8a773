package gitlabjobs

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"os"
)

// How a logReader gets a response that continues where the one before ended.

// brokenError is a response whose body broke off. It is a [net.Error], as other failures
// of the network are.
type brokenError struct{ error }

func (e *brokenError) Unwrap() error   { return e.error }
func (e *brokenError) Timeout() bool   { return false }
func (e *brokenError) Temporary() bool { return true }

// open gets a response that continues at the next byte, in as many attempts as the
// policy allows. Each request has its own attempts until the response begins.
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

// wait waits before the response that replaces one that broke off. It returns cause if
// there were too many.
func (r *logReader) wait(cause error) error {
	client := r.source.jobs.client
	if r.failed++; r.failed >= client.retry.MaxAttempts {
		r.etag = ""
		return &brokenError{cause}
	}
	r.etag = "" // Of a log that has not been read to its end.
	return sleep(r.ctx, client.transport.Backoff(r.failed))
}

func (r *logReader) openOnce() error {
	if r.next == 0 && r.limit < 0 {
		log, err := r.source.get(r.ctx, nil, r.etag)
		return r.use(log, true, err)
	}
	known, log, err := r.source.knowsRanges(r.ctx, r.etag) //nolint:bodyclose // use closes it.
	if err != nil {
		return err
	}
	if known == rangesIgnored {
		return r.openWhole(log)
	}
	same, log, err := r.openRange(known == rangesKnown) //nolint:bodyclose // use closes it.
	if same || err != nil {
		return err
	}
	// The log has changed, or nothing shows that it has not, or the server ignores the
	// parameters now: the log from its first byte on shows which.
	return r.openWhole(log)
}

// openRange requests the log from the next byte on, and the end of what was read once
// more. It reports false if that does not show that the log is the same, or if the server
// ignores the parameters; in the second case it may return the whole log.
func (r *logReader) openRange(verify bool) (same bool, whole *http.Response, err error) {
	mark := r.end()
	again := r.next - mark.offset
	q := &rangeQuery{Offset: mark.offset}
	switch {
	case r.limit >= 0 && again < maxByteLimit/2:
		q.Limit = new(min(r.limit-mark.offset, maxByteLimit))
	case again == 0: // There is nothing to compare: a longer response is not a part.
		q.Limit = new(int64(maxByteLimit))
	}
	log, err := r.source.get(r.ctx, q, "")
	if err != nil {
		return false, nil, err
	}
	if again == 0 && verify && q.Offset > 0 && log.ContentLength != 0 {
		// A whole log of any size up to the limit could be a part.
		ok, whole, err := r.source.verifyRanges(r.ctx)
		if !ok {
			log.Body.Close()
			return false, whole, err
		}
	}
	same, shown, err := r.matches(log.Body, mark)
	if err != nil {
		err = &brokenError{err}
	}
	if !same || q.Limit != nil && log.ContentLength > *q.Limit {
		r.source.jobs.client.byteRanges.forget()
		same = false
	}
	if !same || !shown {
		log.Body.Close()
		return false, nil, err
	}
	if q.Limit != nil && q.Offset > 0 {
		log.Body = &piece{log.Body, *q.Limit - again}
	}
	err = r.use(log, false, nil)
	r.size = again
	if q.Limit != nil {
		r.asked = *q.Limit
	}
	return true, nil, err
}

// piece is a response that byte_limit bounds. A longer one comes from a server that
// ignores the parameters, and is not the part that was requested.
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

// errTraceGone is returned for a log that has become empty.
var errTraceGone = fmt.Errorf("%w: it is empty now", ErrTraceChanged)

// openWhole reads the whole log up to the next byte. log is a response that was received
// already, or nil.
func (r *logReader) openWhole(log *http.Response) (err error) {
	if log == nil {
		if log, err = r.source.get(r.ctx, nil, r.etag); err != nil { //nolint:bodyclose // use closes it.
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

// use makes log the response that is read, unless there was an error, or Close.
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
	r.etag = ""
	if r.follow && whole {
		r.etag = log.Header.Get("Etag")
	}
	return nil
}

// reopen requests what follows the end that the log had.
func (r *logReader) reopen() error {
	r.sticky = nil
	err := r.open()
	if errors.Is(err, errNotModified) {
		r.sticky = io.EOF
		return nil
	}
	return err
}
