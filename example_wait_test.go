package gitlabjobs_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

// WaitPipeline waits for a pipeline and, with Downstream, for the pipelines that it
// triggers. A pipeline that fails is not an error.
func ExampleJobsService_WaitPipeline() {
	srv, err := gitlabjobstest.Start() // A fake GitLab server with a pipeline that triggers another one.
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()
	project := srv.AddProject("group/app")
	pipeline, child := project.AddPipeline(gitlabjobstest.PipelineSpec{ID: 101}), project.AddPipeline()
	pipeline.AddBridge(gitlabjobstest.BridgeSpec{Downstream: child})
	child.AddJob(gitlabjobstest.JobSpec{Name: "scan", Status: gitlabjobs.StatusFailed})
	ctx, client := context.Background(), srv.Client(srv.Tokens.Reporter)

	ctx, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()
	result, err := client.Jobs.WaitPipeline(ctx, "group/app", 101, &gitlabjobs.WaitOptions{Downstream: true})
	switch {
	case errors.Is(err, gitlabjobs.ErrBlocked):
		fmt.Println("the pipeline waits for a manual job:", err)
	case err != nil:
		fmt.Println(err)
	case result.Succeeded():
		fmt.Println("deploy")
	default:
		fmt.Println("do not deploy: the pipeline, or one that it triggered, did not succeed")
	}
	// Output: do not deploy: the pipeline, or one that it triggered, did not succeed
}

// This wait polls at most once a minute, continues after an outage of up to an hour, prints
// each change, and returns when the first job fails.
func ExampleWaitOptions() {
	srv, err := gitlabjobstest.Start() // A fake GitLab server with a failed job and a running one.
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()
	pipeline := srv.AddProject("group/app").AddPipeline(gitlabjobstest.PipelineSpec{ID: 101})
	pipeline.AddJob(gitlabjobstest.JobSpec{Name: "test", Status: gitlabjobs.StatusFailed})
	pipeline.AddJob(gitlabjobstest.JobSpec{Name: "lint", Status: gitlabjobs.StatusRunning})
	ctx, client := context.Background(), srv.Client(srv.Tokens.Reporter)

	result, err := client.Jobs.WaitPipeline(ctx, "group/app", 101, &gitlabjobs.WaitOptions{
		MinInterval:   time.Minute,
		MaxInterval:   5 * time.Minute,
		MaxOutage:     time.Hour,
		OnUpdate:      func(job *gitlabjobs.Job) { fmt.Println(job.Name, "is", job.Status) },
		StopOnFailure: true,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("the pipeline is", result.Status)
	// Output:
	// lint is running
	// test is failed
	// the pipeline is running
}
