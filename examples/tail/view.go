package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/examples/internal/terminal"
)

// view shows a growing log.
type view interface {
	update(*gitlabjobs.Job) // The status has changed.
	line(*gitlabjobs.TraceLine)
	end(failed bool)
}

// plain writes the text of a log.
type plain struct{ w io.Writer }

func (p *plain) update(*gitlabjobs.Job) {}
func (p *plain) end(bool)               {}

func (p *plain) line(line *gitlabjobs.TraceLine) {
	if !marksOnly(line) {
		fmt.Fprintln(p.w, line.Text)
	}
}

// marksOnly reports whether a line consists only of marks of sections.
func marksOnly(line *gitlabjobs.TraceLine) bool {
	return line.Text == "" && len(line.Started)+len(line.Ended) > 0
}

// live writes a log to a terminal, above a status line.
type live struct {
	screen *terminal.Screen
	unfold bool
	stop   context.CancelFunc
	drawer sync.WaitGroup

	mu       sync.Mutex // Protects the fields below.
	job      *gitlabjobs.Job
	received time.Time                // The time at which the job was received.
	folded   *gitlabjobs.TraceSection // The current section, if it is folded.
	hidden   []string                 // The last lines of the folded section.
	status   string                   // The status line on the screen. Empty if there is none.
	width    int                      // The width of the status line.
	size     int                      // The width of the screen when the status line was written.
}

// maxHidden is the maximum number of lines of a folded section that are shown if the job
// fails in it.
const maxHidden = 20

func newLive(ctx context.Context, screen *terminal.Screen, unfold bool) *live {
	l := &live{screen: screen, unfold: unfold}
	ctx, l.stop = context.WithCancel(ctx)
	l.drawer.Go(func() { screen.Redraw(ctx, func() { l.print() }) })
	return l
}

func (l *live) update(job *gitlabjobs.Job) {
	l.mu.Lock()
	l.job, l.received = job, time.Now()
	l.mu.Unlock()
	l.print()
}

// print writes lines above the status line.
func (l *live) print(lines ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	columns, _ := l.screen.Size()
	status, width := l.statusLine(columns - len("^C") - 1) // The terminal shows ^C at an interrupt.
	if len(lines) == 0 && status == l.status && columns == l.size {
		return
	}
	var out strings.Builder
	out.WriteString(l.clear(columns))
	for _, line := range lines {
		out.WriteString(line + "\r\n")
	}
	if status != "" {
		out.WriteString(terminal.NoWrap + status + terminal.Wrap)
	}
	fmt.Fprint(l.screen, out.String())
	l.status, l.width, l.size = status, width, columns
}

// clear returns the codes that remove the status line. If the terminal has become narrower,
// the status line may span several rows.
func (l *live) clear(columns int) string {
	if l.status == "" {
		return ""
	}
	return "\r" + terminal.Up((l.width-1)/columns) + terminal.ClearBelow
}

// statusLine returns the status line, cut to a number of columns, and its width. The status
// line is empty if the job is not known yet.
func (l *live) statusLine(columns int) (line string, width int) {
	if l.job == nil {
		return "", 0
	}
	status, color := l.job.Status, terminal.Color(l.job.Status, l.job.AllowFailure)
	state := terminal.Sign(status, l.job.AllowFailure) + " " + terminal.Clean(string(status))
	elapsed := " " + l.elapsed()
	name := "  " + terminal.Middle(terminal.Clean(l.job.Name), max(columns-2-terminal.Width(state+elapsed), 1))
	section := ""
	if l.folded != nil {
		section = "  " + title(l.folded)
	}
	width = min(terminal.Width(state+elapsed+name+section), columns)
	return terminal.Row(columns,
		terminal.Span{Style: color, Text: state}, terminal.Span{Text: elapsed + name}, terminal.Span{Style: terminal.Dim, Text: section}), width
}

// elapsed returns the time for which the job has run or, if it has not started, has waited.
func (l *live) elapsed() string {
	since := time.Since(l.received)
	switch {
	case l.job.Status.Finished():
		return terminal.JobDuration(l.job.Duration)
	case l.job.Duration != nil:
		return terminal.Elapsed(terminal.Seconds(l.job.Duration) + since)
	default:
		return terminal.Elapsed(terminal.Seconds(l.job.QueuedDuration) + since)
	}
}

func (l *live) line(line *gitlabjobs.TraceLine) {
	for _, section := range line.Ended {
		l.sectionEnds(section)
	}
	for _, section := range line.Started {
		if !l.folds(section) {
			l.print(l.heading("▾", terminal.Bold, section, ""))
		}
	}
	folded := l.outermostFolded(line.Sections)
	l.mu.Lock()
	if folded != l.folded {
		l.folded, l.hidden = folded, nil
	}
	if folded != nil {
		l.hidden = append(l.hidden, line.Styled)
		l.hidden = l.hidden[max(0, len(l.hidden)-maxHidden):]
	}
	l.mu.Unlock()
	switch {
	case folded != nil:
		l.print()
	case marksOnly(line) || isHeader(line):
	default:
		l.print(line.Styled)
	}
}

// isHeader reports whether the text of a line is the title of a section.
func isHeader(line *gitlabjobs.TraceLine) bool {
	return len(line.Started) > 0 && line.Started[len(line.Started)-1].Header == line.Text
}

func (l *live) sectionEnds(section *gitlabjobs.TraceSection) {
	duration := ""
	if section.Options["hide_duration"] != "true" {
		duration = "  " + terminal.Elapsed(section.Duration())
	}
	switch {
	case l.folds(section):
		l.print(l.heading("▸", "", section, duration))
	case duration != "":
		l.print(l.heading("▴", terminal.Dim, section, duration))
	}
}

// heading returns a row with the title of a section and its duration.
func (l *live) heading(mark, style string, section *gitlabjobs.TraceSection, duration string) string {
	columns, _ := l.screen.Size()
	return terminal.Row(columns, terminal.Span{Style: terminal.Dim, Text: mark + " "},
		terminal.Span{Style: style, Text: terminal.End(title(section), columns-2-terminal.Width(duration))}, terminal.Span{Style: terminal.Dim, Text: duration})
}

// runnerSections are the sections that the runner adds before and after a job's script.
var runnerSections = []string{
	"prepare_executor", "prepare_script", "get_sources", "restore_cache", "download_artifacts",
	"archive_cache", "archive_cache_on_failure", "upload_artifacts_on_success", "upload_artifacts_on_failure",
	"cleanup_file_variables",
}

func (l *live) folds(section *gitlabjobs.TraceSection) bool {
	return !l.unfold && (section.Options["collapsed"] == "true" || slices.Contains(runnerSections, section.Name))
}

func (l *live) outermostFolded(sections []*gitlabjobs.TraceSection) *gitlabjobs.TraceSection {
	for _, section := range sections {
		if l.folds(section) {
			return section
		}
	}
	return nil
}

func title(section *gitlabjobs.TraceSection) string {
	if header := strings.TrimSpace(section.Header); header != "" {
		return terminal.Clean(header)
	}
	return terminal.Clean(strings.ReplaceAll(section.Name, "_", " "))
}

func (l *live) end(failed bool) {
	l.stop()
	l.drawer.Wait()
	columns, _ := l.screen.Size()
	fmt.Fprint(l.screen, l.clear(columns))
	if failed { // Show the end of the folded section that failed.
		for _, line := range l.hidden {
			fmt.Fprintln(l.screen, line)
		}
	}
}
