package gitlabjobs_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

// Methods that make several requests pass the request options to each of them.
func TestRequestOptionsReachEveryRequest(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		call     func(context.Context, *gitlabjobs.Client, []gitlabjobs.RequestOption) error
		requests int // The minimum number of requests.
	}{
		"Wait": {func(ctx context.Context, c *gitlabjobs.Client, ro []gitlabjobs.RequestOption) error {
			_, err := c.Jobs.Wait(ctx, "group/app", 2, &gitlabjobs.WaitOptions{FollowRetries: true}, ro...)
			return err
		}, 2},
		"WaitPipeline": {func(ctx context.Context, c *gitlabjobs.Client, ro []gitlabjobs.RequestOption) error {
			_, err := c.Jobs.WaitPipeline(ctx, "group/app", 5, &gitlabjobs.WaitOptions{Downstream: true}, ro...)
			return err
		}, 6}, // The jobs, bridges and status of two pipelines.
		"PipelineTree": {func(ctx context.Context, c *gitlabjobs.Client, ro []gitlabjobs.RequestOption) error {
			return drain(c.PipelineTree(ctx, "group/app", 5, nil, ro...))
		}, 4},
		"Failed": {func(ctx context.Context, c *gitlabjobs.Client, ro []gitlabjobs.RequestOption) error {
			_, err := c.Jobs.Failed(ctx, "group/app", 5, 10, ro...)
			return err
		}, 2},
		"RetryFailed": {func(ctx context.Context, c *gitlabjobs.Client, ro []gitlabjobs.RequestOption) error {
			_, err := c.Jobs.RetryFailed(ctx, "group/app", 5, nil, ro...)
			return err
		}, 2},
		"FollowTrace": {func(ctx context.Context, c *gitlabjobs.Client, ro []gitlabjobs.RequestOption) error {
			log, err := c.Jobs.FollowTrace(ctx, "group/app", 2, nil, ro...)
			if err != nil {
				return err
			}
			_, err = readAll(log, nil)
			return err
		}, 2},
		"Play with a variable": {func(ctx context.Context, c *gitlabjobs.Client, ro []gitlabjobs.RequestOption) error {
			_, err := c.Jobs.Play(ctx, "group/app", 3, withVariable("A"), ro...)
			return err
		}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var older []gitlabjobstest.Option
				if name == "WaitPipeline" {
					older = append(older, gitlabjobstest.WithoutPipelineObjects()) // Then the status is requested, too.
				}
				srv := gitlabjobstest.NewMemoryServer(t, older...)
				project := srv.AddProject("group/app")
				pipeline, child := project.AddPipeline(gitlabjobstest.PipelineSpec{ID: 5}), project.AddPipeline()
				pipeline.AddJob(gitlabjobstest.JobSpec{ID: 2, Status: gitlabjobs.StatusFailed, Log: "a log\n"})
				pipeline.AddJob(gitlabjobstest.JobSpec{ID: 3, Status: gitlabjobs.StatusManual, AllowFailure: true})
				pipeline.AddBridge(gitlabjobstest.BridgeSpec{ID: 4, Downstream: child})
				child.AddJob(gitlabjobstest.JobSpec{ID: 6})
				var resp gitlabjobs.Response
				ro := []gitlabjobs.RequestOption{
					gitlabjobs.WithHeader("X-Team", "bots"), gitlabjobs.WithAuth(gitlabjobs.PrivateToken(srv.Tokens.Maintainer)),
					gitlabjobs.WithResponse(&resp),
				}
				require.NoError(t, tc.call(t.Context(), srv.Client("glpat-unknown-0123"), ro))
				assert.Equal(t, 1, resp.Attempts)
				assert.Contains(t, []int{http.StatusOK, http.StatusCreated}, resp.StatusCode)
				requests := srv.Requests()
				assert.GreaterOrEqual(t, len(requests), tc.requests)
				for _, req := range requests {
					assert.Equal(t, "bots", req.Header.Get("X-Team"), "%s %s", req.Method, req.Path)
				}
			})
		})
	}
}

func TestRetryFailedKeepsSomeJobs(t *testing.T) {
	t.Parallel()
	srv := gitlabjobstest.NewMemoryServer(t)
	pipeline := srv.AddProject("group/app").AddPipeline()
	flaky := pipeline.AddJob(gitlabjobstest.JobSpec{Name: "flaky", Status: gitlabjobs.StatusFailed, FailureReason: gitlabjobs.FailureRunnerSystem})
	broken := pipeline.AddJob(gitlabjobstest.JobSpec{Name: "broken", Status: gitlabjobs.StatusFailed, FailureReason: gitlabjobs.FailureScript})
	retried, err := srv.Client(srv.Tokens.Developer).Jobs.RetryFailed(t.Context(), "group/app", pipeline.ID(), &gitlabjobs.RetryFailedOptions{
		Keep: func(job *gitlabjobs.Job) bool { return job.FailureReason == gitlabjobs.FailureRunnerSystem },
	})
	require.NoError(t, err)
	require.Len(t, retried, 1)
	assert.Equal(t, flaky.ID(), retried[0].Failed.ID)
	require.NoError(t, retried[0].Err)
	assert.Equal(t, 1, flaky.Count(gitlabjobstest.ActionRetry))
	assert.Equal(t, 0, broken.Count(gitlabjobstest.ActionRetry))
}
