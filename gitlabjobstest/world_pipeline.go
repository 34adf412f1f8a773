package gitlabjobstest

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"example.com/gitlabjobs"
)

// PipelineSpec describes a pipeline. A field with the zero value has a default.
type PipelineSpec struct {
	ID     int64
	Ref    string // "main" by default.
	Tag    bool   // Ref is a tag.
	SHA    string // 40 hexadecimal digits.
	Source string // "push" by default.
	User   *User  // The user who starts the jobs. Users.Developer by default.

	// Status is a fixed status, for example of a pipeline with invalid YAML or of a
	// pipeline that has only external checks. See Pipeline.SetStatus. If it is
	// empty, the server computes the status from the jobs and bridges. Without jobs
	// it is StatusCreated.
	Status    gitlabjobs.Status
	AnyStatus bool // Allows a Status that GitLab does not have.

	// StatusLag is the time between a change of a job and the change of the
	// pipeline's status. GitLab updates pipelines in the background. Adding a job
	// updates the status at once.
	StatusLag time.Duration

	CommitTitle          string
	CommitTrailers       map[string][]string // Such as "Signed-off-by": {"Ada <ada@example.com>"}. None by default.
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
	counts           map[countKey]int // Counts the jobs and bridges that are not retried.
	jobs, bridges    []*Job           // By ascending ID.
	retried          int              // Number of retried jobs.
	upstream         *Job             // The bridge that triggers it.
	deleted          bool
}

// AddPipeline adds a pipeline to the project. It accepts at most one
// [PipelineSpec].
func (p *Project) AddPipeline(specs ...PipelineSpec) *Pipeline {
	p.srv.tb.Helper()
	now := p.srv.lock()
	defer p.srv.mu.Unlock()
	spec, ok := optionalSpec(specs)
	if !ok {
		p.srv.failf("AddPipeline to %s: got several PipelineSpecs: pass one or none", p.path)
		return &Pipeline{srv: p.srv, project: p, counts: map[countKey]int{}}
	}
	return p.addPipeline(spec, now)
}

func (p *Project) addPipeline(spec PipelineSpec, now time.Time) *Pipeline {
	s := p.srv
	s.tb.Helper()
	spec.Ref = cmp.Or(spec.Ref, "main")
	spec.Source = cmp.Or(spec.Source, "push")
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
	if problem := s.world.validatePipeline(p, spec, pl); problem != "" {
		s.failf("AddPipeline to %s: %s", p.path, problem)
		return pl
	}
	p.pipelines++
	pl.iid = p.pipelines
	pl.id = nextID(&s.world.lastPipeline, spec.ID)
	s.world.pipelines[pl.id] = pl
	if pl.spec.SHA == "" {
		pl.spec.SHA = sha(fmt.Sprint("pipeline ", pl.id))
	}
	pl.updateCommit()
	return pl
}

// updateCommit sets the pipeline's commit, which contains the project's current
// URL. It does not modify the previous commit, because responses in flight may
// use it.
func (pl *Pipeline) updateCommit() {
	pl.commit = newWireCommit(pl.project.webURL(), pl.spec, pl.created.Add(-time.Minute))
}

// validatePipeline returns what is wrong with a new pipeline, or an empty string.
func (w *world) validatePipeline(p *Project, spec PipelineSpec, pl *Pipeline) string {
	switch {
	case p.deleted:
		return "the project was deleted: add the pipeline to another one"
	case spec.ID < 0:
		return fmt.Sprintf("ID is %d: use a positive number, or leave it out to get the next free one", spec.ID)
	case w.pipelines[spec.ID] != nil:
		return fmt.Sprintf("ID %d is taken: leave it out to get the next free one", spec.ID)
	case spec.User.srv != p.srv:
		return "User belongs to another server: add one to this server with Server.AddUser"
	case spec.Status != "" && !knownStatus(spec.Status) && !spec.AnyStatus:
		return fmt.Sprintf("Status is %q, which GitLab does not have: use a gitlabjobs.Status constant, or set AnyStatus", spec.Status)
	case spec.StatusLag < 0:
		return fmt.Sprintf("StatusLag is %v: use 0 or more", spec.StatusLag)
	case spec.SHA != "" && !hex40(spec.SHA):
		return fmt.Sprintf("SHA is %q: use 40 hexadecimal digits, or leave it out", spec.SHA)
	case pl.updated.Before(pl.created):
		return "UpdatedAt is before CreatedAt: leave out one of them"
	}
	return ""
}

func hex40(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 20
}

// sha returns a string that looks like a commit ID. The same seed always returns
// the same string.
func sha(seed string) string {
	sum := sha256.Sum256([]byte(seed))
	return hex.EncodeToString(sum[:20])
}

// ID returns the pipeline's ID.
func (pl *Pipeline) ID() int64 { return pl.id }

// Project returns the project that the pipeline belongs to.
func (pl *Pipeline) Project() *Project { return pl.project }

// Status returns the pipeline's current status.
func (pl *Pipeline) Status() gitlabjobs.Status {
	pl.srv.lock()
	defer pl.srv.mu.Unlock()
	return pl.status
}

// Jobs returns the pipeline's jobs, including retried jobs, by ascending ID.
func (pl *Pipeline) Jobs() []*Job {
	pl.srv.lock()
	defer pl.srv.mu.Unlock()
	return append([]*Job(nil), pl.jobs...)
}

// Bridges returns the pipeline's bridges, including retried bridges, by ascending
// ID.
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
