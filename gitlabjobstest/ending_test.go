package gitlabjobstest

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

// A script takes the place of another in the middle of it: what that one has
// written stays, how it would have ended does not.
func TestAScriptTakesThePlaceOfAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSmall(t)
		j := w.pl.AddJob(JobSpec{Script: &Script{
			Lines: 10, Every: time.Second, Line: func(int) string { return "old" }, Result: gitlabjobs.StatusFailed,
		}})
		time.Sleep(2500 * time.Millisecond)
		j.Run(Script{Lines: 2, Every: time.Minute, Line: func(int) string { return "new" }})
		require.Equal(t, "old\nold\n", j.Log())
		time.Sleep(time.Minute)
		require.Equal(t, gitlabjobs.StatusRunning, j.Status())
		time.Sleep(time.Hour)
		require.Equal(t, gitlabjobs.StatusSuccess, j.Status())
		require.Equal(t, "old\nold\nnew\nnew\n", j.Log())
	})
}

func TestACancelingJobIsDoneInItsTime(t *testing.T) {
	t.Parallel()
	slow := func(status gitlabjobs.Status) JobSpec {
		return JobSpec{Status: status, GracefulCancel: true, CancelTakes: time.Minute}
	}
	t.Run("added so", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			j := newSmall(t).pl.AddJob(slow(gitlabjobs.StatusCanceling))
			time.Sleep(time.Minute - 1)
			require.Equal(t, gitlabjobs.StatusCanceling, j.Status())
			time.Sleep(time.Nanosecond)
			require.Equal(t, gitlabjobs.StatusCanceled, j.Status())
		})
	})
	t.Run("though it was retried meanwhile", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newSmall(t)
			j := w.pl.AddJob(slow(gitlabjobs.StatusRunning))
			w.act(t, j, "cancel").is(201)
			w.act(t, j, "retry").is(201)
			time.Sleep(time.Minute)
			require.Equal(t, gitlabjobs.StatusCanceled, j.Status())
			require.True(t, j.Retried())
		})
	})
	t.Run("though it was cancelled again", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			j := newSmall(t).pl.AddJob(slow(gitlabjobs.StatusRunning))
			j.Cancel()
			time.Sleep(time.Minute / 2)
			j.Cancel()
			require.Equal(t, gitlabjobs.StatusCanceling, j.Status())
			time.Sleep(time.Minute / 2)
			require.Equal(t, gitlabjobs.StatusCanceled, j.Status())
		})
	})
}

// A job that ends has a log as one that was added so, and can be erased.
func TestAJobThatEndsHasALog(t *testing.T) {
	t.Parallel()
	pending := gitlabjobs.StatusPending
	tests := []struct {
		name string
		spec JobSpec
		end  func(*Job)
		says string // Empty: it has none.
	}{
		{"success", JobSpec{Status: pending}, func(j *Job) { j.Start(); j.Succeed() }, "Job succeeded"},
		{"success at once", JobSpec{Status: pending}, (*Job).Succeed, "Job succeeded"},
		{"failed", JobSpec{Status: pending}, func(j *Job) { j.Start(); j.Fail("") }, "exit code 1"},
		{"cancelled", JobSpec{Status: pending}, func(j *Job) { j.Start(); j.Cancel() }, "Job failed: canceled"},
		{"with text", JobSpec{Status: pending}, func(j *Job) { j.Start(); j.AppendLog("text"); j.Succeed() }, "text"},
		{"without a log", JobSpec{Status: pending, NoLog: true}, func(j *Job) { j.Start(); j.Succeed() }, ""},
		{"by a script", JobSpec{Script: &Script{Result: gitlabjobs.StatusRunning}}, (*Job).Succeed, ""},
		{"without having run", JobSpec{Status: pending}, func(j *Job) { j.Fail("") }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newSmall(t)
			j := w.pl.AddJob(tt.spec)
			tt.end(j)
			if tt.says == "" {
				require.Empty(t, j.Log())
				w.act(t, j, "erase").is(403, notErasable)
				return
			}
			require.Contains(t, j.Log(), tt.says)
			require.Equal(t, tt.name == "with text", j.Log() == "text")
			w.act(t, j, "erase").is(201)
			require.Empty(t, j.Log())
		})
	}
}

func TestAJobThatNeverRanFailsAsAStuckOne(t *testing.T) {
	t.Parallel()
	w := newSmall(t)
	for reason, j := range map[string]*Job{
		"stuck_or_timeout_failure": w.add(gitlabjobs.StatusPending),
		"script_failure":           w.add(gitlabjobs.StatusRunning),
	} {
		j.Fail("")
		require.Equal(t, reason, w.ask(t, "GET "+on(j, ""), w.dev).object()["failure_reason"])
	}
}

// A bridge that depends goes on with its pipeline, there and back.
func TestABridgeThatDependsRunsAgainWithItsPipeline(t *testing.T) {
	t.Parallel()
	w := newSmall(t)
	downstream := w.open.AddPipeline(PipelineSpec{})
	job := downstream.AddJob(JobSpec{Status: gitlabjobs.StatusFailed})
	b := w.pl.AddBridge(BridgeSpec{Downstream: downstream, Depend: true})
	require.Equal(t, "failed", shown(t, w, b)["status"])
	id, _ := w.act(t, job, "retry").is(201).object()["id"].(float64)
	o := shown(t, w, b)
	require.Equal(t, "running", o["status"])
	require.Nil(t, o["finished_at"])
	require.NotContains(t, o, "failure_reason")
	w.Job(int64(id)).Succeed()
	require.Equal(t, "success", shown(t, w, b)["status"])
}
