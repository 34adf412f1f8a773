package main

import (
	"fmt"
	"slices"
	"time"
)

// criticalPath is the chain of attempts that decided when all was over. GitLab's API
// does not say what a job `needs`, so it is a guess from the times. From what ended
// last it goes back, step by step, to
//
//   - the attempt before, of one that is a retry;
//   - or else what ended last, in an earlier stage of the same pipeline, before this
//     one was queued (if that is a bridge that waited for its pipeline: what ended
//     last in there);
//   - or else the bridge that triggered the pipeline.
//
// A job that waited for one of its own stage, by `needs`, is taken for one that
// waited for the stage before.
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

// slack is how far the clocks of a GitLab's machines may be apart.
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

// inward is what ended last in the pipeline that a bridge has waited for; otherwise
// it is b itself.
func (b *bar) inward() *bar {
	if b == nil || b.down == nil {
		return b
	}
	last := lastIn(b.down.all, b.ended.Add(slack), nil)
	if last == nil || b.ran() < slack || last.ended.Before(b.ended.Add(-10*slack)) {
		return b
	}
	return last.inward()
}

// lastIn is what ended last, up to a time if that is given. Of two that end together
// it is the job rather than the bridge, and then the one that began first.
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

// leads reports whether the critical path goes on in the pipeline that its step i
// triggered.
func (tl *timeline) leads(i int) bool {
	b := tl.critical[i]
	return b.down != nil && i+1 < len(tl.critical) && tl.critical[i+1].pipeline == b.down
}

// criticalTimes are how long the critical path took, and the three parts of that: jobs
// ran, jobs were queued, and neither. Of steps that overlap, the time counts for the
// earlier one.
func (tl *timeline) criticalTimes() (took, ran, waited, between time.Duration) {
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
		if !tl.leads(i) { // A bridge that leads on runs while the jobs of its pipeline do.
			ran += until(b.ended)
		}
	}
	return ran + waited + between, ran, waited, between
}

// criticalText says how long the critical path took, and of which parts that is the
// sum; in numbers that are rounded so that they add up.
func (tl *timeline) criticalText() (lead, parts string) {
	if len(tl.critical) == 0 {
		return "", ""
	}
	took, ran, waited, between := tl.criticalTimes()
	unit := time.Second
	if took < 10*time.Second {
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
