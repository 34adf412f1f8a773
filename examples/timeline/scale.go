package main

import (
	"strings"
	"time"
)

// scale maps times to horizontal positions.
type scale struct {
	start  time.Time
	span   time.Duration
	x0, x1 float64
}

func (s scale) x(t time.Time) float64 {
	f := float64(t.Sub(s.start)) / float64(s.span)
	return s.x0 + min(max(f, 0), 1)*(s.x1-s.x0)
}

var steps = []time.Duration{
	100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour,
}

// ticks returns the round times to mark, relative to the start. It returns at most limit times.
func (s scale) ticks(limit int) []time.Duration {
	step := steps[len(steps)-1]
	for _, d := range steps {
		if s.span/d <= time.Duration(limit) {
			step = d
			break
		}
	}
	for s.span/step > time.Duration(limit) {
		step *= 2
	}
	var all []time.Duration
	for d := step; d <= s.span && d > 0; d += step {
		all = append(all, d)
	}
	return all
}

// tick formats a round time, such as 1m 30s.
func tick(d time.Duration) string {
	s := strings.TrimPrefix(d.String(), "-")
	if d >= 24*time.Hour {
		s = short(d)
	}
	s = strings.Replace(s, "h0m0s", "h", 1)
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	for _, unit := range []string{"h", "m"} {
		if before, after, found := strings.Cut(s, unit); found && after != "" && after[0] >= '0' && after[0] <= '9' {
			s = before + unit + " " + after
		}
	}
	return strings.TrimSuffix(s, " 0s")
}
