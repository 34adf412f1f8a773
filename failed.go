package gitlabjobs

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// FailedJob is a failed job and the end of its log.
type FailedJob struct {
	Job *Job
	Log []byte // The last bytes; empty if there is no log.
	Err error  // Why the log could not be read.
}

// Failed returns the failed jobs of a pipeline, newest first, each with the last bytes of
// its log, at most tail; 0 for none. If a log can't be read, that is the Err of its job, and
// Log has what was read of it. If the context ends, Failed returns its error and the jobs
// up to there.
//
// If a job lists the size of its log, only the end is requested from servers that support
// byte ranges (GitLab 19.x). If that size is too large, the log is read from its beginning.
//
// GitLab: GET /projects/:id/pipelines/:pipeline_id/jobs, [List all jobs by pipeline], and
// GET /projects/:id/jobs/:job_id/trace, [Retrieve a log file for a job].
//
// [List all jobs by pipeline]: https://docs.gitlab.com/api/jobs/#list-all-jobs-by-pipeline
// [Retrieve a log file for a job]: https://docs.gitlab.com/api/jobs/#retrieve-a-log-file-for-a-job
func (s *JobsService) Failed(ctx context.Context, project Project, pipelineID int64, tail int, ro ...RequestOption) ([]FailedJob, error) {
	if tail < 0 {
		return nil, fmt.Errorf("gitlabjobs: Failed: tail is %d: use the number of bytes of each log to return, or 0 for none", tail)
	}
	jobs, err := s.failed(ctx, project, pipelineID, ro)
	if err != nil {
		return nil, err
	}
	failed := make([]FailedJob, len(jobs))
	for i, job := range jobs {
		failed[i].Job = job
		if tail > 0 {
			failed[i].Log, failed[i].Err = s.tail(ctx, project, job, tail, ro)
		}
		if err := contextError(ctx); err != nil {
			return failed[:i+1], fmt.Errorf("gitlabjobs: reading the logs of the failed jobs of pipeline %d of %s: %w", pipelineID, project, err)
		}
	}
	return failed, nil
}

func (s *JobsService) failed(ctx context.Context, project Project, pipelineID int64, ro []RequestOption) ([]*Job, error) {
	return Collect(s.AllByPipeline(ctx, project, pipelineID, &ListPipelineJobsOptions{Scope: []Status{StatusFailed}}, ro...), 0)
}

// tail reads the last n bytes of a job's log.
func (s *JobsService) tail(ctx context.Context, project Project, job *Job, n int, ro []RequestOption) ([]byte, error) {
	offset := max(0, traceSize(job)-int64(n))
	last, err := s.tailFrom(ctx, project, job, n, offset, ro)
	if err == nil && offset > 0 && len(last) < n {
		return s.tailFrom(ctx, project, job, n, 0, ro) // The log is shorter than the job says.
	}
	return last, err
}

func (s *JobsService) tailFrom(ctx context.Context, project Project, job *Job, n int, offset int64, ro []RequestOption) ([]byte, error) {
	log, err := s.Trace(ctx, project, job.ID, &TraceOptions{Offset: offset}, ro...)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	last := lastOf{most: n}
	_, err = io.Copy(&last, log)
	return last.bytes(), err
}

// lastOf keeps the last bytes that are written to it.
type lastOf struct {
	most int
	kept []byte
}

func (l *lastOf) Write(p []byte) (int, error) {
	if len(l.kept) > 4*l.most+len(p) {
		l.kept = append(l.kept[:0], l.bytes()...)
	}
	l.kept = append(l.kept, p...)
	return len(p), nil
}

func (l *lastOf) bytes() []byte { return l.kept[max(0, len(l.kept)-l.most):] }

// RetriedJob is a failed job, and the job that was created to retry it.
type RetriedJob struct {
	Failed *Job
	Job    *Job  // The new job; nil if there is none, or none is known.
	Err    error // Why there is none. If it is ErrOutcomeUnknown, check whether there is one before you retry the job.
}

// RetryFailedOptions choose which failed jobs [JobsService.RetryFailed] retries. Nil
// or the zero value selects all of them.
type RetryFailedOptions struct {
	Keep func(*Job) bool // Reports whether to retry a job. Nil retries every failed job.
}

// RetryFailed retries the failed jobs of a pipeline, each once, and returns the result for
// each of them. If a job can't be retried, or it is unknown whether it was, that is the Err
// of its result, and the other jobs are still retried. RetryFailed itself returns an error
// only if the jobs can't be listed or the context ends; it comes with the results up to
// there.
//
// GitLab: GET /projects/:id/pipelines/:pipeline_id/jobs, [List all jobs by pipeline], and
// POST /projects/:id/jobs/:job_id/retry, [Retry a job].
//
// [List all jobs by pipeline]: https://docs.gitlab.com/api/jobs/#list-all-jobs-by-pipeline
// [Retry a job]: https://docs.gitlab.com/api/jobs/#retry-a-job
func (s *JobsService) RetryFailed(ctx context.Context, project Project, pipelineID int64, opts *RetryFailedOptions, ro ...RequestOption) ([]RetriedJob, error) {
	jobs, err := s.failed(ctx, project, pipelineID, ro)
	if err != nil {
		return nil, err
	}
	var retried []RetriedJob
	for _, job := range jobs {
		if keep := valueOf(opts).Keep; keep != nil && !keep(job) {
			continue
		}
		again, err := s.Retry(ctx, project, job.ID, nil, ro...)
		if ctx.Err() != nil && !errors.Is(err, ErrOutcomeUnknown) && err != nil {
			return retried, err
		}
		retried = append(retried, RetriedJob{Failed: job, Job: again, Err: err})
	}
	return retried, nil
}
