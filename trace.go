package gitlabjobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
)

// ErrTraceChanged is a log that is no longer what it was when its reading began. It
// was erased, or written anew. What was read of it is not to be relied on.
var ErrTraceChanged = errors.New("the log has changed while it was read")

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
// A connection that is lost in the middle is made again, within the client's
// [RetryPolicy], and the log goes on at the byte where it broke off. If it is no
// longer the same log, the error is [ErrTraceChanged]. A part of a log is asked
// of GitLab as such where the server can (19.x); elsewhere the bytes before it
// are read and dropped. Which of the two it is, a client finds out once: where some
// servers behind one address are of 19.x and others are not, ask for whole logs.
//
// Close may be called while a Read waits, and ends it. The context ends it too.
//
// GitLab: GET /projects/:id/jobs/:job_id/trace, [Get a log file].
//
// [Get a log file]: https://docs.gitlab.com/api/jobs/#get-a-log-file
func (s *JobsService) Trace(ctx context.Context, project Project, jobID int64, opts *TraceOptions, ro ...RequestOption) (io.ReadCloser, error) {
	o := valueOf(opts)
	if err := o.check(); err != nil {
		return nil, optionsError("TraceOptions", err)
	}
	return newLogReader(ctx, newLogSource(s, project, jobID, ro), o)
}

const traceRoute = "/projects/:id/jobs/:job_id/trace"

// logSource is where a log is.
type logSource struct {
	jobs    *JobsService
	project Project
	jobID   int64
	ro      []RequestOption
	path    *string // Of the last request, for errors.
}

func newLogSource(s *JobsService, project Project, jobID int64, ro []RequestOption) logSource {
	path := traceRoute
	return logSource{s, project, jobID, ro, &path}
}

// rangeQuery are parameters of newer servers.
type rangeQuery struct {
	Offset int64  `url:"byte_offset"`
	Limit  *int64 `url:"byte_limit,omitempty"`
}

// maxByteLimit is the largest byte_limit that GitLab takes.
const maxByteLimit = 512_000

// get asks for the log, or with q for a part of it. With an etag, a log that has
// not changed is errNotModified.
func (s logSource) get(ctx context.Context, q *rangeQuery, etag string) (*http.Response, error) {
	r := get(traceRoute, nil, s.project, number(s.jobID))
	r.stream = true
	if q != nil {
		r.query = q
	}
	ro := s.ro
	if etag != "" {
		ro = append(slices.Clip(ro), WithHeader("If-None-Match", etag))
	}
	c, resp, err := send(ctx, s.jobs.owner(), r, ro)
	if c != nil {
		*s.path = c.path
	}
	var answered *Error
	switch {
	case errors.Is(err, ErrNotFound):
		return s.nothing(ctx, err)
	case etag != "" && errors.As(err, &answered) && answered.StatusCode == http.StatusNotModified:
		return nil, errNotModified
	case err != nil:
		return nil, err
	}
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind == "text/html" {
		resp.Body.Close()
		return nil, c.unusable(resp, errors.New("a page, not a log"))
	}
	return resp, nil
}

var errNotModified = errors.New("the log has not changed")

// nothing tells a job without a log, which older servers and object storages
// answer 404, from a job that is not there.
func (s logSource) nothing(ctx context.Context, notFound error) (*http.Response, error) {
	_, err := s.jobs.Get(ctx, s.project, s.jobID, s.later().ro...)
	switch {
	case err == nil:
		return &http.Response{Body: http.NoBody}, nil
	case errors.Is(err, ErrNotFound):
		return nil, notFound
	default:
		return nil, err
	}
}

// later is the source for the requests after the first, which tell nothing to
// WithResponse: the caller may look at that by then.
func (s logSource) later() logSource {
	s.ro = append(slices.Clip(s.ro), WithResponse(new(Response)))
	return s
}

// byteRanges is whether a server knows rangeQuery, once that has been seen.
type byteRanges struct{ state atomic.Int32 }

const (
	rangesUnseen int32 = iota
	rangesKnown
	rangesIgnored
)

// knowsRanges finds out whether the server knows rangeQuery. A server that
// ignores the parameters answers with all of the log, which looks like any other
// answer, so one that has not been seen is asked for zero bytes: to those that
// know the parameter that is an error, and to the others it is the log, which is
// then returned.
func (s logSource) knowsRanges(ctx context.Context, etag string) (known bool, log *http.Response, err error) {
	ranges := s.jobs.client.byteRanges
	if state := ranges.state.Load(); state != rangesUnseen {
		return state == rangesKnown, nil, nil
	}
	log, err = s.get(ctx, &rangeQuery{Limit: new(int64)}, etag)
	var refused *Error
	switch {
	case err == nil || errors.Is(err, errNotModified):
		ranges.state.Store(rangesIgnored)
		return false, log, err
	case !errors.As(err, &refused) || refused.StatusCode != http.StatusBadRequest:
		return false, nil, err
	case strings.Contains(refused.Message, "byte_limit"):
		ranges.state.Store(rangesKnown)
		return true, nil, nil
	default:
		return false, nil, nil // Refused for something else, which the log itself then tells.
	}
}
