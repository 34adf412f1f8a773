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

// ErrTraceChanged is returned if a log was erased or replaced while it was being read.
// Discard the bytes that were read.
var ErrTraceChanged = errors.New("the log changed while it was being read")

// TraceOptions select a part of a log, in bytes. Nil or the zero value selects all
// of it.
type TraceOptions struct {
	Offset int64 // The offset of the first byte, from 0.
	Limit  int64 // The maximum number of bytes; 0 for all bytes up to the end.
}

func (o TraceOptions) check() error {
	switch {
	case o.Offset < 0:
		return fmt.Errorf("Offset is %d: use the number of bytes to skip, or 0", o.Offset)
	case o.Limit < 0:
		return fmt.Errorf("Limit is %d: use the number of bytes to read, or 0 for all", o.Limit)
	}
	return nil
}

// Trace returns the log of a job as a stream, which the caller must close. Trace does not
// read the whole log into memory. The log of a running job ends with the last byte that the
// job has written so far. If a job has not written a log, or its log was erased, the stream
// is empty. If the Artifacts of the job include the log (FileType "trace") but GitLab
// responds with 404, the error is [ErrNotFound].
//
// If a response breaks off, or is shorter than its announced length, Read requests the
// rest, within the limits of the client's [RetryPolicy], and continues at the next byte.
// Before it continues, it checks that the log is unchanged. If the log has changed, Read
// returns [ErrTraceChanged].
//
// If the server supports byte ranges (GitLab 19.x), the check compares only the last bytes
// that were read, at least 1,024 of them. If these bytes may also occur earlier in the log,
// or the server does not support byte ranges, the check compares a checksum of all bytes
// that were read. With byte ranges, Read therefore misses that the log was replaced if the
// new log has the same bytes at the same offset and nowhere earlier.
//
// If opts selects a part, and the server supports byte ranges, only that part is requested.
// Otherwise the server sends the log from its first byte, and Read drops the bytes before
// the part. The client detects support for byte ranges with one additional request. It
// repeats this request after five minutes, or if a response contradicts the result. Read
// whole logs if only some servers behind a load balancer support byte ranges.
//
// Close and the end of the context interrupt a Read that waits.
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
	path    *string // The path of the last request, for errors.
}

func newLogSource(s *JobsService, project Project, jobID int64, ro []RequestOption) logSource {
	path := traceRoute
	return logSource{s, project, jobID, ro, &path}
}

// rangeQuery has the parameters for byte ranges, which only newer servers support.
type rangeQuery struct {
	Offset int64  `url:"byte_offset"`
	Limit  *int64 `url:"byte_limit,omitempty"`
}

// maxByteLimit is the largest byte_limit that GitLab accepts.
const maxByteLimit = 512_000

// get requests the log, or the part that q selects. If etag is not empty and the log has not
// changed, it returns errNotModified.
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
	var response *Error
	switch {
	case errors.Is(err, ErrNotFound):
		return s.checkNotFound(ctx, err)
	case etag != "" && errors.As(err, &response) && response.StatusCode == http.StatusNotModified:
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

// exactBody is the body of a response with a Content-Length. If it ends before that length,
// Read returns io.ErrUnexpectedEOF.
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

// errTraceMissing is returned if a job lists a log that GitLab does not find.
var errTraceMissing = errors.New("the log is missing")

// checkNotFound handles a 404. It requests the job to distinguish a job without a log, for
// which older servers and object storages respond with 404, from a job that does not exist
// and from a missing log.
func (s logSource) checkNotFound(ctx context.Context, notFound error) (*http.Response, error) {
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

// traceSize returns the size of the log that a finished job lists, or 0.
func traceSize(job *Job) int64 {
	for _, artifact := range job.Artifacts {
		if artifact.FileType == "trace" {
			return artifact.Size
		}
	}
	return 0
}

// later returns the source for requests after the first. They do not fill in the Response
// of WithResponse, because the caller may read it at the same time.
func (s logSource) later() logSource {
	s.ro = append(slices.Clip(s.ro), func(r *requestConfig) error {
		r.response = nil
		return nil
	})
	return s
}

// byteRanges records whether a server supports rangeQuery. The record expires, because
// servers are upgraded and rolled back.
type byteRanges struct {
	mu    sync.Mutex
	state rangesState
	until time.Time
}

type rangesState int

const (
	rangesUnknown  rangesState = iota
	rangesIgnored              // The server ignores the parameters.
	rangesKnown                // An earlier request has shown that the server supports them.
	rangesVerified             // This request has shown that the server supports them.
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

// knowsRanges returns whether the server supports rangeQuery. If that is unknown, it requests
// zero bytes. Servers that support the parameters respond with an error. Others ignore them
// and respond with the log, which knowsRanges then returns.
func (s logSource) knowsRanges(ctx context.Context, etag string) (rangesState, *http.Response, error) {
	ranges := s.jobs.client.byteRanges
	if state := ranges.load(); state != rangesUnknown {
		return state, nil, nil
	}
	log, err := s.get(ctx, &rangeQuery{Limit: new(int64)}, etag)
	refused, isResponse := errors.AsType[*Error](err)
	switch {
	case err == nil && log.StatusCode == http.StatusNotFound:
		return rangesIgnored, log, nil // There is no log, so the support is still unknown and not stored.
	case err == nil || errors.Is(err, errNotModified):
		ranges.store(rangesIgnored)
		return rangesIgnored, log, err
	case !isResponse || refused.StatusCode != http.StatusBadRequest:
		return rangesUnknown, nil, err
	case strings.Contains(refused.Message, "byte_limit"):
		ranges.store(rangesKnown)
		return rangesVerified, nil, nil
	default:
		return rangesIgnored, nil, nil // Refused for another reason, which the next request for the log reports.
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
