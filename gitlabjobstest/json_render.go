package gitlabjobstest

import (
	"cmp"
	"time"
)

// jobJSON returns a job as a server of this version sends it.
func (c *call) jobJSON(j *Job) any {
	return c.forVersion(c.wireJob(j))
}

// forVersion converts a job to what a server of this version sends.
func (c *call) forVersion(w *wireJob) any {
	if c.srv.cfg.older {
		return w.older()
	}
	return w
}

func (c *call) wireJob(j *Job) *wireJob {
	w := &wireJob{
		wireBasic: c.basic(j),
		Artifacts: []wireArtifact{},
		Archived:  j.spec.Archived,
		TagList:   append([]string{}, j.spec.TagList...),
	}
	w.ArtifactsExpireAt = isoOrNull(j.expires)
	for _, a := range j.artifacts {
		format := &a.Format
		w.Artifacts = append(w.Artifacts, wireArtifact{a.Type, a.Size, a.Filename, format})
		expired := !j.expires.IsZero() && !j.expires.After(c.now)
		if a.Type == "archive" && !expired {
			w.ArtifactsFile = &wireFile{a.Filename, a.Size}
		}
	}
	if size := j.logSize(c.now); !j.isLive && size > 0 {
		w.Artifacts = append(w.Artifacts, wireArtifact{FileType: "trace", Size: size, Filename: "job.log"})
	}
	if j.runner != nil {
		w.Runner, w.RunnerManager = j.runner.wire, j.runner.manager
	}
	return w
}

func (c *call) jobsJSON(jobs []*Job) any {
	if c.srv.cfg.older {
		return encodable(jobs, c.jobJSON)
	}
	all := make(wireJobs, len(jobs))
	for i, j := range jobs {
		all[i] = c.wireJob(j)
	}
	return all
}

func encodable(jobs []*Job, encode func(*Job) any) []any {
	all := make([]any, len(jobs))
	for i, j := range jobs {
		all[i] = encode(j)
	}
	return all
}

// bridgeJSON returns a bridge as GitLab sends it in lists and in the response to
// play.
func (c *call) bridgeJSON(j *Job) any {
	w := &wireBridge{wireBasic: c.basic(j)}
	if downstream := j.bridge.startedPipeline(); downstream != nil {
		w.DownstreamPipeline = c.pipeline(downstream)
	}
	if c.srv.cfg.older {
		return w.older()
	}
	return w
}

func (c *call) bridgesJSON(jobs []*Job) any {
	return encodable(jobs, c.bridgeJSON)
}

// bridgeAsJob returns a bridge as GitLab sends it in the response to retry.
func (c *call) bridgeAsJob(j *Job) any {
	w := &wireBridgeJob{
		wireBasic: c.basic(j), Artifacts: []wireArtifact{}, Archived: j.spec.Archived, TagList: []string{"bridge"},
	}
	if c.srv.cfg.older {
		job := &wireJob{wireBasic: w.wireBasic, Artifacts: w.Artifacts, TagList: w.TagList}
		return job.older()
	}
	return w
}

func (c *call) basic(j *Job) wireBasic {
	spec := &j.spec
	w := wireBasic{
		ID: j.id, Status: string(j.status), Stage: spec.Stage, Name: spec.Name,
		Ref: j.pipeline.spec.Ref, Tag: j.pipeline.spec.Tag, AllowFailure: spec.AllowFailure,
		CreatedAt: iso(j.created), StartedAt: isoOrNull(j.started), FinishedAt: isoOrNull(j.finished),
		ErasedAt: isoOrNull(j.erased), FailureReason: string(j.reason),
		WebURL:         j.pipeline.project.webURL() + "/-/jobs/" + itoa(j.id),
		Project:        wireProject{CIJobTokenScopeEnabled: j.pipeline.project.limitsJobTokens()},
		Duration:       c.seconds(j.started, j.finished),
		QueuedDuration: c.seconds(j.queued, cmp.Or(j.started, j.finished)),
	}
	if !c.srv.cfg.withoutPipelines {
		w.Pipeline = c.pipeline(j.pipeline)
	}
	if j.coverage > 0 {
		w.Coverage = &j.coverage
	}
	if j.user != nil {
		w.User = j.user.wire
	}
	if !spec.NoCommit {
		w.Commit = j.pipeline.commit
	}
	return w
}

// seconds returns the time between two times in seconds. If to is zero, it uses
// the current time. It returns nil if from is zero.
func (c *call) seconds(from, to time.Time) *float64 {
	if from.IsZero() {
		return nil
	}
	s := cmp.Or(to, c.now).Sub(from).Seconds()
	return &s
}

// pipeline returns a pipeline as GitLab sends it in jobs and bridges. The jobs of
// a response share it.
func (c *call) pipeline(pl *Pipeline) *wirePipeline {
	if w, ok := c.shared[pl].(*wirePipeline); ok {
		return w
	}
	w := &wirePipeline{
		ID: pl.id, IID: pl.iid, ProjectID: pl.project.id, SHA: pl.spec.SHA, Ref: pl.spec.Ref,
		Status: string(pl.status), Source: pl.spec.Source,
		CreatedAt: iso(pl.created), UpdatedAt: iso(pl.updated), WebURL: pl.webURL(),
	}
	c.shared[pl] = w
	return w
}

// iso formats a time as GitLab does.
func iso(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func isoOrNull(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := iso(t)
	return &s
}
