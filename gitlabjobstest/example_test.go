package gitlabjobstest_test

import (
	"context"
	"fmt"
	"log"
	"testing"
	"testing/synctest"
	"time"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

// This program starts a server and must close it. Tests call NewServer or
// NewMemoryServer instead, which close the server when the test ends.
func ExampleStart() {
	srv, err := gitlabjobstest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	app := srv.AddProject("group/app")
	deploy := app.AddPipeline().AddJob(gitlabjobstest.JobSpec{
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
	fmt.Println("number of plays:", deploy.Count(gitlabjobstest.ActionPlay))
	// Output:
	// deploy is pending
	// deploy is success
	// number of plays: 1
}

// A fault can let a request take effect and reset the connection before the
// client receives the response.
func ExampleServer_Fault() {
	srv, err := gitlabjobstest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	app := srv.AddProject("group/app")
	job := app.AddPipeline().AddJob(gitlabjobstest.JobSpec{Status: gitlabjobs.StatusFailed})
	srv.Fault(gitlabjobstest.Fault{
		Method: "POST", Route: "/projects/:id/jobs/:job_id/retry", Do: gitlabjobstest.ResetAfter(),
	})

	_, err = srv.Client(srv.Tokens.Developer).Jobs.Retry(context.Background(), app.ByID(), job.ID(), nil)
	fmt.Println("the request failed:", err != nil)
	fmt.Println("the job was retried:", job.Retried())
	// Output:
	// the request failed: true
	// the job was retried: true
}

// A script changes a job as time passes. In testing/synctest time is virtual, so
// this test needs no real time for an hour, and knows exactly which lines the job
// has written.
func ExampleScript() {
	var t *testing.T // The parameter of the test function.
	synctest.Test(t, func(t *testing.T) {
		srv := gitlabjobstest.NewMemoryServer(t)
		app := srv.AddProject("group/app")
		build := app.AddPipeline().AddJob(gitlabjobstest.JobSpec{
			Name: "build",
			Script: &gitlabjobstest.Script{
				Pending: time.Minute, // The job waits for a runner.
				Lines:   20,
				Every:   30 * time.Second,
				Line:    func(i int) string { return fmt.Sprintf("step %d of 20", i+1) },
				Runs:    time.Hour, // The job hangs after its last line until it times out.
				Result:  gitlabjobs.StatusFailed,
				Reason:  gitlabjobs.FailureJobExecutionTimeout,
			},
		})
		client := srv.Client(srv.Tokens.Reporter)

		time.Sleep(2 * time.Minute)
		job, err := client.Jobs.Get(t.Context(), app.ByID(), build.ID())
		if err != nil {
			t.Fatal(err)
		}
		if job.Status != gitlabjobs.StatusRunning || build.Log() != "step 1 of 20\nstep 2 of 20\n" {
			t.Errorf("after 2 minutes the job is %s and its log is %q", job.Status, build.Log())
		}

		time.Sleep(time.Hour)
		if job, err = client.Jobs.Get(t.Context(), app.ByID(), build.ID()); err != nil {
			t.Fatal(err)
		}
		if job.FailureReason != gitlabjobs.FailureJobExecutionTimeout {
			t.Errorf("after its timeout the job is %s: %s", job.Status, job.FailureReason)
		}
	})
}
