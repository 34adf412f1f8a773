package gitlabjobs

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// PipelineResult is a pipeline as [JobsService.WaitPipeline] last saw it.
type PipelineResult struct {
	Project    Project
	PipelineID int64
	Err        error             // Why this downstream pipeline could not be read; nil otherwise.
	Status     Status            // GitLab's status of the pipeline; empty if unknown.
	Jobs       []*Job            // The newest attempt of each job, newest first.
	Bridges    []*Bridge         // The newest attempt of each bridge, newest first.
	Downstream []*PipelineResult // The triggered pipelines, in the order of Bridges, if WaitOptions.Downstream is set.

	mayFail   bool // The bridge that triggered it has AllowFailure.
	unsettled bool // The pipeline had not ended yet, whatever its Status.
}

// Succeeded reports whether the pipeline and all pipelines in Downstream have ended with
// GitLab's status success. It ignores pipelines under a bridge with AllowFailure. As in
// GitLab, failed jobs with AllowFailure and optional manual jobs do not matter. Succeeded
// is false for a nil result, for a pipeline that could not be read, and if the status is
// unknown.
func (r *PipelineResult) Succeeded() bool {
	return r != nil && r.Err == nil && r.Status == StatusSuccess && !r.unsettled &&
		!slices.ContainsFunc(r.Downstream, func(d *PipelineResult) bool {
			return !d.Succeeded() && (d == nil || !d.mayFail)
		})
}

// pipelineState is the state of a pipeline in one poll.
type pipelineState struct {
	result      *PipelineResult
	optional    bool // It is under a bridge with AllowFailure, so it does not count.
	bridgeIndex int  // The index of the bridge that triggered it.
	downstream  []*pipelineState

	agreed     bool // Every pipeline object in the poll showed the same status.
	incomplete bool // A job may be missing, because it was retried while the pages were read.
	unknown    int  // Polls in a row in which the status was not known and nothing was active.

	ended     bool  // The pipeline has ended.
	blocked   error // The job or bridge that must be played before the pipeline continues.
	treeEnded bool  // It and all pipelines below it have ended, so it is not read again.
}

// mayLackJobs reports whether a job may be missing from the list: if a job is retried while
// the pages of the list are read, neither the old nor the new job may be on any of them.
func mayLackJobs(jobs []*Job, before *pipelineState) bool {
	if before == nil {
		return len(jobs) > 100 // More than one page.
	}
	listed := make(map[int64]bool, len(jobs))
	for _, job := range jobs {
		listed[job.ID] = true
	}
	return slices.ContainsFunc(before.result.Jobs, func(job *Job) bool { return !job.finished() && !listed[job.ID] })
}

// statusOf returns the status in the pipeline object that was received last, and whether
// the objects of all jobs and bridges have the same status.
func statusOf(r *PipelineResult) (status Status, agreed bool) {
	agreed = true
	compare := func(p *Pipeline) {
		if p != nil && p.Status != "" {
			agreed = agreed && (status == "" || status == p.Status)
			status = p.Status
		}
	}
	for _, job := range r.Jobs {
		compare(job.Pipeline)
	}
	for _, bridge := range r.Bridges {
		compare(bridge.Pipeline)
	}
	return status, agreed
}

const (
	// unknownPolls is the number of consecutive polls with an unknown status and no active
	// job after which the next such poll ends the wait.
	unknownPolls = 3

	// contradictoryPolls is the number of consecutive polls without a change after which a
	// pipeline has ended if its status is success although a job has failed.
	contradictoryPolls = 10
)

// ended assesses the pipelines and reports whether the wait has ended. If it has, the error
// is nil if all pipelines that count have ended or StopOnFailure applies; otherwise it
// names the job or bridge that blocks.
func (w *pipelineWait) ended(root *pipelineState) (bool, error) {
	w.assess(root)
	var continues bool
	var failed bool
	var manual, blocked error
	var visit func(*pipelineState)
	visit = func(s *pipelineState) {
		for _, d := range s.downstream {
			visit(d)
		}
		for _, item := range s.items() {
			failed = failed || item.status == StatusFailed && !item.mayFail && !s.optional
			if item.status == StatusManual && !s.optional && manual == nil {
				manual = s.blockedError(item)
			}
		}
		switch {
		case s.ended:
		case s.blocked == nil:
			continues = true
		case !s.optional && blocked == nil:
			blocked = s.blocked
		}
	}
	visit(root)
	switch {
	case failed && w.options.StopOnFailure:
		return true, nil
	case manual != nil && w.options.StopOnManual:
		return true, manual
	case continues:
		return false, nil
	default:
		return true, blocked
	}
}

