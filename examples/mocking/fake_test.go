package mocking_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/examples/mocking"
	"example.com/gitlabjobs/gitlabjobstest"
)

func TestOnlyInterruptedJobsAreRetried(t *testing.T) {
	t.Parallel()
	// A server without a socket. Fields that a spec leaves out have defaults.
	srv := gitlabjobstest.NewMemoryServer(t)
	pipeline := srv.AddProject("group/app").AddPipeline()
	interrupted := pipeline.AddJob(gitlabjobstest.JobSpec{
		Name: "test", Status: gitlabjobs.StatusFailed, FailureReason: gitlabjobs.FailureRunnerSystem,
	})
	broken := pipeline.AddJob(gitlabjobstest.JobSpec{Name: "lint", Status: gitlabjobs.StatusFailed})

	newIDs, err := mocking.RetryInterrupted(t.Context(), srv.Client(srv.Tokens.Developer).Jobs, "group/app", pipeline.ID())
	require.NoError(t, err)

	// Check the jobs on the server, not the requests.
	require.Len(t, newIDs, 1)
	assert.Equal(t, gitlabjobs.StatusPending, srv.Job(newIDs[0]).Status())
	assert.Equal(t, "test", srv.Job(newIDs[0]).Name())
	assert.True(t, interrupted.Retried())
	assert.False(t, broken.Retried())
}

// GitLab lists 100 failed jobs per page. A retried job leaves the list, and the jobs
// after it move up.
func TestInterruptedJobsOfAllPagesAreRetried(t *testing.T) {
	t.Parallel()
	srv := gitlabjobstest.NewMemoryServer(t)
	pipeline := srv.AddProject("group/app").AddPipeline()
	var interrupted []*gitlabjobstest.Job
	for range 150 {
		interrupted = append(interrupted, pipeline.AddJob(gitlabjobstest.JobSpec{
			Status: gitlabjobs.StatusFailed, FailureReason: gitlabjobs.FailureRunnerSystem,
		}))
	}

	newIDs, err := mocking.RetryInterrupted(t.Context(), srv.Client(srv.Tokens.Developer).Jobs, "group/app", pipeline.ID())
	require.NoError(t, err)
	assert.Len(t, newIDs, len(interrupted))
	for _, job := range interrupted {
		assert.Equal(t, 1, job.Count(gitlabjobstest.ActionRetry))
	}
}

func TestARetryWithoutAResponseIsNotRepeated(t *testing.T) {
	t.Parallel()
	srv := gitlabjobstest.NewMemoryServer(t)
	pipeline := srv.AddProject("group/app").AddPipeline()
	interrupted := pipeline.AddJob(gitlabjobstest.JobSpec{Status: gitlabjobs.StatusFailed, FailureReason: gitlabjobs.FailureRunnerSystem})

	// The server retries the job, and resets the connection instead of responding.
	srv.Fault(gitlabjobstest.Fault{Method: "POST", Do: gitlabjobstest.ResetAfter()})

	_, err := mocking.RetryInterrupted(t.Context(), srv.Client(srv.Tokens.Developer).Jobs, "group/app", pipeline.ID())
	require.ErrorIs(t, err, gitlabjobs.ErrOutcomeUnknown)
	assert.Equal(t, 1, interrupted.Count(gitlabjobstest.ActionRetry))
}
