package main

import (
	"time"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

const (
	success = gitlabjobs.StatusSuccess
	failed  = gitlabjobs.StatusFailed
	running = gitlabjobs.StatusRunning
)

// plan adds jobs to a pipeline at given seconds of the demo.
type plan struct {
	pipeline *gitlabjobstest.Pipeline
	begin    time.Time // The begin of the demo.
	created  float64   // The time at which GitLab created the jobs: all jobs of a pipeline at once.
}

func (p *plan) at(s float64) time.Time { return p.begin.Add(time.Duration(s * float64(time.Second))) }

// job adds a job that is queued, starts and ends at the given seconds. Zero means that it has
// not started or ended yet.
func (p *plan) job(stage, name string, runner *gitlabjobstest.Runner, status gitlabjobs.Status, queued, started, ended float64, more ...func(*gitlabjobstest.JobSpec)) {
	spec := gitlabjobstest.JobSpec{Name: name, Stage: stage, Status: status, Runner: runner, CreatedAt: p.at(p.created)}
	if queued > 0 {
		spec.QueuedAt = p.at(queued)
	}
	if started > 0 {
		spec.StartedAt = p.at(started)
	}
	if ended > 0 {
		spec.FinishedAt = p.at(ended)
	}
	for _, set := range more {
		set(&spec)
	}
	p.pipeline.AddJob(spec)
}

func mayFail(s *gitlabjobstest.JobSpec) { s.AllowFailure = true }
func retried(s *gitlabjobstest.JobSpec) { s.Retried = true }

// demo adds a pipeline that began some minutes ago, a child pipeline whose scan failed, and an
// unfinished pipeline in another project. It adds jobs in the order in which GitLab would
// create them. A large runner runs two jobs at a time, a small one three.
func demo(srv *gitlabjobstest.Server) (string, int64) {
	const path, now = "group/app", 524
	begin := time.Now().Add(-now * time.Second)
	runner := func(name string) *gitlabjobstest.Runner {
		return srv.AddRunner(gitlabjobstest.RunnerSpec{Description: name})
	}
	large1, large2, small := runner("linux-large-1"), runner("linux-large-2"), runner("linux-small-1")
	app, other := srv.AddProject(path), srv.AddProject("group/deploy")
	root := &plan{begin: begin}
	scans, rollout := &plan{begin: begin, created: 86}, &plan{begin: begin, created: 352}
	root.pipeline = app.AddPipeline(gitlabjobstest.PipelineSpec{ID: 4711, CommitTitle: "Round the total once", CreatedAt: begin})
	scans.pipeline = app.AddPipeline(gitlabjobstest.PipelineSpec{ID: 4712, Source: "parent_pipeline", CreatedAt: root.at(scans.created)})
	rollout.pipeline = other.AddPipeline(gitlabjobstest.PipelineSpec{ID: 4715, Source: "pipeline", CreatedAt: root.at(rollout.created)})

	root.job("build", "compile", large1, success, 1, 5, 83)
	root.job("build", "assets", large2, success, 1, 9, 61)
	root.job("build", "lint", small, success, 1, 3, 34)
	root.job("test", "unit 1/3", large1, success, 84, 89, 171)
	root.job("test", "unit 2/3", large2, success, 84, 97, 190)
	root.job("test", "unit 3/3", large2, success, 84, 121, 214)
	root.job("test", "integration", large1, failed, 84, 92, 145, retried)
	root.job("test", "spelling", small, failed, 84, 88, 106, mayFail)
	root.job("test", "browser", large1, success, 84, 147, 229)
	root.pipeline.AddBridge(gitlabjobstest.BridgeSpec{
		Name: "scans", Stage: "test", Downstream: scans.pipeline, CreatedAt: begin, StartedAt: root.at(85), FinishedAt: root.at(87),
	})
	root.job("package", "image", large1, success, 251, 259, 350)
	root.job("package", "chart", small, success, 251, 255, 287)
	root.job("deploy", "documentation", nil, gitlabjobs.StatusManual, 0, 0, 0, mayFail)
	root.pipeline.AddBridge(gitlabjobstest.BridgeSpec{
		Name: "roll out", Stage: "deploy", Downstream: rollout.pipeline, Depend: true, Status: running, CreatedAt: begin, StartedAt: root.at(351),
	})

	scans.job("scan", "secrets", large2, success, 87, 91, 119)
	scans.job("scan", "dependencies", small, success, 87, 99, 162)
	scans.job("scan", "licenses", small, failed, 87, 108, 185)
	scans.job("report", "summary", nil, gitlabjobs.StatusSkipped, 0, 0, 0)
	scans.job("report", "upload", nil, gitlabjobs.StatusSkipped, 0, 0, 0)

	root.created = 146 // The failed attempt was retried manually.
	root.job("test", "integration", large1, success, 147, 173, 250)

	rollout.job("plan", "plan", small, success, 353, 361, 388)
	rollout.job("staging", "apply staging", small, success, 389, 396, 457)
	rollout.job("verify", "smoke", small, running, 458, 464, 0)
	rollout.job("verify", "load", nil, gitlabjobs.StatusPending, 458, 0, 0)
	rollout.job("production", "apply production", nil, gitlabjobs.StatusCreated, 0, 0, 0)
	return path, root.pipeline.ID()
}
