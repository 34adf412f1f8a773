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

// A program has no test: it starts the server, and closes it. In a test, it is
// NewServer(t) or NewMemoryServer(t).
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
	job := app.AddPipeline().AddJob(gitlabjobstest.JobSpec{Status: gitlabjobs.StatusFailed})
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

// A script lets a job go on by the clock, which in testing/synctest is virtual:
// the test sleeps through half an hour in no time, and knows to the line what
// has happened by then.
func ExampleScript() {
	var t *testing.T // The test's own.
	synctest.Test(t, func(t *testing.T) {
		srv := gitlabjobstest.NewMemoryServer(t)
		app := srv.AddProject("group/app")
		build := app.AddPipeline().AddJob(gitlabjobstest.JobSpec{
			Name: "build",
			Script: &gitlabjobstest.Script{
				Pending: time.Minute, // No runner is free at first.
				Lines:   20,
				Every:   30 * time.Second,
				Line:    func(i int) string { return fmt.Sprintf("step %d of 20", i+1) },
				Runs:    time.Hour, // It hangs behind its last line, until GitLab has enough.
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
			t.Errorf("after two minutes it is %s, with the log %q", job.Status, build.Log())
		}

		time.Sleep(time.Hour)
		if job, err = client.Jobs.Get(t.Context(), app.ByID(), build.ID()); err != nil {
			t.Fatal(err)
		}
		if job.FailureReason != gitlabjobs.FailureJobExecutionTimeout {
			t.Errorf("in the end it is %s: %s", job.Status, job.FailureReason)
		}
	})
}
