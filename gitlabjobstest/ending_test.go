package gitlabjobstest

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

// A new script keeps the lines that the previous script has written, and cancels
// its end.
func TestRunReplacesScript(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newFixture(t)
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

func TestCancelingJobIsCanceledAfterCancelTakes(t *testing.T) {
	t.Parallel()
	slow := func(status gitlabjobs.Status) JobSpec {
		return JobSpec{Status: status, GracefulCancel: true, CancelTakes: time.Minute}
	}
	t.Run("added as canceling", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			j := newFixture(t).pl.AddJob(slow(gitlabjobs.StatusCanceling))
			time.Sleep(time.Minute - 1)
			require.Equal(t, gitlabjobs.StatusCanceling, j.Status())
			time.Sleep(time.Nanosecond)
			require.Equal(t, gitlabjobs.StatusCanceled, j.Status())
		})
	})
	t.Run("retried while it is canceling", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newFixture(t)
			j := w.pl.AddJob(slow(gitlabjobs.StatusRunning))
			w.postAction(t, j, "cancel").expect(201)
			w.postAction(t, j, "retry").expect(201)
			time.Sleep(time.Minute)
			require.Equal(t, gitlabjobs.StatusCanceled, j.Status())
			require.True(t, j.Retried())
		})
	})
	t.Run("canceled again while it is canceling", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			j := newFixture(t).pl.AddJob(slow(gitlabjobs.StatusRunning))
			j.Cancel()
			time.Sleep(time.Minute / 2)
			j.Cancel()
			require.Equal(t, gitlabjobs.StatusCanceling, j.Status())
			time.Sleep(time.Minute / 2)
			require.Equal(t, gitlabjobs.StatusCanceled, j.Status())
		})
	})
}

// A job that ends has the same default log as a job that was added with a final
// status. It can be erased.
func TestFinishedJobHasLog(t *testing.T) {
	t.Parallel()
	pending := gitlabjobs.StatusPending
	tests := []struct {
		name string
		spec JobSpec
		end  func(*Job)
		want string // A part of the log. Empty if the job has no log.
	}{
		{"success", JobSpec{Status: pending}, func(j *Job) { j.Start(); j.Succeed() }, "Job succeeded"},
		{"success without Start", JobSpec{Status: pending}, (*Job).Succeed, "Job succeeded"},
		{"failed", JobSpec{Status: pending}, func(j *Job) { j.Start(); j.Fail("") }, "exit code 1"},
		{"canceled", JobSpec{Status: pending}, func(j *Job) { j.Start(); j.Cancel() }, "Job failed: canceled"},
		{"with text", JobSpec{Status: pending}, func(j *Job) { j.Start(); j.AppendLog("text"); j.Succeed() }, "text"},
		{"without a log", JobSpec{Status: pending, NoLog: true}, func(j *Job) { j.Start(); j.Succeed() }, ""},
		{"with a script", JobSpec{Script: &Script{Result: gitlabjobs.StatusRunning}}, (*Job).Succeed, ""},
		{"never started", JobSpec{Status: pending}, func(j *Job) { j.Fail("") }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newFixture(t)
			j := w.pl.AddJob(tt.spec)
			tt.end(j)
			if tt.want == "" {
				require.Empty(t, j.Log())
				w.postAction(t, j, "erase").expect(403, notErasable)
				return
			}
			require.Contains(t, j.Log(), tt.want)
			require.Equal(t, tt.name == "with text", j.Log() == "text")
			w.postAction(t, j, "erase").expect(201)
			require.Empty(t, j.Log())
		})
	}
}

func TestDefaultFailureReasonDependsOnStart(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	for reason, j := range map[string]*Job{
		"stuck_or_timeout_failure": w.addJob(gitlabjobs.StatusPending),
		"script_failure":           w.addJob(gitlabjobs.StatusRunning),
	} {
		j.Fail("")
		require.Equal(t, reason, w.send(t, "GET "+jobPath(j, ""), w.dev).object()["failure_reason"])
	}
}

// A bridge with Depend fails with its pipeline, and runs again when the pipeline
// does.
func TestDependentBridgeResumesWithPipeline(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	downstream := w.open.AddPipeline(PipelineSpec{})
	job := downstream.AddJob(JobSpec{Status: gitlabjobs.StatusFailed})
	b := w.pl.AddBridge(BridgeSpec{Downstream: downstream, Depend: true})
	require.Equal(t, "failed", listedBridge(t, w, b)["status"])
	id, _ := w.postAction(t, job, "retry").expect(201).object()["id"].(float64)
	o := listedBridge(t, w, b)
	require.Equal(t, "running", o["status"])
	require.Nil(t, o["finished_at"])
	require.NotContains(t, o, "failure_reason")
	w.Job(int64(id)).Succeed()
	require.Equal(t, "success", listedBridge(t, w, b)["status"])
}
