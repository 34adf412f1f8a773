package gitlabjobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"example.com/gitlabjobs/internal/jsonobject"
)

// ErrBlocked is returned if a wait cannot end before a user plays a manual job.
var ErrBlocked = errors.New("blocked: it cannot continue without manual action")

// FollowOptions configure [JobsService.FollowTrace]. Nil or the zero value follows all of
// the log, with the defaults below.
type FollowOptions struct {
	Offset int64 // The offset of the first byte, from 0.

	// The interval between two polls. It is MinInterval, 1 s by default, while the log
	// grows. It doubles up to MaxInterval, 15 s by default, while the log does not grow.
	// Servers without byte ranges send the whole log each time it has grown. For them it is
	// at least 1 s per 16 KiB of the log, but at most MaxInterval (60 s if that is 0).
	MinInterval, MaxInterval time.Duration

	// MaxOutage is how long GitLab may be unreachable, or respond only with errors that
	// are [Temporary], after the first successful response. The default is 15 minutes;
	// 1 ns tolerates no outage.
	MaxOutage time.Duration

	WaitForBlocked bool // Wait for a manual job to be played, instead of ending with ErrBlocked.

	// OnUpdate is called by FollowTrace with the first state of the job, and by Read each
	// time the status has changed.
	OnUpdate func(*Job)
}

func (o *FollowOptions) check() (err error) {
	if o.Offset < 0 {
		return fmt.Errorf("Offset is %d: use the number of bytes to skip, or 0", o.Offset)
	}
	if o.MaxOutage, err = checkMaxOutage(o.MaxOutage); err != nil {
		return err
	}
	return setIntervals(&o.MinInterval, &o.MaxInterval, time.Second, 15*time.Second)
}

// FollowTrace returns a job's log as a stream that grows with the log. The caller must
// close the stream. Read waits until the job starts. It returns io.EOF after the job has
// finished and the whole log was read, or when the log is erased. If the job is manual,
// FollowTrace and Read return [ErrBlocked], unless WaitForBlocked is set. Read waits for
// scheduled jobs, because GitLab starts them. Close and the end of the context interrupt a
// Read that waits.
//
// Read polls for new text, and returns each byte once. If the server supports byte ranges
// (GitLab 19.x), Read requests only the new part. Otherwise it requests the whole log,
// which the server sends only if the ETag has changed. Each time, Read checks that the
// earlier text is unchanged, as [JobsService.Trace] does, but compares at least 256 bytes
// instead of 1,024. If the log has changed, Read returns [ErrTraceChanged].
//
// Read tolerates outages of up to MaxOutage, and then continues at the next byte. During
// the outage each poll is one request, without retries, and the interval grows up to 30 s,
// or MaxInterval if that is longer. After MaxOutage Read returns the last error. Read
// returns an error at once if it is not [Temporary], or if it is a 429 that asks for a wait
// longer than the rest of MaxOutage.
//
// A log may be missing for a moment, for example while GitLab moves it when the job
// finishes. GitLab's job response gives the size of a finished log. In the following cases,
// Read requests the log up to four more times, at increasing intervals:
//
//   - The log has become empty, or is not found.
//   - The job has finished, and the log is shorter than that size.
//   - The job has run and finished, but its response gives no size, and the log has no
//     bytes from Offset on.
//
// If the log is still missing or incomplete, Read returns:
//
//   - [ErrNotFound] if the response gives a size, but GitLab does not find the log.
//   - [ErrTraceChanged] if a part was read, but the log is empty now.
//   - [io.ErrUnexpectedEOF] if a part was read, but the log is shorter than that size.
//   - An error that matches none of these, if the response gives a size, but the log has
//     no bytes from Offset on.
//   - io.EOF otherwise.
//
// Older servers do not report that a log was erased. If the log of such a server is empty
// after the job has finished, Read returns io.EOF.
//
// If, by the server's clock, the job finished more than MaxInterval before FollowTrace was
// called, Read does not poll again after it has read the log.
//
// GitLab: GET /projects/:id/jobs/:job_id/trace, [Retrieve a log file for a job], and
// GET /projects/:id/jobs/:job_id, [Retrieve a job by job ID].
//
// [Retrieve a log file for a job]: https://docs.gitlab.com/api/jobs/#retrieve-a-log-file-for-a-job
// [Retrieve a job by job ID]: https://docs.gitlab.com/api/jobs/#retrieve-a-job-by-job-id
func (s *JobsService) FollowTrace(ctx context.Context, project Project, jobID int64, opts *FollowOptions, ro ...RequestOption) (*TraceFollower, error) {
	o := valueOf(opts)
	longest := cmp.Or(o.MaxInterval, time.Minute)
	if err := o.check(); err != nil {
		return nil, optionsError("FollowOptions", err)
	}
	var response Response
	job, err := s.Get(ctx, project, jobID, append(slices.Clip(ro), WithResponse(&response))...)
	if r := responseOf(ro); r != nil {
		*r = response
	}
	if err != nil {
		return nil, err
	}
	source := newLogSource(s, project, jobID, ro).later()
	f := &TraceFollower{
		options: o, source: source, log: newLogFollower(ctx, source, o.Offset), interval: o.MinInterval,
		outage: newOutage(o.MaxOutage, o.MinInterval, o.MaxInterval), longest: longest,
	}
	f.outage.succeeded()
	switch err := f.setJob(job); {
	case errors.Is(err, io.EOF):
		f.err = err
	case err != nil:
		f.log.cancel()
		return nil, err
	case f.mayHaveLog:
		f.next = openLog
	default:
		f.schedule(getJob, f.interval)
	}
	// The clocks of this machine and of the server may differ.
	if now, err := http.ParseTime(response.Header.Get("Date")); err == nil {
		f.finishedLongAgo = f.finished && !job.FinishedAt.IsZero() && now.Sub(job.FinishedAt) > o.MaxInterval
	}
	return f, nil
}