// assess determines whether a pipeline, and each pipeline below it, has ended or is
// blocked. It assesses the lower ones first.
func (w *pipelineWait) assess(s *pipelineState) {
	s.treeEnded = true
	for _, d := range s.downstream {
		w.assess(d)
		s.treeEnded = s.treeEnded && d.treeEnded
	}
	r := s.result
	if r.Err != nil {
		s.ended, s.treeEnded = true, errors.Is(r.Err, ErrNoDownstream)
		return
	}
	var active int
	var created, failed bool
	var manual, waiting error
	for _, item := range s.items() {
		switch {
		case item.finished:
			if !item.mayFail && (item.status == StatusFailed || item.status == StatusCanceled) {
				failed = true
			}
		case item.status == StatusManual:
			if !item.mayFail && manual == nil {
				manual = s.blockedError(item)
			}
		case item.status == StatusCreated:
			created = true
		case w.waits(item.downstream):
			waiting = s.blockedError(item)
		default:
			active++
		}
	}
	if r.Status == "" && active == 0 {
		s.unknown++
	} else {
		s.unknown = 0
	}
	known := r.Status != "" || s.unknown > unknownPolls
	switch {
	case active > 0 || !s.agreed || s.incomplete || !known:
	case (r.Status == "" || r.Status.Finished()) && !created && manual == nil && waiting == nil:
		s.ended = r.Status != StatusSuccess || !failed || w.unchanged >= contradictoryPolls
	case w.options.WaitForBlocked:
	case waiting != nil:
		// Created jobs may be about to start.
		if !created || w.unchanged > 0 {
			s.blocked = cmp.Or(manual, waiting)
		}
	case r.Status == "" || r.Status == StatusManual:
		s.blocked = manual
	}
	s.treeEnded = s.treeEnded && s.ended
	r.unsettled = !s.ended
}

// waits reports whether a downstream pipeline waits for a manual job.
func (w *pipelineWait) waits(downstream *Pipeline) bool {
	if downstream == nil {
		return false
	}
	state := w.states[downstream.ID]
	return downstream.Status == StatusManual || state != nil && state.blocked != nil
}

// item is a job or a bridge of a pipeline.
type item struct {
	kind       string // "job" or "bridge".
	id         int64
	name       string
	status     Status
	finished   bool
	mayFail    bool
	downstream *Pipeline
}

func (s *pipelineState) items() []item {
	items := make([]item, 0, len(s.result.Jobs)+len(s.result.Bridges))
	for _, j := range s.result.Jobs {
		items = append(items, item{"job", j.ID, j.Name, j.Status, j.finished(), j.AllowFailure, nil})
	}
	for _, b := range s.result.Bridges {
		items = append(items, item{"bridge", b.ID, b.Name, b.Status, b.finished(), b.AllowFailure, b.DownstreamPipeline})
	}
	return items
}

func (s *pipelineState) blockedError(i item) error {
	return fmt.Errorf("gitlabjobs: pipeline %d of %s: %s %d (%s): %w", s.result.PipelineID, s.result.Project, i.kind, i.id, line(i.name), ErrBlocked)
}

// triggered is a pipeline to read, and the bridge that triggered it.
type triggered struct {
	state  *pipelineState
	parent *pipelineState // nil for the first pipeline.
	bridge *Bridge
}

// triggeredBy returns the pipelines that the bridges of a pipeline have triggered.
func (w *pipelineWait) triggeredBy(parent *pipelineState) []triggered {
	if !w.options.Downstream {
		return nil
	}
	var found []triggered
	for i, bridge := range parent.result.Bridges {
		r := &PipelineResult{mayFail: bridge.AllowFailure}
		down := bridge.DownstreamPipeline
		switch {
		case down != nil && down.ID != 0:
			r.PipelineID = down.ID
			r.Project, r.Err = w.jobs.client.projectOf(down)
		case bridge.Status == StatusSuccess:
			r.Err = fmt.Errorf("gitlabjobs: bridge %d: %w", bridge.ID, ErrNoDownstream)
		default:
			continue
		}
		s := &pipelineState{result: r, bridgeIndex: i, optional: parent.optional || bridge.AllowFailure}
		found = append(found, triggered{s, parent, bridge})
	}
	return found
}
