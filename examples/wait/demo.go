package main

import (
	"time"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

// demo adds a pipeline that runs for a few seconds. Its stages start one after the other. The
// jobs of a stage start together.
func demo(srv *gitlabjobstest.Server) (string, int64) {
	const path = "group/app"
	project := srv.AddProject(path)
	root, child := project.AddPipeline(), project.AddPipeline(gitlabjobstest.PipelineSpec{Source: "parent_pipeline"})

	const s, success = time.Second, gitlabjobs.StatusSuccess
	add := func(pipeline *gitlabjobstest.Pipeline, stage, name string, runs time.Duration, result gitlabjobs.Status) func() {
		return pipeline.AddJob(gitlabjobstest.JobSpec{
			Name: name, Stage: stage, Status: gitlabjobs.StatusCreated, AllowFailure: result == gitlabjobs.StatusFailed,
			Script: &gitlabjobstest.Script{Pending: s, Runs: runs, Result: result},
		}).Enqueue
	}
	build := []func(){
		add(root, "build", "build: [linux, amd64]", 3*s, success),
		add(root, "build", "build: [linux, arm64]", 4*s, success),
		add(root, "build", "build: [windows, amd64]", 3*s, success),
	}
	test := []func(){
		add(root, "test", "unit", 3*s, success),
		add(root, "test", "lint", 2*s, gitlabjobs.StatusFailed),
		add(root, "test", "integration: [postgres, 17]", 6*s, success),
		add(root, "test", "integration: [postgres, 18]", 5*s, success),
		root.AddBridge(gitlabjobstest.BridgeSpec{
			Name: "security", Stage: "test", Status: gitlabjobs.StatusCreated, Downstream: child, Depend: true,
		}).Start,
	}
	deploy := []func(){
		add(root, "deploy", "staging", 2*s, success),
	}
	add(child, "scan", "dependencies", 3*s, success) // The bridge starts these.
	add(child, "scan", "licenses", 2*s, success)
	add(child, "scan", "secrets", 4*s, success)

	// The fake server does not start the next stage when a stage ends.
	at := func(after time.Duration, starts []func()) {
		for _, start := range starts {
			time.AfterFunc(after, start)
		}
	}
	at(0, build)
	at(5*s, test)
	at(12*s, deploy)
	return path, root.ID()
}

// demoOptions polls often, because the demo is short and its server is local.
func demoOptions() gitlabjobs.WaitOptions {
	return gitlabjobs.WaitOptions{MinInterval: 250 * time.Millisecond, MaxInterval: 250 * time.Millisecond}
}
