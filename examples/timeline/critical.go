package main

import (
	"fmt"
	"slices"
	"time"
)

// criticalPath returns the chain of attempts that determined the end of the timeline. It is an
// estimate from the times, because GitLab's API does not return `needs`. It starts with the
// attempt that ended last. The predecessor of an attempt is
//
//   - the previous attempt, if this one is a retry;
//   - otherwise the attempt in an earlier stage of the same pipeline that ended last before
//     this one was queued, or, if that is a bridge that waited for its pipeline, the attempt
//     that ended last in that pipeline;
//   - otherwise the bridge that triggered the pipeline.
//
// If a job waited for a job of the same stage because of `needs`, the path has a job of an
// earlier stage instead.
func (tl *timeline) criticalPath() []*bar {
	var path []*bar
	seen := make(map[*bar]bool)
	for b := lastIn(tl.root.all, time.Time{}, nil).inward(); b != nil && !seen[b]; b = b.predecessor() {
		seen[b] = true
		path = append(path, b)
	}
	slices.Reverse(path)
	return path
}

// slack is the maximum difference between the clocks of the machines of a GitLab server.
const slack = time.Second

func (b *bar) predecessor() *bar {
	if b.before != nil && !b.before.begin().IsZero() {
		return b.before
	}
	if last := lastIn(b.pipeline.bars, b.begin().Add(slack), func(x *bar) bool { return x.order < b.order }); last != nil {
		return last.inward()
	}
	return b.pipeline.bridge
}

// inward returns the attempt that ended last in the pipeline that a bridge waited for. For
// other attempts, it returns b.
func (b *bar) inward() *bar {
	if b == nil || b.downstream == nil {
		return b
	}
	last := lastIn(b.downstream.all, b.ended.Add(slack), nil)
	if last == nil || b.ran() < slack || last.ended.Before(b.ended.Add(-10*slack)) {
		return b
	}
	return last.inward()
}

// lastIn returns the attempt that ended last. If until is not zero, it ignores attempts that
// ended later. If two ended at the same time, it prefers jobs to bridges, and then the attempt
// that began first.
func lastIn(bars func(func(*bar) bool), until time.Time, fits func(*bar) bool) *bar {
	var last *bar
	for b := range bars {
		if b.begin().IsZero() || !until.IsZero() && b.ended.After(until) || fits != nil && !fits(b) {
			continue
		}
		switch {
		case last == nil || b.ended.After(last.ended):
			last = b
		case b.ended.Before(last.ended):
		case last.bridge != b.bridge:
			if last.bridge {
				last = b
			}
		case b.begin().Before(last.begin()):
			last = b
		}
	}
	return last
}

// leads reports whether the critical path continues in the pipeline that step i triggered.
func (tl *timeline) leads(i int) bool {
	b := tl.critical[i]
	return b.downstream != nil && i+1 < len(tl.critical) && tl.critical[i+1].pipeline == b.downstream
}

// criticalTimes returns the duration of the critical path and its three parts: the time in
// which jobs ran, in which they were queued, and the rest. If steps overlap, the time counts
// for the earlier step.
func (tl *timeline) criticalTimes() (total, ran, waited, between time.Duration) {
	if len(tl.critical) == 0 {
		return 0, 0, 0, 0
	}
	at := tl.critical[0].begin()
	until := func(t time.Time) time.Duration {
		d := max(t.Sub(at), 0)
		at = at.Add(d)
		return d
	}
	for i, b := range tl.critical {
		between += until(b.begin())
		waited += until(b.begin().Add(b.waited()))
		if !tl.leads(i) { // Otherwise the jobs of the triggered pipeline run at the same time.
			ran += until(b.ended)
		}
	}
	return ran + waited + between, ran, waited, between
}

// criticalText describes the duration of the critical path and its parts. The parts are
// rounded before they are added, so that they add up.
func (tl *timeline) criticalText() (lead, parts string) {
	if len(tl.critical) == 0 {
		return "", ""
	}
	total, ran, waited, between := tl.criticalTimes()
	unit := time.Second
	if total < 10*time.Second {
		unit = 100 * time.Millisecond
	}
	ran, waited, between = ran.Round(unit), waited.Round(unit), between.Round(unit)
	lead = fmt.Sprintf("Critical path, estimated from the times: %s, %s", count(len(tl.critical), "step"), exact(ran+waited+between))
	parts = fmt.Sprintf("%s running + %s in the queue", exact(ran), exact(waited))
	if between > 0 {
		parts += fmt.Sprintf(" + %s between jobs", exact(between))
	}
	return lead, parts
}
