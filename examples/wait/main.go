// Wait waits for a pipeline and the pipelines that it triggers. In a terminal it shows their
// jobs as they are; elsewhere it writes a line for each change. It is a gate for a deployment:
//
//	GITLAB_URL=https://gitlab.example.com GITLAB_TOKEN=... go run ./examples/wait group/app 4711
//
// The last line says what happened and why, and the exit code says it to programs:
//
//	0    GitLab calls the pipeline, and those below it, a success.
//	1    The pipeline or one below it failed, was canceled or was skipped.
//	2    The arguments are wrong, or there was an error.
//	3    A manual job has to be played first.
//	130  Interrupted.
//
// Without arguments it waits for a pipeline of a GitLab that is embedded in the program.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/examples/internal/exit"
	"example.com/gitlabjobs/examples/internal/target"
	"example.com/gitlabjobs/examples/internal/terminal"
)

var command = target.Command{
	Name: "wait",
	Does: "Waits for a pipeline and the pipelines that it triggers.",
	ID:   "pipeline",
	Demo: demo,
	Notes: `In a terminal it shows the jobs as they are. With NO_COLOR or TERM=dumb in the environment,
and outside of terminals, it writes a line for each change.

` + exit.Notes,
}

func main() {
	ctx, stop := exit.OnSignal()
	code := run(ctx, os.Stdout, os.Stderr, terminal.Open(os.Stdout, os.Getenv), os.Getenv, os.Args[1:])
	stop()
	os.Exit(code)
}

// run runs the program, on a screen unless that is nil. What is wrong with the arguments goes to errs.
func run(ctx context.Context, w, errs io.Writer, screen *terminal.Screen, getenv func(string) string, args []string) int {
	t, err := command.Open(w, getenv, args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exit.Success
	case err != nil:
		fmt.Fprintln(errs, "error:", err)
		return exit.Error
	}
	defer t.Close()
	var opts gitlabjobs.WaitOptions
	if t.Demo {
		opts = demoOptions()
	}
	return wait(ctx, w, screen, t, opts)
}

// wait waits for the pipelines, writes the last line and returns the exit code.
func wait(ctx context.Context, w io.Writer, screen *terminal.Screen, t *target.Target, opts gitlabjobs.WaitOptions) int {
	var v view = &plain{w: w, seen: make(map[int64]string)}
	if screen != nil {
		v = newLive(ctx, screen, t)
	}
	opts.Downstream = true
	opts.OnUpdate = func(job *gitlabjobs.Job) { v.update(jobItem(job)) }

	var bridges sync.WaitGroup
	polling, stop := context.WithCancel(ctx)
	bridges.Go(func() { followBridges(polling, t, opts.MinInterval, v.update) })
	pipeline, err := t.Client.Jobs.WaitPipeline(ctx, t.Project, t.ID, &opts)
	stop()
	bridges.Wait()

	outcome := outcomeOf(t, pipeline, err)
	v.end(pipeline, outcome)
	return outcome.code
}

// followBridges reports the bridges of a pipeline and of those below it, until the context
// ends. WaitPipeline reports jobs only. It also reports errors, so that here a pipeline
// that can't be read has no bridges.
func followBridges(ctx context.Context, t *target.Target, interval time.Duration, update func(item)) {
	if interval == 0 {
		interval = 5 * time.Second
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for ctx.Err() == nil {
		read := make(map[int64]bool)
		var follow func(project gitlabjobs.Project, pipeline int64)
		follow = func(project gitlabjobs.Project, pipeline int64) {
			if read[pipeline] {
				return
			}
			read[pipeline] = true
			for bridge, err := range t.Client.Bridges.All(ctx, project, pipeline, nil) {
				if err != nil {
					return
				}
				update(bridgeItem(pipeline, bridge))
				if below := bridge.DownstreamPipeline; below != nil && below.ProjectID != 0 {
					follow(gitlabjobs.Project(fmt.Sprint(below.ProjectID)), below.ID)
				}
			}
		}
		follow(t.Project, t.ID)
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}