// TraceFollower is a log that is followed: see [JobsService.FollowTrace]. It is for one
// goroutine, except for Close.
type TraceFollower struct {
	options FollowOptions
	source  logSource
	log     *logReader
	outage  *outage
	longest time.Duration // The longest interval between two requests for a whole log.

	job        *Job
	err        error // The error that every further Read returns.
	next       followAction
	pause      time.Duration // The wait before the next action.
	changedErr error         // The error that shows that the log has changed or is gone. It is nil again after the job is received.

	interval        time.Duration
	due             time.Time // The earliest time of the next request for the log.
	received        bool      // Text was received since the log was requested.
	checks          int       // Consecutive requests without new text, while the log may be incomplete.
	mayHaveLog      bool      // The job may have a log.
	finished        bool
	finishedLongAgo bool // The job finished long before FollowTrace was called.
}

// followAction is an action of a TraceFollower: a request, or reading its response.
type followAction int

const (
	getJob followAction = iota
	openLog
	readLog
)

// maxChecks is the maximum number of consecutive requests for a log that is missing or
// incomplete.
const maxChecks = 5

// Job returns the last received state of the job. After Read has returned io.EOF, the job is
// finished.
func (f *TraceFollower) Job() *Job { return f.job }

// Close stops following and interrupts a Read that waits. It is safe to call Close during a
// Read.
func (f *TraceFollower) Close() error { return f.log.Close() }

// Read waits until the log has more bytes, and reads them. At the end of the log it returns
// io.EOF.
func (f *TraceFollower) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for f.err == nil {
		if n := f.runNext(p); n > 0 {
			return n, nil
		}
	}
	return 0, f.err
}

// runNext runs the next action, and returns the number of bytes that it has read into p.
func (f *TraceFollower) runNext(p []byte) (n int) {
	if f.pause > 0 {
		if err := sleep(f.log.ctx, f.pause); err != nil {
			f.err = f.outage.contextError(f.log.ctx, fmt.Sprintf("following the log of job %d of %s", f.log.source.jobID, f.log.source.project))
			if f.log.isClosed() {
				f.err = f.log.stop(err)
			}
			return 0
		}
		f.pause = 0
	}
	ro := f.outage.poll(f.source.ro)
	var err error
	switch f.next {
	case getJob:
		var job *Job
		if job, err = f.source.jobs.Get(f.log.ctx, f.source.project, f.source.jobID, ro...); err == nil {
			f.outage.succeeded()
			f.err = f.update(job)
			return 0
		}
	case openLog:
		f.log.source.ro = ro
		if err = f.log.reopen(); err == nil {
			f.next = readLog
			return 0
		}
	case readLog:
		if n, err = f.log.Read(p); n > 0 {
			f.outage.succeeded()
			f.received, f.checks = true, 0
			return n
		}
		if errors.Is(err, io.EOF) {
			f.outage.succeeded()
			f.err = f.atEnd()
			return 0
		}
	}
	f.err = f.tolerate(err)
	return 0
}

// tolerate schedules the next action after a failure. If the failure is permanent, it
// returns the error.
func (f *TraceFollower) tolerate(err error) error {
	if errors.Is(err, ErrTraceChanged) || errors.Is(err, errTraceMissing) {
		f.next, f.changedErr = getJob, err
		return nil
	}
	wait, err := f.outage.failed(f.log.stop(err))
	if err != nil {
		return err
	}
	f.pause = wait
	if f.next == readLog {
		f.next = openLog
	}
	return nil
}

