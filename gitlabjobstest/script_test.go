package gitlabjobstest

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

// checkpoint is the expected state of a job at a time after its script started.
type checkpoint struct {
	at     time.Duration
	status gitlabjobs.Status
	log    string
}

func TestScriptFollowsClock(t *testing.T) {
	t.Parallel()
	line := func(i int) string { return string(rune('a' + i)) }
	tests := []struct {
		name   string
		script Script
		want   []checkpoint
	}{
		{"is pending, writes lines and succeeds", Script{Pending: 2 * time.Second, Lines: 3, Every: time.Second, Line: line}, []checkpoint{
			{0, gitlabjobs.StatusPending, ""},
			{1999 * time.Millisecond, gitlabjobs.StatusPending, ""},
			{2 * time.Second, gitlabjobs.StatusRunning, ""},
			{3 * time.Second, gitlabjobs.StatusRunning, "a\n"},
			{4999 * time.Millisecond, gitlabjobs.StatusRunning, "a\nb\n"},
			{5 * time.Second, gitlabjobs.StatusSuccess, "a\nb\nc\n"},
			{5 * time.Hour, gitlabjobs.StatusSuccess, "a\nb\nc\n"},
		}},
		{"without requests before the end", Script{Pending: time.Second, Lines: 2, Every: time.Second}, []checkpoint{
			{time.Hour, gitlabjobs.StatusSuccess, "line 1\nline 2\n"},
		}},
		{"continues after its last line and fails", Script{
			Lines: 1, Every: time.Second, Line: line, Runs: time.Minute,
			Result: gitlabjobs.StatusFailed, Reason: gitlabjobs.FailureJobExecutionTimeout,
		}, []checkpoint{
			{0, gitlabjobs.StatusRunning, ""},
			{59 * time.Second, gitlabjobs.StatusRunning, "a\n"},
			{time.Minute, gitlabjobs.StatusFailed, "a\n"},
		}},
		{"never ends", Script{Lines: 1, Line: line, Result: gitlabjobs.StatusRunning}, []checkpoint{
			{0, gitlabjobs.StatusRunning, "a\n"},
			{1000 * time.Hour, gitlabjobs.StatusRunning, "a\n"},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newFixture(t)
				start := time.Now()
				byRun, bySpec := w.addJob(gitlabjobs.StatusCreated), w.pl.AddJob(JobSpec{Script: &tt.script})
				byRun.Run(tt.script)
				for _, m := range tt.want {
					time.Sleep(time.Until(start.Add(m.at)))
					for _, j := range []*Job{byRun, bySpec} {
						o := w.send(t, "GET "+jobPath(j, ""), w.dev).object()
						require.Equal(t, string(m.status), o["status"], "after %v", m.at)
						w.send(t, "GET "+jobPath(j, "/trace"), w.dev).expect(200, m.log)
						require.Equal(t, m.log, j.Log())
					}
				}
			})
		})
	}
}

// A job has the times at which it was due to start and to end, even if the first
// request comes later.
func TestScriptSetsTimesWithoutRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newFixture(t)
		start := time.Now()
		j := w.pl.AddJob(JobSpec{Script: &Script{Pending: 2 * time.Second, Runs: 10 * time.Second}})
		time.Sleep(time.Hour)
		o := w.send(t, "GET "+jobPath(j, ""), w.dev).object()
		require.Equal(t, iso(start.Add(2*time.Second)), o["started_at"])
		require.Equal(t, iso(start.Add(12*time.Second)), o["finished_at"])
		require.EqualValues(t, 10, o["duration"])
		require.NotNil(t, o["runner"])
		require.Equal(t, gitlabjobs.StatusSuccess, j.Status())
	})
}

func TestActionsOnJobWithScript(t *testing.T) {
	t.Parallel()
	script := &Script{Pending: time.Second, Lines: 10, Every: time.Second}
	t.Run("cancel ends the script", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newFixture(t)
			j := w.pl.AddJob(JobSpec{Script: script})
			time.Sleep(3500 * time.Millisecond)
			w.postAction(t, j, "cancel").expect(201)
			time.Sleep(time.Hour)
			require.Equal(t, gitlabjobs.StatusCanceled, j.Status())
			require.Equal(t, "line 1\nline 2\n", j.Log())
		})
	})
	t.Run("a graceful cancel ends after CancelTakes", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newFixture(t)
			j := w.pl.AddJob(JobSpec{Script: script, GracefulCancel: true, CancelTakes: 5 * time.Second})
			time.Sleep(2 * time.Second)
			require.Equal(t, "canceling", w.postAction(t, j, "cancel").expect(201).object()["status"])
			time.Sleep(4999 * time.Millisecond)
			require.Equal(t, gitlabjobs.StatusCanceling, j.Status())
			time.Sleep(time.Millisecond)
			require.Equal(t, gitlabjobs.StatusCanceled, j.Status())
		})
	})
	t.Run("play starts the script, and a retry runs it again", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newFixture(t)
			j := w.pl.AddJob(JobSpec{Status: gitlabjobs.StatusManual, Script: script})
			time.Sleep(time.Hour)
			require.Equal(t, gitlabjobs.StatusManual, j.Status())
			w.postAction(t, j, "play").expect(200)
			time.Sleep(11 * time.Second)
			require.Equal(t, gitlabjobs.StatusSuccess, j.Status())
			id, _ := w.postAction(t, j, "retry").expect(201).object()["id"].(float64)
			time.Sleep(5 * time.Second)
			retried := w.Job(int64(id))
			require.Equal(t, gitlabjobs.StatusRunning, retried.Status())
			require.Equal(t, "line 1\nline 2\nline 3\nline 4\n", retried.Log())
		})
	})
	t.Run("Start skips the pending time of the script", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newFixture(t)
			j := w.pl.AddJob(JobSpec{Script: &Script{Pending: time.Hour, Runs: time.Minute}})
			j.Start()
			time.Sleep(time.Minute)
			require.Equal(t, gitlabjobs.StatusSuccess, j.Status())
		})
	})
	t.Run("erase removes the lines of the script", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newFixture(t)
			j := w.pl.AddJob(JobSpec{Script: script})
			time.Sleep(time.Minute)
			w.postAction(t, j, "erase").expect(201)
			require.Empty(t, j.Log())
		})
	})
}

// A change of a job changes its pipeline, the bridge that depends on that
// pipeline, and so on.
func TestStatusPropagatesThroughNestedPipelines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newFixture(t)
		inner := w.open.AddPipeline(PipelineSpec{})
		job := inner.AddJob(JobSpec{Status: gitlabjobs.StatusCreated, Script: &Script{
			Pending: time.Second, Runs: time.Minute, Result: gitlabjobs.StatusFailed,
		}})
		middle := w.app.AddPipeline(PipelineSpec{})
		down := middle.AddBridge(BridgeSpec{Downstream: inner, Depend: true})
		outer := w.app.AddPipeline(PipelineSpec{})
		top := outer.AddBridge(BridgeSpec{Downstream: middle, Depend: true})
		statuses := func() string {
			return fmt.Sprint(job.Status(), " ", inner.Status(), " ", down.Status(), " ", middle.Status(), " ", top.Status(), " ", outer.Status())
		}
		require.Equal(t, "created created running running running running", statuses())
		job.Enqueue()
		require.Equal(t, "pending pending running running running running", statuses())
		time.Sleep(time.Hour)
		require.Equal(t, "failed failed failed failed failed failed", statuses())
	})
}
