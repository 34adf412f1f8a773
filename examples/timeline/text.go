package main

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// clean makes a stranger's text one line that is safe to show: no control
// characters, and none that turn the direction of the text around them.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r), r == '\u2028', r == '\u2029':
			return ' '
		case r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069', r == '\u200e', r == '\u200f', r == '\u061c', r == '\ufeff':
			return -1
		default:
			return r
		}
	}, strings.ToValidUTF8(s, "\ufffd"))
	return strings.Join(strings.Fields(s), " ")
}

// em is about how wide a character is in a sans serif font, in parts of its size;
// rather more than less.
func em(r rune) float64 {
	switch {
	case unicode.Is(unicode.Mn, r) || r == '\u200d' || r == '\ufe0f':
		return 0
	case strings.ContainsRune("iljI.,:;|!'()[] ", r):
		return 0.36
	case strings.ContainsRune("tfr", r):
		return 0.42
	case strings.ContainsRune("mwMW@%", r):
		return 1
	case r < 0x80 && unicode.IsUpper(r):
		return 0.74
	case r < 0x1100:
		return 0.64
	case r >= 0x1f000:
		return 1.4
	default:
		return 1.05
	}
}

func widthOf(s string, size float64) float64 {
	w := 0.0
	for _, r := range s {
		w += em(r) * size
	}
	return w
}

// fit shortens a text to a width. Only a text that it shortens ends in "…".
func fit(s string, size, width float64) string {
	if widthOf(s, size) <= width {
		return s
	}
	w := widthOf("…", size)
	for i, r := range s {
		if w += em(r) * size; w > width {
			return strings.TrimRight(s[:i], " ") + "…"
		}
	}
	return s
}

// short is a duration in its two largest units, such as 1m 12s.
func short(d time.Duration) string {
	if d < 10*time.Second {
		return strings.TrimSuffix(fmt.Sprintf("%.1f", max(d, 0).Seconds()), ".0") + "s"
	}
	d = d.Round(time.Second)
	type unit struct {
		name string
		size time.Duration
	}
	units := []unit{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}}
	for i, u := range units {
		if d < u.size {
			continue
		}
		s := fmt.Sprintf("%d%s", d/u.size, u.name)
		if i+1 < len(units) {
			if rest := d % u.size / units[i+1].size; rest > 0 {
				s += fmt.Sprintf(" %d%s", rest, units[i+1].name)
			}
		}
		return s
	}
	return "0s"
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

func stamp(t time.Time) string { return t.Format("2006-01-02 15:04:05 MST") }

// details are what there is to know of an attempt: its name, and then a line for
// each thing.
func (b *bar) details(tl *timeline) string {
	lines := []string{b.name}
	add := func(what, value string) {
		if value = clean(value); value != "" {
			lines = append(lines, what+": "+value)
		}
	}
	status := string(b.status)
	if b.reason != "" {
		status += " (" + string(b.reason) + ")"
	}
	if b.allowFailure && b.look().class == "warning" {
		status += ", allowed to"
	}
	add("Status", status)
	if b.attempts > 1 {
		add("Attempt", fmt.Sprintf("%d of %d", b.attempt, b.attempts))
	}
	add("Stage", b.stage)
	add("Pipeline", fmt.Sprintf("%d of %s", b.pipeline.id, b.pipeline.project))
	if b.down != nil {
		add("Triggered", fmt.Sprintf("pipeline %d of %s", b.down.id, b.down.project))
	}
	if b.downErr != nil {
		add("Triggered", b.downErr.Error())
	}
	if !b.queued.IsZero() {
		add("Queued", short(b.waited()))
	}
	if !b.started.IsZero() {
		ran := short(b.ran())
		if b.going {
			ran += " so far"
		}
		add("Ran", ran)
		add("Started", stamp(b.started.In(tl.start.Location())))
	}
	add("Runner", b.runner)
	if b.critical {
		add("Critical path", "yes")
	}
	add("Link", b.url)
	return strings.Join(lines, "\n")
}
