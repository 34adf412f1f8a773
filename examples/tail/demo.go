package main

import (
	"fmt"
	"time"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

const (
	demoPending = time.Second
	demoPace    = 500 * time.Millisecond // The time between two lines.
)

// demo adds a job that runs for a few seconds.
func demo(srv *gitlabjobstest.Server) (string, int64) {
	const path = "group/app"
	lines := demoLines(time.Now().Add(demoPending))
	job := srv.AddProject(path).AddPipeline().AddJob(gitlabjobstest.JobSpec{
		Name: "test",
		Script: &gitlabjobstest.Script{
			Pending: demoPending, Lines: len(lines), Every: demoPace,
			Line:   func(i int) string { return lines[i] },
			Result: gitlabjobs.StatusFailed, Stamped: true,
		},
	})
	return path, job.ID()
}

// demoLines returns the log of a job that starts at the given time. The times of the
// sections are the times of their lines.
func demoLines(start time.Time) []string {
	var lines []string
	at := func() int64 { return start.Add(time.Duration(len(lines)+1) * demoPace).Unix() }
	line := func(text string) { lines = append(lines, text+"\n") }
	section, marks := "", ""
	ends := func() {
		if section != "" {
			marks = fmt.Sprintf("section_end:%d:%s\r\x1b[0K", at(), section)
		}
	}
	begins := func(name, title string) {
		ends()
		section = name
		line(fmt.Sprintf("%ssection_start:%d:%s\r\x1b[0K\x1b[0K\x1b[36;1m%s\x1b[0;m", marks, at(), name, title))
	}

	line("\x1b[0KRunning with gitlab-runner 19.1.0\x1b[0;m")
	begins("prepare_executor", `Preparing the "docker" executor`)
	line("\x1b[0KUsing Docker executor with image golang:1.26 ...\x1b[0;m")
	line("\x1b[0KPulling docker image golang:1.26 ...\x1b[0;m")
	line("\x1b[0KUsing docker image for golang:1.26 ...\x1b[0;m")
	begins("get_sources", "Getting source from Git repository")
	line("\x1b[32;1mFetching changes with git depth set to 20...\x1b[0;m")
	begins("step_script", `Executing "step_script" stage of the job script`)
	line("\x1b[32;1m$ go vet ./...\x1b[0;m")
	line("\x1b[32;1m$ go test ./...\x1b[0;m")
	line("10 %\r40 %\r100 %\r\x1b[0Kok      app/internal/cache     0.412s")
	line("ok      app/internal/orders    1.033s")
	line("\x1b[31m--- FAIL: TestCheckout (0.03s)\x1b[0;m")
	line("    checkout_test.go:31: total is 41, want 42")
	line("\x1b[31mFAIL\x1b[0;m    app/internal/checkout  0.118s")
	ends()
	line(marks)
	line("\x1b[31;1mERROR: Job failed: exit code 1\x1b[0;m")
	return lines
}
