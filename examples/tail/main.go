// Tail follows the log of a job to its end.
//
//	GITLAB_URL=https://gitlab.example.com GITLAB_TOKEN=... go run ./examples/tail group/app 4712
//
// In a terminal, it shows the log's colors and a status line, and folds each section of the
// runner into one line with its duration. The flag -unfold shows all lines. If the output is
// not a terminal, it writes plain text.
//
// The last line has the result and its reason. The exit codes are:
//
//	0    The job succeeded.
//	1    The job failed, was canceled or was skipped.
//	2    The arguments are wrong, or there was an error.
//	3    The job is manual and must be played first.
//	130  Interrupted.
//
// Without arguments, it follows a job of a GitLab server embedded in the program.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/examples/internal/exit"
	"example.com/gitlabjobs/examples/internal/target"
	"example.com/gitlabjobs/examples/internal/terminal"
)

func main() {
	ctx, stop := exit.OnSignal()
	code := run(ctx, os.Stdout, os.Stderr, terminal.Open(os.Stdout, os.Getenv), os.Getenv, os.Args[1:])
	stop()
	os.Exit(code)
}

// run runs the program. If screen is nil, it writes plain text to w. It writes errors in the arguments to errs.
func run(ctx context.Context, w, errs io.Writer, screen *terminal.Screen, getenv func(string) string, args []string) int {
	flags := flag.NewFlagSet("tail", flag.ContinueOnError)
	unfold := flags.Bool("unfold", false, "show the lines of all sections")
	t, err := target.Command{
		Name:  "tail",
		Does:  "Follows the log of a job to its end.",
		ID:    "job",
		Demo:  demo,
		Flags: flags,
		Notes: `In a terminal, it shows colors, sections and a status line. It writes plain text if NO_COLOR or
		TERM=dumb is set, or if the output is not a terminal.

` + exit.Notes,
	}.Open(w, getenv, args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exit.Success
	case err != nil:
		fmt.Fprintln(errs, "error:", err)
		return exit.Error
	}
	defer t.Close()
	return tail(ctx, w, screen, *unfold, t)
}

// tail follows the log, writes the last line and returns the exit code.
func tail(ctx context.Context, w io.Writer, screen *terminal.Screen, unfold bool, t *target.Target) int {
	var v view = &plain{w: w}
	if screen != nil {
		v = newLive(ctx, screen, unfold)
	}
	job, lines, err := follow(ctx, t, v)
	outcome := outcomeOf(t, job, lines, err)
	v.end(outcome.code == exit.Failed)
	if screen == nil {
		fmt.Fprintf(w, "%s: %s\n", outcome.label, outcome.reason)
	} else {
		fmt.Fprintf(w, "%s%s %s%s: %s\n", outcome.color, outcome.sign, outcome.label, terminal.Reset, outcome.reason)
	}
	return outcome.code
}

// follow shows the log until it ends. It returns the last known state of the job, or nil if
// there was no response, and the number of lines of its log.
func follow(ctx context.Context, t *target.Target, v view) (job *gitlabjobs.Job, lines int, err error) {
	log, err := t.Client.Jobs.FollowTrace(ctx, t.Project, t.ID, &gitlabjobs.FollowOptions{OnUpdate: func(now *gitlabjobs.Job) {
		job = now
		v.update(job)
	}})
	if err != nil {
		return job, 0, err
	}
	defer log.Close()
	for line, err := range gitlabjobs.TraceLines(log) {
		if err != nil {
			return log.Job(), lines, err
		}
		lines++
		v.line(line)
	}
	return log.Job(), lines, nil
}
