package gitlabjobstest

import (
	"container/heap"
	"time"
)

// schedule contains future events. Each request and each method of the server's
// types runs the events that are due before it does anything else. So the server
// needs no goroutine and no timer. An event that runs late gets the time at which
// it was due.
type schedule struct {
	due events
	seq int
}

type event struct {
	at          time.Time
	seq         int  // Orders events of the same time.
	job         *Job // nil if the event does not belong to a job.
	transitions int  // The job's transitions when the event was scheduled.
	do          func(at time.Time)
}

// addJobEvent schedules an event of a job. A transition of the job cancels the
// event.
func (s *schedule) addJobEvent(at time.Time, j *Job, do func(at time.Time)) {
	s.seq++
	heap.Push(&s.due, &event{at: at, seq: s.seq, job: j, transitions: j.transitions, do: do})
}

// addPipelineEvent schedules an event of a pipeline. Deleting the pipeline
// cancels the event.
func (s *schedule) addPipelineEvent(at time.Time, pl *Pipeline, do func(at time.Time)) {
	s.seq++
	heap.Push(&s.due, &event{at: at, seq: s.seq, do: func(at time.Time) {
		if !pl.deleted {
			do(at)
		}
	}})
}

// runDue runs the events that are due by now.
func (s *schedule) runDue(now time.Time) {
	for len(s.due) > 0 && !s.due[0].at.After(now) {
		e, _ := heap.Pop(&s.due).(*event)
		if e != nil && (e.job == nil || e.transitions == e.job.transitions) {
			e.do(e.at)
		}
	}
}

type events []*event

func (e events) Len() int { return len(e) }

func (e events) Less(i, k int) bool {
	if !e[i].at.Equal(e[k].at) {
		return e[i].at.Before(e[k].at)
	}
	return e[i].seq < e[k].seq
}

func (e events) Swap(i, k int) { e[i], e[k] = e[k], e[i] }

// Push implements heap.Interface.
func (e *events) Push(x any) {
	if ev, ok := x.(*event); ok {
		*e = append(*e, ev)
	}
}

// Pop implements heap.Interface.
func (e *events) Pop() any {
	last := len(*e) - 1
	ev := (*e)[last]
	(*e)[last] = nil
	*e = (*e)[:last]
	return ev
}
