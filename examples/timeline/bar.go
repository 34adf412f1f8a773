package main

import (
	"cmp"
	"errors"
	"net/url"
	"time"

	"example.com/gitlabjobs"
)

// bar is one attempt at a job, or a bridge.
type bar struct {
	id           int64
	name, stage  string // Clean.
	status       gitlabjobs.Status
	reason       gitlabjobs.FailureReason
	allowFailure bool
	bridge       bool
	runner       string
	url          string // Empty unless it is one that may be linked to.

	queued  time.Time // When it began to wait for a runner; zero: it never did.
	started time.Time // Zero: it never ran.
	ended   time.Time // Now while it goes on. Of what never began: where it is drawn.
	going   bool      // It runs, or waits for a runner.

	attempt, attempts int // The first is 1.
	before            *bar
	order             int // Of its stage.
	pipeline          *pipeline
	down              *pipeline // What it triggered.
	downErr           error     // Why there is none.
	critical          bool
}

// begin is when it was queued or else started; zero for what never was.
func (b *bar) begin() time.Time {
	if b.queued.IsZero() {
		return b.started
	}
	return b.queued
}

// waited is how long it was queued.
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

// ran is how long it has run.
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
		b.downErr = err // A bridge that is yet to start has nothing wrong with it.
	}
	b.times(j.CreatedAt, j.StartedAt, j.FinishedAt, j.QueuedDuration, now)
	return b
}

// times sets when it waited and ran. A job that was queued for an unknown time was
// so since it was created; a bridge waits for no runner. What the server says is
// put in order: a job does not end before it starts, nor start before it is queued.
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
			if b.going = !b.status.Finished(); b.going {
				b.ended = now
			}
		}
		b.ended = latestOf(b.ended, started)
	case waits:
		b.queued, b.ended, b.going = since(now), now, true
	case !finished.IsZero() && b.status != gitlabjobs.StatusSkipped:
		b.ended = finished // Failed or canceled before it ran.
		if queued != nil {
			b.queued = since(finished)
		}
	}
}

// waiting reports whether a job in a status is in the queue, or nearly running.
func waiting(s gitlabjobs.Status) bool {
	switch s {
	case gitlabjobs.StatusPending, gitlabjobs.StatusPreparing, gitlabjobs.StatusWaitingForResource, gitlabjobs.StatusWaitingForCallback:
		return true
	default:
		return false
	}
}

// safeURL is an address that may be linked to, which a javascript: one may not.
func safeURL(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	return u.String()
}
