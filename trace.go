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
	"sync"
	"time"
)

// ErrTraceChanged is returned when a log is no longer the one that was being read: it was
// erased, or written again. Discard what was read of it.
var ErrTraceChanged = errors.New("the log changed while it was being read")

// TraceOptions select a part of a log, in bytes. Nil or the zero value selects all
// of it.
type TraceOptions struct {
	Offset int64 // The first byte, from 0.
	Limit  int64 // The largest number of bytes; 0 for all up to the end.
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

// Trace returns a job's log as a stream, which the caller must close. The log is not held
// in memory, whatever its size. The log of a running job ends with what the job has
// written so far. A job that has not written a log, or whose log was erased, has an empty
// one. If the job lists a log but GitLab responds 404, the error is [ErrNotFound].
//
// If a response breaks off, or ends before the length that it announced, Read requests
// the rest, within the client's [RetryPolicy], and continues at the next byte. It first
// checks that the log is still the same, and returns [ErrTraceChanged] if not: it compares
// a checksum of everything that was read. If the server supports byte ranges (GitLab 19.x),
// it compares only the end, of at least 1,024 bytes, unless these bytes may also occur
// earlier in what was read. So on such servers it does not notice a log that was replaced
// by one with the same end in the same place, if that end occurs nowhere before.
//
// If opts selects a part, only that part is requested from servers that support byte
// ranges. Others send the log from its first byte, and the bytes before the part are
// dropped. The client tests with one more request whether a server supports byte ranges,
// and again after five minutes, or if a response does not show it. If servers behind one
// address differ in this, read whole logs.
//
// Close and the context end a Read that waits.
//
// GitLab: GET /projects/:id/jobs/:job_id/trace, [Retrieve a log file for a job].
//
// [Retrieve a log file for a job]: https://docs.gitlab.com/api/jobs/#retrieve-a-log-file-for-a-job
func (s *JobsService) Trace(ctx context.Context, project Project, jobID int64, opts *TraceOptions, ro ...RequestOption) (io.ReadCloser, error) {
	o := valueOf(opts)
	if err := o.check(); err != nil {
		return nil, optionsError("TraceOptions", err)
	}
	return newLogReader(ctx, newLogSource(s, project, jobID, ro), o)
}

const traceRoute = "/projects/:id/jobs/:job_id/trace"

// logSource identifies a log.
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

// rangeQuery has parameters that only newer servers know.
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
		*s.path = c.Path
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
	if resp.ContentLength > 0 {
		resp.Body = &exactBody{resp.Body, resp.ContentLength}
	}
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind == "text/html" {
		resp.Body.Close()
		return nil, unusable(c, resp, errors.New("an HTML page, not a log"))
	}
	return resp, nil
}

var errNotModified = errors.New("the log has not changed")

// exactBody is the body of a response that announced its length. If it ends before, it
// broke off.
type exactBody struct {
	io.ReadCloser
	left int64
}

func (b *exactBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left > 0 && errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// errTraceMissing is a log that a job lists and GitLab does not find.
var errTraceMissing = errors.New("the log is missing")

// nothing distinguishes a job without a log, for which older servers and object storages
// respond 404, from a job that does not exist and from a log that is missing.
func (s logSource) nothing(ctx context.Context, notFound error) (*http.Response, error) {
	job, err := s.jobs.Get(ctx, s.project, s.jobID, s.later().ro...)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, notFound
	case err != nil:
		return nil, err
	}
	if size := traceSize(job); size > 0 && job.ErasedAt.IsZero() {
		return nil, fmt.Errorf("%w: %w: the job lists a log of %d bytes", notFound, errTraceMissing, size)
	}
	return &http.Response{StatusCode: http.StatusNotFound, Body: http.NoBody}, nil
}

// traceSize returns the size of a finished job's log as the job lists it, or 0.
func traceSize(job *Job) int64 {
	for _, artifact := range job.Artifacts {
		if artifact.FileType == "trace" {
			return artifact.Size
		}
	}
	return 0
}

// later is the source for the requests after the first, which tell nothing to
// WithResponse: the caller may look at that by then.
func (s logSource) later() logSource {
	s.ro = append(slices.Clip(s.ro), WithResponse(new(Response)))
	return s
}

// byteRanges remembers whether a server supports rangeQuery. Servers are upgraded and
// rolled back, so it forgets after a while.
type byteRanges struct {
	mu    sync.Mutex
	state rangesState
	until time.Time
}

type rangesState int

const (
	rangesUnknown  rangesState = iota
	rangesIgnored              // The server ignores the parameters.
	rangesKnown                // The server supported them a short time ago.
	rangesVerified             // The server supported them right now.
)

const rangesExpire = 5 * time.Minute

func (b *byteRanges) load() rangesState {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !time.Now().Before(b.until) {
		return rangesUnknown
	}
	return b.state
}

func (b *byteRanges) store(state rangesState) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state, b.until = state, time.Now().Add(rangesExpire)
}

func (b *byteRanges) forget() { b.store(rangesUnknown) }

// knowsRanges returns whether the server supports rangeQuery. It requests zero bytes,
// unless it knows: that is an error to servers that support the parameters. Others ignore
// them and respond with the log, which is then returned.
func (s logSource) knowsRanges(ctx context.Context, etag string) (rangesState, *http.Response, error) {
	ranges := s.jobs.client.byteRanges
	if state := ranges.load(); state != rangesUnknown {
		return state, nil, nil
	}
	log, err := s.get(ctx, &rangeQuery{Limit: new(int64)}, etag)
	refused, isResponse := errors.AsType[*Error](err)
	switch {
	case err == nil && log.StatusCode == http.StatusNotFound:
		return rangesIgnored, log, nil // No log, which says nothing about the server.
	case err == nil || errors.Is(err, errNotModified):
		ranges.store(rangesIgnored)
		return rangesIgnored, log, err
	case !isResponse || refused.StatusCode != http.StatusBadRequest:
		return rangesUnknown, nil, err
	case strings.Contains(refused.Message, "byte_limit"):
		ranges.store(rangesKnown)
		return rangesVerified, nil, nil
	default:
		return rangesIgnored, nil, nil // Refused for another reason, which a request for the log shows.
	}
}

// verifyRanges tests again whether the server supports rangeQuery. If not, it may return
// the log.
func (s logSource) verifyRanges(ctx context.Context) (bool, *http.Response, error) {
	s.jobs.client.byteRanges.forget()
	state, log, err := s.knowsRanges(ctx, "")
	if err == nil && log != nil && log.StatusCode == http.StatusNotFound {
		log = nil
	}
	return state == rangesVerified, log, err
}
