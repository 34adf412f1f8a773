package gitlabjobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// WaitOptions say how to wait for jobs. Nil or the zero value is for waiting until
// each has finished or is blocked, with the intervals below.
type WaitOptions struct {
	// How long to wait between two looks: MinInterval after something has changed,
	// by default 5 s; longer and longer while nothing does, up to MaxInterval, by
	// default 30 s.
	MinInterval, MaxInterval time.Duration

	// OnUpdate is called with each job when it is first seen and when its status has
	// changed, in the goroutine that waits.
	OnUpdate func(*Job)

	// FollowRetries: Wait goes on to the job that a finished one was retried as. (A
	// pipeline's jobs are always the newest.)
	FollowRetries bool

	StopOnManual   bool // WaitPipeline ends as soon as a job is manual, even while others go on.
	StopOnFailure  bool // WaitPipeline ends as soon as a job has failed that may not.
	WaitForBlocked bool // Wait for jobs that are manual or scheduled, instead of ending with ErrBlocked.
}

func (o *WaitOptions) check() error {
	if o.MinInterval < 0 || o.MaxInterval < 0 {
		return errors.New("an interval is negative: give 0 for the default")
	}
	o.MinInterval, o.MaxInterval = intervals(o.MinInterval, o.MaxInterval, 5*time.Second, 30*time.Second)
	if o.MinInterval > o.MaxInterval {
		return fmt.Errorf("MinInterval %v is longer than MaxInterval %v", o.MinInterval, o.MaxInterval)
	}
	return nil
}

// Wait waits until a job has finished, and returns it. A job that failed is no
// error: see [Succeeded]. A job that is blocked ends it with [ErrBlocked], unless
// opts says to wait. The context bounds it; with an error, the job is returned as it
// was last seen, if it was.
//
// GitLab: GET /projects/:id/jobs/:job_id, [Get a single job].
//
// [Get a single job]: https://docs.gitlab.com/api/jobs/#get-a-single-job
func (s *JobsService) Wait(ctx context.Context, project Project, jobID int64, opts *WaitOptions, ro ...RequestOption) (*Job, error) {
	o := valueOf(opts)
	if err := o.check(); err != nil {
		return nil, optionsError("WaitOptions", err)
	}
	w := &waiter{options: o}
	w.look = func() ([]*Job, error) {
		job, err := s.Get(ctx, project, jobID, ro...)
		if err == nil && o.FollowRetries && job.finished() {
			job, err = s.newest(ctx, project, job, ro)
		}
		if err != nil {
			return nil, err
		}
		jobID = job.ID
		return []*Job{job}, nil
	}
	w.done = func(jobs []*Job) (bool, error) {
		if status := jobs[0].Status; status.Blocked() && !o.WaitForBlocked {
			return true, blockedError(jobID)
		}
		return jobs[0].finished(), nil
	}
	jobs, err := w.wait(ctx)
	if len(jobs) == 0 {
		return nil, err
	}
	return jobs[0], err
}

// newest returns the job that a finished one was retried as, or the job itself.
func (s *JobsService) newest(ctx context.Context, project Project, job *Job, ro []RequestOption) (*Job, error) {
	if job.Pipeline == nil {
		return job, nil
	}
	for other, err := range s.AllByPipeline(ctx, project, job.Pipeline.ID, nil, ro...) {
		if err != nil {
			return nil, err
		}
		if other.Name == job.Name && other.ID > job.ID {
			return other, nil
		}
	}
	return job, nil
}

// WaitPipeline waits until all jobs of a pipeline have finished, and returns them,
// newest first. A look at them is one listing, however many they are. Of jobs that
// were retried the newest counts. Jobs that failed are no error: see [Succeeded].
//
// Where a pipeline does not go on without somebody's doing, it ends with
// [ErrBlocked], unless opts says to wait; optional manual jobs that nobody plays
// (AllowFailure) don't block it. A job that stays created, with nothing known to be in
// its way, is waited for until the context ends, and no jobs at all are success. The
// context bounds it; with an
// error, the jobs are returned as they were last seen, if they were. Bridges, and
// the pipelines that they trigger, are not waited for: see [Client.PipelineTree].
//
// GitLab: GET /projects/:id/pipelines/:pipeline_id/jobs, [List pipeline jobs].
//
// [List pipeline jobs]: https://docs.gitlab.com/api/jobs/#list-pipeline-jobs
func (s *JobsService) WaitPipeline(ctx context.Context, project Project, pipelineID int64, opts *WaitOptions, ro ...RequestOption) ([]*Job, error) {
	o := valueOf(opts)
	if err := o.check(); err != nil {
		return nil, optionsError("WaitOptions", err)
	}
	w := &pipelineWait{
		waiter: &waiter{options: o, look: func() ([]*Job, error) {
			return Collect(s.AllByPipeline(ctx, project, pipelineID, nil, ro...), 0)
		}},
		bridges: func() ([]*Bridge, error) {
			return Collect(s.client.Bridges.All(ctx, project, pipelineID, nil, ro...), 0)
		},
	}
	w.waiter.done = w.done
	return w.wait(ctx)
}

