package main

import (
	"time"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

// demo is a pipeline of some seconds, with a child.
func demo(srv *gitlabjobstest.Server) (string, int64) {
	const path = "group/app"
	project := srv.AddProject(path)
	root, child := project.AddPipeline(gitlabjobstest.PipelineSpec{}), project.AddPipeline(gitlabjobstest.PipelineSpec{})
	job := func(name, stage string, after, runs time.Duration, result gitlabjobs.Status) gitlabjobstest.JobSpec {
		return gitlabjobstest.JobSpec{
			Name: name, Stage: stage, AllowFailure: result == gitlabjobs.StatusFailed,
			Script: &gitlabjobstest.Script{Pending: after, Runs: runs, Result: result},
		}
	}
	root.AddBridge(gitlabjobstest.BridgeSpec{Name: "trigger checks", Downstream: child, Status: gitlabjobs.StatusSuccess})
	root.AddJob(job("deploy", "deploy", 7*time.Second, 2*time.Second, gitlabjobs.StatusSuccess))
	root.AddJob(job("lint", "test", 3*time.Second, 2*time.Second, gitlabjobs.StatusFailed))
	root.AddJob(job("test", "test", 3*time.Second, 4*time.Second, gitlabjobs.StatusSuccess))
	root.AddJob(job("build", "build", time.Second, 2*time.Second, gitlabjobs.StatusSuccess))
	child.AddJob(job("scan", "test", 2*time.Second, 5*time.Second, gitlabjobs.StatusSuccess))
	child.AddJob(job("licenses", "test", 2*time.Second, 2*time.Second, gitlabjobs.StatusSuccess))
	return path, root.ID()
}
