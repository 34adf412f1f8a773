package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/examples/internal/terminal"
)

// view shows the jobs of the pipelines. update is called with each job that has changed.
type view interface{ update(*gitlabjobs.Job) }

// plain writes a line for each change.
type plain struct{ w io.Writer }

func (p *plain) update(job *gitlabjobs.Job) {
	fmt.Fprintf(p.w, "%s  pipeline %d  %s: %s\n", time.Now().Format(time.TimeOnly), pipelineOf(job), job.Name, job.Status)
}

func pipelineOf(job *gitlabjobs.Job) int64 {
	if job.Pipeline == nil {
		return 0
	}
	return job.Pipeline.ID
}

// table draws the jobs over themselves in a terminal.
type table struct {
	w        io.Writer
	project  gitlabjobs.Project
	pipeline int64
	began    time.Time
	jobs     []*gitlabjobs.Job // The newest attempt of each, in the order in which they came.
	lines    int               // Of the previous drawing.
}

func (t *table) update(job *gitlabjobs.Job) {
	if t.began.IsZero() {
		t.began = time.Now()
	}
	t.put(job)
	lines := t.draw()
	fmt.Fprint(t.w, terminal.Up(t.lines), terminal.ClearBelow, strings.Join(lines, "\n"), "\n")
	t.lines = len(lines)
}

// put adds a job in place of an earlier attempt.
func (t *table) put(job *gitlabjobs.Job) {
	for i, other := range t.jobs {
		if pipelineOf(other) == pipelineOf(job) && other.Name == job.Name {
			t.jobs[i] = job
			return
		}
	}
	t.jobs = append(t.jobs, job)
}

func (t *table) draw() []string {
	finished, width := 0, 0
	for _, job := range t.jobs {
		if job.Status.Finished() {
			finished++
		}
		width = max(width, len([]rune(job.Name)))
	}
	width = min(width, 40)
	lines := []string{
		fmt.Sprintf("%sPipeline %d of %s%s  %s  %d of %d jobs, %s", terminal.Bold, t.pipeline, t.project, terminal.Reset,
			bar(finished, len(t.jobs), 30), finished, len(t.jobs), time.Since(t.began).Round(time.Second)),
	}
	for _, job := range t.jobs {
		below := ""
		if id := pipelineOf(job); id != t.pipeline {
			below = fmt.Sprintf("  %spipeline %d%s", terminal.Dim, id, terminal.Reset)
		}
		lines = append(lines, fmt.Sprintf("  %s%s %s %-9s%s %s%s%s  %s%s", terminal.Colour(job.Status), terminal.Sign(job.Status), pad(job.Name, width),
			job.Status, terminal.Reset, terminal.Dim, pad(job.Stage, 8), terminal.Reset, terminal.Took(job), below))
	}
	return lines
}

// bar shows how much of a whole is done, in so many characters.
func bar(done, all, width int) string {
	full := 0
	if all > 0 {
		full = done * width / all
	}
	return terminal.Colour(gitlabjobs.StatusSuccess) + strings.Repeat("█", full) + terminal.Reset + terminal.Dim + strings.Repeat("░", width-full) + terminal.Reset
}

// pad makes a text exactly so wide; a longer one ends in a mark.
func pad(s string, width int) string {
	r := []rune(s)
	if len(r) > width {
		return string(r[:max(width-1, 0)]) + "…"
	}
	return s + strings.Repeat(" ", width-len(r))
}
