package gitlabjobs_test

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strings"
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

// The size of the log in the job is wrong.
func TestFailedReturnsTheEndOfALogOfAnotherSize(t *testing.T) {
	t.Parallel()
	log := someLog(50_000)
	for name, newer := range map[string]bool{"newer": true, "older": false} {
		for _, listed := range []int64{0, 1, 999, 1000, 49_000, 49_999, 50_000, 50_001, 50_500, 51_000, 60_000, 1 << 40} {
			t.Run(fmt.Sprint(name, listed), func(t *testing.T) {
				t.Parallel()
				var seen []string
				trace := logServer(log, newer, 0, &seen)
				client := newClient(t, func(req *http.Request) (*http.Response, error) {
					if strings.HasSuffix(req.URL.Path, "/trace") {
						return trace(req)
					}
					return answer{body: fmt.Sprintf(`[{"id":7,"status":"failed","artifacts":[{"file_type":"trace","size":%d}]}]`, listed)}.to(req), nil
				})
				failed, err := client.Jobs.Failed(t.Context(), "1", 2, 1000)
				require.NoError(t, err)
				require.Len(t, failed, 1)
				require.NoError(t, failed[0].Err)
				assert.Equal(t, log[49_000:], string(failed[0].Log))
			})
		}
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

	srv.ResetRequests()
	failed, err = client.Jobs.Failed(t.Context(), "group/app", pipeline.ID(), 0)
	require.NoError(t, err)
	assert.Len(t, failed, 3)
	assert.Len(t, srv.Requests(), 1, "no log")

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
	// The response for the second job is lost.
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

func TestFailedKeepsOnlyTheEndOfALog(t *testing.T) { //nolint:paralleltest // It counts what is allocated.
	srv := gitlabjobstest.NewMemoryServer(t)
	pipeline := srv.AddProject("group/app").AddPipeline(pipelineSpec{})
	job := pipeline.AddJob(jobSpec{Status: gitlabjobs.StatusFailed, LogSize: 32 << 20})
	client := srv.Client(srv.Tokens.Developer)
	// The server does not send the size of the log, so the whole log is read.
	srv.Fault(gitlabjobstest.Fault{Times: gitlabjobstest.Always, Route: "/projects/:id/pipelines/:pipeline_id/jobs", Do: gitlabjobstest.Answer(200, nil, fmt.Sprintf(`[{"id":%d,"status":"failed"}]`, job.ID()))})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	failed, err := client.Jobs.Failed(t.Context(), "group/app", pipeline.ID(), 1000)
	require.NoError(t, err)
	require.Len(t, failed, 1)
	require.NoError(t, failed[0].Err)
	assert.Len(t, failed[0].Log, 1000)
	runtime.ReadMemStats(&after)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<20))
}
