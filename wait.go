package gitlabjobs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"
)

// WaitOptions configure [JobsService.Wait] and [JobsService.WaitPipeline]. Nil or the
// zero value waits until everything has finished or is blocked.
type WaitOptions struct {
	// The interval between two polls is MinInterval after a change, by default 5 s, and
	// grows to MaxInterval, by default 30 s, while nothing changes.
	MinInterval, MaxInterval time.Duration

	// MaxOutage is how long GitLab may be unreachable, or respond only with errors that are
	// [Temporary], after a first request has succeeded. If one request of a poll succeeds
	// during an outage, but the poll fails, MaxOutage is counted again from that request,
	// at most once per outage. A rate limit that lasts longer than the remaining time ends
	// the wait at once. The default is 15 minutes; 1 ns tolerates no outage.
	MaxOutage time.Duration

	// OnUpdate is called with each job when it is first seen and when its status has
	// changed, in the goroutine that waits. Bridges are not reported.
	OnUpdate func(*Job)

	// FollowRetries makes Wait continue with the new job if a finished one is retried.
	// WaitPipeline always does.
	FollowRetries bool

	// StopOnFailure makes WaitPipeline return as soon as a job or bridge without
	// AllowFailure has failed. StopOnManual makes it return [ErrBlocked] as soon as a job or
	// bridge is manual, even if others still run. Both ignore pipelines under a bridge with
	// AllowFailure.
	StopOnFailure, StopOnManual bool

	// WaitForBlocked waits until manual jobs are played, instead of returning [ErrBlocked].
	WaitForBlocked bool

	// Downstream makes WaitPipeline also wait for the pipelines that bridges trigger, in
	// this project and in others, recursively, even if the bridge itself does not wait.
	Downstream bool
}

func (o *WaitOptions) check() (err error) {
	if err := setIntervals(&o.MinInterval, &o.MaxInterval, 5*time.Second, 30*time.Second); err != nil {
		return err
	}
	o.MaxOutage, err = checkMaxOutage(o.MaxOutage)
	return err
}

// Wait polls a job until it finishes, and returns it. A failed job is not an error: check
// its Status. If the job is manual, Wait returns [ErrBlocked], unless WaitForBlocked is set.
// It waits for scheduled jobs, because GitLab starts them.
//
// The first request must succeed. After that, errors that are [Temporary] are tolerated
// for MaxOutage, and other errors end the wait. If the context ends, Wait returns its error
// and cause. With any error, it also returns the job as last seen.
//
// GitLab: GET /projects/:id/jobs/:job_id, [Retrieve a job by job ID].
//
// [Retrieve a job by job ID]: https://docs.gitlab.com/api/jobs/#retrieve-a-job-by-job-id
func (s *JobsService) Wait(ctx context.Context, project Project, jobID int64, opts *WaitOptions, ro ...RequestOption) (*Job, error) {
	o := valueOf(opts)
	if err := o.check(); err != nil {
		return nil, optionsError("WaitOptions", err)
	}
	var last *Job
	w := newWaiter(o, fmt.Sprintf("waiting for job %d of %s", jobID, project))
	err := w.wait(ctx, ro, func(ro []RequestOption) (bool, error) {
		job, err := s.Get(ctx, project, jobID, ro...)
		if err != nil {
			return false, err
		}
		w.outage.responded()
		last = job
		w.update([]*Job{job}, nil)
		if o.FollowRetries && job.finished() {
			if job, err = s.newest(ctx, project, job, ro); err != nil {
				return false, err
			}
			if job != last {
				last, jobID = job, job.ID
				w.update([]*Job{job}, nil)
			}
		}
		if job.Status.Blocked() && !o.WaitForBlocked {
			return true, blockedError(project, job.ID)
		}
		return job.finished(), nil
	})
	return last, err
}

// newest returns the newest retry of a finished job, or the job itself.
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

func blockedError(project Project, jobID int64) error {
	return fmt.Errorf("gitlabjobs: job %d of %s: %w", jobID, project, ErrBlocked)
}

// waiter polls until the wait has ended.
type waiter struct {
	options   WaitOptions
	operation string // For errors.
	outage    *outage

	interval      time.Duration
	statuses      map[int64]Status // Of the jobs, when last seen.
	otherStatuses map[int64]Status // Of the bridges and, by negative ID, the pipelines.
	unchanged     int              // Polls in a row that brought no change.
}

func newWaiter(o WaitOptions, operation string) *waiter {
	return &waiter{
		options: o, operation: operation, outage: newOutage(o.MaxOutage, o.MinInterval, o.MaxInterval),
		interval: o.MinInterval, statuses: make(map[int64]Status),
	}
}

