// Package mocking shows two ways to test code that uses gitlabjobs, on a piece of
// code as one has it: it retries the jobs of a pipeline that failed for no fault
// of their own.
//
// fake_test.go tests it against a GitLab that behaves, gitlabjobstest: no
// expectations are written, and the test looks at what has become of the jobs.
// Prefer it wherever a test is about what happens.
//
// mock_test.go tests it against a mock of the two methods that it uses. That suits
// a test about a single answer, above all one that is hard to bring about.
package mocking

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"example.com/gitlabjobs"
)

// Jobs is what RetryInterrupted needs of gitlabjobs. Declare an interface where you
// use it, with the methods that you use: *gitlabjobs.JobsService has them.
type Jobs interface {
	AllByPipeline(ctx context.Context, project gitlabjobs.Project, pipelineID int64,
		opts *gitlabjobs.ListPipelineJobsOptions, ro ...gitlabjobs.RequestOption) iter.Seq2[*gitlabjobs.Job, error]
	Retry(ctx context.Context, project gitlabjobs.Project, jobID int64,
		opts *gitlabjobs.RetryOptions, ro ...gitlabjobs.RequestOption) (*gitlabjobs.Job, error)
}

// RetryInterrupted retries the jobs of a pipeline whose runner failed, and returns
// the ids of the new jobs. A job that may not be retried is left alone.
func RetryInterrupted(ctx context.Context, jobs Jobs, project gitlabjobs.Project, pipelineID int64) ([]int64, error) {
	var retried []int64
	failed := &gitlabjobs.ListPipelineJobsOptions{Scope: []gitlabjobs.Status{gitlabjobs.StatusFailed}}
	for job, err := range jobs.AllByPipeline(ctx, project, pipelineID, failed) {
		if err != nil {
			return retried, err
		}
		if job.FailureReason != gitlabjobs.FailureRunnerSystem {
			continue
		}
		again, err := jobs.Retry(ctx, project, job.ID, nil)
		if errors.Is(err, gitlabjobs.ErrForbidden) {
			continue // Somebody was faster.
		}
		if err != nil {
			return retried, fmt.Errorf("job %q: %w", job.Name, err)
		}
		retried = append(retried, again.ID)
	}
	return retried, nil
}
