package gitlabjobs_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

func TestFailedReturnsTheEndsOfTheLogs(t *testing.T) {
	t.Parallel()
	for name, options := range map[string][]gitlabjobstest.Option{"newer": nil, "older": {gitlabjobstest.OlderServer()}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := gitlabjobstest.NewMemoryServer(t, options...)
			pipeline := srv.AddProject("group/app").AddPipeline(pipelineSpec{})
			long := someLog(100_000)
			pipeline.AddJob(jobSpec{Name: "good"})
			pipeline.AddJob(jobSpec{Name: "long", Status: gitlabjobs.StatusFailed, Log: long})
			pipeline.AddJob(jobSpec{Name: "short", Status: gitlabjobs.StatusFailed, Log: "oh\n"})
			pipeline.AddJob(jobSpec{Name: "none", Status: gitlabjobs.StatusFailed, NeverStarted: true})
			client := srv.Client(srv.Tokens.Developer)
			failed, err := client.Jobs.Failed(t.Context(), "group/app", pipeline.ID(), 1000)
			require.NoError(t, err)
			require.Len(t, failed, 3)
			for i, want := range []string{"", "oh\n", long[99_000:]} {
				require.NoError(t, failed[i].Err)
				assert.Equal(t, want, string(failed[i].Log))
			}
			assert.Equal(t, "long", failed[2].Job.Name)

			failed, err = client.Jobs.Failed(t.Context(), "group/app", pipeline.ID(), 0)
			require.NoError(t, err)
			assert.Len(t, failed, 3)
		})
	}
}

func TestALogThatCannotBeReadIsAnErrorOfItsJob(t *testing.T) {
	t.Parallel()
	srv := gitlabjobstest.NewMemoryServer(t)
	pipeline := srv.AddProject("group/app").AddPipeline(pipelineSpec{})
	pipeline.AddJobs(3, func(int) jobSpec { return jobSpec{Status: gitlabjobs.StatusFailed, Log: "oh\n"} })
	srv.Fault(gitlabjobstest.Fault{Route: "/projects/:id/jobs/:job_id/trace", Skip: 1, Do: gitlabjobstest.Answer(403, nil, `{"message":"403 Forbidden"}`)})
	client := srv.Client(srv.Tokens.Developer)
	failed, err := client.Jobs.Failed(t.Context(), "group/app", pipeline.ID(), 100)
	require.NoError(t, err)
	require.Len(t, failed, 3)
	require.NoError(t, failed[0].Err)
	require.ErrorIs(t, failed[1].Err, gitlabjobs.ErrForbidden)
	assert.Equal(t, "oh\n", string(failed[2].Log))

	_, err = client.Jobs.Failed(t.Context(), "group/app", pipeline.ID(), -1)
	require.ErrorContains(t, err, "tail is -1")
	_, err = client.Jobs.Failed(t.Context(), "group/app", pipeline.ID()+1, 1)
	require.ErrorIs(t, err, gitlabjobs.ErrNotFound)
}

func TestRetryFailedRetriesEachJobOnce(t *testing.T) {
	t.Parallel()
	srv := gitlabjobstest.NewMemoryServer(t)
	pipeline := srv.AddProject("group/app").AddPipeline(pipelineSpec{})
	pipeline.AddJob(jobSpec{Name: "good"})
	jobs := pipeline.AddJobs(4, func(int) jobSpec { return jobSpec{Status: gitlabjobs.StatusFailed} })
	archived := pipeline.AddJob(jobSpec{Status: gitlabjobs.StatusFailed, Archived: true})
	// The answer about the second is lost.
	srv.Fault(gitlabjobstest.Fault{Method: "POST", Skip: 2, Do: gitlabjobstest.ResetAfter()})
	client := srv.Client(srv.Tokens.Developer)
	retried, err := client.Jobs.RetryFailed(t.Context(), "group/app", pipeline.ID(), nil)
	require.NoError(t, err)
	require.Len(t, retried, 5)
	require.ErrorIs(t, retried[0].Err, gitlabjobs.ErrForbidden)
	assert.Equal(t, archived.ID(), retried[0].Failed.ID)
	require.ErrorIs(t, retried[2].Err, gitlabjobs.ErrOutcomeUnknown)
	assert.Nil(t, retried[2].Job)
	for _, i := range []int{1, 3, 4} {
		require.NoError(t, retried[i].Err)
		assert.Equal(t, gitlabjobs.StatusPending, retried[i].Job.Status)
	}
	for _, job := range jobs {
		assert.Equal(t, 1, job.Count(gitlabjobstest.ActionRetry))
	}
	again, err := client.Jobs.RetryFailed(t.Context(), "group/app", pipeline.ID(), nil)
	require.NoError(t, err)
	assert.Len(t, again, 1, "the archived one")

	_, err = client.Jobs.RetryFailed(t.Context(), "group/app", pipeline.ID()+1, nil)
	require.ErrorIs(t, err, gitlabjobs.ErrNotFound)
}

func TestRetryFailedStopsWithItsContext(t *testing.T) {
	t.Parallel()
	srv := gitlabjobstest.NewMemoryServer(t)
	pipeline := srv.AddProject("group/app").AddPipeline(pipelineSpec{})
	pipeline.AddJobs(3, func(int) jobSpec { return jobSpec{Status: gitlabjobs.StatusFailed} })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var jobs *gitlabjobs.JobsService
	srv.Fault(gitlabjobstest.Fault{Method: "POST", Skip: 1, Do: gitlabjobstest.Rewrite(func(b []byte) []byte { cancel(); return b })})
	jobs = srv.Client(srv.Tokens.Developer).Jobs
	retried, err := jobs.RetryFailed(ctx, "group/app", pipeline.ID(), nil)
	assert.LessOrEqual(t, len(retried), 2)
	if err != nil {
		require.ErrorIs(t, err, context.Canceled)
	}
	assert.LessOrEqual(t, srv.Count(gitlabjobstest.ActionRetry), 2)
}
