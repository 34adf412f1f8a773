package main

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"example.com/gitlabjobs"
)

// timeline is a tree of pipelines as it is drawn.
type timeline struct {
	root       *pipeline
	start, end time.Time // Of all that is drawn.
	live       bool      // Something goes on: the end is now.
	jobs       int       // A retried one counts once; a bridge is none.
	pipelines  int
	critical   []*bar // From the first to the last; see criticalPath.
}

// pipeline is one pipeline of the tree.
type pipeline struct {
	id                 int64
	project            string
	status             gitlabjobs.Status // Empty: the server does not say.
	ref, commit, title string            // Of the commit: its short id and title.
	url                string            // Empty unless it is one that may be linked to.
	bridge             *bar              // nil: it is the first one.
	stages             []*stage          // In their order.
	err                error             // It could not be read.
}

type stage struct {
	name  string
	tasks []*task // By the time when they began.
}

// task is a job or a bridge with all its attempts, the first one first.
type task struct {
	name     string
	attempts []*bar
}

// last is the attempt that counts.
func (t *task) last() *bar { return t.attempts[len(t.attempts)-1] }

// bars are all attempts in a pipeline, those of the pipelines below it left out.
func (p *pipeline) bars(yield func(*bar) bool) {
	for _, s := range p.stages {
		for _, t := range s.tasks {
			for _, b := range t.attempts {
				if !yield(b) {
					return
				}
			}
		}
	}
}

// all are the attempts in a pipeline and in those below it.
func (p *pipeline) all(yield func(*bar) bool) { p.walk(yield) }

// walk reports whether yield wants more.
func (p *pipeline) walk(yield func(*bar) bool) bool {
	for b := range p.bars {
		if !yield(b) || b.down != nil && !b.down.walk(yield) {
			return false
		}
	}
	return true
}

// newTimeline makes the model of a tree, as it is at a time. The times that it shows
// are in the zone of now.
func newTimeline(project gitlabjobs.Project, id int64, nodes []*gitlabjobs.TreeNode, now time.Time) *timeline {
	tl := &timeline{root: &pipeline{id: id, project: string(project)}}
	// No clock of ours is behind the server's.
	zone := now.Location()
	for _, n := range nodes {
		for _, at := range stampsOf(n) {
			if at.After(now) {
				now = at.In(zone)
			}
		}
	}
	pipelines := map[int64]*pipeline{id: tl.root}
	bridges := make(map[int64]*bar)
	for _, n := range nodes {
		p := pipelines[n.PipelineID]
		if p == nil {
			p = &pipeline{id: n.PipelineID, project: string(n.Project)}
			pipelines[p.id] = p
			p.under(n, bridges)
		}
		switch {
		case n.Job != nil:
			p.describe(n.Job)
			p.add(jobBar(n.Job, now))
		case n.Bridge != nil:
			b := bridgeBar(n.Bridge, n.Err, now)
			bridges[n.Bridge.ID] = b
			p.add(b)
		default:
			p.err = n.Err
		}
	}
	tl.pipelines = len(pipelines)
	for _, p := range pipelines {
		p.arrange()
	}
	tl.span(now)
	tl.root.place(tl.start)
	tl.critical = tl.criticalPath()
	for _, b := range tl.critical {
		b.critical = true
	}
	return tl
}

func stampsOf(n *gitlabjobs.TreeNode) []time.Time {
	switch {
	case n.Job != nil:
		return []time.Time{n.Job.StartedAt, n.Job.FinishedAt}
	case n.Bridge != nil:
		return []time.Time{n.Bridge.StartedAt, n.Bridge.FinishedAt}
	default:
		return nil
	}
}

// under hangs a pipeline below the bridge that triggered it.
func (p *pipeline) under(n *gitlabjobs.TreeNode, bridges map[int64]*bar) {
	if n.Pipeline != nil {
		p.status, p.ref = n.Pipeline.Status, n.Pipeline.Ref
		p.url = safeURL(n.Pipeline.WebURL)
		p.project = projectIn(n.Pipeline.WebURL, "pipelines", p.project)
	}
	if len(n.Path) == 0 {
		return
	}
	if b := bridges[n.Path[len(n.Path)-1].ID]; b != nil {
		p.bridge, b.down = b, p
	}
}

// describe takes from a job what it says of its pipeline.
func (p *pipeline) describe(job *gitlabjobs.Job) {
	p.project = projectIn(job.WebURL, "jobs", p.project)
	p.ref = cmp.Or(p.ref, job.Ref)
	if job.Pipeline != nil {
		p.status = cmp.Or(p.status, job.Pipeline.Status)
		p.url = cmp.Or(p.url, safeURL(job.Pipeline.WebURL))
	}
	if job.Commit != nil {
		p.commit, p.title = cmp.Or(p.commit, job.Commit.ShortID), cmp.Or(p.title, job.Commit.Title)
	}
}

// projectIn is the path of the project in the address of a job or a pipeline.
func projectIn(address, kind, otherwise string) string {
	if u, err := url.Parse(address); err == nil {
		if path, _, found := strings.Cut(u.Path, "/-/"+kind+"/"); found && len(path) > 1 {
			return path[1:]
		}
	}
	return otherwise
}