// atEnd schedules the next action at the current end of the log. It returns io.EOF if the
// log is complete.
func (f *TraceFollower) atEnd() error {
	grown := f.received
	f.received = false
	switch {
	case f.finished:
		return f.finish()
	case grown:
		f.interval = f.options.MinInterval
		if f.log.whole {
			const bytesPerSecond = 16 << 10
			f.due = time.Now().Add(min(time.Duration(f.log.next/bytesPerSecond)*time.Second, f.longest))
		}
		f.schedule(openLog, f.interval)
	default:
		f.next = getJob
	}
	f.checks = 0
	return nil
}

// finish returns io.EOF at the end of the log of a finished job. If the log may be
// incomplete, it schedules another request instead, because a runner may write its last
// bytes after the end of the job.
func (f *TraceFollower) finish() error {
	f.checks++
	missing := f.missing()
	switch {
	case missing && f.checks < maxChecks:
		f.schedule(getJob, f.backoff())
	case missing && traceSize(f.job) > 0 && f.log.next == f.log.begin:
		return f.log.stop(fmt.Errorf("%w: the job lists a log of %d bytes", errTraceMissing, traceSize(f.job)))
	case missing && traceSize(f.job) > 0:
		return f.log.stop(fmt.Errorf("%w: the log ends at byte %d, but the job lists %d bytes", io.ErrUnexpectedEOF, f.log.next, traceSize(f.job)))
	case missing, f.finishedLongAgo, f.checks > 1:
		return io.EOF
	default:
		f.schedule(openLog, f.options.MinInterval)
	}
	return nil
}

// missing reports whether the log of a finished job is shorter than expected.
func (f *TraceFollower) missing() bool {
	if size := traceSize(f.job); size > 0 {
		return f.log.next < size
	}
	return f.log.next == f.log.begin && !f.job.StartedAt.IsZero()
}

// backoff returns the wait before a missing log is requested again.
func (f *TraceFollower) backoff() time.Duration {
	return min(f.options.MinInterval<<(f.checks-1), f.options.MaxInterval)
}

// update schedules the next action after the job was received.
func (f *TraceFollower) update(job *Job) error {
	previous := f.job.Status
	if err := f.setJob(job); err != nil {
		return err
	}
	switch {
	case f.changedErr != nil:
		return f.checkChanged()
	case f.finished:
		f.next = openLog
	case !f.mayHaveLog:
		f.schedule(getJob, f.nextInterval())
	case previous != job.Status:
		f.interval = f.options.MinInterval
		f.schedule(openLog, 0)
	default:
		f.schedule(openLog, f.nextInterval())
	}
	return nil
}

// nextInterval returns the interval and doubles it.
func (f *TraceFollower) nextInterval() time.Duration {
	wait := f.interval
	f.interval = min(2*f.interval, f.options.MaxInterval)
	return wait
}

// checkChanged schedules another request if the log is gone, because that may be temporary.
// Otherwise it returns the error.
func (f *TraceFollower) checkChanged() error {
	err := f.changedErr
	f.changedErr = nil
	f.checks++
	gone := errors.Is(err, errTraceGone)
	switch {
	case (gone || errors.Is(err, errTraceMissing)) && f.checks < maxChecks:
		f.schedule(openLog, f.backoff())
		return nil
	case gone && f.finished && !hasErasedAt(f.job):
		return io.EOF
	default:
		return f.log.stop(err)
	}
}

// hasErasedAt reports whether the server sends erased_at with its jobs.
func hasErasedAt(job *Job) bool {
	return jsonobject.Has(job, "erased_at")
}

// setJob records the job and calls OnUpdate if its status has changed. It returns io.EOF if
// the job's log was erased, and ErrBlocked if the job is manual, unless WaitForBlocked is
// set.
func (f *TraceFollower) setJob(job *Job) error {
	if f.options.OnUpdate != nil && (f.job == nil || f.job.Status != job.Status) {
		f.options.OnUpdate(job)
	}
	f.job = job
	f.finished = job.finished()
	running := job.Status == StatusRunning || job.Status == StatusCanceling
	f.mayHaveLog = f.finished || running || !job.StartedAt.IsZero()
	switch {
	case !job.ErasedAt.IsZero():
		return io.EOF
	case job.Status.Blocked() && !f.options.WaitForBlocked:
		return blockedError(f.source.project, job.ID)
	}
	return nil
}

// schedule sets the next action and the wait before it. It adds a random time to the wait,
// so that followers do not send their requests at the same time. If the log is not due yet,
// schedule waits until it is. If that would be longer than MaxInterval, it schedules a
// request for the job instead, because the job may have finished.
func (f *TraceFollower) schedule(next followAction, wait time.Duration) {
	if left := time.Until(f.due); next == openLog && !f.finished && left > wait {
		wait = min(left, f.options.MaxInterval)
		if wait < left {
			next = getJob
		}
	}
	f.next, f.pause = next, wait+rand.N(wait/10+1)
}
