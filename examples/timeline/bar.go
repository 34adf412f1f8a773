package main

import (
	"cmp"
	"errors"
	"net/url"
	"time"

	"example.com/gitlabjobs"
)

// bar is an attempt of a job or a bridge.
type bar struct {
	id           int64
	name, stage  string // Without control characters.
	status       gitlabjobs.Status
	reason       gitlabjobs.FailureReason
	allowFailure bool
	bridge       bool
	runner       string
	url          string // Empty unless it is safe to link to.

	queued  time.Time // When it began to wait for a runner. Zero if it never did.
	started time.Time // Zero if it never ran.
	ended   time.Time // Now, if it is active. The position, if it never began.
	active  bool      // It runs or waits for a runner.

	attempt, attempts int // Counted from 1.
	before            *bar
	order             int // The index of its stage.
	pipeline          *pipeline
	downstream        *pipeline // The pipeline that it triggered.
	downstreamErr     error     // The error, if there is no such pipeline.
	critical          bool
}

// begin returns the time at which it was queued or, without one, started. It may be zero.
func (b *bar) begin() time.Time {
	if b.queued.IsZero() {
		return b.started
	}
	return b.queued
}

// waited returns the time in the queue.
func (b *bar) waited() time.Duration {
	switch {
	case b.queued.IsZero():
		return 0
	case b.started.IsZero():
		return b.ended.Sub(b.queued)
	default:
		return b.started.Sub(b.queued)
	}
}

// ran returns the time for which it has run.
func (b *bar) ran() time.Duration {
	if b.started.IsZero() {
		return 0
	}
	return b.ended.Sub(b.started)
}

func jobBar(j *gitlabjobs.Job, now time.Time) *bar {
	b := &bar{
		id: j.ID, name: cmp.Or(clean(j.Name), "(no name)"), stage: clean(j.Stage), status: j.Status, reason: j.FailureReason, allowFailure: j.AllowFailure,
		url: safeURL(j.WebURL),
	}
	if j.Runner != nil {
		b.runner = j.Runner.Description
	}
	b.times(j.CreatedAt, j.StartedAt, j.FinishedAt, j.QueuedDuration, now)
	return b
}

func bridgeBar(j *gitlabjobs.Bridge, err error, now time.Time) *bar {
	b := &bar{
		id: j.ID, name: cmp.Or(clean(j.Name), "(no name)"), stage: clean(j.Stage), status: j.Status, reason: j.FailureReason, allowFailure: j.AllowFailure,
		url: safeURL(j.WebURL), bridge: true,
	}
	if j.Status.Finished() || !errors.Is(err, gitlabjobs.ErrNoDownstream) {
		b.downstreamErr = err // For a bridge that has not started, this is not an error.
	}
	b.times(j.CreatedAt, j.StartedAt, j.FinishedAt, j.QueuedDuration, now)
	return b
}

// times sets the times. If the queued duration is unknown, a job counts as queued since it was
// created. A bridge does not wait for a runner. If the times of the server are out of order,
// times corrects them: a job does not end before it starts, or start before it is queued.
func (b *bar) times(created, started, finished time.Time, queued *float64, now time.Time) {
	since := func(end time.Time) time.Time {
		at := created
		if queued != nil {
			const year = 365 * 24 * 3600.0
			at = end.Add(-time.Duration(min(max(*queued, 0), year) * float64(time.Second)))
			if at.Before(created) {
				at = created
			}
		}
		if at.IsZero() || at.After(end) {
			at = end
		}
		return at
	}
	switch waits := waiting(b.status); {
	case !started.IsZero():
		b.started, b.ended = started, finished
		if !b.bridge || queued != nil {
			b.queued = since(started)
		}
		if finished.IsZero() {
			b.ended = started
			if b.active = !b.status.Finished(); b.active {
				b.ended = now
			}
		}
		b.ended = latestOf(b.ended, started)
	case waits:
		b.queued, b.ended, b.active = since(now), now, true
	case !finished.IsZero() && b.status != gitlabjobs.StatusSkipped:
		b.ended = finished // It failed or was canceled before it ran.
		if queued != nil {
			b.queued = since(finished)
		}
	}
}

// waiting reports whether a job in a status is queued or about to run.
func waiting(s gitlabjobs.Status) bool {
	switch s {
	case gitlabjobs.StatusPending, gitlabjobs.StatusPreparing, gitlabjobs.StatusWaitingForResource, gitlabjobs.StatusWaitingForCallback:
		return true
	default:
		return false
	}
}

// safeURL returns the URL if it is an http or https URL, and otherwise an empty string. A
// javascript: URL is not safe to link to.
func safeURL(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	return u.String()
}
