package gitlabjobstest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"example.com/gitlabjobs"
)

// PipelineSpec is what a test says of a pipeline; zero values mean something
// plausible.
type PipelineSpec struct {
	ID     int64
	Ref    string            // "main" by default.
	Tag    bool              // Ref is a tag.
	SHA    string            // 40 hex digits.
	Source string            // "push" by default.
	Status gitlabjobs.Status // Empty: it follows from the pipeline's jobs.
	User   *User             // Starts the jobs. Users.Developer by default.

	CommitTitle          string
	CreatedAt, UpdatedAt time.Time
}

// Pipeline is a pipeline of a [Server].
type Pipeline struct {
	srv     *Server
	project *Project
	id, iid int64
	spec    PipelineSpec
	commit  *wireCommit

	created, updated time.Time
	status           gitlabjobs.Status
	counts           map[countKey]int // Jobs and bridges that are not retried.
	jobs, bridges    []*Job           // By ascending id.
	retried          int              // Of jobs.
	upstream         *Job             // The bridge that triggers it.
	deleted          bool
}

type countKey struct {
	status  gitlabjobs.Status
	allowed bool // It may fail, or a manual job need not be played.
}

// AddPipeline adds a pipeline to the project. What is known of it is said by
// one [PipelineSpec] at most.
func (p *Project) AddPipeline(specs ...PipelineSpec) *Pipeline {
	if p.srv.tb != nil {
		p.srv.tb.Helper()
	}
	now := p.srv.lock()
	defer p.srv.mu.Unlock()
	spec, ok := only(specs)
	if !ok {
		p.srv.bad("AddPipeline to %s: give one PipelineSpec at most", p.path)
		return &Pipeline{srv: p.srv, project: p, counts: map[countKey]int{}}
	}
	return p.addPipeline(spec, now)
}

func (p *Project) addPipeline(spec PipelineSpec, now time.Time) *Pipeline {
	s := p.srv
	if s.tb != nil {
		s.tb.Helper()
	}
	spec.Ref = or(spec.Ref, "main")
	spec.Source = or(spec.Source, "push")
	if spec.User == nil {
		spec.User = s.Users.Developer
	}
	pl := &Pipeline{srv: s, project: p, spec: spec, counts: map[countKey]int{}, status: spec.Status}
	if pl.status == "" {
		pl.status = gitlabjobs.StatusCreated
	}
	pl.created, pl.updated = spec.CreatedAt, spec.UpdatedAt
	if pl.created.IsZero() {
		pl.created = now.Add(-2 * time.Minute)
	}
	if pl.updated.IsZero() {
		pl.updated = pl.created
	}
	if why := s.world.refusePipeline(p, spec, pl); why != "" {
		s.bad("AddPipeline to %s: %s", p.path, why)
		return pl
	}
	p.pipelines++
	pl.iid = p.pipelines
	pl.id = next(&s.world.lastPipeline, spec.ID)
	s.world.pipelines[pl.id] = pl
	if pl.spec.SHA == "" {
		pl.spec.SHA = sha(fmt.Sprint("pipeline ", pl.id))
	}
	pl.recommit()
	return pl
}

// recommit makes the pipeline's commit, with the URL of where the project is.
// Answers that are on their way keep the one that they have.
func (pl *Pipeline) recommit() {
	pl.commit = newWireCommit(pl.project.webURL(), pl.spec, pl.created.Add(-time.Minute))
}

func (w *world) refusePipeline(p *Project, spec PipelineSpec, pl *Pipeline) string {
	switch {
	case p.deleted:
		return "the project was deleted: add another one"
	case spec.ID < 0:
		return "an id is above 0: leave it out to be given one"
	case w.pipelines[spec.ID] != nil:
		return fmt.Sprintf("the id %d is taken: leave it out to be given one", spec.ID)
	case spec.User.srv != p.srv:
		return "the user is of another server: add one to this server with AddUser"
	case spec.Status != "" && !known(spec.Status):
		return fmt.Sprintf("%q is no status of GitLab's: use one of the gitlabjobs.Status constants", spec.Status)
	case spec.SHA != "" && !hex40(spec.SHA):
		return "the SHA has 40 hex digits: leave it out to be given one"
	case pl.updated.Before(pl.created):
		return "UpdatedAt is before CreatedAt: leave out one of them"
	}
	return ""
}

func hex40(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 20
}

