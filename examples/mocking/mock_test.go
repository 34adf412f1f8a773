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

// *gitlabjobs.JobsService implements mocking.Jobs.
var _ mocking.Jobs = (*gitlabjobs.JobsService)(nil)

// mockJobs is a mock of mocking.Jobs.
type mockJobs struct{ mock.Mock }

func (m *mockJobs) AllByPipeline(_ context.Context, project gitlabjobs.Project, pipelineID int64,
	opts *gitlabjobs.ListPipelineJobsOptions, _ ...gitlabjobs.RequestOption,
) iter.Seq2[*gitlabjobs.Job, error] {
	return m.Called(project, pipelineID, opts).Get(0).(iter.Seq2[*gitlabjobs.Job, error])
}

func (m *mockJobs) Retry(_ context.Context, project gitlabjobs.Project, jobID int64,
	opts *gitlabjobs.RetryOptions, _ ...gitlabjobs.RequestOption,
) (*gitlabjobs.Job, error) {
	args := m.Called(project, jobID, opts)
	job, _ := args.Get(0).(*gitlabjobs.Job)
	return job, args.Error(1)
}

// allOf returns an iterator over jobs.
func allOf(jobs ...*gitlabjobs.Job) iter.Seq2[*gitlabjobs.Job, error] {
	return func(yield func(*gitlabjobs.Job, error) bool) {
		for _, job := range jobs {
			if !yield(job, nil) {
				return
			}
		}
	}
}

func TestAJobThatCannotBeRetriedIsSkipped(t *testing.T) {
	t.Parallel()
	m := new(mockJobs)
	m.On("AllByPipeline", gitlabjobs.Project("group/app"), int64(4711), mock.Anything).Return(allOf(
		&gitlabjobs.Job{ID: 8, FailureReason: gitlabjobs.FailureRunnerSystem},
		&gitlabjobs.Job{ID: 7, FailureReason: gitlabjobs.FailureRunnerSystem},
	))
	// This response is hard to produce with the fake server: the job was retried after it was
	// listed.
	m.On("Retry", mock.Anything, int64(8), mock.Anything).Return(nil, &gitlabjobs.Error{StatusCode: 403})
	m.On("Retry", mock.Anything, int64(7), mock.Anything).Return(&gitlabjobs.Job{ID: 9}, nil)

	newIDs, err := mocking.RetryInterrupted(t.Context(), m, "group/app", 4711)
	require.NoError(t, err)
	assert.Equal(t, []int64{9}, newIDs)
	m.AssertExpectations(t)
}
