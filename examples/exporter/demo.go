package main

import (
	"context"
	"math/rand/v2"
	"time"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/examples/internal/target"
	"example.com/gitlabjobs/gitlabjobstest"
)

// demo sets up a project that gets a new pipeline every few seconds until the context
// ends.
func demo(ctx context.Context) target.Demo {
	return func(srv *gitlabjobstest.Server) (string, int64) {
		const path = "group/app"
		project := srv.AddProject(path)
		addPipeline(project)
		go func() {
			for {
				select {
				case <-ctx.Done():
					return
				case <-time.After(3 * time.Second):
					addPipeline(project)
				}
			}
		}()
		return path, 0
	}
}

func addPipeline(project *gitlabjobstest.Project) {
	pipeline := project.AddPipeline()
	add := func(name, stage string, failsOneIn int) {
		script := gitlabjobstest.Script{
			Pending: time.Duration(rand.IntN(3000)) * time.Millisecond,
			Runs:    time.Duration(1000+rand.IntN(8000)) * time.Millisecond,
		}
		if rand.IntN(failsOneIn) == 0 {
			reasons := []gitlabjobs.FailureReason{gitlabjobs.FailureScript, gitlabjobs.FailureRunnerSystem, gitlabjobs.FailureStuckOrTimeout}
			script.Result, script.Reason = gitlabjobs.StatusFailed, reasons[rand.IntN(len(reasons))]
		}
		pipeline.AddJob(gitlabjobstest.JobSpec{Name: name, Stage: stage, Script: &script, NoLog: true})
	}
	add("build", "build", 20)
	add("lint", "test", 5)
	add("unit", "test", 8)
	add("deploy", "deploy", 15)
}
