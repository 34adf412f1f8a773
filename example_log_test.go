package gitlabjobs_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

// FollowTrace reads the log of a job until the job has finished.
func ExampleJobsService_FollowTrace() {
	srv, err := gitlabjobstest.Start() // A fake GitLab server with a job that has a log.
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()
	srv.AddProject("group/app").AddPipeline().AddJob(gitlabjobstest.JobSpec{
		ID: 2, Status: gitlabjobs.StatusFailed, FinishedAt: time.Now().Add(-time.Hour), Log: "ok   cache\nFAIL checkout\n",
	})
	ctx, client := context.Background(), srv.Client(srv.Tokens.Reporter)

	log, err := client.Jobs.FollowTrace(ctx, "group/app", 2, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer log.Close()
	for line, err := range gitlabjobs.TraceLines(log) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(line.Text)
	}
	fmt.Println("the job is", log.Job().Status)
	// Output:
	// ok   cache
	// FAIL checkout
	// the job is failed
}

// Offset and Limit select a part of a log, in bytes. GitLab 19 and later sends only this
// part.
func ExampleTraceOptions() {
	srv, err := gitlabjobstest.Start() // A fake GitLab server with a job that has a log.
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()
	srv.AddProject("group/app").AddPipeline().AddJob(gitlabjobstest.JobSpec{ID: 2, Log: "compiling\ntesting\ndone\n"})
	ctx, client := context.Background(), srv.Client(srv.Tokens.Reporter)

	log, err := client.Jobs.Trace(ctx, "group/app", 2, &gitlabjobs.TraceOptions{Offset: 10, Limit: 8})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer log.Close()
	if _, err := io.Copy(os.Stdout, log); err != nil {
		fmt.Println(err)
	}
	// Output: testing
}
