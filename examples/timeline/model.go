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

// timeline is the model of a tree of pipelines.
type timeline struct {
	root       *pipeline
	start, end time.Time // The range of all times.
	live       bool      // A job is unfinished, so the end is now.
	jobs       int       // The number of jobs without bridges. A retried job counts once.
	pipelines  int
	critical   []*bar // In order; see criticalPath.
}

// pipeline is one pipeline of the tree.
type pipeline struct {
	id                 int64
	project            string
	status             gitlabjobs.Status // Empty if unknown.
	ref, commit, title string            // The commit's short ID and title.
	url                string            // Empty unless it is safe to link to.
	bridge             *bar              // Nil for the first pipeline.
	stages             []*stage          // In the order of the pipeline.
	err                error             // The error if it could not be read.
}

type stage struct {
	name  string
	tasks []*task // Ordered by their begin.
}

// task is a job or a bridge with all attempts, oldest first.
type task struct {
	name     string
	attempts []*bar
}

// last returns the newest attempt.
func (t *task) last() *bar { return t.attempts[len(t.attempts)-1] }

// bars iterates over the attempts of a pipeline, without those of downstream pipelines.
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

// all iterates over the attempts of a pipeline and its downstream pipelines.
func (p *pipeline) all(yield func(*bar) bool) { p.visit(yield) }

// visit calls yield for each attempt until yield returns false. It reports whether all calls
// returned true.
func (p *pipeline) visit(yield func(*bar) bool) bool {
	for b := range p.bars {
		if !yield(b) || b.downstream != nil && !b.downstream.visit(yield) {
			return false
		}
	}
	return true
}

// newTimeline returns the model of a tree at a time. It shows times in the time zone of now.
func newTimeline(project gitlabjobs.Project, id int64, nodes []*gitlabjobs.TreeNode, now time.Time) *timeline {
	tl := &timeline{root: &pipeline{id: id, project: string(project)}}
	// If the local clock is behind the server's, use the latest time of the server as now.
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
			p.attach(n, bridges)
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

// attach connects a pipeline to the bridge that triggered it.
func (p *pipeline) attach(n *gitlabjobs.TreeNode, bridges map[int64]*bar) {
	if n.Pipeline != nil {
		p.status, p.ref = n.Pipeline.Status, n.Pipeline.Ref
		p.url = safeURL(n.Pipeline.WebURL)
		p.project = projectIn(n.Pipeline.WebURL, "pipelines", p.project)
	}
	if len(n.Path) == 0 {
		return
	}
	if b := bridges[n.Path[len(n.Path)-1].ID]; b != nil {
		p.bridge, b.downstream = b, p
	}
}

// describe sets the fields of a pipeline from one of its jobs.
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

// projectIn returns the path of the project in the URL of a job or a pipeline.
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

// arrange sorts the stages, tasks and attempts of a pipeline. GitLab creates the jobs of a
// pipeline stage by stage, so the smallest ID of each stage gives the order of the stages.
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

// never returns 1 for an attempt that has not begun, so that it is sorted last.
func never(b *bar) int {
	if b.begin().IsZero() {
		return 1
	}
	return 0
}

// span sets the start and end of the timeline.
func (tl *timeline) span(now time.Time) {
	for b := range tl.root.all {
		if begin := b.begin(); !begin.IsZero() {
			if tl.start.IsZero() || begin.Before(tl.start) {
				tl.start = begin
			}
			if b.ended.After(tl.end) {
				tl.end = b.ended
			}
			tl.live = tl.live || b.active
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

// place sets the positions of attempts that have not begun: the end of the previous stages.
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
				if b.downstream != nil {
					b.downstream.place(latestOf(at, b.started))
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

// dropLinks removes the URLs of jobs and pipelines.
func (tl *timeline) dropLinks() {
	tl.root.url = ""
	for b := range tl.root.all {
		b.url = ""
		if b.downstream != nil {
			b.downstream.url = ""
		}
	}
}

// asOf returns the time of the timeline, or an empty string if all jobs have finished.
func (tl *timeline) asOf() string {
	if !tl.live {
		return ""
	}
	return stamp(tl.end)
}

// heading returns the heading of a downstream pipeline.
func (p *pipeline) heading() string {
	text := "Pipeline " + p.name()
	if p.status != "" {
		text += ", " + clean(string(p.status))
	}
	return text
}

func (p *pipeline) name() string { return clean(fmt.Sprintf("%d of %s", p.id, p.project)) }

// note explains why a pipeline shows no jobs. It is empty if the pipeline has jobs.
func (p *pipeline) note() string {
	switch {
	case p.err != nil:
		return "This pipeline could not be read: " + clean(p.err.Error())
	case len(p.stages) == 0:
		return "This pipeline has no jobs. " + whyEmpty(p.status)
	default:
		return ""
	}
}

// whyEmpty explains why a pipeline with a status may have no jobs.
func whyEmpty(s gitlabjobs.Status) string {
	switch s {
	case gitlabjobs.StatusFailed:
		return "It failed, so .gitlab-ci.yml probably has an error. The pipeline's page in GitLab shows it."
	case gitlabjobs.StatusSkipped:
		return "It was skipped, so its commit message probably contains [skip ci]."
	case gitlabjobs.StatusCreated:
		return "It was just created: draw it again in a moment."
	default:
		return "It may be new, .gitlab-ci.yml may have an error, the commit message may contain [skip ci], or another CI system may report its results without jobs."
	}
}
