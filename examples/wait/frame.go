package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/examples/internal/terminal"
)

// From so many columns on, there is room for more than the essential.
const (
	medium = 60  // Stages.
	roomy  = 100 // Reasons, and the numbers of pipelines.
)

// The widths of the columns.
const (
	narrowStatus = 10
	wideStatus   = 16
	stageWidth   = 12
	timeWidth    = 6
)

// frame draws all rows of a screen: a title, the progress and the jobs. No row is wider than
// the screen, and there are no more rows than it has.
func (b *board) frame(title string, began, now time.Time, columns, rows int) []string {
	lines := b.lines()
	frame := []string{
		terminal.Row(columns, terminal.Span{Style: terminal.Bold, Text: title}),
		progress(lines, terminal.Elapsed(now.Sub(began)), columns),
	}
	if len(lines) == 0 {
		return append(frame, terminal.Row(columns, terminal.Span{Style: terminal.Dim, Text: "No jobs so far."}))
	}
	room := max(rows-len(frame), 1)
	var more string
	if len(lines) > room {
		slices.SortStableFunc(lines, func(a, b line) int { return a.urgency() - b.urgency() })
		rest := lines[room-1:]
		more = terminal.Row(columns, terminal.Span{Style: terminal.Dim, Text: fmt.Sprintf("… %d more: %s", len(rest), summary(rest))})
		lines = slices.Clone(lines[:room-1])
		for i := range lines {
			lines[i].depth = 0 // Without its bridge above it, this says nothing.
		}
	}
	frame = append(frame, jobRows(lines, now, columns)...)
	if more != "" {
		frame = append(frame, more)
	}
	return frame
}

// progress is how many jobs are finished, as a bar and in numbers. Bridges are no jobs, but may fail.
func progress(lines []line, elapsed string, columns int) string {
	jobs, finished, failed := 0, 0, 0
	for _, l := range lines {
		if !l.bridge {
			jobs++
			if l.shown().Finished() {
				finished++
			}
		}
		if l.shown() == gitlabjobs.StatusFailed && !l.mayFail {
			failed++
		}
	}
	width, noun := min(columns/4, 30), " jobs"
	if columns < medium {
		width, noun = 8, ""
	}
	full := 0
	if jobs > 0 {
		full = finished * width / jobs
	}
	color := terminal.Green
	if failed > 0 {
		color = terminal.Red
	}
	spans := []terminal.Span{
		{Style: color, Text: strings.Repeat("█", full)},
		{Style: terminal.Dim, Text: strings.Repeat("░", width-full)},
		{Text: fmt.Sprintf("  %d of %d%s  %s", finished, jobs, noun, elapsed)},
	}
	if failed > 0 {
		spans = append(spans, terminal.Span{Style: color, Text: fmt.Sprintf("  %d failed", failed)})
	}
	return terminal.Row(columns, spans...)
}

// summary counts the statuses, the most urgent first.
func summary(lines []line) string {
	var names []string
	counts := make(map[string]int)
	for _, l := range lines {
		name := strings.TrimPrefix(statusText(l.item, false), "→ ")
		if counts[name] == 0 {
			names = append(names, name)
		}
		counts[name]++
	}
	for i, name := range names {
		names[i] = fmt.Sprint(counts[name], " ", name)
	}
	return strings.Join(names, ", ")
}

// jobRows draws a row for each job and bridge.
func jobRows(lines []line, now time.Time, columns int) []string {
	statusWidth, used := narrowStatus, 2+2+narrowStatus+2+timeWidth // With the sign, and spaces between the columns.
	if columns >= medium {
		statusWidth, used = wideStatus, 2+2+wideStatus+2+stageWidth+2+timeWidth
	}
	names, width := shortNames(lines, columns-used)
	rows := make([]string, len(lines))
	for i, l := range lines {
		status, color := l.shown(), terminal.Color(l.shown(), l.mayFail)
		spans := []terminal.Span{
			{Style: color, Text: terminal.Sign(status, l.mayFail) + " "},
			{Text: terminal.Left(names[i], width) + "  "},
			{Style: color, Text: terminal.Left(statusText(l.item, columns >= medium), statusWidth) + "  "},
		}
		if columns >= medium {
			spans = append(spans, terminal.Span{Style: terminal.Dim, Text: terminal.Left(l.stage, stageWidth) + "  "})
		}
		spans = append(spans, terminal.Span{Text: terminal.Right(l.elapsed(now), timeWidth)})
		if note := note(l.item); columns >= roomy && note != "" {
			spans = append(spans, terminal.Span{Style: terminal.Dim, Text: "  " + note})
		}
		rows[i] = terminal.Row(columns, spans...)
	}
	return rows
}

// shortNames indents the names by their depth and shortens them to so many columns at most.
// It returns the width that they need.
func shortNames(lines []line, most int) (names []string, width int) {
	most = max(most, 4)
	byDepth := make(map[int][]string)
	for _, l := range lines {
		byDepth[l.depth] = append(byDepth[l.depth], l.name)
	}
	for depth, names := range byDepth {
		byDepth[depth] = terminal.Names(names, max(most-2*depth, 4))
	}
	names = make([]string, len(lines))
	for i, l := range lines {
		names[i] = strings.Repeat("  ", l.depth) + byDepth[l.depth][0]
		byDepth[l.depth] = byDepth[l.depth][1:]
		width = max(width, terminal.Width(names[i]))
	}
	return names, min(width, most)
}

// statusText says how an item is: of a bridge, how the pipeline is that it has triggered.
func statusText(it item, wide bool) string {
	status, arrow := it.shown(), ""
	if it.below != nil {
		arrow = "→ "
	}
	switch {
	case status == gitlabjobs.StatusFailed && it.mayFail && wide:
		return arrow + "failed (allowed)"
	case status == gitlabjobs.StatusFailed && it.mayFail:
		return arrow + "allowed"
	case status == gitlabjobs.StatusWaitingForResource, status == gitlabjobs.StatusWaitingForCallback:
		return arrow + "waiting"
	default:
		return arrow + terminal.Clean(string(status))
	}
}

// note is what there is room for in a wide terminal.
func note(it item) string {
	var notes []string
	if it.below != nil {
		notes = append(notes, fmt.Sprintf("pipeline %d", it.below.ID))
	}
	if it.status == gitlabjobs.StatusFailed {
		notes = append(notes, terminal.Clean(string(it.reason)))
	}
	return strings.Join(notes, ", ")
}
