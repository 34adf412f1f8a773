package gitlabjobs_test

import (
	"context"
	"errors"
	"fmt"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

// startedSince returns the job that a retry or play of a job has started, or nil if
// there is none. before is the job as it was before the call.
func startedSince(ctx context.Context, client *gitlabjobs.Client, project gitlabjobs.Project, before *gitlabjobs.Job) (*gitlabjobs.Job, error) {
	// The list has the newest attempt of each job: a new job of that name if it was
	// retried, and the same job in another state if it was played.
	for job, err := range client.Jobs.AllByPipeline(ctx, project, before.Pipeline.ID, nil) {
		if err != nil {
			return nil, err
		}
		if job.Name == before.Name && (job.ID > before.ID || job.Status != before.Status) {
			return job, nil
		}
	}
	return nil, nil
}

// The response to a retry is lost. A list of the pipeline's jobs shows whether it
// happened.
func ExampleJobsService_Retry_outcomeUnknown() {
	ctx, client, srv := exampleGitLab()
	defer srv.Close()
	srv.Fault(gitlabjobstest.Fault{Method: "POST", Do: gitlabjobstest.ResetAfter()})

	failed, err := client.Jobs.Get(ctx, "group/app", 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	job, err := client.Jobs.Retry(ctx, "group/app", failed.ID, nil)
	if errors.Is(err, gitlabjobs.ErrOutcomeUnknown) {
		job, err = startedSince(ctx, client, "group/app", failed)
	}
	switch {
	case err != nil:
		fmt.Println(err)
	case job == nil:
		fmt.Println("it was not retried") // Check again a minute later, then retry it.
	default:
		fmt.Println("it was retried:", job.Name, "has a new ID:", job.ID > failed.ID)
	}
	// Output: it was retried: test has a new ID: true
}

// The response to a play is lost, and so was the request: the job is still manual.
func ExampleJobsService_Play_outcomeUnknown() {
	ctx, client, srv := exampleGitLab()
	defer srv.Close()
	srv.Fault(gitlabjobstest.Fault{Method: "POST", Do: gitlabjobstest.ResetBefore()})

	deploy, err := client.Jobs.Get(ctx, "group/app", 3)
	if err != nil {
		fmt.Println(err)
		return
	}
	job, err := client.Jobs.Play(ctx, "group/app", deploy.ID, nil)
	if errors.Is(err, gitlabjobs.ErrOutcomeUnknown) {
		job, err = startedSince(ctx, client, "group/app", deploy)
	}
	switch {
	case err != nil:
		fmt.Println(err)
	case job == nil:
		fmt.Println("it was not played") // Check again a minute later, then play it.
	default:
		fmt.Println("it was played:", job.Name, job.Status)
	}
	// Output: it was not played
}
