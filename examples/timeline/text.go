package main

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// clean makes untrusted text safe to show: it returns one line without control characters and
// without characters that change the direction of the surrounding text.
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

// em returns an upper estimate of the width of a character in a sans serif font, relative to the
// font size.
func em(r rune) float64 {
	switch {
	case unicode.Is(unicode.Mn, r) || r == zeroWidthJoiner || r == '\ufe0f':
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

// fit shortens a text to a width. A shortened text ends in "…".
func fit(s string, size, width float64) string {
	if widthOf(s, size) <= width {
		return s
	}
	w, whole, before := widthOf("…", size), 0, rune(0)
	for i, r := range s {
		if before != zeroWidthJoiner && !joined(r) {
			whole = i // A user-perceived character begins here.
		}
		if w += em(r) * size; w > width {
			return strings.TrimRight(s[:whole], " ") + "…"
		}
		before = r
	}
	return s
}

const zeroWidthJoiner = '\u200d'

// joined reports whether a character is shown as a part of the previous one.
func joined(r rune) bool {
	return unicode.Is(unicode.M, r) || r == zeroWidthJoiner || r >= 0x1f3fb && r <= 0x1f3ff
}

// isolate prevents right-to-left text from changing the direction of the text next to it.
func isolate(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool {
		return r >= 0x590 && r <= 0x8ff || r >= 0xfb1d && r <= 0xfdff || r >= 0xfe70 && r <= 0xfefc
	}) {
		return "\u2068" + s + "\u2069"
	}
	return s
}

// wrap breaks a text into lines of at most the given width.
func wrap(s string, size, width float64) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(s) {
		longer := strings.TrimSpace(line + " " + word)
		if line != "" && widthOf(longer, size) > width {
			lines = append(lines, line)
			longer = word
		}
		line = fit(longer, size, width)
	}
	return append(lines, line)
}

// short formats a duration in its two largest units, such as 1m 12s.
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

// exact formats a duration in all units, such as 1h 1m 12s.
func exact(d time.Duration) string {
	if d < 10*time.Second {
		return short(d)
	}
	return tick(d)
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

func stamp(t time.Time) string { return t.Format("2006-01-02 15:04:05 MST") }

// statusText returns the status of an attempt with its failure reason.
func (b *bar) statusText() string {
	status := string(b.status)
	if b.reason != "" {
		status += " (" + string(b.reason) + ")"
	}
	if b.allowFailure && b.look().class == "warning" {
		status += ", allowed to fail"
	}
	return clean(status)
}

// details returns the details of an attempt as pairs of a label and a value.
func (b *bar) details(tl *timeline) [][2]string {
	var all [][2]string
	add := func(what, value string) {
		if value = clean(value); value != "" {
			all = append(all, [2]string{what, value})
		}
	}
	add("Status", b.statusText())
	if b.attempts > 1 {
		add("Attempt", fmt.Sprintf("%d of %d", b.attempt, b.attempts))
	}
	add("Stage", b.stage)
	add("Pipeline", fmt.Sprintf("%d of %s", b.pipeline.id, b.pipeline.project))
	if b.downstream != nil {
		add("Triggered", fmt.Sprintf("pipeline %d of %s", b.downstream.id, b.downstream.project))
	}
	if b.downstreamErr != nil {
		add("Triggered", b.downstreamErr.Error())
	}
	if !b.queued.IsZero() {
		add("Queued", short(b.waited()))
	}
	if !b.started.IsZero() {
		ran := short(b.ran())
		if b.active {
			ran += " so far"
		}
		add("Ran", ran)
		add("Started", stamp(b.started.In(tl.start.Location())))
	}
	add("Runner", b.runner)
	if b.critical {
		add("Critical path", "yes, estimated")
	}
	return all
}

// label returns the name of an attempt, and a line for each of its details.
func (b *bar) label(tl *timeline) string {
	lines := []string{b.name}
	for _, d := range b.details(tl) {
		lines = append(lines, d[0]+": "+d[1])
	}
	return strings.Join(lines, "\n")
}
