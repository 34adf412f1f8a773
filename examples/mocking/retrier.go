// Package mocking shows two ways to test code that uses gitlabjobs. The code under
// test retries the jobs of a pipeline whose runner failed.
//
// fake_test.go runs it against the fake GitLab server of package gitlabjobstest: the
// test sets up jobs, calls the code and checks the jobs. Prefer the fake server. It needs no
// expectations, and it finds errors that a mock would repeat, such as a wrong assumption
// about GitLab's pagination.
//
// mock_test.go runs it against a mock of the two methods that the code calls. Use a mock to
// test a single response that is hard to produce with the fake server.
package mocking

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"example.com/gitlabjobs"
)

// Jobs has the methods that RetryInterrupted calls. *gitlabjobs.JobsService implements
// it. Declare such an interface in your own package, with the methods that you call.
type Jobs interface {
	AllByPipeline(ctx context.Context, project gitlabjobs.Project, pipelineID int64,
		opts *gitlabjobs.ListPipelineJobsOptions, ro ...gitlabjobs.RequestOption) iter.Seq2[*gitlabjobs.Job, error]
	Retry(ctx context.Context, project gitlabjobs.Project, jobID int64,
		opts *gitlabjobs.RetryOptions, ro ...gitlabjobs.RequestOption) (*gitlabjobs.Job, error)
}

// RetryInterrupted retries the jobs of a pipeline whose runner failed, and returns the
// IDs of the new jobs. It skips jobs that GitLab refuses to retry, for example because
// they have been retried in the meantime.
func RetryInterrupted(ctx context.Context, jobs Jobs, project gitlabjobs.Project, pipelineID int64) ([]int64, error) {
	// Collect the whole list before the first retry. A retried job leaves the list of
	// failed jobs, so the jobs after it move to earlier pages, which have been read.
	options := &gitlabjobs.ListPipelineJobsOptions{Scope: []gitlabjobs.Status{gitlabjobs.StatusFailed}}
	failed, err := gitlabjobs.Collect(jobs.AllByPipeline(ctx, project, pipelineID, options), 0)
	if err != nil {
		return nil, err
	}
	var newIDs []int64
	for _, job := range failed {
		if job.FailureReason != gitlabjobs.FailureRunnerSystem {
			continue
		}
		retried, err := jobs.Retry(ctx, project, job.ID, nil)
		if errors.Is(err, gitlabjobs.ErrForbidden) {
			continue
		}
		if err != nil {
			return newIDs, fmt.Errorf("retrying job %q: %w", job.Name, err)
		}
		newIDs = append(newIDs, retried.ID)
	}
	return newIDs, nil
}
