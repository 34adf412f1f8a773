package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/examples/internal/exit"
	"example.com/gitlabjobs/examples/internal/target"
	"example.com/gitlabjobs/examples/internal/terminal"
)

// outcome is the result of the program.
type outcome struct {
	code   int
	color  string
	label  string // For example, "success".
	reason string
}

// outcomeOf returns the outcome for the result of a wait and its error.
func outcomeOf(t *target.Target, r *gitlabjobs.PipelineResult, err error) outcome {
	name := fmt.Sprintf("pipeline %d of %s", t.ID, terminal.Clean(string(t.Project)))
	switch {
	case errors.Is(err, gitlabjobs.ErrBlocked):
		return outcome{exit.Blocked, terminal.Yellow, "blocked", name + " waits for a manual job: play " + list(manual(r))}
	case errors.Is(err, context.Canceled):
		return outcome{exit.Interrupted, terminal.Yellow, "interrupted", name + unfinished(r)}
	case err != nil:
		return outcome{exit.Error, terminal.Red, "error", terminal.Clean(err.Error())}
	case r.Succeeded():
		return outcome{exit.Success, terminal.Green, "success", name + allowed(r)}
	}
	label, color := terminal.Clean(string(r.Status)), terminal.Color(r.Status, false)
	if r.Status == "" || r.Status == gitlabjobs.StatusSuccess {
		label, color = "failed", terminal.Red // A downstream pipeline failed.
	}
	return outcome{exit.Failed, color, label, name + ": " + list(reasons(r))}
}

// list joins the first texts and counts the others.
func list(texts []string) string {
	const limit = 4
	if len(texts) > limit {
		texts = append(texts[:limit-1:limit-1], fmt.Sprintf("%d more", len(texts)-limit+1))
	}
	return strings.Join(texts, "; ")
}

// itemsOf returns the jobs and bridges of a pipeline.
func itemsOf(r *gitlabjobs.PipelineResult) []item {
	items := make([]item, 0, len(r.Jobs)+len(r.Bridges))
	for _, job := range r.Jobs {
		items = append(items, jobItem(job))
	}
	for _, bridge := range r.Bridges {
		items = append(items, bridgeItem(r.PipelineID, bridge))
	}
	return items
}

// describe returns the kind, name and ID of an item.
func (it item) describe() string {
	if it.bridge {
		return fmt.Sprintf("bridge %s (%d)", it.name, it.id)
	}
	return fmt.Sprintf("job %s (%d)", it.name, it.id)
}

// required returns the downstream pipelines of r, without those whose bridges are allowed to
// fail.
func required(r *gitlabjobs.PipelineResult) []*gitlabjobs.PipelineResult {
	return slices.DeleteFunc(slices.Clone(r.Downstream), func(below *gitlabjobs.PipelineResult) bool {
		allowFailure := false
		for _, bridge := range r.Bridges {
			if d := bridge.DownstreamPipeline; d != nil && d.ID == below.PipelineID {
				if !bridge.AllowFailure {
					return false
				}
				allowFailure = true
			}
		}
		return allowFailure
	})
}

// manual describes the manual jobs that block a pipeline or its downstream pipelines.
func manual(r *gitlabjobs.PipelineResult) []string {
	var texts []string
	for _, it := range itemsOf(r) {
		if it.status == gitlabjobs.StatusManual && !it.allowFailure {
			texts = append(texts, fmt.Sprintf("%s in pipeline %d", it.describe(), r.PipelineID))
		}
	}
	for _, below := range required(r) {
		texts = append(texts, manual(below)...)
	}
	return texts
}

// allowed describes the jobs that failed and are allowed to fail.
func allowed(r *gitlabjobs.PipelineResult) string {
	var texts []string
	var visit func(*gitlabjobs.PipelineResult)
	visit = func(r *gitlabjobs.PipelineResult) {
		for _, it := range itemsOf(r) {
			if it.status == gitlabjobs.StatusFailed && it.allowFailure {
				texts = append(texts, it.describe())
			}
		}
		for _, below := range r.Downstream {
			visit(below)
		}
	}
	visit(r)
	if len(texts) == 0 {
		return ""
	}
	return "; failed, but allowed to fail: " + list(texts)
}

// unfinished describes the unfinished jobs and bridges of the pipelines.
func unfinished(r *gitlabjobs.PipelineResult) string {
	if r == nil {
		return ", before the first response"
	}
	var open []item
	all, noun := 0, "jobs"
	var visit func(*gitlabjobs.PipelineResult)
	visit = func(r *gitlabjobs.PipelineResult) {
		for _, it := range itemsOf(r) {
			all++
			if it.bridge {
				noun = "jobs and bridges"
			}
			if !it.status.Finished() {
				open = append(open, it)
			}
		}
		for _, below := range r.Downstream {
			visit(below)
		}
	}
	visit(r)
	slices.SortStableFunc(open, func(a, b item) int { return cmp.Or(a.urgency()-b.urgency(), cmp.Compare(a.id, b.id)) })
	texts := make([]string, len(open))
	for i, it := range open {
		texts[i] = fmt.Sprintf("%s is %s", it.describe(), terminal.Clean(string(it.status)))
	}
	switch {
	case all == 0:
		return ", which had no jobs yet"
	case len(open) == 0:
		return ", which was about to end"
	default:
		return fmt.Sprintf(", with %d of %d %s unfinished: %s", len(open), all, noun, list(texts))
	}
}

// reasons returns the reasons why a pipeline or its downstream pipelines did not succeed.
func reasons(r *gitlabjobs.PipelineResult) []string {
	var texts []string
	add := func(format string, args ...any) { texts = append(texts, terminal.Clean(fmt.Sprintf(format, args...))) }
	items := itemsOf(r)
	switch {
	case r.Err != nil:
		add("pipeline %d can't be read: %v", r.PipelineID, r.Err)
	case len(items) == 0 && r.Status == gitlabjobs.StatusFailed:
		add("pipeline %d is empty: its configuration may be invalid", r.PipelineID)
	case len(items) == 0 && r.Status == gitlabjobs.StatusSkipped:
		add("pipeline %d is empty: its commit message or a push option may have skipped it", r.PipelineID)
	case len(items) == 0 && r.Status != gitlabjobs.StatusSuccess:
		add("pipeline %d is empty", r.PipelineID)
	case r.Status == "":
		add("the status of pipeline %d is unknown", r.PipelineID)
	}
	for _, it := range items {
		switch {
		case it.allowFailure:
		case it.status == gitlabjobs.StatusFailed:
			add("%s failed: %s", it.describe(), it.reason)
		case it.status == gitlabjobs.StatusCanceled:
			add("%s was canceled", it.describe())
		}
	}
	if len(texts) == 0 && r.Status != gitlabjobs.StatusSuccess {
		add("pipeline %d is %s", r.PipelineID, r.Status)
	}
	for _, below := range required(r) {
		if !below.Succeeded() {
			texts = append(texts, reasons(below)...)
		}
	}
	return texts
}
