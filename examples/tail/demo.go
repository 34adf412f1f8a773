package main

import (
	"fmt"
	"time"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

// demo is a job of some seconds.
func demo(srv *gitlabjobstest.Server) (string, int64) {
	const path = "group/app"
	lines := demoLines(time.Now())
	job := srv.AddProject(path).AddPipeline(gitlabjobstest.PipelineSpec{}).AddJob(gitlabjobstest.JobSpec{
		Name: "test",
		Script: &gitlabjobstest.Script{
			Pending: time.Second, Lines: len(lines), Every: 250 * time.Millisecond,
			Line:   func(i int) string { return lines[i] },
			Result: gitlabjobs.StatusFailed, Stamped: true,
		},
	})
	return path, job.ID()
}

// demoLines are what a runner writes from begin on.
func demoLines(begin time.Time) []string {
	at := func(seconds int) int64 { return begin.Unix() + int64(seconds) }
	return []string{
		"\x1b[0KRunning with gitlab-runner 19.1.0\x1b[0;m\n",
		fmt.Sprintf("section_start:%d:prepare_executor\r\x1b[0K\x1b[0K\x1b[36;1mPreparing the \"docker\" executor\x1b[0;m\n", at(1)),
		"\x1b[0KUsing Docker executor with image golang:1.26 ...\x1b[0;m\n",
		"\x1b[0KPulling docker image golang:1.26 ...\x1b[0;m\n",
		fmt.Sprintf("section_end:%d:prepare_executor\r\x1b[0Ksection_start:%d:get_sources\r\x1b[0K\x1b[0K\x1b[36;1mGetting source from Git repository\x1b[0;m\n", at(9), at(9)),
		"\x1b[32;1mFetching changes with git depth set to 20...\x1b[0;m\n",
		fmt.Sprintf("section_end:%d:get_sources\r\x1b[0Ksection_start:%d:step_script\r\x1b[0K\x1b[0K\x1b[36;1mExecuting \"step_script\" stage of the job script\x1b[0;m\n", at(11), at(11)),
		"\x1b[32;1m$ go vet ./...\x1b[0;m\n",
		"\x1b[32;1m$ go test ./...\x1b[0;m\n",
		"10 %\r40 %\r100 %\r\x1b[0Kok      app/internal/cache     0.412s\n",
		"ok      app/internal/orders    1.033s\n",
		"\x1b[31m--- FAIL: TestCheckout (0.03s)\x1b[0;m\n",
		"    checkout_test.go:31: total is 41, want 42\n",
		"\x1b[31mFAIL\x1b[0;m    app/internal/checkout  0.118s\n",
		fmt.Sprintf("section_end:%d:step_script\r\x1b[0K\n", at(14)),
		"\x1b[31;1mERROR: Job failed: exit code 1\x1b[0;m\n",
	}
}
