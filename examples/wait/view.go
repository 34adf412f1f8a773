package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/examples/internal/target"
	"example.com/gitlabjobs/examples/internal/terminal"
)

// view shows the jobs and bridges of the pipelines.
type view interface {
	update(item) // The item may have changed. Must be safe for concurrent use.

	// end writes the last line. The result is nil if there was no response.
	end(*gitlabjobs.PipelineResult, outcome)
}

// plain writes a line for each change. GitLab lists the newest job first, so changes that come
// together are written in the order of their pipelines and IDs.
type plain struct {
	mu      sync.Mutex
	w       io.Writer
	written map[int64]string // The last text for each ID, which may still be in changes.
	changes []change
}

// change is a line to write.
type change struct {
	pipeline, id int64
	line         string
}

// batchDelay is how long changes wait for others, so that they can be sorted.
const batchDelay = 100 * time.Millisecond

func (p *plain) update(it item) {
	kind, state := "job", string(it.status)
	if it.bridge {
		kind = "bridge"
	}
	if it.status == gitlabjobs.StatusFailed {
		state += fmt.Sprintf(" (%s)", it.reason)
		if it.allowFailure {
			state += ", allowed to fail"
		}
	}
	if it.downstream != nil {
		state += fmt.Sprintf(", pipeline %d: %s", it.downstream.ID, it.downstream.Status)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.written[it.id] == state {
		return
	}
	p.written[it.id] = state
	line := fmt.Sprintf("%s  pipeline %d  %s %s: %s\n", time.Now().Format(time.TimeOnly), it.pipeline, kind, it.name, terminal.Clean(state))
	p.changes = append(p.changes, change{it.pipeline, it.id, line})
	if len(p.changes) == 1 {
		time.AfterFunc(batchDelay, p.flush)
	}
}

// flush writes the changes so far.
func (p *plain) flush() {
	p.mu.Lock()
	defer p.mu.Unlock()
	slices.SortStableFunc(p.changes, func(a, b change) int {
		return cmp.Or(cmp.Compare(a.pipeline, b.pipeline), cmp.Compare(a.id, b.id))
	})
	for _, c := range p.changes {
		fmt.Fprint(p.w, c.line)
	}
	p.changes = nil
}

func (p *plain) end(_ *gitlabjobs.PipelineResult, o outcome) {
	p.flush()
	fmt.Fprintf(p.w, "%s: %s\n", o.label, o.reason)
}

// live draws the jobs on the alternate screen, and writes their final state to the terminal.
type live struct {
	screen *terminal.Screen
	title  string
	began  time.Time
	stop   context.CancelFunc
	drawer sync.WaitGroup

	mu    sync.Mutex // Protects the fields below.
	board board
	drawn []string // The rows on the screen. Nil before the first drawing.
	size  [2]int   // The size of the screen when drawn was drawn.
}

func newLive(ctx context.Context, screen *terminal.Screen, t *target.Target) *live {
	l := &live{
		screen: screen, title: fmt.Sprintf("Pipeline %d of %s", t.ID, terminal.Clean(string(t.Project))), began: time.Now(),
		board: board{root: t.ID, pipelines: make(map[int64][]entry)},
	}
	ctx, l.stop = context.WithCancel(ctx)
	l.drawer.Go(func() { screen.Redraw(ctx, l.draw) })
	return l
}

func (l *live) update(it item) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.board.put(it)
}

// draw draws the screen if it has changed. It draws nothing until there is a job or 3 seconds
// have passed, so that an early error is the only output.
func (l *live) draw() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.board.pipelines) == 0 && time.Since(l.began) < 3*time.Second {
		return
	}
	columns, rows := l.screen.Size()
	size := [2]int{columns, rows}
	frame := l.board.frame(l.title, l.began, time.Now(), columns, rows)
	frame = frame[:min(len(frame), rows)] // A terminal may have a single row.
	if size == l.size && slices.Equal(frame, l.drawn) {
		return
	}
	if l.drawn == nil {
		fmt.Fprint(l.screen, terminal.FullScreen)
	}
	l.size, l.drawn = size, frame
	drawing := terminal.Home + terminal.ClearRight + strings.Join(frame, "\r\n"+terminal.ClearRight)
	if len(frame) < rows {
		drawing += "\r\n" + terminal.ClearBelow
	}
	fmt.Fprint(l.screen, drawing)
}

func (l *live) end(r *gitlabjobs.PipelineResult, o outcome) {
	l.stop()
	l.drawer.Wait()
	if l.drawn != nil {
		fmt.Fprint(l.screen, terminal.FullScreenEnd)
	}
	if r != nil {
		l.board.putAll(r)
		columns, rows := l.screen.Size()
		below := 2 + terminal.Width(o.label+": "+o.reason)/columns // The last line and the shell's prompt.
		for _, row := range l.board.frame(l.title, l.began, time.Now(), columns, rows-below) {
			fmt.Fprintln(l.screen, row)
		}
	}
	fmt.Fprintf(l.screen, "%s%s%s: %s\n", o.color, o.label, terminal.Reset, o.reason)
}
