// Timeline draws a pipeline, and the pipelines that it triggers, as a Gantt chart:
// one self-contained SVG, and one HTML page that shows more of a job on hover.
//
//	GITLAB_URL=https://gitlab.example.com GITLAB_TOKEN=... go run ./examples/timeline group/app 4711
//
// It writes timeline.svg and timeline.html; -o gives them another name. Without
// arguments it draws a pipeline of a GitLab that is embedded in this program.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/examples/internal/target"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Stdout, os.Getenv, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "timeline:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, w io.Writer, getenv func(string) string, args []string) error {
	flags := flag.NewFlagSet("timeline", flag.ContinueOnError)
	base := flags.String("o", "timeline", "write `NAME`.svg and NAME.html")
	t, err := target.Command{
		Name:  "timeline",
		Does:  "Draws a pipeline, and the pipelines that it triggers, as a chart of their jobs.",
		ID:    "pipeline",
		Flags: flags,
		Demo:  demo,
	}.Open(w, getenv, args)
	if err != nil {
		return err
	}
	defer t.Close()
	nodes, err := read(ctx, t.Client, t.Project, t.ID)
	if err != nil {
		return err
	}
	tl := newTimeline(t.Project, t.ID, nodes, time.Now())
	if t.Demo {
		tl.dropLinks() // They end with this program.
	}
	return write(w, tl, *base)
}

// read collects the tree of a pipeline, with the jobs that were retried.
func read(ctx context.Context, client *gitlabjobs.Client, project gitlabjobs.Project, id int64) ([]*gitlabjobs.TreeNode, error) {
	return gitlabjobs.Collect(client.PipelineTree(ctx, project, id, &gitlabjobs.TreeOptions{IncludeRetried: true}), 0)
}

func write(w io.Writer, tl *timeline, base string) error {
	page, err := drawHTML(tl)
	if err != nil {
		return err
	}
	for _, file := range []struct {
		name, what string
		content    []byte
	}{
		{base + ".svg", "the drawing", drawSVG(tl)},
		{base + ".html", "the page", page},
	} {
		if err := os.WriteFile(file.name, file.content, 0o644); err != nil { //nolint:gosec // A picture to show around.
			return err
		}
		fmt.Fprintf(w, "%s: %s, %d KB\n", file.name, file.what, (len(file.content)+1023)/1024)
	}
	return nil
}
