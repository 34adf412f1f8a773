package gitlabjobstest

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

func statuses(jobs []*Job) []gitlabjobs.Status {
	var all []gitlabjobs.Status
	for _, j := range jobs {
		all = append(all, j.Status())
	}
	return all
}

func TestRetriesRunTheirScripts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newFixture(t)
		pl := w.app.AddPipeline()
		failing := Script{Runs: time.Minute, Result: gitlabjobs.StatusFailed}
		passing := Script{Runs: time.Minute, Lines: 1, Line: func(int) string { return "better" }}
		j := pl.AddJob(JobSpec{Script: &failing, Retries: []Script{failing, passing}})
		time.Sleep(time.Minute)
		for _, want := range []gitlabjobs.Status{gitlabjobs.StatusFailed, gitlabjobs.StatusSuccess, gitlabjobs.StatusSuccess} {
			w.postAction(t, pl.Jobs()[len(pl.Jobs())-1], "retry").expect(201)
			time.Sleep(time.Minute)
			require.Equal(t, want, pl.Jobs()[len(pl.Jobs())-1].Status())
		}
		require.Equal(t, gitlabjobs.StatusFailed, j.Status())
		require.Equal(t, "better\n", pl.Jobs()[3].Log())
	})
}

func TestFailedJobSucceedsWhenRetried(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newFixture(t)
		pl := w.app.AddPipeline()
		j := pl.AddJob(JobSpec{Status: gitlabjobs.StatusFailed, Retries: []Script{{Runs: time.Minute}}})
		w.postAction(t, j, "retry").expect(201)
		time.Sleep(time.Minute)
		require.Equal(t, gitlabjobs.StatusSuccess, pl.Status())
	})
}

func TestAutoRetryRetriesFailedJob(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newFixture(t)
		pl := w.app.AddPipeline()
		script := Script{Pending: time.Second, Runs: time.Minute, Result: gitlabjobs.StatusFailed}
		j := pl.AddJob(JobSpec{Script: &script, AutoRetry: 2, User: w.Users.Maintainer})
		time.Sleep(61 * time.Second)
		require.Equal(t, []gitlabjobs.Status{gitlabjobs.StatusFailed, gitlabjobs.StatusPending}, statuses(pl.Jobs()))
		require.True(t, j.Retried())
		require.Equal(t, gitlabjobs.StatusRunning, pl.Status(), "the pipeline does not fail before the retry")
		require.Zero(t, w.Count(ActionRetry), "automatic retries are not actions of a user")
		time.Sleep(time.Hour)
		require.Equal(t, []gitlabjobs.Status{gitlabjobs.StatusFailed, gitlabjobs.StatusFailed, gitlabjobs.StatusFailed}, statuses(pl.Jobs()))
		require.Equal(t, gitlabjobs.StatusFailed, pl.Status())
		last := w.send(t, "GET "+jobPath(pl.Jobs()[2], ""), w.dev).object()
		user, _ := last["user"].(map[string]any)
		require.Equal(t, w.Users.Maintainer.Username(), user["username"])
	})
}

func TestAutoRetryDependsOnFailureReason(t *testing.T) {
	t.Parallel()
	for reason, attempts := range map[gitlabjobs.FailureReason]int{
		gitlabjobs.FailureScript: 2, gitlabjobs.FailureRunnerSystem: 2,
		gitlabjobs.FailureQuotaExceeded: 1, gitlabjobs.FailureNoMatchingRunner: 1, gitlabjobs.FailureMissingDependency: 1,
	} {
		pl := newFixture(t).app.AddPipeline()
		pl.AddJob(JobSpec{Status: gitlabjobs.StatusPending, AutoRetry: 1}).Fail(reason)
		require.Len(t, pl.Jobs(), attempts, reason)
	}
}

func TestDependentBridgeWaitsForAutoRetry(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	downstream := w.app.AddPipeline()
	j := downstream.AddJob(JobSpec{Status: gitlabjobs.StatusRunning, AutoRetry: 1})
	b := w.pl.AddBridge(BridgeSpec{Downstream: downstream, Depend: true})
	j.Fail("")
	require.Equal(t, gitlabjobs.StatusRunning, b.Status())
	downstream.Jobs()[1].Succeed()
	require.Equal(t, gitlabjobs.StatusSuccess, b.Status())
}
