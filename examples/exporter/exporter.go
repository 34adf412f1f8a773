package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"example.com/gitlabjobs"
)

// exporter counts events. It serves only counters that are stored, so that a counter does
// not decrease after a crash, and no event is counted twice.
type exporter struct {
	path string

	mu      sync.Mutex
	live    stats
	changed bool
	served  stats // A copy of the stored counters. It is replaced, never modified.
}

// open reads the file, if it exists, and adds the projects that it lacks. Projects that
// are only in the file are not exported any more.
func open(path string, projects []gitlabjobs.Project) (*exporter, error) {
	e := &exporter{path: path}
	stored, err := read(path)
	if err != nil {
		return nil, err
	}
	e.live.Projects = make(map[gitlabjobs.Project]*projectStats)
	for _, project := range projects {
		e.live.Projects[project] = stored.Projects[project]
		if e.live.Projects[project] == nil {
			e.live.Projects[project] = newProjectStats()
		}
	}
	e.changed = true
	return e, e.save()
}

func read(path string) (s stats, err error) {
	data, err := os.ReadFile(path) //nolint:gosec // The user names the file.
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if err == nil {
		err = s.check()
	}
	if err != nil {
		return s, fmt.Errorf("%s: %w: give another -state, or delete the file to start from zero", path, err)
	}
	return s, nil
}

// since returns the state from which to continue the watch of a project.
func (e *exporter) since(project gitlabjobs.Project) gitlabjobs.WatchState {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.live.Projects[project].State
}

// record counts an event.
func (e *exporter) record(project gitlabjobs.Project, event *gitlabjobs.JobEvent) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.live.Projects[project].record(event)
	e.changed = true
}

// saveEvery saves at each interval. It logs errors: the metrics do not change until a save
// succeeds.
func (e *exporter) saveEvery(ctx context.Context, interval time.Duration) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			if err := e.save(); err != nil {
				log.Print("exporter: ", err)
			}
		}
	}
}

// save stores the counters together with the states of the watches, and then serves them.
func (e *exporter) save() error {
	e.mu.Lock()
	if !e.changed {
		e.mu.Unlock()
		return nil
	}
	e.changed = false
	data, err := e.live.marshal()
	e.mu.Unlock()
	var served stats
	if err == nil {
		err = json.Unmarshal(data, &served)
	}
	if err == nil {
		err = replace(e.path, data)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err != nil {
		e.changed = true
		return fmt.Errorf("storing the state: %w", err)
	}
	e.served = served
	return nil
}

// replace writes a file atomically: if the program or the machine stops, the file has
// either its old or its new content.
func replace(path string, data []byte) error {
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) //nolint:gosec // The user names the file.
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	return err
}

// Descriptions of the metrics.
var (
	unfinishedDesc = prometheus.NewDesc("gitlab_jobs_unfinished", "Jobs that have not finished.", []string{"project", "stage", "status"}, nil)
	finishedDesc   = prometheus.NewDesc("gitlab_jobs_finished_total", "Jobs that have finished.", []string{"project", "stage", "status"}, nil)
	failedDesc     = prometheus.NewDesc("gitlab_jobs_failed_total", "Jobs that have failed.", []string{"project", "stage", "reason"}, nil)
	durationDesc   = prometheus.NewDesc("gitlab_job_duration_seconds", "Durations of the finished jobs.", []string{"project", "stage"}, nil)
	queueDesc      = prometheus.NewDesc("gitlab_job_queue_seconds", "Times for which the finished jobs waited for a runner.", []string{"project", "stage"}, nil)
)

// Describe implements [prometheus.Collector].
func (e *exporter) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{unfinishedDesc, finishedDesc, failedDesc, durationDesc, queueDesc} {
		ch <- desc
	}
}

// Collect implements [prometheus.Collector].
func (e *exporter) Collect(ch chan<- prometheus.Metric) {
	e.mu.Lock()
	served := e.served
	e.mu.Unlock()
	for project, p := range served.Projects {
		unfinished := make(map[unfinishedJob]int)
		for _, job := range p.Unfinished {
			unfinished[job]++
		}
		for key, n := range unfinished {
			ch <- prometheus.MustNewConstMetric(unfinishedDesc, prometheus.GaugeValue, float64(n), string(project), key.Stage, string(key.Status))
		}
		for stage, s := range p.Stages {
			for status, n := range s.Finished {
				ch <- prometheus.MustNewConstMetric(finishedDesc, prometheus.CounterValue, float64(n), string(project), stage, string(status))
			}
			for reason, n := range s.Failed {
				ch <- prometheus.MustNewConstMetric(failedDesc, prometheus.CounterValue, float64(n), string(project), stage, string(reason))
			}
			count, upTo := s.Duration.cumulative()
			ch <- prometheus.MustNewConstHistogram(durationDesc, count, s.Duration.Sum, upTo, string(project), stage)
			count, upTo = s.Queue.cumulative()
			ch <- prometheus.MustNewConstHistogram(queueDesc, count, s.Queue.Sum, upTo, string(project), stage)
		}
	}
}
