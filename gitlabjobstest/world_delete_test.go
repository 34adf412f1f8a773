package gitlabjobstest

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

func TestDeletedJobIsNotFound(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	w.running.Delete()
	w.running.Delete()
	require.Equal(t, []int64{1003, 1001}, w.send(t, "GET "+w.jobs, w.dev).ids())
	require.Equal(t, []int64{1003, 1001}, w.send(t, "GET "+w.jobs+"?pagination=keyset", w.dev).ids())
	require.Equal(t, []int64{1003, 1001}, w.send(t, "GET "+w.pipeline+"/jobs", w.dev).ids())
	require.Equal(t, []*Job{w.done, w.manual}, w.pl.Jobs())
	for _, what := range []string{"GET " + jobPath(w.running, ""), "GET " + jobPath(w.running, "/trace"), "POST " + jobPath(w.running, "/cancel")} {
		w.send(t, what, w.dev).expect(404, notFound)
	}
	w.send(t, "GET /job", "Job-Token: "+w.running.Token()).expect(401, noToken)
	require.Equal(t, gitlabjobs.StatusManual, w.pl.Status(), "a deleted job does not affect the status")
	w.bridge.Delete()
	require.Empty(t, w.send(t, "GET "+w.pipeline+"/bridges", w.dev).expect(200).ids())
	w.send(t, "GET "+w.openPipe+"/jobs", w.dev).expect(200)

	w.postAction(t, w.done, "retry").expect(201)
	w.done.Delete()
	require.Equal(t, []int64{1005, 1003}, w.send(t, "GET "+w.pipeline+"/jobs?include_retried=true", w.dev).ids())
}

func TestDeletedPipelineAndItsJobsAreNotFound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newFixture(t)
		below := w.app.AddPipeline()
		downstream := w.app.AddPipeline()
		scripted := downstream.AddJob(JobSpec{Script: &Script{Runs: time.Minute}})
		downstream.AddBridge(BridgeSpec{Downstream: below, Depend: true})
		b := w.pl.AddBridge(BridgeSpec{Downstream: downstream, Depend: true})
		downstream.Delete()
		downstream.Delete()
		o := listedBridge(t, w, b)
		require.Equal(t, "running", o["status"])
		require.Contains(t, o, "downstream_pipeline")
		require.Nil(t, o["downstream_pipeline"])
		require.Nil(t, b.Downstream())
		for _, list := range []string{"jobs", "bridges", "trigger_jobs"} {
			w.send(t, fmt.Sprintf("GET /projects/7/pipelines/%d/%s", downstream.ID(), list), w.dev).expect(404, notFound)
		}
		w.send(t, "GET "+jobPath(scripted, ""), w.dev).expect(404, notFound)
		require.Equal(t, []int64{1003, 1002, 1001}, w.send(t, "GET "+w.jobs, w.dev).ids())
		time.Sleep(time.Hour)
		require.NotEqual(t, gitlabjobs.StatusSuccess, scripted.Status(), "a deleted job's script has ended")
		below.AddJob(JobSpec{Status: gitlabjobs.StatusRunning}).Succeed()
		require.Equal(t, gitlabjobs.StatusSuccess, below.Status(), "the pipeline that a deleted bridge has triggered continues")
		b.Succeed()
		require.Nil(t, b.Downstream())
		id, _ := w.postAction(t, b.job, "retry").expect(201).object()["id"].(float64)
		require.NotNil(t, w.Bridge(int64(id)).Downstream(), "a bridge without a downstream pipeline creates a child pipeline")
	})
}

func TestDeletedProjectIsNotFound(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	w.open.Delete()
	w.open.Delete()
	w.send(t, "GET /projects/8/jobs", w.dev).expect(404, noProject)
	w.send(t, "GET /projects/group%2Fopen/jobs", w.dev).expect(404, noProject)
	w.send(t, "GET "+w.openPipe+"/jobs", w.dev).expect(404, noProject)
	require.Nil(t, listedBridge(t, w, w.bridge)["downstream_pipeline"])
	w.app.Delete()
	w.send(t, "GET /projects/group%2Fold/jobs", w.dev).expect(404, noProject)
	w.send(t, "GET "+jobPath(w.done, ""), w.dev).expect(404, noProject)
	again := w.AddProject("group/open", ProjectSpec{MovedFrom: []string{"group/old"}})
	w.send(t, "GET /projects/group%2Fold/jobs", w.dev).expect(301)
	require.NotEqual(t, w.open.ID(), again.ID())
}

func TestMoveToChangesPath(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	w.app.MoveTo("other/app")
	require.Equal(t, "other/app", w.app.Path())
	require.Equal(t, gitlabjobs.Project("other/app"), w.app.ByPath())
	require.Same(t, w.app, w.Project("other/app"))
	byPath := fmt.Sprintf("/projects/group%%2Fsub%%2Fapp/jobs/%d", w.done.ID())
	for _, old := range []string{"group%2Fsub%2Fapp", "group%2Fold"} {
		g := w.send(t, "GET /projects/"+old+"/jobs", w.dev).expect(301)
		require.Equal(t, MemoryURL+"/api/v4/projects/7/jobs", g.header.Get("Location"))
	}
	w.send(t, "POST "+byPath+"/cancel", w.dev).expect(405)
	o := w.send(t, "GET "+jobPath(w.done, ""), w.dev).expect(200).object()
	commit, _ := o["commit"].(map[string]any)
	for _, u := range []any{o["web_url"], commit["web_url"]} {
		require.Contains(t, u, MemoryURL+"/other/app/-/")
	}
	w.app.MoveTo("group/sub/app")
	w.send(t, "GET "+byPath, w.dev).expect(200)
	w.send(t, "GET /projects/other%2Fapp/jobs", w.dev).expect(301)
}
