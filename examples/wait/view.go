package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/examples/internal/terminal"
)

// plain writes a line for each change.
type plain struct {
	w    io.Writer
	seen map[int64]gitlabjobs.Status
}

func (p *plain) show(s *snapshot) {
	if p.seen == nil {
		p.seen = make(map[int64]gitlabjobs.Status)
	}
	for _, node := range s.nodes {
		id, name := identity(node)
		status := statusOf(node)
		if was, seen := p.seen[id]; seen && was == status {
			continue
		}
		p.seen[id] = status
		if node.Err != nil && node.Job == nil && node.Bridge == nil {
			fmt.Fprintf(p.w, "%s  pipeline %d: %v\n", s.at.Format(time.TimeOnly), node.PipelineID, node.Err)
			continue
		}
		fmt.Fprintf(p.w, "%s  pipeline %d  %s: %s\n", s.at.Format(time.TimeOnly), node.PipelineID, name, status)
	}
}

func identity(node *gitlabjobs.TreeNode) (int64, string) {
	switch {
	case node.Job != nil:
		return node.Job.ID, node.Job.Name
	case node.Bridge != nil:
		return node.Bridge.ID, node.Bridge.Name
	default:
		return -node.PipelineID, ""
	}
}

// table draws the tree over itself in a terminal.
type table struct {
	w        io.Writer
	project  gitlabjobs.Project
	pipeline int64
	begin    time.Time
	lines    int // Of the drawing before.
}

func (t *table) show(s *snapshot) {
	if t.begin.IsZero() {
		t.begin = s.at
	}
	lines := t.draw(s)
	fmt.Fprint(t.w, terminal.Up(t.lines), terminal.ClearBelow, strings.Join(lines, "\n"), "\n")
	t.lines = len(lines)
}

func (t *table) draw(s *snapshot) []string {
	finished := 0
	width := 0
	for _, job := range s.jobs {
		if job.Status.Finished() {
			finished++
		}
		width = max(width, len([]rune(job.Name)))
	}
	width = min(width, 40)
	lines := []string{
		fmt.Sprintf("%sPipeline %d of %s%s  %s  %d of %d jobs, %s", terminal.Bold, t.pipeline, t.project, terminal.Reset,
			bar(finished, len(s.jobs), 30), finished, len(s.jobs), s.at.Sub(t.begin).Round(time.Second)),
	}
	for _, node := range s.nodes {
		indent := strings.Repeat("  ", len(node.Path)+1)
		status := statusOf(node)
		colour := terminal.Colour(status)
		switch {
		case node.Job != nil:
			lines = append(lines, fmt.Sprintf("%s%s%s %s %-9s%s %s%s%s  %s", indent, colour, terminal.Sign(status), pad(node.Job.Name, width),
				status, terminal.Reset, terminal.Dim, pad(node.Job.Stage, 8), terminal.Reset, terminal.Took(node.Job)))
		case node.Bridge != nil:
			to := "not yet"
			if down := node.Bridge.DownstreamPipeline; down != nil {
				to = fmt.Sprint("pipeline ", down.ID)
			}
			lines = append(lines, fmt.Sprintf("%s%s%s %s %-9s%s → %s", indent, colour, terminal.Sign(status), pad(node.Bridge.Name, width), status, terminal.Reset, to))
		default:
			lines = append(lines, fmt.Sprintf("%s%s? pipeline %d: %v%s", indent, terminal.Colour(gitlabjobs.StatusFailed), node.PipelineID, node.Err, terminal.Reset))
		}
	}
	return lines
}

// bar is how much of a whole is done, in so many characters.
func bar(done, all, width int) string {
	full := 0
	if all > 0 {
		full = done * width / all
	}
	return terminal.Colour(gitlabjobs.StatusSuccess) + strings.Repeat("█", full) + terminal.Reset + terminal.Dim + strings.Repeat("░", width-full) + terminal.Reset
}

// pad makes a text exactly so wide; what is longer ends in a mark.
func pad(s string, width int) string {
	r := []rune(s)
	if len(r) > width {
		return string(r[:max(width-1, 0)]) + "…"
	}
	return s + strings.Repeat(" ", width-len(r))
}
