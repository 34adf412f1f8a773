package gitlabjobstest_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

// A program has no test: it starts the server, and closes it. In a test, it is
// NewServer(t) or NewMemoryServer(t).
func ExampleStart() {
	srv, err := gitlabjobstest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	app := srv.AddProject("group/app")
	deploy := app.AddPipeline(gitlabjobstest.PipelineSpec{}).AddJob(gitlabjobstest.JobSpec{
		Name: "deploy", Status: gitlabjobs.StatusManual,
	})

	client := srv.Client(srv.Tokens.Developer)
	job, err := client.Jobs.Play(context.Background(), app.ByID(), deploy.ID(), nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(job.Name, "is", job.Status)

	deploy.Start()
	deploy.AppendLog("deploying\n")
	deploy.Succeed()
	job, err = client.Jobs.Get(context.Background(), app.ByPath(), deploy.ID())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(job.Name, "is", job.Status)
	fmt.Println("played", deploy.Count(gitlabjobstest.ActionPlay), "time")
	// Output:
	// deploy is pending
	// deploy is success
	// played 1 time
}

// What goes wrong may be said too: here GitLab retries the job, and the
// connection breaks before it can say so.
func ExampleServer_Fault() {
	srv, err := gitlabjobstest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	app := srv.AddProject("group/app")
	job := app.AddPipeline(gitlabjobstest.PipelineSpec{}).AddJob(gitlabjobstest.JobSpec{Status: gitlabjobs.StatusFailed})
	srv.Fault(gitlabjobstest.Fault{
		Method: "POST", Route: "/projects/:id/jobs/:job_id/retry", Do: gitlabjobstest.ResetAfter(),
	})

	_, err = srv.Client(srv.Tokens.Developer).Jobs.Retry(context.Background(), app.ByID(), job.ID(), nil)
	fmt.Println("failed:", err != nil)
	fmt.Println("retried:", job.Retried())
	// Output:
	// failed: true
	// retried: true
}

// A script lets a job go on by the clock.
func ExampleScript() {
	srv, err := gitlabjobstest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	job := srv.AddProject("group/app").AddPipeline(gitlabjobstest.PipelineSpec{}).AddJob(gitlabjobstest.JobSpec{
		Script: &gitlabjobstest.Script{
			Pending: 2 * time.Second,
			Lines:   20,
			Every:   500 * time.Millisecond,
			Line:    func(i int) string { return fmt.Sprintf("step %d of 20", i+1) },
		},
	})
	fmt.Println(job.Status())
	// Output: pending
}