func (p *pipeline) add(b *bar) {
	b.pipeline = p
	i := slices.IndexFunc(p.stages, func(s *stage) bool { return s.name == b.stage })
	if i < 0 {
		i = len(p.stages)
		p.stages = append(p.stages, &stage{name: b.stage})
	}
	s := p.stages[i]
	for _, t := range s.tasks {
		if t.name == b.name && t.last().bridge == b.bridge {
			t.attempts = append(t.attempts, b)
			return
		}
	}
	s.tasks = append(s.tasks, &task{name: b.name, attempts: []*bar{b}})
}

// arrange puts all of a pipeline in its order. GitLab makes the jobs of a pipeline
// stage by stage, so the smallest id tells the order of the stages; a job that was
// retried has its first attempt's.
func (p *pipeline) arrange() {
	first := make(map[*stage]int64)
	for _, s := range p.stages {
		for _, t := range s.tasks {
			slices.SortFunc(t.attempts, func(a, b *bar) int { return cmp.Compare(a.id, b.id) })
			for i, b := range t.attempts {
				b.attempt, b.attempts = i+1, len(t.attempts)
				if i > 0 {
					b.before = t.attempts[i-1]
				}
			}
			if id := t.attempts[0].id; first[s] == 0 || id < first[s] {
				first[s] = id
			}
		}
		slices.SortStableFunc(s.tasks, func(a, b *task) int {
			x, y := a.attempts[0], b.attempts[0]
			return cmp.Or(never(x)-never(y), x.begin().Compare(y.begin()), cmp.Compare(x.id, y.id))
		})
	}
	slices.SortStableFunc(p.stages, func(a, b *stage) int { return cmp.Compare(first[a], first[b]) })
	for i, s := range p.stages {
		for _, t := range s.tasks {
			for _, b := range t.attempts {
				b.order = i
			}
		}
	}
}

// never is 1 for what has not begun, which comes last.
func never(b *bar) int {
	if b.begin().IsZero() {
		return 1
	}
	return 0
}

// span finds where the drawing begins and ends.
func (tl *timeline) span(now time.Time) {
	for b := range tl.root.all {
		if begin := b.begin(); !begin.IsZero() {
			if tl.start.IsZero() || begin.Before(tl.start) {
				tl.start = begin
			}
			if b.ended.After(tl.end) {
				tl.end = b.ended
			}
			tl.live = tl.live || b.going
		}
		if b.attempt == b.attempts && !b.bridge {
			tl.jobs++
		}
	}
	if tl.start.IsZero() {
		tl.start = now
	}
	tl.start = tl.start.In(now.Location())
	tl.end = tl.end.In(now.Location())
	if least := tl.start.Add(time.Second); tl.end.Before(least) {
		tl.end = least
	}
}

// place gives what never began its place: where the stages before it ended.
func (p *pipeline) place(from time.Time) {
	at := from
	for _, s := range p.stages {
		latest := at
		for _, t := range s.tasks {
			for _, b := range t.attempts {
				if b.begin().IsZero() && b.ended.IsZero() {
					b.ended = at
				}
				if b.ended.After(latest) {
					latest = b.ended
				}
				if b.down != nil {
					b.down.place(latestOf(at, b.started))
				}
			}
		}
		at = latest
	}
}

func latestOf(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// dropLinks forgets the addresses of the jobs and the pipelines.
func (tl *timeline) dropLinks() {
	tl.root.url = ""
	for b := range tl.root.all {
		b.url = ""
		if b.down != nil {
			b.down.url = ""
		}
	}
}

// asOf is the time for which the timeline tells what goes on; empty if nothing does.
func (tl *timeline) asOf() string {
	if !tl.live {
		return ""
	}
	return stamp(tl.end)
}

// heading names a pipeline that another one triggered.
func (p *pipeline) heading() string {
	text := "Pipeline " + p.name()
	if p.status != "" {
		text += ", " + clean(string(p.status))
	}
	return text
}

func (p *pipeline) name() string { return clean(fmt.Sprintf("%d of %s", p.id, p.project)) }

// note says why a pipeline shows no jobs; it is empty for one that has some.
func (p *pipeline) note() string {
	switch {
	case p.err != nil:
		return "This pipeline could not be read: " + clean(p.err.Error())
	case len(p.stages) == 0:
		return "This pipeline has no jobs. " + whyNone(p.status)
	default:
		return ""
	}
}

// whyNone says why a pipeline in a status may have no jobs.
func whyNone(s gitlabjobs.Status) string {
	switch s {
	case gitlabjobs.StatusFailed:
		return "As it failed, .gitlab-ci.yml probably has an error, which the page of the pipeline shows."
	case gitlabjobs.StatusSkipped:
		return "As it was skipped, its commit message probably says [skip ci]."
	case gitlabjobs.StatusCreated:
		return "It has only just been created: draw it again in a moment."
	default:
		return "It may have only just been created, .gitlab-ci.yml may have an error, the commit message may say [skip ci], or another CI system reports its results without jobs."
	}
}
