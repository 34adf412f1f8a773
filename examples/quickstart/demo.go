package main

import (
	"strings"
	"time"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

const demoLog = `Running with gitlab-runner 17.9.0
$ go vet ./...
$ go test ./...
ok      app/internal/cache    0.412s
--- FAIL: TestCheckout (0.03s)
    checkout_test.go:31: total is 41, want 42
FAIL
FAIL    app/internal/checkout 0.118s
ERROR: Job failed: exit code 1
`

// demo is a project with two pipelines.
func demo(srv *gitlabjobstest.Server) (string, int64) {
	const path = "group/app"
	project := srv.AddProject(path)
	now := time.Now()
	job := func(name, stage string, status gitlabjobs.Status, ago, took time.Duration) gitlabjobstest.JobSpec {
		spec := gitlabjobstest.JobSpec{Name: name, Stage: stage, Status: status, CreatedAt: now.Add(-ago)}
		if took > 0 {
			spec.StartedAt = spec.CreatedAt.Add(4 * time.Second)
		}
		if status.Finished() {
			spec.FinishedAt = spec.StartedAt.Add(took)
		}
		if status == gitlabjobs.StatusFailed {
			spec.Log = strings.ReplaceAll(demoLog, "FAIL", "\x1b[31;1mFAIL\x1b[0;m")
		}
		return spec
	}
	first := project.AddPipeline(gitlabjobstest.PipelineSpec{CommitTitle: "Speed up the cache"})
	first.AddJob(job("build", "build", gitlabjobs.StatusSuccess, 2*time.Hour, 48*time.Second))
	first.AddJob(job("test", "test", gitlabjobs.StatusSuccess, 2*time.Hour, 95*time.Second))
	first.AddJob(job("deploy", "deploy", gitlabjobs.StatusManual, 2*time.Hour, 0))
	second := project.AddPipeline(gitlabjobstest.PipelineSpec{Ref: "fix-checkout", CommitTitle: "Round the total once"})
	second.AddJob(job("build", "build", gitlabjobs.StatusSuccess, 5*time.Minute, 51*time.Second))
	second.AddJob(job("lint", "test", gitlabjobs.StatusRunning, 2*time.Minute, time.Minute))
	second.AddJob(job("test", "test", gitlabjobs.StatusFailed, 3*time.Minute, 62*time.Second))
	return path, 0
}
