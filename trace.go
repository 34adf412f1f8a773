package gitlabjobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
)

// TraceOptions choose a part of a log, in bytes. Nil or the zero value is for
// all of it.
type TraceOptions struct {
	Offset int64 // The first byte, from 0.
	Limit  int64 // How many bytes at most; 0 for all to the end.
}

func (o TraceOptions) check() error {
	switch {
	case o.Offset < 0:
		return fmt.Errorf("Offset is %d: give the number of bytes to leave out, or 0", o.Offset)
	case o.Limit < 0:
		return fmt.Errorf("Limit is %d: give the number of bytes to read, or 0 for all", o.Limit)
	}
	return nil
}

// Trace returns a job's log as a stream, for the caller to read and close. The
// log of a job that has written none, or was erased, is empty. That of a running
// job is what there is so far. Nothing is held in memory, whatever its size.
//
// A part of a log is asked of GitLab as such where the server can (19.x);
// elsewhere the bytes before it are read and dropped.
//
// GitLab: GET /projects/:id/jobs/:job_id/trace, [Get a log file].
//
// [Get a log file]: https://docs.gitlab.com/api/jobs/#get-a-log-file
func (s *JobsService) Trace(ctx context.Context, project Project, jobID int64, opts *TraceOptions, ro ...RequestOption) (io.ReadCloser, error) {
	o := valueOf(opts)
	if err := o.check(); err != nil {
		return nil, optionsError("TraceOptions", err)
	}
	open := func(q *rangeQuery) (io.ReadCloser, error) {
		r := get("/projects/:id/jobs/:job_id/trace", nil, project, number(jobID))
		r.stream = true
		if q != nil {
			r.query = q
		}
		_, resp, err := send(ctx, s.client, r, ro)
		if err != nil {
			return nil, err
		}
		return resp.Body, nil
	}
	if o == (TraceOptions{}) {
		return open(nil)
	}
	return openRange(s.client.byteRanges, o, open)
}

// rangeQuery are parameters of newer servers.
type rangeQuery struct {
	Offset int64  `url:"byte_offset"`
	Limit  *int64 `url:"byte_limit,omitempty"`
}

// maxByteLimit is the largest byte_limit that GitLab takes.
const maxByteLimit = 512_000

// byteRanges is whether a server knows rangeQuery, once that has been seen.
type byteRanges struct{ state atomic.Int32 }

const (
	rangesUnseen int32 = iota
	rangesKnown
	rangesIgnored
)

// openRange opens a part of a log. A server that ignores the parameters answers
// with all of the log, which looks like any other answer, so one that has not been
// seen is asked for zero bytes: to those that know the parameter that is an
// error, and to the others it is the log.
func openRange(ranges *byteRanges, o TraceOptions, open func(*rangeQuery) (io.ReadCloser, error)) (io.ReadCloser, error) {
	switch ranges.state.Load() {
	case rangesKnown:
		return newRangeReader(o, open)
	case rangesIgnored:
		log, err := open(nil)
		return skipTo(o, log), err
	}
	log, err := open(&rangeQuery{Offset: o.Offset, Limit: new(int64)})
	var refused *Error
	switch {
	case err == nil:
		ranges.state.Store(rangesIgnored)
		return skipTo(o, log), nil
	case errors.As(err, &refused) && refused.StatusCode == http.StatusBadRequest && strings.Contains(refused.Message, "byte_limit"):
		ranges.state.Store(rangesKnown)
		return newRangeReader(o, open)
	default:
		return nil, err
	}
}

// skipTo is a part of a log that comes whole.
func skipTo(o TraceOptions, log io.ReadCloser) io.ReadCloser {
	if log == nil {
		return nil
	}
	s := &skippingReader{log: log, skip: o.Offset, rest: log}
	if o.Limit > 0 {
		s.rest = io.LimitReader(log, o.Limit)
	}
	return s
}

type skippingReader struct {
	log  io.ReadCloser
	skip int64
	rest io.Reader
}

func (s *skippingReader) Read(p []byte) (int, error) {
	if s.skip > 0 {
		n, err := io.CopyN(io.Discard, s.log, s.skip)
		s.skip -= n
		if err != nil {
			return 0, err // io.EOF where the log ends before the part begins.
		}
	}
	return s.rest.Read(p)
}

func (s *skippingReader) Close() error { return s.log.Close() }

// rangeReader puts a part of a log together from pieces, since a server may
// give less than it is asked for. Only an empty piece is the end.
type rangeReader struct {
	open   func(*rangeQuery) (io.ReadCloser, error)
	piece  io.ReadCloser
	got    int64 // Bytes of the piece.
	offset int64
	left   int64 // Bytes still wanted; negative for all.
}

func newRangeReader(o TraceOptions, open func(*rangeQuery) (io.ReadCloser, error)) (io.ReadCloser, error) {
	r := &rangeReader{open: open, offset: o.Offset, left: o.Limit}
	if o.Limit == 0 {
		r.left = -1
	}
	if err := r.next(); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *rangeReader) next() (err error) {
	q := rangeQuery{Offset: r.offset}
	if r.left > 0 {
		limit := min(r.left, maxByteLimit)
		q.Limit = &limit
	}
	r.piece, err = r.open(&q)
	r.got = 0
	return err
}

func (r *rangeReader) Read(p []byte) (int, error) {
	for {
		if r.left == 0 || r.piece == nil {
			return 0, io.EOF
		}
		if r.left > 0 {
			p = p[:min(int64(len(p)), r.left)]
		}
		n, err := r.piece.Read(p)
		r.offset += int64(n)
		r.got += int64(n)
		if r.left > 0 {
			r.left -= int64(n)
		}
		if !errors.Is(err, io.EOF) {
			return n, err
		}
		r.piece.Close()
		r.piece = nil
		if n > 0 || r.got > 0 {
			err = nil
			if r.left != 0 {
				err = r.next()
			}
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

func (r *rangeReader) Close() error {
	if r.piece == nil {
		return nil
	}
	return r.piece.Close()
}
