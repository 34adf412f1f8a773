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
// its log: at most tail bytes, or none if tail is 0. If a log cannot be read, the Err of the
// job has the error, and Log has the bytes that were read. If the context ends, Failed
// returns its error, and the jobs that it has processed.
//
// If a job lists the size of its log, and the server supports byte ranges (GitLab 19.x),
// Failed requests only the end of the log. If the listed size is larger than the log,
// Failed reads the log from its beginning.
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
	last := tailWriter{size: n}
	_, err = io.Copy(&last, log)
	return last.bytes(), err
}

// tailWriter keeps the last size bytes that are written to it.
type tailWriter struct {
	size int
	kept []byte
}

func (w *tailWriter) Write(p []byte) (int, error) {
	if len(w.kept) > 4*w.size+len(p) {
		w.kept = append(w.kept[:0], w.bytes()...)
	}
	w.kept = append(w.kept, p...)
	return len(p), nil
}

func (w *tailWriter) bytes() []byte { return w.kept[max(0, len(w.kept)-w.size):] }

// RetriedJob is a failed job, and the job that was created to retry it.
type RetriedJob struct {
	Failed *Job
	Job    *Job  // The new job; nil if the retry failed or its outcome is unknown.
	Err    error // The error of the retry. If it is ErrOutcomeUnknown, check whether there is a new job before you retry again.
}

// RetryFailedOptions choose which failed jobs [JobsService.RetryFailed] retries. Nil
// or the zero value selects all of them.
type RetryFailedOptions struct {
	Keep func(*Job) bool // Reports whether to retry a job. Nil retries every failed job.
}

// RetryFailed retries each failed job of a pipeline once, and returns the result for each of
// them. If a retry fails, or its outcome is unknown, the Err of the result has the error, and
// the other jobs are still retried. RetryFailed itself returns an error only if it cannot
// list the jobs, or if the context ends. In the second case it also returns the results so
// far.
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
