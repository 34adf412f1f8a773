// Wait waits for a pipeline and the pipelines that it triggers. In a terminal, it shows the
// current state of their jobs. Otherwise it writes a line for each change. A deployment can
// depend on its exit code:
//
//	GITLAB_URL=https://gitlab.example.com GITLAB_TOKEN=... go run ./examples/wait group/app 4711
//
// The last line has the result and its reason. The exit codes are:
//
//	0    GitLab reports success for the pipeline and its downstream pipelines.
//	1    One of these pipelines failed, was canceled or was skipped.
//	2    The arguments are wrong, or there was an error.
//	3    A manual job must be played first.
//	130  Interrupted.
//
// Without arguments, it waits for a pipeline of a GitLab server embedded in the program.
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
	Notes: `In a terminal, it shows the current state of the jobs. It writes a line for each change if
	NO_COLOR or TERM=dumb is set, or if the output is not a terminal.

` + exit.Notes,
}

func main() {
	ctx, stop := exit.OnSignal()
	code := run(ctx, os.Stdout, os.Stderr, terminal.Open(os.Stdout, os.Getenv), os.Getenv, os.Args[1:])
	stop()
	os.Exit(code)
}

// run runs the program. If screen is nil, it writes plain text to w. It writes errors in the arguments to errs.
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
	var v view = &plain{w: w, written: make(map[int64]string)}
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

// followBridges calls update for the bridges of a pipeline and its downstream pipelines until
// the context ends, because WaitPipeline reports only jobs. It ignores errors, because
// WaitPipeline reports them.
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