// sha returns something that looks like a commit's id, and is the same for the
// same seed.
func sha(seed string) string {
	sum := sha256.Sum256([]byte(seed))
	return hex.EncodeToString(sum[:20])
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// ID returns the pipeline's id.
func (pl *Pipeline) ID() int64 { return pl.id }

// Project returns the project that the pipeline belongs to.
func (pl *Pipeline) Project() *Project { return pl.project }

// Status returns the pipeline's status at this moment.
func (pl *Pipeline) Status() gitlabjobs.Status {
	pl.srv.lock()
	defer pl.srv.mu.Unlock()
	return pl.status
}

// Jobs returns the pipeline's jobs, retried ones included, by ascending id.
func (pl *Pipeline) Jobs() []*Job {
	pl.srv.lock()
	defer pl.srv.mu.Unlock()
	return append([]*Job(nil), pl.jobs...)
}

// Bridges returns the pipeline's bridges, retried ones included, by ascending
// id.
func (pl *Pipeline) Bridges() []*Bridge {
	pl.srv.lock()
	defer pl.srv.mu.Unlock()
	all := make([]*Bridge, len(pl.bridges))
	for i, j := range pl.bridges {
		all[i] = &Bridge{j}
	}
	return all
}

func (pl *Pipeline) webURL() string {
	return fmt.Sprintf("%s/-/pipelines/%d", pl.project.webURL(), pl.id)
}

func (j *Job) countKey() countKey { return countKey{j.status, j.spec.AllowFailure} }

// count takes a job in or out of what the pipeline's status follows from.
func (pl *Pipeline) count(j *Job, by int) {
	if !j.retried {
		pl.counts[j.countKey()] += by
	}
}

// refresh lets the status follow from the jobs, and the bridge that triggered
// the pipeline from its status where it waits for that.
func (pl *Pipeline) refresh(at time.Time) {
	status := pl.spec.Status
	if status == "" {
		status = composite(pl.counts)
	}
	if status == pl.status {
		return
	}
	goesOn := pl.status.Finished() && !status.Finished()
	pl.status = status
	if at.After(pl.updated) {
		pl.updated = at
	}
	if up := pl.upstream; up != nil && up.bridge.spec.Depend && up.bridge.down == pl {
		up.follow(pl, goesOn, at)
	}
}

// composite is how GitLab sums up the statuses of a pipeline's jobs.
func composite(counts map[countKey]int) gitlabjobs.Status {
	has := map[gitlabjobs.Status]bool{}
	for k, n := range counts {
		switch {
		case n == 0:
		case k.allowed && (k.status == gitlabjobs.StatusFailed || k.status == gitlabjobs.StatusCanceled):
			has["warning"] = true
		case k.allowed && k.status == gitlabjobs.StatusManual:
			has["ignored"] = true
		default:
			has[k.status] = true
		}
	}
	only := func(statuses ...gitlabjobs.Status) bool {
		n := 0
		for _, s := range statuses {
			if has[s] {
				n++
			}
		}
		return n == len(has)
	}
	const warning, ignored = "warning", "ignored"
	switch {
	case len(has) == 0, only(gitlabjobs.StatusCreated, warning, ignored):
		return gitlabjobs.StatusCreated
	case only(gitlabjobs.StatusSkipped):
		return gitlabjobs.StatusSkipped
	case only(gitlabjobs.StatusSuccess, gitlabjobs.StatusSkipped, warning, ignored):
		return gitlabjobs.StatusSuccess
	case only(gitlabjobs.StatusPreparing):
		return gitlabjobs.StatusPreparing
	case only(gitlabjobs.StatusCanceled, gitlabjobs.StatusSuccess, gitlabjobs.StatusSkipped, warning, ignored):
		return gitlabjobs.StatusCanceled
	case only(gitlabjobs.StatusPending, gitlabjobs.StatusCreated, gitlabjobs.StatusSkipped, warning, ignored):
		return gitlabjobs.StatusPending
	case has[gitlabjobs.StatusRunning] || has[gitlabjobs.StatusPending]:
		return gitlabjobs.StatusRunning
	}
	for _, s := range []gitlabjobs.Status{
		gitlabjobs.StatusCanceling, gitlabjobs.StatusWaitingForResource, gitlabjobs.StatusWaitingForCallback,
		gitlabjobs.StatusManual, gitlabjobs.StatusScheduled, gitlabjobs.StatusPreparing,
	} {
		if has[s] {
			return s
		}
	}
	if has[gitlabjobs.StatusCreated] {
		return gitlabjobs.StatusRunning
	}
	return gitlabjobs.StatusFailed
}
