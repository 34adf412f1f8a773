package gitlabjobstest

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

func TestBridgeStartTriggersPipeline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newFixture(t)
		inner := w.open.AddPipeline()
		last := inner.AddJob(JobSpec{Status: created, Script: &Script{Runs: time.Minute}})
		downstream := w.open.AddPipeline()
		job := downstream.AddJob(JobSpec{Status: created})
		nested := downstream.AddBridge(BridgeSpec{Status: created, Downstream: inner, Depend: true})
		manual := downstream.AddBridge(BridgeSpec{Status: created, Manual: true})
		b := w.pl.AddBridge(BridgeSpec{Status: created, Downstream: downstream})
		require.Nil(t, b.Downstream())

		b.Start()
		o := listedBridge(t, w, b)
		require.Equal(t, "success", o["status"])
		require.NotNil(t, o["started_at"])
		require.Same(t, downstream, b.Downstream())
		require.Equal(t, gitlabjobs.StatusPending, job.Status())
		require.Equal(t, gitlabjobs.StatusRunning, nested.Status(), "bridges start like jobs")
		require.Same(t, inner, nested.Downstream())
		require.Equal(t, created, manual.Status())
		time.Sleep(time.Minute)
		require.Equal(t, gitlabjobs.StatusSuccess, last.Status())
		require.Equal(t, gitlabjobs.StatusSuccess, nested.Status())
	})
}

func TestBridgeSucceedTriggersPipeline(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	downstream := w.open.AddPipeline()
	job := downstream.AddJob(JobSpec{Status: created})
	b := w.pl.AddBridge(BridgeSpec{Status: created, Downstream: downstream})
	b.Succeed()
	require.Same(t, downstream, b.Downstream())
	require.Equal(t, gitlabjobs.StatusPending, job.Status())
	require.NotNil(t, listedBridge(t, w, b)["downstream_pipeline"])
}

// A retry creates new pipelines for all nested bridges. The first pipelines do
// not change.
func TestRetriedBridgeStartsNestedBridges(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	inner := w.open.AddPipeline()
	inner.AddJob(JobSpec{Name: "last"})
	downstream := w.open.AddPipeline()
	downstream.AddBridge(BridgeSpec{Name: "nested", Downstream: inner})
	downstream.AddBridge(BridgeSpec{Name: "manual", Status: gitlabjobs.StatusManual})
	b := w.pl.AddBridge(BridgeSpec{Downstream: downstream})
	id, _ := w.postAction(t, b.job, "retry").expect(201).object()["id"].(float64)
	newBridges := w.Bridge(int64(id)).Downstream().Bridges()
	require.Len(t, newBridges, 2)
	require.Equal(t, gitlabjobs.StatusSuccess, newBridges[0].Status())
	require.Equal(t, gitlabjobs.StatusManual, newBridges[1].Status())
	require.NotSame(t, inner, newBridges[0].Downstream())
	require.Equal(t, "last", newBridges[0].Downstream().Jobs()[0].Name())
	require.Equal(t, gitlabjobs.StatusPending, newBridges[0].Downstream().Jobs()[0].Status())
	require.Equal(t, gitlabjobs.StatusSuccess, inner.Jobs()[0].Status())
}

// GitLab does not allow cycles, but tests need them to check that a client does
// not follow a cycle forever.
func TestPipelinesInACycle(t *testing.T) {
	t.Parallel()
	for name, above := range map[string]bool{"the bridge's own pipeline": false, "the pipeline above": true} {
		for _, status := range []gitlabjobs.Status{gitlabjobs.StatusSuccess, created, ""} {
			t.Run(name+", "+string(status), func(t *testing.T) {
				t.Parallel()
				w := newFixture(t)
				top := w.pl
				if above {
					top = w.app.AddPipeline(PipelineSpec{})
					top.AddBridge(BridgeSpec{Downstream: w.pl, Depend: true})
				}
				b := w.pl.AddBridge(BridgeSpec{Status: status, Depend: true, Downstream: top, AnyDownstream: true})
				if status == created {
					b.Start()
				}
				require.Same(t, top, b.Downstream())
				down, _ := listedBridge(t, w, b)["downstream_pipeline"].(map[string]any)
				require.EqualValues(t, top.ID(), down["id"])
				if !b.Status().Finished() {
					b.Succeed()
				}
				w.running.Succeed()
				w.postAction(t, w.manual, "play").expect(200)
				w.manual.Fail("")
				require.Equal(t, gitlabjobs.StatusFailed, w.pl.Status())
				require.Equal(t, gitlabjobs.StatusFailed, top.Status())
				id, _ := w.postAction(t, b.job, "retry").expect(201).object()["id"].(float64)
				require.Same(t, top, w.Bridge(int64(id)).Downstream())
			})
		}
	}
}

// The retry of a bridge above a cycle must not start pipelines forever.
func TestRetryOfBridgeAboveCycleEnds(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	downstream := w.open.AddPipeline()
	downstream.AddBridge(BridgeSpec{Downstream: w.pl, AnyDownstream: true})
	b := w.pl.AddBridge(BridgeSpec{Downstream: downstream})
	id, _ := w.postAction(t, b.job, "retry").expect(201).object()["id"].(float64)
	below := w.Bridge(int64(id)).Downstream().Bridges()
	require.Len(t, below, 1)
	require.Equal(t, gitlabjobs.StatusSuccess, below[0].Status())
	require.Same(t, w.pl, below[0].Downstream())
}

func TestChildPipelineHasStatusOfAddedJobs(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	b := w.pl.AddBridge(BridgeSpec{Status: gitlabjobs.StatusCreated, Depend: true})
	b.Start()
	child := b.Downstream()
	require.Equal(t, gitlabjobs.StatusPending, child.Status())
	require.Equal(t, gitlabjobs.StatusRunning, b.Status())
	j := child.AddJob(JobSpec{Status: gitlabjobs.StatusRunning})
	require.Equal(t, gitlabjobs.StatusRunning, child.Status())
	j.Fail("")
	require.Equal(t, gitlabjobs.StatusFailed, child.Status())
	require.Equal(t, gitlabjobs.StatusFailed, b.Status())
}
