package gitlabjobs_test

import (
	"context"
	"errors"
	"fmt"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

// Play starts a manual job, here with a variable.
func ExampleJobsService_Play() {
	srv, err := gitlabjobstest.Start() // A fake GitLab server with a manual job.
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()
	srv.AddProject("group/app").AddPipeline().AddJob(gitlabjobstest.JobSpec{ID: 3, Name: "deploy", Status: gitlabjobs.StatusManual})
	ctx, client := context.Background(), srv.Client(srv.Tokens.Maintainer)

	job, err := client.Jobs.Play(ctx, "group/app", 3, &gitlabjobs.PlayOptions{
		Variables: []gitlabjobs.JobVariable{{Key: "TARGET", Value: "staging"}},
	})
	switch {
	case errors.Is(err, gitlabjobs.ErrOutcomeUnknown):
		fmt.Println("the job may be running: check its status before you play it again")
	case err != nil:
		fmt.Println(err)
	default:
		fmt.Println(job.Name, "is", job.Status)
	}
	// Output: deploy is pending
}

// The connection breaks before Play receives a response. The status of the job shows
// whether it was played.
func ExampleJobsService_Play_outcomeUnknown() {
	srv, err := gitlabjobstest.Start() // A fake GitLab server that resets the connection of the next POST.
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()
	srv.AddProject("group/app").AddPipeline().AddJob(gitlabjobstest.JobSpec{ID: 3, Name: "deploy", Status: gitlabjobs.StatusManual})
	srv.Fault(gitlabjobstest.Fault{Method: "POST", Do: gitlabjobstest.ResetBefore()})
	ctx, client := context.Background(), srv.Client(srv.Tokens.Maintainer)

	job, err := client.Jobs.Play(ctx, "group/app", 3, nil)
	if errors.Is(err, gitlabjobs.ErrOutcomeUnknown) {
		job, err = client.Jobs.Get(ctx, "group/app", 3)
	}
	switch {
	case err != nil:
		fmt.Println(err)
	case job.Status == gitlabjobs.StatusManual:
		fmt.Println("it was not played") // Check again a minute later, then play it.
	default:
		fmt.Println("it was played:", job.Name, job.Status)
	}
	// Output: it was not played
}

// RetryFailed retries the failed jobs of a pipeline. Here it retries only jobs that failed
// because of their runner.
func ExampleJobsService_RetryFailed() {
	srv, err := gitlabjobstest.Start() // A fake GitLab server with two failed jobs.
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()
	pipeline := srv.AddProject("group/app").AddPipeline(gitlabjobstest.PipelineSpec{ID: 101})
	pipeline.AddJob(gitlabjobstest.JobSpec{Name: "lint", Status: gitlabjobs.StatusFailed})
	pipeline.AddJob(gitlabjobstest.JobSpec{Name: "test", Status: gitlabjobs.StatusFailed, FailureReason: gitlabjobs.FailureRunnerSystem})
	ctx, client := context.Background(), srv.Client(srv.Tokens.Developer)

	retried, err := client.Jobs.RetryFailed(ctx, "group/app", 101, &gitlabjobs.RetryFailedOptions{
		Keep: func(job *gitlabjobs.Job) bool { return job.FailureReason == gitlabjobs.FailureRunnerSystem },
	})
	for _, r := range retried {
		if r.Err != nil {
			fmt.Println(r.Failed.Name, r.Err)
			continue
		}
		fmt.Println(r.Failed.Name, "is", r.Job.Status)
	}
	if err != nil {
		fmt.Println(err) // The list failed, or the context ended before all jobs were retried.
	}
	// Output: test is pending
}
