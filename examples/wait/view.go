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
	update(item) // It may have changed. More than one goroutine calls it.

	// end writes the last line. The pipelines are as they were last seen, nil if never.
	end(*gitlabjobs.PipelineResult, outcome)
}

// plain writes a line for each change. GitLab lists the newest job first, so changes that come
// together are written in the order of their pipelines and IDs.
type plain struct {
	mu      sync.Mutex
	w       io.Writer
	seen    map[int64]string // By ID, what was written of it, or is about to be.
	changes []change
}

// change is a line that is about to be written.
type change struct {
	pipeline, id int64
	line         string
}

// together is how long changes wait for others.
const together = 100 * time.Millisecond

func (p *plain) update(it item) {
	what, state := "job", string(it.status)
	if it.bridge {
		what = "bridge"
	}
	if it.status == gitlabjobs.StatusFailed {
		state += fmt.Sprintf(" (%s)", it.reason)
		if it.mayFail {
			state += ", which is allowed"
		}
	}
	if it.below != nil {
		state += fmt.Sprintf(", pipeline %d: %s", it.below.ID, it.below.Status)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen[it.id] == state {
		return
	}
	p.seen[it.id] = state
	line := fmt.Sprintf("%s  pipeline %d  %s %s: %s\n", time.Now().Format(time.TimeOnly), it.pipeline, what, it.name, terminal.Clean(state))
	p.changes = append(p.changes, change{it.pipeline, it.id, line})
	if len(p.changes) == 1 {
		time.AfterFunc(together, p.flush)
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
	fmt.Fprintf(p.w, "%s: %s\n", o.word, o.why)
}

// live shows everything on a screen of its own, and leaves the end of it in the terminal.
type live struct {
	screen *terminal.Screen
	title  string
	began  time.Time
	stop   context.CancelFunc
	drawer sync.WaitGroup

	mu    sync.Mutex // Of what follows.
	board board
	drawn []string // The rows on the screen. Nil before the first drawing.
	size  [2]int   // Of the screen at that time.
}

func newLive(ctx context.Context, screen *terminal.Screen, t *target.Target) *live {
	l := &live{
		screen: screen, title: fmt.Sprintf("Pipeline %d of %s", t.ID, terminal.Clean(string(t.Project))), began: time.Now(),
		board: board{root: t.ID, pipelines: make(map[int64][]place)},
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

// draw draws what has changed since the last drawing. It begins when there is a job, or when
// there is none for seconds: an error may come first.
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
		below := 2 + terminal.Width(o.word+": "+o.why)/columns // The last line and the shell's prompt.
		for _, row := range l.board.frame(l.title, l.began, time.Now(), columns, rows-below) {
			fmt.Fprintln(l.screen, row)
		}
	}
	fmt.Fprintf(l.screen, "%s%s%s: %s\n", o.color, o.word, terminal.Reset, o.why)
}
