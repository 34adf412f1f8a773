package gitlabjobstest

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

// listedBridge returns a bridge as the list of its pipeline contains it.
func listedBridge(t *testing.T, w *fixture, b *Bridge) map[string]any {
	t.Helper()
	for _, o := range w.send(t, "GET "+w.pipeline+"/bridges", w.dev).expect(200).objects() {
		if o["id"] == float64(b.ID()) {
			return o
		}
	}
	t.Fatalf("bridge %d is not in the list", b.ID())
	return nil
}

func TestBridgeWithoutDownstreamPipeline(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	for _, spec := range []BridgeSpec{
		{Status: gitlabjobs.StatusCreated},
		{Status: gitlabjobs.StatusManual},
		{Status: gitlabjobs.StatusFailed, FailureReason: "downstream_bridge_project_not_found"},
		{},
	} {
		o := listedBridge(t, w, w.pl.AddBridge(spec))
		require.Contains(t, o, "downstream_pipeline")
		require.Nil(t, o["downstream_pipeline"])
		require.Equal(t, string(spec.FailureReason) != "", o["failure_reason"] != nil)
	}
}

// Responses do not contain the downstream pipeline before the bridge has started.
func TestManualBridgeHasNoDownstreamPipelineYet(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	b := w.pl.AddBridge(BridgeSpec{Status: gitlabjobs.StatusManual, Downstream: w.app.AddPipeline(PipelineSpec{})})
	require.Nil(t, listedBridge(t, w, b)["downstream_pipeline"])
	require.Nil(t, b.Downstream())
}

func TestPlayedBridgeCreatesChildPipeline(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	b := w.pl.AddBridge(BridgeSpec{Status: gitlabjobs.StatusManual})
	w.postAction(t, b.job, "play", `{"job_variables_attributes":[{"key":"A","value":"1"}]}`).expect(200)
	child, _ := listedBridge(t, w, b)["downstream_pipeline"].(map[string]any)
	require.Equal(t, "parent_pipeline", child["source"])
	require.EqualValues(t, w.app.ID(), child["project_id"])
	require.Equal(t, map[string]string{"A": "1"}, b.Variables())
	require.Equal(t, 1, b.Count(ActionPlay))
}

func TestDependentBridgeHasStatusOfPipeline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newFixture(t)
		downstream := w.open.AddPipeline(PipelineSpec{})
		downstream.AddJob(JobSpec{Status: gitlabjobs.StatusCreated, Script: &Script{Pending: time.Second, Runs: time.Minute}})
		b := w.pl.AddBridge(BridgeSpec{Status: gitlabjobs.StatusManual, Downstream: downstream, Depend: true})
		w.postAction(t, b.job, "play").expect(200)
		require.Equal(t, "running", listedBridge(t, w, b)["status"])
		time.Sleep(time.Hour)
		o := listedBridge(t, w, b)
		require.Equal(t, "success", o["status"])
		pipeline, _ := o["downstream_pipeline"].(map[string]any)
		require.Equal(t, "success", pipeline["status"])
	})
}

// A retried bridge starts a new pipeline with the same jobs. The first pipeline
// does not change.
func TestRetriedBridgeStartsNewPipeline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newFixture(t)
		downstream := w.open.AddPipeline(PipelineSpec{})
		downstream.AddJob(JobSpec{Name: "old", Retried: true})
		downstream.AddJob(JobSpec{Name: "test", Status: gitlabjobs.StatusFailed})
		downstream.AddJob(JobSpec{Name: "deploy", Status: gitlabjobs.StatusManual, AllowFailure: true})
		downstream.AddBridge(BridgeSpec{Name: "inner"})
		b := w.pl.AddBridge(BridgeSpec{Downstream: downstream, Depend: true})
		require.Equal(t, gitlabjobs.StatusFailed, b.Status())

		id, _ := w.postAction(t, b.job, "retry").expect(201).object()["id"].(float64)
		retried := w.Bridge(int64(id))
		require.True(t, b.Retried())
		require.Equal(t, gitlabjobs.StatusRunning, retried.Status())
		newPipeline := retried.Downstream()
		require.NotEqual(t, downstream.ID(), newPipeline.ID())
		jobs := newPipeline.Jobs()
		require.Len(t, jobs, 2)
		require.Equal(t, "test", jobs[0].Name())
		require.Equal(t, gitlabjobs.StatusPending, jobs[0].Status())
		require.Equal(t, gitlabjobs.StatusManual, jobs[1].Status())
		require.Equal(t, "inner", newPipeline.Bridges()[0].Name())
		require.Equal(t, gitlabjobs.StatusSuccess, newPipeline.Bridges()[0].Status(), "the nested bridge starts with the jobs")
		require.Equal(t, gitlabjobs.StatusFailed, downstream.Status())

		jobs[0].Succeed()
		jobs[1].Succeed()
		require.Equal(t, gitlabjobs.StatusSuccess, retried.Status())
	})
}

func TestPipelineStatusIgnoresRetriedAndAllowedToFailJobs(t *testing.T) {
	t.Parallel()
	const pending, running, manual = gitlabjobs.StatusPending, gitlabjobs.StatusRunning, gitlabjobs.StatusManual
	const success, failed, canceled, skipped = gitlabjobs.StatusSuccess, gitlabjobs.StatusFailed, gitlabjobs.StatusCanceled, gitlabjobs.StatusSkipped
	tests := []struct {
		want gitlabjobs.Status
		jobs []gitlabjobs.Status
	}{
		{created, nil},
		{created, []gitlabjobs.Status{created, created}},
		{pending, []gitlabjobs.Status{pending, created}},
		{running, []gitlabjobs.Status{success, pending}},
		{running, []gitlabjobs.Status{failed, running}},
		{running, []gitlabjobs.Status{success, created}},
		{success, []gitlabjobs.Status{success, skipped}},
		{skipped, []gitlabjobs.Status{skipped}},
		{failed, []gitlabjobs.Status{success, failed, skipped}},
		{canceled, []gitlabjobs.Status{success, canceled}},
		{manual, []gitlabjobs.Status{success, manual}},
		{gitlabjobs.StatusCanceling, []gitlabjobs.Status{success, gitlabjobs.StatusCanceling}},
		{gitlabjobs.StatusScheduled, []gitlabjobs.Status{success, gitlabjobs.StatusScheduled}},
		{gitlabjobs.StatusPreparing, []gitlabjobs.Status{gitlabjobs.StatusPreparing}},
	}
	for _, tt := range tests {
		w := newFixture(t)
		pl := w.app.AddPipeline(PipelineSpec{})
		for _, s := range tt.jobs {
			pl.AddJob(JobSpec{Status: s})
		}
		require.Equal(t, tt.want, pl.Status(), "%v", tt.jobs)
		pl.AddJob(JobSpec{Status: failed, Retried: true})
		require.Equal(t, tt.want, pl.Status(), "a retried job does not affect the status")
	}
	w := newFixture(t)
	pl := w.app.AddPipeline(PipelineSpec{})
	pl.AddJobs(2, func(i int) JobSpec {
		return JobSpec{Status: []gitlabjobs.Status{success, failed}[i], AllowFailure: true}
	})
	require.Equal(t, success, pl.Status(), "a failure of a job with allow_failure does not affect the status")
	require.Equal(t, running, w.app.AddPipeline(PipelineSpec{Status: running}).Status(), "a fixed status")
}
