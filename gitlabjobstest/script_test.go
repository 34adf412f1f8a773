package gitlabjobstest

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

// moment is what a job is like a time after its script began.
type moment struct {
	at     time.Duration
	status gitlabjobs.Status
	log    string
}

func TestAScriptGoesByTheClock(t *testing.T) {
	t.Parallel()
	line := func(i int) string { return string(rune('a' + i)) }
	tests := []struct {
		name   string
		script Script
		then   []moment
	}{
		{"waits, writes, succeeds", Script{Pending: 2 * time.Second, Lines: 3, Every: time.Second, Line: line}, []moment{
			{0, gitlabjobs.StatusPending, ""},
			{1999 * time.Millisecond, gitlabjobs.StatusPending, ""},
			{2 * time.Second, gitlabjobs.StatusRunning, ""},
			{3 * time.Second, gitlabjobs.StatusRunning, "a\n"},
			{4999 * time.Millisecond, gitlabjobs.StatusRunning, "a\nb\n"},
			{5 * time.Second, gitlabjobs.StatusSuccess, "a\nb\nc\n"},
			{5 * time.Hour, gitlabjobs.StatusSuccess, "a\nb\nc\n"},
		}},
		{"is looked at only in the end", Script{Pending: time.Second, Lines: 2, Every: time.Second}, []moment{
			{time.Hour, gitlabjobs.StatusSuccess, "line 1\nline 2\n"},
		}},
		{"runs on behind its last line, and fails", Script{
			Lines: 1, Every: time.Second, Line: line, Runs: time.Minute,
			Result: gitlabjobs.StatusFailed, Reason: gitlabjobs.FailureJobExecutionTimeout,
		}, []moment{
			{0, gitlabjobs.StatusRunning, ""},
			{59 * time.Second, gitlabjobs.StatusRunning, "a\n"},
			{time.Minute, gitlabjobs.StatusFailed, "a\n"},
		}},
		{"never ends", Script{Lines: 1, Line: line, Result: gitlabjobs.StatusRunning}, []moment{
			{0, gitlabjobs.StatusRunning, "a\n"},
			{1000 * time.Hour, gitlabjobs.StatusRunning, "a\n"},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newSmall(t)
				began := time.Now()
				byRun, bySpec := w.add(gitlabjobs.StatusCreated), w.pl.AddJob(JobSpec{Script: &tt.script})
				byRun.Run(tt.script)
				for _, m := range tt.then {
					time.Sleep(time.Until(began.Add(m.at)))
					for _, j := range []*Job{byRun, bySpec} {
						o := w.ask(t, "GET "+on(j, ""), w.dev).object()
						require.Equal(t, string(m.status), o["status"], "after %v", m.at)
						w.ask(t, "GET "+on(j, "/trace"), w.dev).is(200, m.log)
						require.Equal(t, m.log, j.Log())
					}
				}
			})
		})
	}
}

// However late it is looked at, a job started and ended when it was due.
func TestAScriptsTimesAreThoseItWasDueAt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSmall(t)
		began := time.Now()
		j := w.pl.AddJob(JobSpec{Script: &Script{Pending: 2 * time.Second, Runs: 10 * time.Second}})
		time.Sleep(time.Hour)
		o := w.ask(t, "GET "+on(j, ""), w.dev).object()
		require.Equal(t, iso(began.Add(2*time.Second)), o["started_at"])
		require.Equal(t, iso(began.Add(12*time.Second)), o["finished_at"])
		require.EqualValues(t, 10, o["duration"])
		require.NotNil(t, o["runner"])
		require.Equal(t, gitlabjobs.StatusSuccess, j.Status())
	})
}

func TestAScriptAndActions(t *testing.T) {
	t.Parallel()
	script := &Script{Pending: time.Second, Lines: 10, Every: time.Second}
	t.Run("cancel ends it", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newSmall(t)
			j := w.pl.AddJob(JobSpec{Script: script})
			time.Sleep(3500 * time.Millisecond)
			w.act(t, j, "cancel").is(201)
			time.Sleep(time.Hour)
			require.Equal(t, gitlabjobs.StatusCanceled, j.Status())
			require.Equal(t, "line 1\nline 2\n", j.Log())
		})
	})
	t.Run("a graceful cancel takes its time", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newSmall(t)
			j := w.pl.AddJob(JobSpec{Script: script, GracefulCancel: true, CancelTakes: 5 * time.Second})
			time.Sleep(2 * time.Second)
			require.Equal(t, "canceling", w.act(t, j, "cancel").is(201).object()["status"])
			time.Sleep(4999 * time.Millisecond)
			require.Equal(t, gitlabjobs.StatusCanceling, j.Status())
			time.Sleep(time.Millisecond)
			require.Equal(t, gitlabjobs.StatusCanceled, j.Status())
		})
	})
	t.Run("play begins it, and a retry goes the same way", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newSmall(t)
			j := w.pl.AddJob(JobSpec{Status: gitlabjobs.StatusManual, Script: script})
			time.Sleep(time.Hour)
			require.Equal(t, gitlabjobs.StatusManual, j.Status())
			w.act(t, j, "play").is(200)
			time.Sleep(11 * time.Second)
			require.Equal(t, gitlabjobs.StatusSuccess, j.Status())
			id, _ := w.act(t, j, "retry").is(201).object()["id"].(float64)
			time.Sleep(5 * time.Second)
			again := w.Job(int64(id))
			require.Equal(t, gitlabjobs.StatusRunning, again.Status())
			require.Equal(t, "line 1\nline 2\nline 3\nline 4\n", again.Log())
		})
	})
	t.Run("a job started by hand goes on by it", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newSmall(t)
			j := w.pl.AddJob(JobSpec{Script: &Script{Pending: time.Hour, Runs: time.Minute}})
			j.Start()
			time.Sleep(time.Minute)
			require.Equal(t, gitlabjobs.StatusSuccess, j.Status())
		})
	})
	t.Run("erase leaves no line", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newSmall(t)
			j := w.pl.AddJob(JobSpec{Script: script})
			time.Sleep(time.Minute)
			w.act(t, j, "erase").is(201)
			require.Empty(t, j.Log())
		})
	})
}

// A pipeline's status follows from its jobs, and a bridge's from its pipeline.
func TestStatusesFollowThroughNestedPipelines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSmall(t)
		inner := w.open.AddPipeline(PipelineSpec{})
		job := inner.AddJob(JobSpec{Status: gitlabjobs.StatusCreated, Script: &Script{
			Pending: time.Second, Runs: time.Minute, Result: gitlabjobs.StatusFailed,
		}})
		middle := w.app.AddPipeline(PipelineSpec{})
		down := middle.AddBridge(BridgeSpec{Downstream: inner, Depend: true})
		outer := w.app.AddPipeline(PipelineSpec{})
		top := outer.AddBridge(BridgeSpec{Downstream: middle, Depend: true})
		at := func() string {
			return fmt.Sprint(job.Status(), " ", inner.Status(), " ", down.Status(), " ", middle.Status(), " ", top.Status(), " ", outer.Status())
		}
		require.Equal(t, "created created running running running running", at())
		job.Enqueue()
		require.Equal(t, "pending pending running running running running", at())
		time.Sleep(time.Hour)
		require.Equal(t, "failed failed failed failed failed failed", at())
	})
}
