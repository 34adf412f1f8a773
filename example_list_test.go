package gitlabjobs_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

// AllByPipeline requests a page when the loop needs it.
func ExampleJobsService_AllByPipeline() {
	srv, err := gitlabjobstest.Start() // A fake GitLab server with a pipeline of two jobs.
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()
	pipeline := srv.AddProject("group/app").AddPipeline(gitlabjobstest.PipelineSpec{ID: 101})
	pipeline.AddJob(gitlabjobstest.JobSpec{ID: 1, Name: "build"})
	pipeline.AddJob(gitlabjobstest.JobSpec{ID: 2, Name: "test", Status: gitlabjobs.StatusFailed})
	ctx, client := context.Background(), srv.Client(srv.Tokens.Reporter)

	failed := &gitlabjobs.ListPipelineJobsOptions{Scope: []gitlabjobs.Status{gitlabjobs.StatusFailed}}
	for job, err := range client.Jobs.AllByPipeline(ctx, "group/app", 101, failed) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(job.ID, job.Name, job.FailureReason)
	}
	// Output: 2 test script_failure
}

// ListByProject returns one page: here, the two newest jobs of a project.
func ExampleJobsService_ListByProject() {
	srv, err := gitlabjobstest.Start() // A fake GitLab server with three jobs.
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()
	pipeline := srv.AddProject("group/app").AddPipeline()
	for _, name := range []string{"build", "test", "deploy"} {
		pipeline.AddJob(gitlabjobstest.JobSpec{Name: name})
	}
	ctx, client := context.Background(), srv.Client(srv.Tokens.Reporter)

	page, err := client.Jobs.ListByProject(ctx, "group/app", &gitlabjobs.ListJobsOptions{
		ListOptions: gitlabjobs.ListOptions{PerPage: 2},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, job := range page.Items {
		fmt.Println(job.Name, job.Status)
	}
	fmt.Println("more:", page.HasNext())
	// Output:
	// deploy success
	// test success
	// more: true
}

// This list has the jobs that were created in the last day. It does not have a job that was
// created earlier but finishes today, such as a manual job that was played days later. To see every job that finishes, use [gitlabjobs.JobsService.Watch].
func ExampleCreatedAfter() {
	srv, err := gitlabjobstest.Start() // A fake GitLab server with three jobs.
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()
	now := time.Now()
	pipeline := srv.AddProject("group/app").AddPipeline()
	pipeline.AddJob(gitlabjobstest.JobSpec{Name: "played today", CreatedAt: now.AddDate(0, 0, -3), StartedAt: now.Add(-time.Hour)})
	pipeline.AddJob(gitlabjobstest.JobSpec{Name: "build", CreatedAt: now.Add(-2 * time.Hour)})
	pipeline.AddJob(gitlabjobstest.JobSpec{Name: "test", CreatedAt: now.Add(-time.Hour)})
	ctx, client := context.Background(), srv.Client(srv.Tokens.Reporter)

	yesterday := time.Now().AddDate(0, 0, -1)
	for job, err := range gitlabjobs.CreatedAfter(client.Jobs.AllByProject(ctx, "group/app", nil), yesterday) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(job.Name)
	}
	// Output:
	// test
	// build
}

// A PageError contains the position of the page that failed. A later list can start there.
func ExamplePageError() {
	srv, err := gitlabjobstest.Start() // A fake GitLab server with three jobs, which refuses the second page.
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()
	pipeline := srv.AddProject("group/app").AddPipeline()
	for range 3 {
		pipeline.AddJob()
	}
	srv.Fault(gitlabjobstest.Fault{Skip: 1, Times: 1, Do: gitlabjobstest.Answer(403, nil, `{"message":"403 Forbidden"}`)})
	ctx, client := context.Background(), srv.Client(srv.Tokens.Reporter)

	opts := gitlabjobs.ListJobsOptions{ListOptions: gitlabjobs.ListOptions{PerPage: 2}}
	jobs, err := gitlabjobs.Collect(client.Jobs.AllByProject(ctx, "group/app", &opts), 0)
	if failed, ok := errors.AsType[*gitlabjobs.PageError](err); ok {
		fmt.Println("jobs before the error:", len(jobs))
		opts.Pagination, opts.Page, opts.Cursor = failed.Pagination, failed.Page, failed.Cursor
		jobs, err = gitlabjobs.Collect(client.Jobs.AllByProject(ctx, "group/app", &opts), 0)
		fmt.Println("jobs after it:", len(jobs), err)
	}
	// Output:
	// jobs before the error: 2
	// jobs after it: 1 <nil>
}

// PipelineTree yields the jobs of a pipeline and of all pipelines that it triggers.
func ExampleClient_PipelineTree() {
	srv, err := gitlabjobstest.Start() // A fake GitLab server with a pipeline that triggers another one.
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()
	project := srv.AddProject("group/app")
	pipeline, child := project.AddPipeline(gitlabjobstest.PipelineSpec{ID: 101}), project.AddPipeline()
	pipeline.AddJob(gitlabjobstest.JobSpec{Name: "build"})
	pipeline.AddBridge(gitlabjobstest.BridgeSpec{Name: "to child", Downstream: child})
	child.AddJob(gitlabjobstest.JobSpec{Name: "scan"})
	ctx, client := context.Background(), srv.Client(srv.Tokens.Reporter)

	for node, err := range client.PipelineTree(ctx, "group/app", 101, nil) {
		if err != nil {
			fmt.Println(err)
			return
		}
		indent := strings.Repeat("  ", len(node.Path))
		switch {
		case node.Job != nil:
			fmt.Println(indent + node.Job.Name)
		case node.Bridge != nil:
			fmt.Println(indent + node.Bridge.Name + " ->")
		default:
			fmt.Println(indent, node.Err) // A pipeline that could not be read.
		}
	}
	// Output:
	// build
	// to child ->
	//   scan
}

// Failed returns the failed jobs of a pipeline, here with the last 14 bytes of each log.
func ExampleJobsService_Failed() {
	srv, err := gitlabjobstest.Start() // A fake GitLab server with a pipeline that failed.
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()
	pipeline := srv.AddProject("group/app").AddPipeline(gitlabjobstest.PipelineSpec{ID: 101})
	pipeline.AddJob(gitlabjobstest.JobSpec{Name: "test", Status: gitlabjobs.StatusFailed, Log: "ok   cache\nFAIL checkout\n"})
	ctx, client := context.Background(), srv.Client(srv.Tokens.Reporter)

	failed, err := client.Jobs.Failed(ctx, "group/app", 101, 14)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range failed {
		fmt.Printf("%s: %s", f.Job.Name, f.Log)
	}
	// Output: test: FAIL checkout
}
