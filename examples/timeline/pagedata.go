package main

import "time"

// pageData is the data of the page's script. Times are in milliseconds from the start, or null.
type pageData struct {
	Title     string         `json:"title"`
	Span      int64          `json:"span"`
	Clock     string         `json:"clock"` // The start.
	AsOf      string         `json:"asOf"`  // Empty if all jobs have finished.
	Pipelines []pagePipeline `json:"pipelines"`
	Jobs      []pageJob      `json:"jobs"`     // All attempts.
	Critical  []pageStep     `json:"critical"` // In order.
}

type pagePipeline struct {
	Name    string      `json:"-"`
	Heading string      `json:"heading"`
	Status  string      `json:"status"`
	Look    string      `json:"look"` // Empty if the status is unknown.
	Note    string      `json:"note"` // Explains why there are no jobs.
	Stages  []pageStage `json:"stages"`
}

type pageStage struct {
	Name  string  `json:"name"`
	Tasks [][]int `json:"tasks"` // The attempts of each task, as indexes of Jobs, oldest first.
}

type pageJob struct {
	ID       int64       `json:"id"`
	Name     string      `json:"name"`
	Group    string      `json:"group,omitempty"`
	Look     string      `json:"look"`
	Status   string      `json:"status"`
	Stage    string      `json:"stage"`
	Pipeline int         `json:"pipeline"` // An index of Pipelines.
	Down     int         `json:"down"`     // The index of the pipeline that it triggered, or 0 for none. No bridge triggers pipeline 0.
	Runner   string      `json:"runner,omitempty"`
	URL      string      `json:"url,omitempty"`
	Queued   *int64      `json:"queued"`
	Started  *int64      `json:"started"`
	Ended    int64       `json:"ended"` // The position, if it never began.
	Waited   string      `json:"waited,omitempty"`
	Ran      string      `json:"ran,omitempty"`
	Bridge   bool        `json:"bridge,omitempty"`
	Attempt  int         `json:"attempt"`
	Attempts int         `json:"attempts"`
	OnPath   bool        `json:"onPath,omitempty"`
	Details  [][2]string `json:"details"`
}

type pageStep struct {
	Job int `json:"job"`
	// Leads is true if the next step is in the pipeline that this one triggered.
	Leads bool `json:"leads,omitempty"`
}

// data returns the data of the timeline for the page's script.
func (tl *timeline) data() *pageData {
	d := &pageData{Title: tl.title(), Span: max(tl.end.Sub(tl.start).Milliseconds(), 1), Clock: tl.start.Format("15:04:05"), AsOf: tl.asOf()}
	at := make(map[*bar]int)
	var add func(p *pipeline) int
	add = func(p *pipeline) int {
		place := len(d.Pipelines)
		d.Pipelines = append(d.Pipelines, pagePipeline{Name: p.name(), Heading: "Pipeline " + p.name(), Status: clean(string(p.status)), Note: p.note(), Stages: []pageStage{}})
		if p.status != "" {
			d.Pipelines[place].Look = lookOf(p.status, false).class
		}
		for _, s := range p.stages {
			stage := pageStage{Name: s.name}
			for _, t := range s.tasks {
				var attempts []int
				for _, b := range t.attempts {
					at[b] = len(d.Jobs)
					attempts = append(attempts, at[b])
					d.Jobs = append(d.Jobs, tl.pageJob(b, place))
				}
				stage.Tasks = append(stage.Tasks, attempts)
				for _, b := range t.attempts {
					if b.downstream != nil {
						down := add(b.downstream)
						d.Jobs[at[b]].Down = down
					}
				}
			}
			d.Pipelines[place].Stages = append(d.Pipelines[place].Stages, stage)
		}
		return place
	}
	add(tl.root)
	for i, b := range tl.critical {
		d.Critical = append(d.Critical, pageStep{Job: at[b], Leads: tl.leads(i)})
	}
	return d
}

func (tl *timeline) pageJob(b *bar, pipeline int) pageJob {
	since := func(t time.Time) *int64 {
		if t.IsZero() {
			return nil
		}
		ms := t.Sub(tl.start).Milliseconds()
		return &ms
	}
	j := pageJob{
		ID: b.id, Name: b.name, Group: groupOf(b.name), Look: b.look().class, Status: b.statusText(), Stage: b.stage, Pipeline: pipeline,
		Runner: clean(b.runner), URL: b.url, Queued: since(b.queued), Started: since(b.started), Ended: b.ended.Sub(tl.start).Milliseconds(),
		Bridge: b.bridge, Attempt: b.attempt, Attempts: b.attempts, OnPath: b.critical, Details: b.details(tl),
	}
	if !b.queued.IsZero() {
		j.Waited = short(b.waited())
	}
	if !b.started.IsZero() {
		j.Ran = short(b.ran())
	}
	return j
}
