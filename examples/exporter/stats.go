package main

import (
	"errors"
	"slices"

	"example.com/gitlabjobs"
)

// buckets are the upper bounds of the histograms, in seconds.
func buckets() []float64 {
	return []float64{1, 5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200}
}

// stats are all counters, and the positions in the changes of the projects that they
// belong to. They are stored as one.
type stats struct {
	Projects map[gitlabjobs.Project]*projectStats `json:"projects"`
}

type projectStats struct {
	State  gitlabjobs.WatchState  `json:"state"`
	Stages map[string]*stageStats `json:"stages"`
}

// stageStats count the jobs of a stage that have finished.
type stageStats struct {
	Finished map[gitlabjobs.Status]uint64        `json:"finished"`
	Failed   map[gitlabjobs.FailureReason]uint64 `json:"failed"`
	Duration histogram                           `json:"duration"`
	Queue    histogram                           `json:"queue"`
}

// histogram counts values by buckets, the last of which has no upper bound.
type histogram struct {
	Sum     float64  `json:"sum"`
	Buckets []uint64 `json:"buckets"`
}

func newHistogram() histogram { return histogram{Buckets: make([]uint64, len(buckets())+1)} }

// observe adds a value; nil is none.
func (h *histogram) observe(seconds *float64) {
	if seconds == nil {
		return
	}
	h.Sum += *seconds
	i, _ := slices.BinarySearch(buckets(), *seconds)
	h.Buckets[i]++
}

// cumulative returns the number of values, and of those up to each bound.
func (h *histogram) cumulative() (uint64, map[float64]uint64) {
	var n uint64
	upTo := make(map[float64]uint64)
	for i, bound := range buckets() {
		n += h.Buckets[i]
		upTo[bound] = n
	}
	return n + h.Buckets[len(h.Buckets)-1], upTo
}

// record counts an event, and moves the state to it.
func (p *projectStats) record(event *gitlabjobs.JobEvent) {
	p.State = event.State()
	job := event.Job
	if !job.Status.Finished() {
		return
	}
	stage := p.Stages[job.Stage]
	if stage == nil {
		stage = &stageStats{
			Finished: make(map[gitlabjobs.Status]uint64), Failed: make(map[gitlabjobs.FailureReason]uint64),
			Duration: newHistogram(), Queue: newHistogram(),
		}
		p.Stages[job.Stage] = stage
	}
	stage.Finished[job.Status]++
	if job.Status == gitlabjobs.StatusFailed {
		stage.Failed[job.FailureReason]++
	}
	stage.Duration.observe(job.Duration)
	stage.Queue.observe(job.QueuedDuration)
}

// check reports what record and collect would stumble over.
func (s *stats) check() error {
	for _, project := range s.Projects {
		if project == nil || project.Stages == nil {
			return errors.New("a project has no stages")
		}
		for _, stage := range project.Stages {
			if stage == nil || stage.Finished == nil || stage.Failed == nil ||
				len(stage.Duration.Buckets) != len(buckets())+1 || len(stage.Queue.Buckets) != len(buckets())+1 {
				return errors.New("a stage lacks counters, or has other buckets than this program")
			}
		}
	}
	return nil
}
