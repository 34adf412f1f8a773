// Wait waits for a pipeline and the pipelines that it triggers, with a live table in
// a terminal and a line for each change elsewhere.
//
//	GITLAB_URL=https://gitlab.example.com GITLAB_TOKEN=... go run ./examples/wait group/app 4711
//
// It ends with exit code 0 where all went well, 1 where something failed, and 2 for
// anything else: a pipeline that waits for somebody, an error, an interrupt. Without
// the variables, the project and the pipeline it waits for a pipeline of a GitLab
// that is embedded in this program.
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
	code, err := run(ctx, os.Stdout, terminal.Is(os.Stdout), os.Getenv, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "wait:", err)
	}
	os.Exit(code)
}

// The exit codes.
const (
	allWell = iota
	somethingFailed
	anythingElse
)

func run(ctx context.Context, w io.Writer, live bool, getenv func(string) string, args []string) (int, error) {
	t, err := target.Open(getenv, args, "pipeline", demo)
	if err != nil {
		return anythingElse, err
	}
	defer t.Close()
	pace := 5 * time.Second
	if t.Demo {
		fmt.Fprintln(w, "No GITLAB_URL, GITLAB_TOKEN, project and pipeline given: this is a GitLab embedded in this program.")
		pace = 500 * time.Millisecond
	}
	var view view = &plain{w: w}
	if live {
		view = &table{w: w, project: t.Project, pipeline: t.ID}
	}
	return wait(ctx, t, view, pace)
}

// view shows a tree of pipelines again and again.
type view interface{ show(*snapshot) }

// wait looks at the tree until nothing goes on in it.
func wait(ctx context.Context, t *target.Target, v view, pace time.Duration) (int, error) {
	quiet := 0
	for {
		s, err := look(ctx, t)
		if err != nil {
			return anythingElse, err
		}
		v.show(s)
		if s.going() {
			quiet = 0
		} else if quiet++; quiet == 3 || s.finished() {
			// GitLab takes its time between two stages: what is still created after
			// three looks waits for somebody.
			return s.result(), nil
		}
		select {
		case <-ctx.Done():
			return anythingElse, ctx.Err()
		case <-time.After(pace):
		}
	}
}

// snapshot is a tree of pipelines at one moment.
type snapshot struct {
	at    time.Time
	nodes []*gitlabjobs.TreeNode
	jobs  []*gitlabjobs.Job
}

func look(ctx context.Context, t *target.Target) (*snapshot, error) {
	s := &snapshot{at: time.Now()}
	for node, err := range t.Client.PipelineTree(ctx, t.Project, t.ID, nil) {
		if err != nil {
			return nil, err
		}
		s.nodes = append(s.nodes, node)
		if node.Job != nil {
			s.jobs = append(s.jobs, node.Job)
		}
	}
	return s, nil
}

// going reports whether anything goes on by itself.
func (s *snapshot) going() bool {
	for _, node := range s.nodes {
		if node.Bridge != nil && node.Bridge.DownstreamPipeline != nil {
			continue // It goes on as that pipeline does, whose nodes are here as well.
		}
		status := statusOf(node)
		if !status.Finished() && !status.Blocked() && status != gitlabjobs.StatusCreated && status != "" {
			return true
		}
	}
	return false
}

func (s *snapshot) finished() bool {
	for _, node := range s.nodes {
		if status := statusOf(node); !status.Finished() && status != "" {
			return false
		}
	}
	return true
}

func (s *snapshot) result() int {
	for _, node := range s.nodes {
		status := statusOf(node)
		if (status == gitlabjobs.StatusFailed || status == gitlabjobs.StatusCanceled) && !mayFail(node) {
			return somethingFailed
		}
	}
	for _, node := range s.nodes {
		if status := statusOf(node); !status.Finished() && (!status.Blocked() || !mayFail(node)) {
			return anythingElse // Or a pipeline that could not be read.
		}
	}
	return allWell
}

// statusOf is the status of a job or a bridge; none of a pipeline that could not be
// read.
func statusOf(node *gitlabjobs.TreeNode) gitlabjobs.Status {
	switch {
	case node.Job != nil:
		return node.Job.Status
	case node.Bridge != nil:
		return node.Bridge.Status
	default:
		return ""
	}
}

// mayFail reports whether a job or a bridge is allowed to fail.
func mayFail(node *gitlabjobs.TreeNode) bool {
	return node.Job != nil && node.Job.AllowFailure || node.Bridge != nil && node.Bridge.AllowFailure
}
