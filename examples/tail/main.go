// Tail follows the log of a job to its end.
//
//	GITLAB_URL=https://gitlab.example.com GITLAB_TOKEN=... go run ./examples/tail group/app 4712
//
// In a terminal it keeps the colours, folds the sections of no interest into a line
// with their time (-unfold shows them), and has a status line at the bottom. Elsewhere
// it writes plain text.
//
// It ends with exit code 0 where the job succeeded, 1 where it failed, and 2 for
// anything else: a job that was canceled, skipped or is manual, an error, an
// interrupt. Without the variables, the project and the job it follows a job of a
// GitLab that is embedded in this program.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/examples/internal/target"
	"example.com/gitlabjobs/examples/internal/terminal"
)

func main() {
	unfold := flag.Bool("unfold", false, "show the lines of all sections")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	out := settings{w: os.Stdout, live: terminal.Is(os.Stdout), unfold: *unfold}
	code, err := run(ctx, out, os.Getenv, flag.Args())
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "tail:", err)
	}
	os.Exit(code)
}

// The exit codes.
const (
	succeeded = iota
	failed
	anythingElse
)

type settings struct {
	w            io.Writer
	live, unfold bool
}

func run(ctx context.Context, out settings, getenv func(string) string, args []string) (int, error) {
	t, err := target.Open(getenv, args, "job", demo)
	if err != nil {
		return anythingElse, err
	}
	defer t.Close()
	if t.Demo {
		fmt.Fprintln(out.w, "No GITLAB_URL, GITLAB_TOKEN, project and job given: this is a GitLab embedded in this program.")
	}
	return tail(ctx, out, t)
}

func tail(ctx context.Context, out settings, t *target.Target) (int, error) {
	var v view = &plain{w: out.w}
	if out.live {
		live := newLive(out)
		defer live.stop()
		v = live
	}
	log, err := t.Client.Jobs.FollowTrace(ctx, t.Project, t.ID, &gitlabjobs.FollowOptions{OnUpdate: v.update})
	if err != nil {
		return anythingElse, err
	}
	defer log.Close()
	for line, err := range gitlabjobs.TraceLines(log) {
		if err != nil {
			return anythingElse, err
		}
		v.line(line)
	}
	job := log.Job()
	v.end(job)
	switch job.Status {
	case gitlabjobs.StatusSuccess:
		return succeeded, nil
	case gitlabjobs.StatusFailed:
		return failed, nil
	default:
		return anythingElse, nil
	}
}
