package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/examples/internal/terminal"
)

// view shows a log as it comes.
type view interface {
	update(*gitlabjobs.Job)
	line(*gitlabjobs.TraceLine)
	end(*gitlabjobs.Job)
}

// plain writes the text of a log, and nothing else.
type plain struct{ w io.Writer }

func (p *plain) update(*gitlabjobs.Job) {}
func (p *plain) end(*gitlabjobs.Job)    {}

func (p *plain) line(line *gitlabjobs.TraceLine) {
	if marksOnly(line) {
		return
	}
	fmt.Fprintln(p.w, line.Text)
}

// marksOnly is a line that is there for its section marks alone.
func marksOnly(line *gitlabjobs.TraceLine) bool {
	return line.Text == "" && len(line.Started)+len(line.Ended) > 0
}

// live writes a log to a terminal, above a status line.
type live struct {
	settings
	ticker *time.Ticker
	done   chan struct{}
	ticked sync.WaitGroup

	mu      sync.Mutex // Of what follows: the status line has a clock of its own.
	job     *gitlabjobs.Job
	since   time.Time
	folded  *gitlabjobs.TraceSection // That is open now.
	hidden  []string                 // Its last lines.
	stopped bool
}

// keptHidden is how many lines of a folded section are shown if the job ends in it.
const keptHidden = 20

func newLive(s settings) *live {
	l := &live{settings: s, ticker: time.NewTicker(time.Second), done: make(chan struct{}), since: time.Now()}
	l.ticked.Go(func() {
		for {
			select {
			case <-l.done:
				return
			case <-l.ticker.C:
				l.print()
			}
		}
	})
	return l
}

func (l *live) stop() {
	l.mu.Lock()
	stopped := l.stopped
	l.stopped = true
	l.mu.Unlock()
	if stopped {
		return
	}
	l.ticker.Stop()
	close(l.done)
	l.ticked.Wait()
	fmt.Fprint(l.w, terminal.ClearLine)
}

func (l *live) update(job *gitlabjobs.Job) {
	l.mu.Lock()
	l.job, l.since = job, time.Now()
	l.mu.Unlock()
	l.print()
}

// print writes lines above the status line.
func (l *live) print(lines ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprint(l.w, terminal.ClearLine)
	for _, line := range lines {
		fmt.Fprintln(l.w, line)
	}
	if l.job == nil {
		return
	}
	status := l.job.Status
	fmt.Fprintf(l.w, "%s%s %s%s  %s  %s", terminal.Colour(status), terminal.Sign(status), status, terminal.Reset,
		l.job.Name, time.Since(l.since).Round(time.Second))
	if l.folded != nil {
		fmt.Fprintf(l.w, "  %s%s%s", terminal.Dim, title(l.folded), terminal.Reset)
	}
}

func (l *live) line(line *gitlabjobs.TraceLine) {
	for _, section := range line.Ended {
		l.sectionEnds(section)
	}
	for _, section := range line.Started {
		if !l.folds(section) {
			l.print(terminal.Bold + "▾ " + title(section) + terminal.Reset)
		}
	}
	folded := l.outermostFolded(line.Sections)
	l.mu.Lock()
	if folded != l.folded {
		l.folded, l.hidden = folded, nil
	}
	if folded != nil {
		l.hidden = append(l.hidden, line.Styled)
		l.hidden = l.hidden[max(0, len(l.hidden)-keptHidden):]
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

// isHeader is the line of a section's mark, whose text is the section's title.
func isHeader(line *gitlabjobs.TraceLine) bool {
	return len(line.Started) > 0 && line.Started[len(line.Started)-1].Header == line.Text
}

func (l *live) sectionEnds(section *gitlabjobs.TraceSection) {
	took := ""
	if section.Options["hide_duration"] != "true" {
		took = "  " + terminal.Dim + section.Duration().String() + terminal.Reset
	}
	switch {
	case l.folds(section):
		l.print(terminal.Dim + "▸ " + terminal.Reset + title(section) + took)
	case took != "":
		l.print(terminal.Dim + "▴ " + title(section) + terminal.Reset + took)
	}
}

// runnersOwn are the sections of a runner around a job's script.
var runnersOwn = []string{
	"prepare_executor", "prepare_script", "get_sources", "restore_cache", "download_artifacts",
	"archive_cache", "archive_cache_on_failure", "upload_artifacts_on_success", "upload_artifacts_on_failure",
	"cleanup_file_variables",
}

func (l *live) folds(section *gitlabjobs.TraceSection) bool {
	return !l.unfold && (section.Options["collapsed"] == "true" || slices.Contains(runnersOwn, section.Name))
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
		return header
	}
	return strings.ReplaceAll(section.Name, "_", " ")
}

func (l *live) end(job *gitlabjobs.Job) {
	l.stop()
	if job.Status == gitlabjobs.StatusFailed {
		for _, line := range l.hidden { // It failed in a section that is folded.
			fmt.Fprintln(l.w, line)
		}
	}
	fmt.Fprintf(l.w, "%s%s %s%s  %s after %s", terminal.Colour(job.Status), terminal.Sign(job.Status), job.Status, terminal.Reset,
		job.Name, terminal.Took(job))
	if job.FailureReason != "" {
		fmt.Fprintf(l.w, " (%s)", job.FailureReason)
	}
	fmt.Fprintln(l.w)
}