// Succeeded reports whether all of the jobs are finished, or optional and blocked,
// and none failed that may not: none failed, or was canceled, unless it is allowed
// to fail. Of no jobs it is true.
func Succeeded(jobs ...*Job) bool {
	return !slices.ContainsFunc(jobs, func(job *Job) bool {
		switch job.Status {
		case StatusSuccess, StatusSkipped:
			return false
		case StatusFailed, StatusCanceled, StatusManual, StatusScheduled:
			return !job.AllowFailure
		default:
			return true
		}
	})
}

// waiter looks at jobs until there is nothing more to wait for.
type waiter struct {
	options  WaitOptions
	look     func() ([]*Job, error)
	done     func([]*Job) (bool, error)
	interval time.Duration
	statuses map[int64]Status // Of the jobs as they were last seen.
	same     int              // Looks in a row at which nothing had changed.
	unsure   bool             // A job may have escaped this look, being retried while it was made.
}

func (w *waiter) wait(ctx context.Context) ([]*Job, error) {
	var jobs []*Job
	w.interval = w.options.MinInterval
	for {
		seen, err := w.look()
		done := false
		if err == nil {
			jobs = seen
			w.update(jobs)
			done, err = w.done(jobs)
		}
		var limited *Error
		switch {
		case !done && errors.As(err, &limited) && errors.Is(err, ErrRateLimited) && limited.RetryAfter > 0:
			// Longer than a single call waits; a waiter has the time.
			w.interval = min(max(limited.RetryAfter, w.options.MinInterval), 24*time.Hour)
		case err != nil || done && !w.unsure:
			return jobs, err
		}
		if err := sleep(ctx, w.interval+rand.N(w.interval/10+1)); err != nil {
			return jobs, fmt.Errorf("gitlabjobs: waiting for jobs: %w", err)
		}
	}
}

// update tells what has changed, and sets the pace: fast after a change, slower
// while there is none.
func (w *waiter) update(jobs []*Job) {
	statuses := make(map[int64]Status, len(jobs))
	changed := len(jobs) != len(w.statuses)
	for _, job := range jobs {
		statuses[job.ID] = job.Status
		if was, seen := w.statuses[job.ID]; !seen || was != job.Status {
			changed = true
			if w.options.OnUpdate != nil {
				w.options.OnUpdate(job)
			}
		}
	}
	// A job that is retried leaves the list, and the new one stands where the look has
	// been already. So another look is made where one that was going on is gone, and
	// after a first one that took several pages.
	w.unsure = w.statuses == nil && len(jobs) > 100
	for id, status := range w.statuses {
		if _, there := statuses[id]; !there && !status.Finished() {
			w.unsure = true
		}
	}
	w.statuses = statuses
	if changed {
		w.same, w.interval = 0, w.options.MinInterval
	} else {
		w.same++
		w.interval = min(w.interval*3/2, w.options.MaxInterval)
	}
}

// pipelineWait is what a waiter knows of a pipeline.
type pipelineWait struct {
	*waiter
	bridges func() ([]*Bridge, error)
}

// stalledLooks is at how many looks a pipeline has not moved before it is taken for
// blocked: GitLab takes its time to begin a stage after the one before has ended.
const stalledLooks = 3

// done reports whether a pipeline has nothing more to wait for, and why if that is
// not its jobs' end.
func (w *pipelineWait) done(jobs []*Job) (bool, error) {
	var going, created int
	var blocked, manual, failed *Job
	for _, job := range jobs {
		switch {
		case job.Status == StatusCreated:
			created++ // Of a stage that has not begun.
		case job.Status.Blocked():
			if job.Status == StatusManual {
				manual = job
			}
			if !job.AllowFailure || job.Status == StatusScheduled || w.options.WaitForBlocked {
				blocked = job
			}
		case !job.finished():
			going++
		case job.Status == StatusFailed && !job.AllowFailure:
			failed = job
		}
	}
	switch {
	case failed != nil && w.options.StopOnFailure:
		return true, nil
	case manual != nil && w.options.StopOnManual:
		return true, blockedError(manual.ID)
	case going > 0 || blocked != nil && w.options.WaitForBlocked:
		return false, nil
	case created > 0:
		return w.stalled(cmp.Or(blocked, manual))
	case blocked != nil:
		return true, blockedError(blocked.ID)
	default:
		return true, nil
	}
}

// stalled tells a pipeline that is between two stages, or waits for one that it
// triggered, from one that waits for somebody.
func (w *pipelineWait) stalled(blocked *Job) (bool, error) {
	if w.same < stalledLooks || w.options.WaitForBlocked {
		return false, nil
	}
	w.same = 0 // Look at the bridges again after as many looks.
	bridges, err := w.bridges()
	if err != nil {
		return false, err
	}
	waits := func(b *Bridge) bool {
		return b.Status.Blocked() || b.DownstreamPipeline != nil && b.DownstreamPipeline.Status.Blocked()
	}
	if slices.ContainsFunc(bridges, func(b *Bridge) bool { return !b.Status.Finished() && b.Status != StatusCreated && !waits(b) }) {
		return false, nil
	}
	if blocked != nil {
		return true, blockedError(blocked.ID)
	}
	if i := slices.IndexFunc(bridges, waits); i >= 0 {
		return true, blockedError(bridges[i].ID)
	}
	return false, nil
}

func blockedError(id int64) error { return fmt.Errorf("gitlabjobs: job %d: %w", id, ErrBlocked) }
