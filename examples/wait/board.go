package main

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/examples/internal/terminal"
)

// item is a job, or a bridge to another pipeline, as it was last seen.
type item struct {
	id, pipeline int64
	name, stage  string
	status       gitlabjobs.Status
	mayFail      bool
	reason       gitlabjobs.FailureReason
	took         *float64 // Seconds, when seen. Nil: it has not started.
	seen         time.Time

	bridge bool
	below  *gitlabjobs.Pipeline // What the bridge has triggered. Nil if nothing, and of a job.
}

func jobItem(job *gitlabjobs.Job) item {
	it := item{
		id: job.ID, name: terminal.Clean(job.Name), stage: terminal.Clean(job.Stage), status: job.Status,
		mayFail: job.AllowFailure, reason: job.FailureReason, took: job.Duration, seen: time.Now(),
	}
	if job.Pipeline != nil {
		it.pipeline = job.Pipeline.ID
	}
	return it
}

func bridgeItem(pipeline int64, bridge *gitlabjobs.Bridge) item {
	return item{
		id: bridge.ID, pipeline: pipeline, name: terminal.Clean(bridge.Name), stage: terminal.Clean(bridge.Stage), status: bridge.Status,
		mayFail: bridge.AllowFailure, reason: bridge.FailureReason, took: bridge.Duration, seen: time.Now(),
		bridge: true, below: bridge.DownstreamPipeline,
	}
}

// shown is the status to show: that of the pipeline that a bridge has triggered, or its own.
func (it item) shown() gitlabjobs.Status {
	if it.below != nil && it.below.Status != "" && it.status != gitlabjobs.StatusFailed {
		return it.below.Status
	}
	return it.status
}

// elapsed is how long it has run by now. A bridge that does not wait for its pipeline does
// not know that.
func (it item) elapsed(now time.Time) string {
	if it.took == nil || it.shown() != it.status {
		return "-"
	}
	took := terminal.Seconds(it.took)
	if it.status == gitlabjobs.StatusRunning || it.status == gitlabjobs.StatusCanceling {
		took += now.Sub(it.seen)
	}
	return terminal.Elapsed(took)
}

// urgency orders what is shown first if there is no room for all: what has failed or runs,
// then what waits, then what is over.
func (it item) urgency() int {
	switch it.shown() {
	case gitlabjobs.StatusFailed:
		if it.mayFail {
			return 2
		}
		return 0
	case gitlabjobs.StatusRunning, gitlabjobs.StatusCanceling:
		return 1
	case gitlabjobs.StatusManual:
		if it.mayFail {
			return 7
		}
		return 3
	case gitlabjobs.StatusCreated, gitlabjobs.StatusScheduled:
		return 5
	case gitlabjobs.StatusCanceled:
		return 6
	case gitlabjobs.StatusSkipped:
		return 8
	case gitlabjobs.StatusSuccess:
		return 9
	default: // It is about to start.
		return 4
	}
}

// board has the newest attempt of each job and bridge, by pipeline.
type board struct {
	root      int64
	pipelines map[int64][]place
}

// place is where a job or a bridge is shown, whichever attempt it is.
type place struct {
	item
	first int64 // The ID of the first attempt that was seen. GitLab gives IDs in the order of the stages.
}

// put adds an item, or replaces an earlier attempt.
func (b *board) put(it item) {
	places := b.pipelines[it.pipeline]
	for i, p := range places {
		if p.name == it.name && p.bridge == it.bridge {
			if p.id <= it.id {
				places[i].item = it
			}
			return
		}
	}
	b.pipelines[it.pipeline] = append(places, place{it, it.id})
}

// putAll adds a pipeline and those below it.
func (b *board) putAll(r *gitlabjobs.PipelineResult) {
	for _, job := range r.Jobs {
		it := jobItem(job)
		it.pipeline = r.PipelineID
		b.put(it)
	}
	for _, bridge := range r.Bridges {
		b.put(bridgeItem(r.PipelineID, bridge))
	}
	for _, below := range r.Downstream {
		b.putAll(below)
	}
}

// line is an item and how deep below the first pipeline it is.
type line struct {
	item
	depth int
}

// lines lists everything: stage by stage, and pipelines below their bridges.
func (b *board) lines() []line {
	var lines []line
	listed := make(map[int64]bool)
	var list func(pipeline int64, depth int)
	list = func(pipeline int64, depth int) {
		if listed[pipeline] {
			return
		}
		listed[pipeline] = true
		places := b.pipelines[pipeline]
		stages := make(map[string]int64)
		for _, p := range places {
			if first, known := stages[p.stage]; !known || p.first < first {
				stages[p.stage] = p.first
			}
		}
		slices.SortFunc(places, func(p, q place) int {
			return cmp.Or(cmp.Compare(stages[p.stage], stages[q.stage]), cmp.Compare(p.first, q.first))
		})
		for _, p := range places {
			lines = append(lines, line{p.item, depth})
			if p.below != nil {
				list(p.below.ID, depth+1)
			}
		}
	}
	list(b.root, 0)
	for _, pipeline := range slices.Sorted(maps.Keys(b.pipelines)) {
		list(pipeline, 1) // Its bridge is not known yet.
	}
	return lines
}
