package gitlabjobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"
)

// ErrBlocked is a job that is manual, or scheduled for later. Waiting for somebody to
// play it may never end.
var ErrBlocked = errors.New("the job is blocked: it waits to be played, or for its time")

// FollowOptions say how to follow a log. Nil or the zero value is for all of it,
// and the intervals below.
type FollowOptions struct {
	Offset int64 // The first byte, from 0.

	// How long to wait before GitLab is asked for more: MinInterval while text
	// comes, by default 1 s; longer and longer while none does, up to MaxInterval,
	// by default 15 s.
	MinInterval, MaxInterval time.Duration

	WaitForBlocked bool // Wait for a job that is manual or scheduled, instead of ending with ErrBlocked.

	// OnUpdate is called with the job as it was found, when following begins and
	// each time that its status has changed; within Read, or FollowTrace.
	OnUpdate func(*Job)
}

func (o *FollowOptions) check() error {
	switch {
	case o.Offset < 0:
		return fmt.Errorf("Offset is %d: give the number of bytes to leave out, or 0", o.Offset)
	case o.MinInterval < 0 || o.MaxInterval < 0:
		return errors.New("an interval is negative: give 0 for the default")
	}
	o.MinInterval, o.MaxInterval = intervals(o.MinInterval, o.MaxInterval, time.Second, 15*time.Second)
	if o.MinInterval > o.MaxInterval {
		return fmt.Errorf("MinInterval %v is longer than MaxInterval %v", o.MinInterval, o.MaxInterval)
	}
	return nil
}

// FollowTrace returns a job's log as a stream that grows with it, for the caller
// to read and close: it ends with io.EOF once the job has finished, or was erased,
// and all of its log was read. It waits for a job that has not started, and ends
// at once with nothing for one that was skipped.
//
// GitLab is asked for what is new: by its place in the log where the server can
// (19.x), and elsewhere for the log anew where its ETag has changed. While text
// comes, that is every MinInterval. A server that goes away for a while is waited
// for within the client's [RetryPolicy]. Close and the context end a Read that
// waits.
//
// GitLab: GET /projects/:id/jobs/:job_id/trace, [Get a log file], and
// GET /projects/:id/jobs/:job_id, [Get a single job].
//
// [Get a log file]: https://docs.gitlab.com/api/jobs/#get-a-log-file
// [Get a single job]: https://docs.gitlab.com/api/jobs/#get-a-single-job
func (s *JobsService) FollowTrace(ctx context.Context, project Project, jobID int64, opts *FollowOptions, ro ...RequestOption) (*TraceFollower, error) {
	o := valueOf(opts)
	if err := o.check(); err != nil {
		return nil, optionsError("FollowOptions", err)
	}
	source := newLogSource(s, project, jobID, ro)
	job, err := s.Get(ctx, project, jobID, ro...)
	if err != nil {
		return nil, err
	}
	f := &TraceFollower{options: o, source: source.later(), log: newLogFollower(ctx, source, o.Offset), interval: o.MinInterval}
	switch err := f.found(job); {
	case errors.Is(err, io.EOF):
		f.err = err
	case err != nil:
		f.log.cancel()
		return nil, err
	}
	f.settled = f.finished && time.Since(job.FinishedAt) > o.MaxInterval
	return f, nil
}

// TraceFollower is what [JobsService.FollowTrace] returns.
type TraceFollower struct {
	options FollowOptions
	source  logSource
	log     *logReader

	job      *Job
	err      error // What every further Read returns.
	interval time.Duration
	got      bool // Text has come since the log was last asked for.
	started  bool // There may be a log.
	finished bool
	drained  bool // The log was asked for since the job has finished.
	waited   bool // And once more: a runner may write its last bytes after the job's end.
	settled  bool // It finished long ago.
}

// Job returns the job as it was last found. Once Read has returned io.EOF, that is
// the job as it finished. It is not safe to call while a Read is under way.
func (f *TraceFollower) Job() *Job { return f.job }

// Close ends the following, a Read that waits included.
func (f *TraceFollower) Close() error { return f.log.Close() }

// Read waits until there is more of the log, or it is at its end.
func (f *TraceFollower) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for f.err == nil {
		n, err := f.log.Read(p)
		if n > 0 {
			f.got = true
			return n, nil
		}
		if errors.Is(err, io.EOF) {
			err = f.more()
		}
		if errors.Is(err, ErrTraceChanged) {
			err = f.changed(err)
		}
		f.err = err
	}
	return 0, f.err
}

// more comes after the log's end for now: it waits, looks at the job, and asks for
// what is new. It returns io.EOF at the log's end for good.
func (f *TraceFollower) more() error {
	grown := f.got
	f.got = false
	if f.finished {
		return f.drain(grown)
	}
	if grown {
		f.interval = f.options.MinInterval
		return f.askAfter(f.interval)
	}
	job, err := f.source.jobs.Get(f.log.ctx, f.source.project, f.source.jobID, f.source.ro...)
	if err != nil {
		return f.log.stop(err)
	}
	was := f.job.Status
	if err := f.found(job); err != nil {
		return err
	}
	if f.finished {
		return f.drain(false)
	}
	if f.started && was != job.Status {
		f.interval = f.options.MinInterval
		return f.ask()
	}
	wait := f.interval
	f.interval = min(2*f.interval, f.options.MaxInterval)
	if !f.started {
		return f.sleep(wait)
	}
	return f.askAfter(wait)
}

// drain asks for the rest of a finished job's log.
func (f *TraceFollower) drain(grown bool) error {
	switch {
	case !f.drained, grown:
		f.drained, f.waited = true, false
		return f.ask()
	case f.settled, f.waited:
		return io.EOF
	default:
		f.waited = true
		return f.askAfter(f.options.MinInterval)
	}
}

// found takes note of the job.
func (f *TraceFollower) found(job *Job) error {
	if f.options.OnUpdate != nil && (f.job == nil || f.job.Status != job.Status) {
		f.options.OnUpdate(job)
	}
	f.job = job
	f.finished = job.finished()
	f.started = f.finished || !job.StartedAt.IsZero()
	switch {
	case !job.ErasedAt.IsZero():
		return io.EOF
	case job.Status.Blocked() && !f.options.WaitForBlocked:
		return blockedError(job.ID)
	}
	return nil
}

// changed explains a log that is no longer what it was: the job may have been
// erased.
func (f *TraceFollower) changed(cause error) error {
	job, err := f.source.jobs.Get(f.log.ctx, f.source.project, f.source.jobID, f.source.ro...)
	if err != nil {
		return f.log.stop(err)
	}
	if err := f.found(job); err != nil {
		return err
	}
	if f.finished && errors.Is(cause, errTraceGone) {
		return io.EOF // An older server does not say when a job was erased.
	}
	return cause
}

func (f *TraceFollower) askAfter(wait time.Duration) error {
	if err := f.sleep(wait); err != nil {
		return err
	}
	return f.ask()
}

// ask asks for what is new of the log.
func (f *TraceFollower) ask() error {
	_, err := f.log.reopen()
	if err != nil {
		return f.log.stop(err)
	}
	return nil
}

// sleep waits, not all followers for exactly as long.
func (f *TraceFollower) sleep(d time.Duration) error {
	if err := sleep(f.log.ctx, d+rand.N(d/10+1)); err != nil {
		return f.log.stop(err)
	}
	return nil
}
