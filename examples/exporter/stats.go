package main

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"example.com/gitlabjobs"
)

// buckets returns the upper bounds of the histogram buckets, in seconds.
func buckets() []float64 {
	return []float64{1, 5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200}
}

// stats contains all counters and the states of the watches. Both are stored in one file, so
// that they are consistent.
type stats struct {
	Projects map[gitlabjobs.Project]*projectStats `json:"projects"`
}

type projectStats struct {
	State      gitlabjobs.WatchState   `json:"state"`
	Stages     map[string]*stageStats  `json:"stages"`
	Unfinished map[int64]unfinishedJob `json:"unfinished"` // By ID.
}

// unfinishedJob is also the key by which unfinished jobs are counted.
type unfinishedJob struct {
	Stage  string            `json:"stage"`
	Status gitlabjobs.Status `json:"status"`
}

func newProjectStats() *projectStats {
	return &projectStats{Stages: make(map[string]*stageStats), Unfinished: make(map[int64]unfinishedJob)}
}

// stageStats counts the finished jobs of a stage.
type stageStats struct {
	Finished map[gitlabjobs.Status]uint64        `json:"finished"`
	Failed   map[gitlabjobs.FailureReason]uint64 `json:"failed"`
	Duration histogram                           `json:"duration"`
	Queue    histogram                           `json:"queue"`
}

// histogram counts values in buckets. The last bucket has no upper bound.
type histogram struct {
	Sum     float64  `json:"sum"`
	Buckets []uint64 `json:"buckets"`
}

func newHistogram() histogram { return histogram{Buckets: make([]uint64, len(buckets())+1)} }

// observe adds a value. It ignores nil.
func (h *histogram) observe(seconds *float64) {
	if seconds == nil {
		return
	}
	h.Sum += *seconds
	i, _ := slices.BinarySearch(buckets(), *seconds)
	h.Buckets[i]++
}

// cumulative returns the number of all values, and the number of values up to each bound.
func (h *histogram) cumulative() (uint64, map[float64]uint64) {
	var n uint64
	upTo := make(map[float64]uint64)
	for i, bound := range buckets() {
		n += h.Buckets[i]
		upTo[bound] = n
	}
	return n + h.Buckets[len(h.Buckets)-1], upTo
}

// record counts an event and keeps the state after it.
func (p *projectStats) record(event *gitlabjobs.JobEvent) {
	p.State = event.State()
	job := event.Job
	if !job.Status.Finished() {
		p.Unfinished[job.ID] = unfinishedJob{job.Stage, job.Status}
		return
	}
	delete(p.Unfinished, job.ID)
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

// prune removes unfinished jobs that are no longer in the state of the watch. They were
// deleted, and a deletion is not an event.
func (p *projectStats) prune() error {
	data, err := json.Marshal(p.State)
	if err != nil {
		return err
	}
	var state struct {
		Jobs map[gitlabjobs.Status][]int64 `json:"jobs"`
	}
	if err := json.Unmarshal(data, &state); err != nil {
		return err
	}
	known := make(map[int64]bool)
	for _, ids := range state.Jobs {
		for _, id := range ids {
			known[id] = true
		}
	}
	maps.DeleteFunc(p.Unfinished, func(id int64, _ unfinishedJob) bool { return !known[id] })
	return nil
}

// marshal returns the content of the file.
func (s *stats) marshal() ([]byte, error) {
	for _, project := range s.Projects {
		if err := project.prune(); err != nil {
			return nil, err
		}
	}
	return json.Marshal(s)
}

// check returns an error if a part that record and Collect rely on is missing.
func (s *stats) check() error {
	for _, project := range s.Projects {
		if project == nil || project.Stages == nil || project.Unfinished == nil {
			return errors.New("a project lacks its stages or its unfinished jobs")
		}
		for _, stage := range project.Stages {
			if stage == nil || stage.Finished == nil || stage.Failed == nil ||
				len(stage.Duration.Buckets) != len(buckets())+1 || len(stage.Queue.Buckets) != len(buckets())+1 {
				return errors.New("a stage lacks counters, or its buckets differ from those of this program")
			}
		}
	}
	return nil
}
