package main

import (
	"encoding/json"
	"time"
)

// traceFile is a trace in Chrome's Trace Event Format, which Perfetto and chrome://tracing open.
type traceFile struct {
	Events []traceEvent      `json:"traceEvents"`
	Unit   string            `json:"displayTimeUnit"`
	Other  map[string]string `json:"otherData"`
}

// traceEvent is an event. Its time is in microseconds since 1970, its duration in microseconds.
type traceEvent struct {
	Name     string         `json:"name"`
	Category string         `json:"cat,omitempty"`
	Phase    string         `json:"ph"` // X: an event with a duration. M: the name of a process or a thread.
	Time     int64          `json:"ts"`
	Duration int64          `json:"dur"`
	Process  int            `json:"pid"` // A pipeline.
	Thread   int            `json:"tid"` // A job with all attempts.
	Args     map[string]any `json:"args,omitempty"`
}

// drawTrace returns a timeline as Chrome trace JSON: a process for each pipeline, a thread for each job. It omits jobs that never
// began.
func drawTrace(tl *timeline) ([]byte, error) {
	t := &traceFile{Unit: "ms", Events: []traceEvent{}, Other: map[string]string{"title": tl.title(), "summary": tl.summary()}}
	t.pipeline(tl, tl.root, new(int))
	return json.MarshalIndent(t, "", " ")
}

// pipeline adds a pipeline and its downstream pipelines. processes is the number of processes so far.
func (t *traceFile) pipeline(tl *timeline, p *pipeline, processes *int) {
	*processes++
	process, thread := *processes, 0
	name := func(what string, thread int, key string, value any) {
		t.Events = append(t.Events, traceEvent{Name: what, Phase: "M", Process: process, Thread: thread, Args: map[string]any{key: value}})
	}
	name("process_name", 0, "name", p.heading())
	name("process_sort_index", 0, "sort_index", process)
	for _, s := range p.stages {
		for _, task := range s.tasks {
			var free time.Time // The end of the last attempt in the thread.
			named := false
			for _, b := range task.attempts {
				if b.begin().IsZero() {
					continue
				}
				if !named || b.begin().Before(free) { // Attempts that overlap need separate threads.
					thread++
					name("thread_name", thread, "name", clean(s.name+" / "+task.name))
					name("thread_sort_index", thread, "sort_index", thread)
					named = true
				}
				free = b.ended
				t.attempt(tl, b, process, thread)
			}
		}
	}
	for _, s := range p.stages {
		for _, task := range s.tasks {
			for _, b := range task.attempts {
				if b.downstream != nil {
					t.pipeline(tl, b.downstream, processes)
				}
			}
		}
	}
}

// attempt adds the time in the queue and the run time of an attempt.
func (t *traceFile) attempt(tl *timeline, b *bar, process, thread int) {
	args := map[string]any{"id": b.id}
	for _, d := range b.details(tl) {
		args[d[0]] = d[1]
	}
	if b.url != "" {
		args["Link"] = b.url
	}
	event := traceEvent{Phase: "X", Process: process, Thread: thread, Args: args}
	if !b.queued.IsZero() {
		event.Name, event.Category = "queued", "queue"
		event.Time, event.Duration = b.queued.UnixMicro(), b.waited().Microseconds()
		t.Events = append(t.Events, event)
	}
	if !b.started.IsZero() {
		event.Name, event.Category = b.name, b.look().class
		event.Time, event.Duration = b.started.UnixMicro(), b.ran().Microseconds()
		t.Events = append(t.Events, event)
	}
}
