package main

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

// seconds converts a time to seconds from noon, or -1 if it is zero.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return -1
	}
	return t.Sub(noon).Seconds()
}

func TestABarHasTheTimesOfItsJob(t *testing.T) {
	t.Parallel()
	number := func(f float64) func(*gitlabjobs.Job) {
		return func(j *gitlabjobs.Job) { j.QueuedDuration = &f }
	}
	created := func(s float64) func(*gitlabjobs.Job) {
		return func(j *gitlabjobs.Job) { j.CreatedAt = noon.Add(time.Duration(s * float64(time.Second))) }
	}
	uncreated := func(j *gitlabjobs.Job) { j.CreatedAt = time.Time{} }
	for name, tc := range map[string]struct {
		job                    *gitlabjobs.Job
		queued, started, ended float64
		active                 bool
	}{
		"it has finished":                    {job(1, "a", "success", 10, 15, 40), 10, 15, 40, false},
		"it runs":                            {job(1, "a", "running", 10, 15, -1), 10, 15, 100, true},
		"it is being canceled":               {job(1, "a", "canceling", 10, 15, -1), 10, 15, 100, true},
		"it is in the queue":                 {job(1, "a", "pending", -1, -1, -1, number(30)), 70, -1, 100, true},
		"it waits for a resource":            {job(1, "a", "waiting_for_resource", -1, -1, -1, created(60)), 60, -1, 100, true},
		"its queue is unknown":               {job(1, "a", "success", -1, 15, 40, created(5)), 5, 15, 40, false},
		"its queue and making are unknown":   {job(1, "a", "success", -1, 15, 40, uncreated), 15, 15, 40, false},
		"it never began":                     {job(1, "a", "created", -1, -1, -1), -1, -1, 0, false},
		"it was skipped":                     {job(1, "a", "skipped", -1, -1, 40), -1, -1, 0, false},
		"it is manual":                       {job(1, "a", "manual", -1, -1, -1), -1, -1, 0, false},
		"it was canceled before it ran":      {job(1, "a", "canceled", -1, -1, 40), -1, -1, 40, false},
		"it failed in the queue":             {job(1, "a", "failed", -1, -1, 40, number(30)), 10, -1, 40, false},
		"it has finished, nobody knows when": {job(1, "a", "success", 10, 15, -1), 10, 15, 15, false},
		"it ended before it started":         {job(1, "a", "success", 10, 15, 12), 10, 15, 15, false},
		"it started before it was created":   {job(1, "a", "success", -1, 15, 40, created(30)), 15, 15, 40, false},
		"it was queued before its making":    {job(1, "a", "success", -1, 15, 40, number(1e300), created(7)), 7, 15, 40, false},
		"its queue is below zero":            {job(1, "a", "success", -1, 15, 40, number(-9)), 15, 15, 40, false},
		"its clock is ahead of ours":         {job(1, "a", "running", 110, 120, -1), 110, 120, 120, true},
		"its status is new":                  {job(1, "a", "on_hold", 10, 15, -1), 10, 15, 100, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			other := job(2, "other", "success", 0, 0, 1, stageOf("other")) // This job keeps the start at noon.
			tl := after(100, nodes(tc.job, other))
			b := tl.root.stages[0].tasks[0].last()
			assert.InDelta(t, tc.queued, seconds(b.queued), 1e-9, "queued")
			assert.InDelta(t, tc.started, seconds(b.started), 1e-9, "started")
			assert.InDelta(t, tc.ended, seconds(b.ended), 1e-9, "ended")
			assert.Equal(t, tc.active, b.active)
			assert.Equal(t, tc.active, tl.live)
			assert.GreaterOrEqual(t, b.waited(), time.Duration(0))
			assert.GreaterOrEqual(t, b.ran(), time.Duration(0))
		})
	}
}

func TestAttemptsOfAJobAreOneTask(t *testing.T) {
	t.Parallel()
	tl := after(100, nodes( // Newest first, as GitLab lists them.
		job(9, "flaky", "success", 50, 52, 60),
		job(7, "flaky", "failed", 20, 22, 40),
		job(3, "flaky", "failed", 1, 2, 10),
		job(2, "steady", "success", 1, 2, 10),
		job(5, "flaky", "success", 1, 2, 3, stageOf("later")),
	))
	require.Len(t, tl.root.stages, 2)
	tasks := tl.root.stages[0].tasks
	require.Len(t, tasks, 2)
	assert.Equal(t, "steady", tasks[0].name)
	flaky := tasks[1].attempts
	require.Len(t, flaky, 3)
	for i, id := range []int64{3, 7, 9} {
		assert.Equal(t, id, flaky[i].id)
		assert.Equal(t, [2]int{i + 1, 3}, [2]int{flaky[i].attempt, flaky[i].attempts})
	}
	assert.Equal(t, 3, tl.jobs, "a retried job counts once")
	assert.Contains(t, flaky[0].details(tl), [2]string{"Attempt", "1 of 3"})
}

