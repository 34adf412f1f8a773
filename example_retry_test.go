package gitlabjobs_test

import (
	"context"
	"errors"
	"fmt"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

// retriedJob returns the job that has replaced a failed job, or nil if the failed job was
// not retried. The new job has the same name and a higher ID.
func retriedJob(ctx context.Context, client *gitlabjobs.Client, project gitlabjobs.Project, failed *gitlabjobs.Job) (*gitlabjobs.Job, error) {
	for job, err := range client.Jobs.AllByPipeline(ctx, project, failed.Pipeline.ID, nil) {
		if err != nil {
			return nil, err
		}
		if job.Name == failed.Name && job.ID > failed.ID {
			return job, nil
		}
	}
	return nil, nil
}

// The response to a retry is lost. The list of the pipeline's jobs shows whether the job
// was retried.
func ExampleJobsService_Retry_outcomeUnknown() {
	// A fake GitLab server that retries the job, but resets the connection.
	srv, err := gitlabjobstest.Start()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()
	srv.AddProject("group/app").AddPipeline().AddJob(gitlabjobstest.JobSpec{ID: 2, Name: "test", Status: gitlabjobs.StatusFailed})
	srv.Fault(gitlabjobstest.Fault{Method: "POST", Do: gitlabjobstest.ResetAfter()})
	ctx, client := context.Background(), srv.Client(srv.Tokens.Developer)

	failed, err := client.Jobs.Get(ctx, "group/app", 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	job, err := client.Jobs.Retry(ctx, "group/app", failed.ID, nil)
	if errors.Is(err, gitlabjobs.ErrOutcomeUnknown) {
		job, err = retriedJob(ctx, client, "group/app", failed)
	}
	switch {
	case err != nil:
		fmt.Println(err)
	case job == nil:
		fmt.Println("it was not retried") // Check again a minute later, then retry it.
	default:
		fmt.Println("it was retried:", job.Name, job.Status)
	}
	// Output: it was retried: test pending
}
