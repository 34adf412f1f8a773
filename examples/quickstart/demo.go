package main

import (
	"strings"
	"time"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

const demoLog = `Running with gitlab-runner 19.1.0
$ go vet ./...
$ go test ./...
ok      app/internal/cache     0.412s
--- FAIL: TestCheckout (0.03s)
    checkout_test.go:31: total is 41, want 42
FAIL
FAIL    app/internal/checkout  0.118s
ERROR: Job failed: exit code 1
`

// demo is a project with two pipelines. As in GitLab, the jobs of a pipeline are created
// together, in the order of their stages, and a stage starts when the previous one ends.
func demo(srv *gitlabjobstest.Server) (string, int64) {
	const path = "group/app"
	project := srv.AddProject(path)
	const s = time.Second
	add := func(pipeline *gitlabjobstest.Pipeline, created time.Time, name, stage string, status gitlabjobs.Status, waited, duration time.Duration) {
		spec := gitlabjobstest.JobSpec{Name: name, Stage: stage, Status: status, CreatedAt: created}
		if status != gitlabjobs.StatusManual {
			spec.StartedAt = created.Add(waited)
		}
		if status.Finished() {
			spec.FinishedAt = spec.StartedAt.Add(duration)
		}
		if status == gitlabjobs.StatusFailed {
			spec.Log = strings.ReplaceAll(demoLog, "FAIL", "\x1b[31;1mFAIL\x1b[0;m")
		}
		pipeline.AddJob(spec)
	}
	created := time.Now().Add(-2 * time.Hour)
	first := project.AddPipeline(gitlabjobstest.PipelineSpec{CommitTitle: "Speed up the cache", CreatedAt: created})
	add(first, created, "build", "build", gitlabjobs.StatusSuccess, 4*s, 48*s)
	add(first, created, "test", "test", gitlabjobs.StatusSuccess, 54*s, 41*s)
	add(first, created, "deploy", "deploy", gitlabjobs.StatusManual, 0, 0)

	created = time.Now().Add(-2 * time.Minute)
	second := project.AddPipeline(gitlabjobstest.PipelineSpec{Ref: "fix-checkout", CommitTitle: "Round the total once", CreatedAt: created})
	add(second, created, "build", "build", gitlabjobs.StatusSuccess, 3*s, 51*s)
	add(second, created, "integration", "test", gitlabjobs.StatusRunning, 56*s, 0)
	add(second, created, "test", "test", gitlabjobs.StatusFailed, 57*s, 38*s)
	return path, 0
}
