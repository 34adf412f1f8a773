package main

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/examples/internal/terminal"
)

// item is the last known state of a job or a bridge.
type item struct {
	id, pipeline int64
	name, stage  string
	status       gitlabjobs.Status
	allowFailure bool
	reason       gitlabjobs.FailureReason
	duration     *float64 // In seconds, when received. Nil if the job has not started.
	received     time.Time

	bridge     bool
	downstream *gitlabjobs.Pipeline // The pipeline that the bridge triggered. May be nil; nil for jobs.
}

func jobItem(job *gitlabjobs.Job) item {
	it := item{
		id: job.ID, name: terminal.Clean(job.Name), stage: terminal.Clean(job.Stage), status: job.Status,
		allowFailure: job.AllowFailure, reason: job.FailureReason, duration: job.Duration, received: time.Now(),
	}
	if job.Pipeline != nil {
		it.pipeline = job.Pipeline.ID
	}
	return it
}

func bridgeItem(pipeline int64, bridge *gitlabjobs.Bridge) item {
	return item{
		id: bridge.ID, pipeline: pipeline, name: terminal.Clean(bridge.Name), stage: terminal.Clean(bridge.Stage), status: bridge.Status,
		allowFailure: bridge.AllowFailure, reason: bridge.FailureReason, duration: bridge.Duration, received: time.Now(),
		bridge: true, downstream: bridge.DownstreamPipeline,
	}
}

// shown returns the status to show. For a bridge, it is the status of the pipeline that the
// bridge triggered.
func (it item) shown() gitlabjobs.Status {
	if it.downstream != nil && it.downstream.Status != "" && it.status != gitlabjobs.StatusFailed {
		return it.downstream.Status
	}
	return it.status
}

// elapsed returns the time for which the item has run. It is "-" for a bridge that does not
// wait for its pipeline, because the duration of the pipeline is unknown.
func (it item) elapsed(now time.Time) string {
	if it.duration == nil || it.shown() != it.status {
		return "-"
	}
	elapsed := terminal.Seconds(it.duration)
	if it.status == gitlabjobs.StatusRunning || it.status == gitlabjobs.StatusCanceling {
		elapsed += now.Sub(it.received)
	}
	return terminal.Elapsed(elapsed)
}

// urgency orders the items if there are more than fit on the screen: failed and running
// items are first, then waiting ones, then finished ones.
func (it item) urgency() int {
	switch it.shown() {
	case gitlabjobs.StatusFailed:
		if it.allowFailure {
			return 2
		}
		return 0
	case gitlabjobs.StatusRunning, gitlabjobs.StatusCanceling:
		return 1
	case gitlabjobs.StatusManual:
		if it.allowFailure {
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
	default: // The item is about to start.
		return 4
	}
}

// board contains the newest attempt of each job and bridge, by pipeline.
type board struct {
	root      int64
	pipelines map[int64][]entry
}

// entry is a job or a bridge. A new attempt replaces the item, but keeps the position.
type entry struct {
	item
	first int64 // The ID of the first attempt. GitLab assigns IDs in the order of the stages.
}

// put adds an item, or replaces an earlier attempt.
func (b *board) put(it item) {
	entries := b.pipelines[it.pipeline]
	for i, p := range entries {
		if p.name == it.name && p.bridge == it.bridge {
			if p.id <= it.id {
				entries[i].item = it
			}
			return
		}
	}
	b.pipelines[it.pipeline] = append(entries, entry{it, it.id})
}

// putAll adds the items of a pipeline and its downstream pipelines.
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

// line is an item and the depth of its pipeline below the first one.
type line struct {
	item
	depth int
}

// lines returns all items, ordered by stage. The items of a downstream pipeline follow its
// bridge.
func (b *board) lines() []line {
	var lines []line
	listed := make(map[int64]bool)
	var list func(pipeline int64, depth int)
	list = func(pipeline int64, depth int) {
		if listed[pipeline] {
			return
		}
		listed[pipeline] = true
		entries := b.pipelines[pipeline]
		stages := make(map[string]int64)
		for _, p := range entries {
			if first, known := stages[p.stage]; !known || p.first < first {
				stages[p.stage] = p.first
			}
		}
		slices.SortFunc(entries, func(p, q entry) int {
			return cmp.Or(cmp.Compare(stages[p.stage], stages[q.stage]), cmp.Compare(p.first, q.first))
		})
		for _, p := range entries {
			lines = append(lines, line{p.item, depth})
			if p.downstream != nil {
				list(p.downstream.ID, depth+1)
			}
		}
	}
	list(b.root, 0)
	for _, pipeline := range slices.Sorted(maps.Keys(b.pipelines)) {
		list(pipeline, 1) // The bridge of this pipeline is not known yet.
	}
	return lines
}