// wait calls poll, with the options for its requests, until poll reports that the wait has
// ended. If poll reports that the wait has ended, wait returns poll's error. Otherwise an
// error of poll is that of a failed request, and wait tolerates it during an outage.
func (w *waiter) wait(ctx context.Context, ro []RequestOption, poll func([]RequestOption) (ended bool, err error)) error {
	if ctx == nil {
		return errNoContext
	}
	for {
		ended, err := poll(w.outage.poll(ro))
		pause := w.interval + rand.N(w.interval/10+1)
		switch {
		case ended:
			return err
		case err == nil:
			w.outage.succeeded()
		case ctx.Err() != nil:
			return w.outage.contextError(ctx, w.operation)
		default:
			if pause, err = w.outage.failed(err); err != nil {
				return err
			}
		}
		if sleep(ctx, pause) != nil {
			return w.outage.contextError(ctx, w.operation)
		}
	}
}

// update reports the jobs that have changed, and sets the interval.
func (w *waiter) update(jobs []*Job, otherStatuses map[int64]Status) {
	changed := !maps.Equal(w.otherStatuses, otherStatuses)
	for _, job := range jobs {
		if was, known := w.statuses[job.ID]; known && was == job.Status {
			continue
		}
		w.statuses[job.ID], changed = job.Status, true
		if w.options.OnUpdate != nil {
			w.options.OnUpdate(job)
		}
	}
	w.otherStatuses = otherStatuses
	if !changed {
		w.unchanged++
		w.interval = min(w.interval*3/2, w.options.MaxInterval)
	} else {
		w.unchanged, w.interval = 0, w.options.MinInterval
	}
}

// WaitPipeline polls a pipeline until it has ended, and returns it with its jobs and
// bridges. A failed pipeline is not an error: check [PipelineResult.Succeeded].
//
// GitLab decides when a pipeline has ended and whether it succeeded: WaitPipeline returns
// when the pipeline's status is final (success, failed, canceled or skipped) and no job or
// bridge can still run. It also waits for jobs that are retried by a user or by GitLab, for
// scheduled jobs, and for a pipeline that has no jobs yet. The jobs and bridges contain the
// status of the pipeline. If the server does not send it there, WaitPipeline sends
// GET /projects/:id/pipelines/:pipeline_id. If the server refuses this request, as it does
// for job tokens, the wait ends three polls after all jobs have finished, and Status is
// empty.
//
// If the pipeline waits for a manual job or bridge and nothing else is active, WaitPipeline
// returns [ErrBlocked], unless WaitForBlocked is set. The same applies if a bridge depends
// on a downstream pipeline that waits for a manual job. Without Downstream, WaitPipeline
// detects this only for pipelines that the bridges of this pipeline trigger, not for
// pipelines further below. Optional manual jobs do not block a pipeline.
//
// With Downstream, WaitPipeline also waits for all pipelines below this one. Each is in the
// result once. A pipeline that can't be read has an Err and is not a success. If a bridge
// succeeded but has no downstream pipeline, the result has an entry with [ErrNoDownstream]
// for it. If a bridge finished with another status and has no downstream pipeline, the
// result has no entry for it. WaitPipeline also waits for a pipeline under a bridge with
// AllowFailure, but this pipeline causes no [ErrBlocked] and does not count for Succeeded.
// Before the wait ends, WaitPipeline reads all pipelines once more, including those that
// have ended, because their jobs may have been retried.
//
// The first request must succeed. After that, errors that are [Temporary] are tolerated
// for MaxOutage, and other errors end the wait. If the context ends, WaitPipeline returns
// its error and cause. With any error, it also returns the pipeline as last seen.
//
// GitLab: GET /projects/:id/pipelines/:pipeline_id/jobs, [List all jobs by pipeline], and
// GET /projects/:id/pipelines/:pipeline_id/bridges, [List all trigger jobs by pipeline].
//
// [List all jobs by pipeline]: https://docs.gitlab.com/api/jobs/#list-all-jobs-by-pipeline
// [List all trigger jobs by pipeline]: https://docs.gitlab.com/api/jobs/#list-all-trigger-jobs-by-pipeline
func (s *JobsService) WaitPipeline(ctx context.Context, project Project, pipelineID int64, opts *WaitOptions, ro ...RequestOption) (*PipelineResult, error) {
	o := valueOf(opts)
	if err := o.check(); err != nil {
		return nil, optionsError("WaitOptions", err)
	}
	w := &pipelineWait{
		waiter: newWaiter(o, fmt.Sprintf("waiting for pipeline %d of %s", pipelineID, project)),
		jobs:   s,
	}
	var last *PipelineResult
	succeeded := false // A poll has succeeded.
	err := w.wait(ctx, ro, func(ro []RequestOption) (bool, error) {
		for w.all = false; ; w.all = true {
			root, err := w.poll(ctx, project, pipelineID, ro)
			if err != nil {
				if !succeeded && len(root.result.Jobs) > 0 {
					last = root.result
				}
				return false, err
			}
			last, succeeded = root.result, true
			if ended, err := w.ended(root); !ended || !w.reused {
				return ended, err
			}
			last.unsettled = true // Until all of the tree has been read again.
		}
	})
	return last, err
}

