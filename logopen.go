package gitlabjobs

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"os"
)

// This file contains the methods of logReader that request the log from the next byte on.

// brokenError is the error of a response body that broke off. Like other network errors, it
// is a [net.Error].
type brokenError struct{ error }

func (e *brokenError) Unwrap() error   { return e.error }
func (e *brokenError) Timeout() bool   { return false }
func (e *brokenError) Temporary() bool { return true }

// open requests the log from the next byte on. If a response breaks off before new bytes
// arrive, open sends the request again, in total up to MaxAttempts times. This is in
// addition to the retries of requests without a response.
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

// wait waits before the next request after a response that broke off with cause. If there
// were too many such responses, it returns cause.
func (r *logReader) wait(cause error) error {
	client := r.source.jobs.client
	if r.failures++; r.failures >= client.retry.MaxAttempts {
		r.etag = ""
		return &brokenError{cause}
	}
	r.etag = "" // The log was not read to its end.
	return sleep(r.ctx, client.transport.Backoff(r.failures))
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
	// The log has changed or may have changed, or the server ignores the parameters. Compare
	// the log from its first byte on.
	return r.openWhole(log)
}

// openRange requests the log from the next byte on, together with the last bytes that were
// read. It returns false if that does not prove that the log is unchanged, or if the server
// ignores the parameters. In the second case it may return the whole log.
func (r *logReader) openRange(verify bool) (same bool, whole *http.Response, err error) {
	mark := r.compareFrom()
	again := r.next - mark.offset
	q := &rangeQuery{Offset: mark.offset}
	switch {
	case r.limit >= 0 && again < maxByteLimit/2:
		q.Limit = new(min(r.limit-mark.offset, maxByteLimit))
	case again == 0:
		// There are no bytes to compare, but a response that is longer than byte_limit shows
		// that the server ignores it.
		q.Limit = new(int64(maxByteLimit))
	}
	log, err := r.source.get(r.ctx, q, "")
	if err != nil {
		return false, nil, err
	}
	if again == 0 && verify && q.Offset > 0 && log.ContentLength != 0 {
		// If the server ignored the parameters, a whole log that is not longer than the
		// limit would look like the requested part.
		ok, whole, err := r.source.verifyRanges(r.ctx)
		if !ok {
			log.Body.Close()
			return false, whole, err
		}
	}
	same, unique, err := r.matches(log.Body, mark)
	if err != nil {
		err = &brokenError{err}
	}
	if err == nil && (!same || q.Limit != nil && log.ContentLength > *q.Limit) {
		r.source.jobs.client.byteRanges.forget()
		same = false
	}
	if !same || !unique {
		log.Body.Close()
		return false, nil, err
	}
	err = r.use(log, false, nil)
	r.size = again
	if q.Limit != nil {
		r.requested = *q.Limit
	}
	return true, nil, err
}

// errTraceGone is returned if a log has become empty.
var errTraceGone = fmt.Errorf("%w: it is empty now", ErrTraceChanged)

// openWhole requests the whole log and reads it up to the next byte. If log is not nil, it
// is a response that was already received.
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

// use sets the response to read. If err is not nil or the reader is closed, it closes the
// response instead.
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
	r.body, r.whole, r.newBytes, r.size, r.requested = log.Body, whole, 0, 0, 0
	r.etag = ""
	if r.follow && whole {
		r.etag = log.Header.Get("Etag")
	}
	return nil
}

// reopen requests the log from its last known end on.
func (r *logReader) reopen() error {
	r.sticky = nil
	err := r.open()
	if errors.Is(err, errNotModified) {
		r.sticky = io.EOF
		return nil
	}
	return err
}
