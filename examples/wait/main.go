// Wait waits for a pipeline and the pipelines that it triggers, with a live table in
// a terminal and a line for each change elsewhere. It is a gate for a deployment:
//
//	GITLAB_URL=https://gitlab.example.com GITLAB_TOKEN=... go run ./examples/wait group/app 4711
//
// The last line says why it ended, and the exit code how:
//
//	0    GitLab calls the pipeline, and those below it, a success.
//	1    The pipeline or one below it failed, was canceled or was skipped.
//	2    The arguments are wrong, or an error ended the wait.
//	3    A manual job has to be played first.
//	130  Interrupted.
//
// Without the variables, the project and the pipeline, it waits for a pipeline of a GitLab
// server that is embedded in this program.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/examples/internal/target"
	"example.com/gitlabjobs/examples/internal/terminal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Stdout, terminal.Is(os.Stdout), os.Getenv, os.Args[1:])
	stop()
	os.Exit(code)
}

func run(ctx context.Context, w io.Writer, live bool, getenv func(string) string, args []string) int {
	t, err := target.Open(getenv, args, "pipeline", demo)
	if err != nil {
		fmt.Fprintln(w, "error:", err)
		return codeError
	}
	defer t.Close()
	var opts gitlabjobs.WaitOptions
	if t.Demo {
		fmt.Fprintln(w, "No GITLAB_URL, GITLAB_TOKEN, project and pipeline given: this is a GitLab server embedded in this program.")
		opts.MinInterval, opts.MaxInterval = 500*time.Millisecond, time.Second
	}
	var view view = &plain{w: w}
	if live {
		view = &table{w: w, project: t.Project, pipeline: t.ID}
	}
	return wait(ctx, w, t, view, opts)
}

// wait waits for the pipelines, writes the last line and returns the exit code.
func wait(ctx context.Context, w io.Writer, t *target.Target, v view, opts gitlabjobs.WaitOptions) int {
	opts.Downstream = true
	opts.OnUpdate = v.update
	pipeline, err := t.Client.Jobs.WaitPipeline(ctx, t.Project, t.ID, &opts)
	code, why := verdict(pipeline, err)
	fmt.Fprintln(w, why)
	return code
}