// pipelineWait waits for a pipeline and, with Downstream, for those below it.
type pipelineWait struct {
	*waiter
	jobs   *JobsService
	states map[int64]*pipelineState // By pipeline ID, of the last poll.
	all    bool                     // Also read pipelines that have ended.
	reused bool                     // The last poll did not read all pipelines.
}

// poll reads the pipeline and those below it that have not ended, or all of them. It
// returns the state of the first pipeline, which is incomplete if there is an error.
func (w *pipelineWait) poll(ctx context.Context, project Project, pipelineID int64, ro []RequestOption) (*pipelineState, error) {
	root := &pipelineState{result: &PipelineResult{Project: project, PipelineID: pipelineID, unsettled: true}}
	w.reused = false
	states := make(map[int64]*pipelineState)
	// If two bridges trigger the same pipeline, the one without AllowFailure counts.
	required, optional := []triggered{{state: root}}, []triggered(nil)
	for len(required)+len(optional) > 0 {
		queue := &required
		if len(required) == 0 {
			queue = &optional
		}
		t := (*queue)[0]
		*queue = (*queue)[1:]
		r := t.state.result
		if r.PipelineID != 0 {
			if states[r.PipelineID] != nil {
				continue
			}
			states[r.PipelineID] = t.state
		}
		if t.parent != nil {
			t.parent.downstream = append(t.parent.downstream, t.state)
		}
		if r.Err != nil {
			continue
		}
		if err := w.read(ctx, t, ro); err != nil {
			if t.parent == nil || Temporary(err) || ctx.Err() != nil {
				return root, err
			}
			r.Jobs, r.Bridges, r.Status, r.Err = nil, nil, "", err
			continue
		}
		for _, next := range w.triggeredBy(t.state) {
			if next.state.optional {
				optional = append(optional, next)
			} else {
				required = append(required, next)
			}
		}
	}
	w.states = states
	w.publish(root)
	return root, nil
}

// read reads a pipeline's jobs, then its bridges. A pipeline that has ended, together with
// all pipelines below it, is not read again, unless its bridge shows another status or
// w.all is set.
func (w *pipelineWait) read(ctx context.Context, t triggered, ro []RequestOption) (err error) {
	s, r := t.state, t.state.result
	before := w.states[r.PipelineID]
	if before != nil && before.treeEnded && t.bridge != nil && !w.all {
		if status := t.bridge.DownstreamPipeline.Status; status == "" || status == before.result.Status {
			r.Status, r.Jobs, r.Bridges = before.result.Status, before.result.Jobs, before.result.Bridges
			s.agreed, s.unknown = before.agreed, before.unknown
			w.reused = true
			return nil
		}
	}
	for job, err := range w.jobs.AllByPipeline(ctx, r.Project, r.PipelineID, nil, ro...) {
		if err != nil {
			return err
		}
		w.outage.responded()
		r.Jobs = append(r.Jobs, job)
	}
	w.outage.responded()
	if r.Bridges, err = Collect(w.jobs.client.Bridges.All(ctx, r.Project, r.PipelineID, nil, ro...), 0); err != nil {
		return err
	}
	w.outage.responded()
	s.incomplete = mayLackJobs(r.Jobs, before)
	if r.Status, s.agreed = statusOf(r); r.Status == "" {
		r.Status, err = w.jobs.client.pipelineStatus(ctx, r.Project, r.PipelineID, ro)
	}
	if before != nil {
		s.unknown = before.unknown
	}
	return err
}

// pipelineStatus requests a pipeline's status. It is empty if the server denies access.
//
// GitLab: GET /projects/:id/pipelines/:pipeline_id.
func (c *Client) pipelineStatus(ctx context.Context, project Project, pipelineID int64, ro []RequestOption) (Status, error) {
	p, err := fetch[Pipeline](ctx, c, get("/projects/:id/pipelines/:pipeline_id", nil, project, number(pipelineID)), ro)
	switch {
	case err == nil:
		return p.Status, nil
	case errors.Is(err, ErrUnauthorized), errors.Is(err, ErrForbidden), errors.Is(err, ErrNotFound):
		return "", nil
	default:
		return "", err
	}
}

// publish completes the results and reports what has changed.
func (w *pipelineWait) publish(root *pipelineState) {
	var jobs []*Job
	otherStatuses := make(map[int64]Status)
	var visit func(*pipelineState)
	visit = func(s *pipelineState) {
		jobs = append(jobs, s.result.Jobs...)
		for _, bridge := range s.result.Bridges {
			otherStatuses[bridge.ID] = bridge.Status
		}
		otherStatuses[-s.result.PipelineID] = s.result.Status
		slices.SortFunc(s.downstream, func(a, b *pipelineState) int { return a.bridgeIndex - b.bridgeIndex })
		for _, d := range s.downstream {
			s.result.Downstream = append(s.result.Downstream, d.result)
			visit(d)
		}
	}
	visit(root)
	w.update(jobs, otherStatuses)
}
