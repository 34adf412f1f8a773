package gitlabjobstest

import (
	"container/heap"
	"time"
)

// agenda holds what is to happen to jobs, and when. Nothing waits for it: each
// request and each method of a handle first lets happen what is due. So a
// server needs no goroutine and no timer, and what happens late to be looked
// at still has the time at which it was due.
type schedule struct {
	due events
	seq int
}

type event struct {
	at          time.Time
	seq         int  // Keeps what is due at the same time in order.
	job         *Job // nil: it concerns no job.
	transitions int  // The job's, when this was planned.
	do          func(at time.Time)
}

// plan lets something happen to a job, unless it moves on before.
func (a *schedule) plan(at time.Time, j *Job, do func(at time.Time)) {
	a.seq++
	heap.Push(&a.due, &event{at: at, seq: a.seq, job: j, transitions: j.transitions, do: do})
}

// planPipeline lets something happen to a pipeline, unless it is deleted before.
func (a *schedule) planPipeline(at time.Time, pl *Pipeline, do func(at time.Time)) {
	a.seq++
	heap.Push(&a.due, &event{at: at, seq: a.seq, do: func(at time.Time) {
		if !pl.deleted {
			do(at)
		}
	}})
}

// settle lets happen what is due by now.
func (a *schedule) runDue(now time.Time) {
	for len(a.due) > 0 && !a.due[0].at.After(now) {
		e, _ := heap.Pop(&a.due).(*event)
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

// Push is for container/heap.
func (e *events) Push(x any) {
	if ev, ok := x.(*event); ok {
		*e = append(*e, ev)
	}
}

// Pop is for container/heap.
func (e *events) Pop() any {
	last := len(*e) - 1
	ev := (*e)[last]
	(*e)[last] = nil
	*e = (*e)[:last]
	return ev
}
