package mocking_test

import (
	"context"
	"iter"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/examples/mocking"
)

// jobs is a mock of mocking.Jobs, in one line a method.
type jobs struct{ mock.Mock }

func (m *jobs) AllByPipeline(_ context.Context, project gitlabjobs.Project, pipelineID int64,
	opts *gitlabjobs.ListPipelineJobsOptions, _ ...gitlabjobs.RequestOption,
) iter.Seq2[*gitlabjobs.Job, error] {
	return m.Called(project, pipelineID, opts).Get(0).(iter.Seq2[*gitlabjobs.Job, error])
}

func (m *jobs) Retry(_ context.Context, project gitlabjobs.Project, jobID int64,
	opts *gitlabjobs.RetryOptions, _ ...gitlabjobs.RequestOption,
) (*gitlabjobs.Job, error) {
	args := m.Called(project, jobID, opts)
	job, _ := args.Get(0).(*gitlabjobs.Job)
	return job, args.Error(1)
}

// listing is an iterator over jobs that are at hand.
func listing(items ...*gitlabjobs.Job) iter.Seq2[*gitlabjobs.Job, error] {
	return func(yield func(*gitlabjobs.Job, error) bool) {
		for _, job := range items {
			if !yield(job, nil) {
				return
			}
		}
	}
}

func TestItLeavesAloneWhatSomebodyElseRetried(t *testing.T) {
	t.Parallel()
	m := new(jobs)
	m.On("AllByPipeline", gitlabjobs.Project("group/app"), int64(4711), mock.Anything).Return(listing(
		&gitlabjobs.Job{ID: 8, FailureReason: gitlabjobs.FailureRunnerSystem},
		&gitlabjobs.Job{ID: 7, FailureReason: gitlabjobs.FailureRunnerSystem},
	))
	// The answer that is hard to bring about: the job was retried since it was listed.
	m.On("Retry", mock.Anything, int64(8), mock.Anything).Return(nil, &gitlabjobs.Error{StatusCode: 403})
	m.On("Retry", mock.Anything, int64(7), mock.Anything).Return(&gitlabjobs.Job{ID: 9}, nil)

	retried, err := mocking.RetryInterrupted(t.Context(), m, "group/app", 4711)
	require.NoError(t, err)
	assert.Equal(t, []int64{9}, retried)
	m.AssertExpectations(t)
}

// *gitlabjobs.JobsService is a mocking.Jobs.
var _ mocking.Jobs = (*gitlabjobs.JobsService)(nil)
