// Timeline draws a pipeline, and the pipelines that it triggers, as a Gantt chart: an
// interactive HTML page, an SVG, and a trace for Perfetto. Each is one self-contained file.
//
//	GITLAB_URL=https://gitlab.example.com GITLAB_TOKEN=... go run ./examples/timeline group/app 4711
//
// It writes timeline.html and timeline.svg. The flag -o changes the names, -format selects
// the formats (html, svg, trace), and -open opens the page in the browser. Without arguments,
// it draws a pipeline of a GitLab server embedded in this program.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/examples/internal/exit"
	"example.com/gitlabjobs/examples/internal/target"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Stdout, os.Getenv, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(exit.Error)
	}
}

func run(ctx context.Context, w io.Writer, getenv func(string) string, args []string) error {
	flags := flag.NewFlagSet("timeline", flag.ContinueOnError)
	base := flags.String("o", "timeline", "write `NAME`.html, NAME.svg and so on")
	list := flags.String("format", "html,svg", "the formats to write, a `LIST` of html (a page), svg (a drawing) and trace (a Chrome trace for ui.perfetto.dev)")
	show := flags.Bool("open", false, "open the page in the browser")
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
	files, err := choose(*list, *show)
	if err != nil {
		return err
	}
	nodes, err := read(ctx, t.Client, t.Project, t.ID)
	if err != nil {
		return err
	}
	tl := newTimeline(t.Project, t.ID, nodes, time.Now())
	if t.Demo {
		tl.dropLinks() // The embedded server ends with this program.
	}
	if err := write(w, tl, *base, files); err != nil || !*show {
		return err
	}
	return openBrowser(ctx, getenv, *base+page.suffix)
}

// read returns the tree of a pipeline, including retried jobs.
func read(ctx context.Context, client *gitlabjobs.Client, project gitlabjobs.Project, id int64) ([]*gitlabjobs.TreeNode, error) {
	return gitlabjobs.Collect(client.PipelineTree(ctx, project, id, &gitlabjobs.TreeOptions{IncludeRetried: true}), 0)
}

// format is an output format.
type format struct {
	name, suffix, what string
	draw               func(*timeline) ([]byte, error)
}

var (
	page    = format{"html", ".html", "the page", drawHTML}
	formats = []format{
		page,
		{"svg", ".svg", "the drawing", func(tl *timeline) ([]byte, error) { return drawSVG(tl), nil }},
		{"trace", ".trace.json", "the trace, for https://ui.perfetto.dev", drawTrace},
	}
)

// choose returns the formats in a list such as html,svg. If open is true, html must be one of
// them.
func choose(list string, open bool) ([]format, error) {
	var chosen []format
	for name := range strings.SplitSeq(list, ",") {
		i := slices.IndexFunc(formats, func(f format) bool { return f.name == strings.TrimSpace(name) })
		if i < 0 {
			return nil, fmt.Errorf("-format %s: %q is not a format: use html, svg or trace", list, name)
		}
		chosen = append(chosen, formats[i])
	}
	if open && !slices.ContainsFunc(chosen, func(f format) bool { return f.name == page.name }) {
		return nil, fmt.Errorf("-open opens the page: add html to -format %s", list)
	}
	return chosen, nil
}

func write(w io.Writer, tl *timeline, base string, files []format) error {
	for _, f := range files {
		content, err := f.draw(tl)
		if err != nil {
			return err
		}
		if err := os.WriteFile(base+f.suffix, content, 0o644); err != nil { //nolint:gosec // The files are public.
			return err
		}
		fmt.Fprintf(w, "%s: %s, %d KB\n", base+f.suffix, f.what, (len(content)+1023)/1024)
	}
	return nil
}