func TestStagesComeInTheOrderOfTheirFirstJobs(t *testing.T) {
	t.Parallel()
	tl := after(100, nodes(
		job(30, "publish", "manual", -1, -1, -1, stageOf("deploy")),
		job(21, "early", "success", 0, 1, 5, stageOf("test")), // This job has no needs.
		job(90, "compile", "success", 60, 61, 70, stageOf("build")),
		job(10, "compile", "failed", 0, 3, 50, stageOf("build")),
	))
	var names []string
	for _, s := range tl.root.stages {
		names = append(names, s.name)
	}
	assert.Equal(t, []string{"build", "test", "deploy"}, names)
	assert.InDelta(t, 70, seconds(tl.root.stages[2].tasks[0].last().ended), 0.001, "a job that never began is after the previous stages")
}

func TestPipelinesBelongToTheirBridges(t *testing.T) {
	t.Parallel()
	bridge := &gitlabjobs.Bridge{ID: 5, Name: "down", Stage: "test", Status: "success", StartedAt: noon, FinishedAt: noon.Add(time.Second)}
	waits := &gitlabjobs.Bridge{ID: 6, Name: "waits", Stage: "test", Status: "created"}
	lost := &gitlabjobs.Bridge{ID: 7, Name: "lost", Stage: "test", Status: "failed"}
	refused := errors.New("403")
	down := &gitlabjobs.Pipeline{ID: 2, Status: "failed", WebURL: "https://gitlab.example.com/group/other/-/pipelines/2"}
	all := append(nodes(job(1, "build", "success", 0, 1, 2)),
		&gitlabjobs.TreeNode{PipelineID: 1, Bridge: bridge},
		&gitlabjobs.TreeNode{PipelineID: 1, Bridge: waits, Err: gitlabjobs.ErrNoDownstream},
		&gitlabjobs.TreeNode{PipelineID: 1, Bridge: lost, Err: gitlabjobs.ErrNoDownstream},
		&gitlabjobs.TreeNode{Project: "42", PipelineID: 2, Pipeline: down, Path: []*gitlabjobs.Bridge{bridge}, Err: refused},
	)
	tl := after(100, all)
	bars := make(map[string]*bar)
	for b := range tl.root.all {
		bars[b.name] = b
	}
	require.NotNil(t, bars["down"].downstream)
	assert.Equal(t, "group/other", bars["down"].downstream.project)
	assert.Equal(t, gitlabjobs.StatusFailed, bars["down"].downstream.status)
	assert.Equal(t, refused, bars["down"].downstream.err)
	assert.Same(t, bars["down"], bars["down"].downstream.bridge)
	require.NoError(t, bars["waits"].downstreamErr, "the bridge has not started")
	require.ErrorIs(t, bars["lost"].downstreamErr, gitlabjobs.ErrNoDownstream)
	assert.Equal(t, 2, tl.pipelines)
	assert.Equal(t, 1, tl.jobs)
	assert.True(t, bars["down"].queued.IsZero(), "a bridge does not wait for a runner")
}

func TestAnEmptyPipelineHasATimeline(t *testing.T) {
	t.Parallel()
	tl := after(0, nil)
	assert.Zero(t, tl.jobs)
	assert.Empty(t, tl.critical)
	assert.True(t, tl.end.After(tl.start))
}

func TestOnlyHTTPURLsAreLinks(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"https://gitlab.example.com/a/-/jobs/1": "https://gitlab.example.com/a/-/jobs/1",
		"http://gitlab.test/1":                  "http://gitlab.test/1",
		"javascript:alert(1)":                   "",
		"javascript://host/%0aalert(1)":         "",
		"data:text/html,x":                      "",
		"//host/path":                           "",
		"/path":                                 "",
		"":                                      "",
		"https://[":                             "",
	} {
		assert.Equal(t, want, safeURL(address), address)
	}
}
