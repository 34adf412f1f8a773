package mocking_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/examples/mocking"
	"example.com/gitlabjobs/gitlabjobstest"
)

func TestItRetriesWhatItsRunnerLost(t *testing.T) {
	t.Parallel()

	// A GitLab without a socket. What a test does not say has a plausible value.
	srv := gitlabjobstest.NewMemoryServer(t)
	pipeline := srv.AddProject("group/app").AddPipeline(gitlabjobstest.PipelineSpec{})
	lost := pipeline.AddJob(gitlabjobstest.JobSpec{
		Name: "test", Status: gitlabjobs.StatusFailed, FailureReason: gitlabjobs.FailureRunnerSystem,
	})
	broken := pipeline.AddJob(gitlabjobstest.JobSpec{Name: "lint", Status: gitlabjobs.StatusFailed})

	client := srv.Client(srv.Tokens.Developer)
	retried, err := mocking.RetryInterrupted(t.Context(), client.Jobs, "group/app", pipeline.ID())
	require.NoError(t, err)

	// No expectations: look at what has become of the world.
	require.Len(t, retried, 1)
	assert.Equal(t, gitlabjobs.StatusPending, srv.Job(retried[0]).Status())
	assert.Equal(t, "test", srv.Job(retried[0]).Name())
	assert.True(t, lost.Retried())
	assert.False(t, broken.Retried())
}

func TestItStopsWhereTheOutcomeIsUnknown(t *testing.T) {
	t.Parallel()
	srv := gitlabjobstest.NewMemoryServer(t)
	pipeline := srv.AddProject("group/app").AddPipeline(gitlabjobstest.PipelineSpec{})
	lost := pipeline.AddJob(gitlabjobstest.JobSpec{Status: gitlabjobs.StatusFailed, FailureReason: gitlabjobs.FailureRunnerSystem})

	// The retry happens, and the answer is lost on the way.
	srv.Fault(gitlabjobstest.Fault{Method: "POST", Do: gitlabjobstest.ResetAfter()})

	_, err := mocking.RetryInterrupted(t.Context(), srv.Client(srv.Tokens.Developer).Jobs, "group/app", pipeline.ID())
	require.ErrorIs(t, err, gitlabjobs.ErrOutcomeUnknown)
	assert.Equal(t, 1, lost.Count(gitlabjobstest.ActionRetry), "once, whatever the network does")
}
