package gitlabjobstest

import (
	"container/heap"
	"time"
)

// schedule holds future events. Nothing waits for them: each request and each
// method of a handle first runs those that are due. So a server needs no
// goroutine and no timer, and an event that is run late still has the time at
// which it was due.
type schedule struct {
	due events
	seq int
}

type event struct {
	at          time.Time
	seq         int  // Orders events of the same time.
	job         *Job // nil if the event is not about a job.
	transitions int  // Of the job, when the event was scheduled.
	do          func(at time.Time)
}

// plan schedules an event of a job. A transition of the job before cancels it.
func (s *schedule) addJobEvent(at time.Time, j *Job, do func(at time.Time)) {
	s.seq++
	heap.Push(&s.due, &event{at: at, seq: s.seq, job: j, transitions: j.transitions, do: do})
}

// planPipeline schedules an event of a pipeline. Deleting the pipeline cancels
// it.
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
