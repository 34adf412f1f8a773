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

// plan adds jobs at given seconds of a pipeline.
type plan struct {
	begin   time.Time
	runners []*gitlabjobstest.Runner
}

func (p *plan) at(s float64) time.Time { return p.begin.Add(time.Duration(s * float64(time.Second))) }

// job is one that is queued, starts and ends at so many seconds; an end of 0 is yet
// to come, and one without a start too.
func (p *plan) job(pl *gitlabjobstest.Pipeline, stage, name string, status gitlabjobs.Status, queued, started, ended float64, more ...func(*gitlabjobstest.JobSpec)) {
	spec := gitlabjobstest.JobSpec{Name: name, Stage: stage, Status: status, CreatedAt: p.begin}
	if queued > 0 {
		spec.QueuedAt = p.at(queued)
	}
	if started > 0 {
		spec.StartedAt, spec.Runner = p.at(started), p.runners[int(started)%len(p.runners)]
	}
	if ended > 0 {
		spec.FinishedAt = p.at(ended)
	}
	for _, set := range more {
		set(&spec)
	}
	pl.AddJob(spec)
}

func mayFail(s *gitlabjobstest.JobSpec) { s.AllowFailure = true }
func retried(s *gitlabjobstest.JobSpec) { s.Retried = true }
func retry(at time.Time) func(*gitlabjobstest.JobSpec) {
	return func(s *gitlabjobstest.JobSpec) { s.CreatedAt = at }
}

// demo is a pipeline that began some minutes ago, with a child whose scan failed and
// one in another project that still goes on.
func demo(srv *gitlabjobstest.Server) (string, int64) {
	const path, now = "group/app", 524
	p := &plan{begin: time.Now().Add(-now * time.Second)}
	for _, name := range []string{"linux-large-1", "linux-large-2", "linux-small-1"} {
		p.runners = append(p.runners, srv.AddRunner(gitlabjobstest.RunnerSpec{Description: name}))
	}
	app, deploy := srv.AddProject(path), srv.AddProject("group/deploy")
	root := app.AddPipeline(gitlabjobstest.PipelineSpec{ID: 4711, CommitTitle: "Round the total once", CreatedAt: p.begin})
	scans := app.AddPipeline(gitlabjobstest.PipelineSpec{ID: 4712, Source: "parent_pipeline", CreatedAt: p.at(86)})
	rollout := deploy.AddPipeline(gitlabjobstest.PipelineSpec{ID: 4715, Source: "pipeline", CreatedAt: p.at(352)})

	p.job(root, "build", "compile", success, 1, 5, 83)
	p.job(root, "build", "assets", success, 1, 9, 61)
	p.job(root, "build", "lint", success, 1, 3, 34)

	p.job(root, "test", "unit 1/3", success, 84, 89, 171)
	p.job(root, "test", "unit 2/3", success, 84, 97, 190)
	p.job(root, "test", "unit 3/3", success, 84, 121, 214)
	p.job(root, "test", "integration", failed, 84, 92, 145, retried)
	p.job(root, "test", "spelling", failed, 84, 88, 106, mayFail)
	p.job(root, "test", "browser", success, 84, 138, 229)
	root.AddBridge(gitlabjobstest.BridgeSpec{
		Name: "scans", Stage: "test", Downstream: scans, CreatedAt: p.begin, StartedAt: p.at(85), FinishedAt: p.at(87),
	})
	p.job(scans, "scan", "secrets", success, 87, 91, 119)
	p.job(scans, "scan", "dependencies", success, 87, 99, 162)
	p.job(scans, "scan", "licenses", failed, 87, 104, 181)
	p.job(scans, "report", "summary", gitlabjobs.StatusSkipped, 0, 0, 0)
	p.job(scans, "report", "upload", gitlabjobs.StatusSkipped, 0, 0, 0)

	p.job(root, "package", "image", success, 251, 259, 350)
	p.job(root, "package", "chart", success, 251, 255, 287)
	p.job(root, "deploy", "documentation", gitlabjobs.StatusManual, 0, 0, 0, mayFail)
	p.job(rollout, "plan", "plan", success, 353, 361, 388)
	p.job(rollout, "staging", "apply staging", success, 389, 396, 457)
	p.job(rollout, "verify", "smoke", running, 458, 464, 0)
	p.job(rollout, "verify", "load", gitlabjobs.StatusPending, 458, 0, 0)
	p.job(rollout, "production", "apply production", gitlabjobs.StatusManual, 0, 0, 0)
	root.AddBridge(gitlabjobstest.BridgeSpec{
		Name: "roll out", Stage: "deploy", Downstream: rollout, Depend: true, Status: running, CreatedAt: p.begin, StartedAt: p.at(351),
	})
	p.job(root, "test", "integration", success, 147, 154, 250, retry(p.at(146)))
	return path, root.ID()
}
