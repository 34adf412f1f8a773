package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/examples/internal/terminal"
)

// The minimum widths of a screen with more columns of the table.
const (
	mediumScreen = 60  // Shows stages.
	wideScreen   = 100 // Shows failure reasons and pipeline IDs.
)

// The widths of the columns.
const (
	narrowStatus = 10
	wideStatus   = 16
	stageWidth   = 12
	timeWidth    = 6
)

// frame returns the rows of a screen: a title, the progress and the jobs. The rows fit on
// the screen.
func (b *board) frame(title string, began, now time.Time, columns, rows int) []string {
	lines := b.lines()
	frame := []string{
		terminal.Row(columns, terminal.Span{Style: terminal.Bold, Text: title}),
		progress(lines, terminal.Elapsed(now.Sub(began)), columns),
	}
	if len(lines) == 0 {
		return append(frame, terminal.Row(columns, terminal.Span{Style: terminal.Dim, Text: "No jobs yet."}))
	}
	room := max(rows-len(frame), 1)
	var more string
	if len(lines) > room {
		slices.SortStableFunc(lines, func(a, b line) int { return a.urgency() - b.urgency() })
		rest := lines[room-1:]
		more = terminal.Row(columns, terminal.Span{Style: terminal.Dim, Text: fmt.Sprintf("… %d more: %s", len(rest), summary(rest))})
		lines = slices.Clone(lines[:room-1])
		for i := range lines {
			lines[i].depth = 0 // The bridge may be missing, so the indentation has no meaning.
		}
	}
	frame = append(frame, jobRows(lines, now, columns)...)
	if more != "" {
		frame = append(frame, more)
	}
	return frame
}

// progress returns the number of finished jobs, with a bar. Bridges are not counted as jobs.
func progress(lines []line, elapsed string, columns int) string {
	jobs, finished, failed := 0, 0, 0
	for _, l := range lines {
		if !l.bridge {
			jobs++
			if l.shown().Finished() {
				finished++
			}
		}
		if l.shown() == gitlabjobs.StatusFailed && !l.allowFailure {
			failed++
		}
	}
	width, noun := min(columns/4, 30), " jobs"
	if columns < mediumScreen {
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

// summary counts the lines by status, the most urgent first.
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

// jobRows returns a row for each job and bridge.
func jobRows(lines []line, now time.Time, columns int) []string {
	statusWidth, used := narrowStatus, 2+2+narrowStatus+2+timeWidth // Includes the sign and the space between the columns.
	if columns >= mediumScreen {
		statusWidth, used = wideStatus, 2+2+wideStatus+2+stageWidth+2+timeWidth
	}
	names, width := shortNames(lines, columns-used)
	rows := make([]string, len(lines))
	for i, l := range lines {
		status, color := l.shown(), terminal.Color(l.shown(), l.allowFailure)
		spans := []terminal.Span{
			{Style: color, Text: terminal.Sign(status, l.allowFailure) + " "},
			{Text: terminal.Left(names[i], width) + "  "},
			{Style: color, Text: terminal.Left(statusText(l.item, columns >= mediumScreen), statusWidth) + "  "},
		}
		if columns >= mediumScreen {
			spans = append(spans, terminal.Span{Style: terminal.Dim, Text: terminal.Left(l.stage, stageWidth) + "  "})
		}
		spans = append(spans, terminal.Span{Text: terminal.Right(l.elapsed(now), timeWidth)})
		if note := note(l.item); columns >= wideScreen && note != "" {
			spans = append(spans, terminal.Span{Style: terminal.Dim, Text: "  " + note})
		}
		rows[i] = terminal.Row(columns, spans...)
	}
	return rows
}

// shortNames indents the names by their depth, and shortens them to limit columns. It also
// returns the width of the widest name.
func shortNames(lines []line, limit int) (names []string, width int) {
	limit = max(limit, 4)
	byDepth := make(map[int][]string)
	for _, l := range lines {
		byDepth[l.depth] = append(byDepth[l.depth], l.name)
	}
	for depth, names := range byDepth {
		byDepth[depth] = terminal.Names(names, max(limit-2*depth, 4))
	}
	names = make([]string, len(lines))
	for i, l := range lines {
		names[i] = strings.Repeat("  ", l.depth) + byDepth[l.depth][0]
		byDepth[l.depth] = byDepth[l.depth][1:]
		width = max(width, terminal.Width(names[i]))
	}
	return names, min(width, limit)
}

// statusText returns the text for the status of an item. An arrow marks the status of a
// downstream pipeline.
func statusText(it item, wide bool) string {
	status, arrow := it.shown(), ""
	if it.downstream != nil {
		arrow = "→ "
	}
	switch {
	case status == gitlabjobs.StatusFailed && it.allowFailure && wide:
		return arrow + "failed (allowed)"
	case status == gitlabjobs.StatusFailed && it.allowFailure:
		return arrow + "allowed"
	case status == gitlabjobs.StatusWaitingForResource, status == gitlabjobs.StatusWaitingForCallback:
		return arrow + "waiting"
	default:
		return arrow + terminal.Clean(string(status))
	}
}

// note returns the details of an item that are shown on a wide screen.
func note(it item) string {
	var notes []string
	if it.downstream != nil {
		notes = append(notes, fmt.Sprintf("pipeline %d", it.downstream.ID))
	}
	if it.status == gitlabjobs.StatusFailed {
		notes = append(notes, terminal.Clean(string(it.reason)))
	}
	return strings.Join(notes, ", ")
}
