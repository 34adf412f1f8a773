package gitlabjobstest

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"example.com/gitlabjobs"
)

// world is the state of a server, guarded by its mutex.
type world struct {
	projects  map[int64]*Project
	paths     map[string]*Project
	moved     map[string]*Project
	pipelines map[int64]*Pipeline
	jobs      map[int64]*Job // Bridges too: they share the IDs.
	users     []*User
	tokens    map[string]*accessToken
	runners   map[int64]*Runner
	runner    *Runner // The default runner of jobs.

	lastProject, lastPipeline, lastJob, lastUser, lastRunner, lastAgent int64
}

func (w *world) init(s *Server) {
	*w = world{
		projects:  map[int64]*Project{},
		paths:     map[string]*Project{},
		moved:     map[string]*Project{},
		pipelines: map[int64]*Pipeline{},
		jobs:      map[int64]*Job{},
		tokens:    map[string]*accessToken{},
		runners:   map[int64]*Runner{},
		// The IDs of projects, pipelines and jobs start at different numbers, so that
		// a test fails if it uses one kind of ID instead of another.
		lastPipeline: 100,
		lastJob:      1000,
	}
	s.addDefaultUsers()
	w.runner = s.addRunner(RunnerSpec{})
}

// nextID returns the requested ID, or the highest ID plus 1 if requested is 0.
func nextID(last *int64, requested int64) int64 {
	if requested == 0 {
		requested = *last + 1
	}
	*last = max(*last, requested)
	return requested
}

// Visibility defines who can see a project.
type Visibility string

// The visibilities of a project.
const (
	Private  Visibility = "private"  // Its members.
	Internal Visibility = "internal" // Every user.
	Public   Visibility = "public"   // Everybody.
)

// ProjectSpec describes a project. A field with the zero value has a default.
type ProjectSpec struct {
	ID              int64
	Visibility      Visibility // Private by default.
	MovedFrom       []string   // Earlier paths. The server responds to GET requests at these paths with 301, and to other methods with 405.
	StatsRefreshing bool       // Erase responds with 409.
	OpenToJobTokens bool       // Job tokens of other projects can read it if their user is a member.
	CreatedAt       time.Time
}

// Project is a project of a [Server].
type Project struct {
	srv             *Server
	id              int64
	path            string
	visibility      Visibility
	statsRefreshing bool
	openToJobTokens bool
	created         time.Time
	members         map[*User]Role
	jobs            []*Job // Without bridges, by ascending ID.
	agents          []*agent
	pipelines       int64 // The highest IID.
	deleted         bool
}

// AddProject adds a project with a full path, such as "group/app". It accepts at
// most one [ProjectSpec].
func (s *Server) AddProject(path string, specs ...ProjectSpec) *Project {
	s.tb.Helper()
	now := s.lock()
	defer s.mu.Unlock()
	spec, ok := optionalSpec(specs)
	p := &Project{
		srv: s, path: path, visibility: spec.Visibility, statsRefreshing: spec.StatsRefreshing,
		openToJobTokens: spec.OpenToJobTokens, created: spec.CreatedAt, members: s.defaultMembers(),
	}
	if p.visibility == "" {
		p.visibility = Private
	}
	if p.created.IsZero() {
		p.created = now.Add(-90 * 24 * time.Hour)
	}
	problem := "got several ProjectSpecs: pass one or none"
	if ok {
		problem = s.world.validateProject(path, p.visibility, spec)
	}
	if problem != "" {
		s.failf("AddProject(%q): %s", path, problem)
		return p
	}
	p.id = nextID(&s.world.lastProject, spec.ID)
	s.world.projects[p.id] = p
	s.world.paths[path] = p
	for _, old := range spec.MovedFrom {
		s.world.moved[old] = p
	}
	return p
}

// validateProject returns what is wrong with a new project, or an empty string.
func (w *world) validateProject(path string, v Visibility, spec ProjectSpec) string {
	switch {
	case !isFullPath(path):
		return "use a full path, such as group/app"
	case w.paths[path] != nil || w.moved[path] != nil:
		return "the path is taken: use another one"
	case spec.ID < 0:
		return fmt.Sprintf("ID is %d: use a positive number, or leave it out to get the next free one", spec.ID)
	case w.projects[spec.ID] != nil:
		return fmt.Sprintf("ID %d is taken: leave it out to get the next free one", spec.ID)
	case v != Private && v != Internal && v != Public:
		return fmt.Sprintf("Visibility is %q: use Private, Internal or Public", v)
	}
	for _, old := range spec.MovedFrom {
		switch {
		case !isFullPath(old) || w.paths[old] != nil || old == path:
			return "MovedFrom " + old + ": use a full path that no project has now"
		case w.moved[old] != nil:
			return "MovedFrom " + old + ": another project has this earlier path: set it for only one of them"
		}
	}
	return ""
}

func isFullPath(path string) bool {
	parts := strings.Split(path, "/")
	return len(parts) > 1 && !slices.Contains(parts, "")
}

// ID returns the project's ID.
func (p *Project) ID() int64 { return p.id }

// Path returns the project's full path.
func (p *Project) Path() string {
	p.srv.mu.Lock()
	defer p.srv.mu.Unlock()
	return p.path
}

// ByID identifies the project by its ID for the methods of package gitlabjobs.
func (p *Project) ByID() gitlabjobs.Project { return gitlabjobs.ProjectID(p.id) }

// ByPath identifies the project by its path for the methods of package
// gitlabjobs.
func (p *Project) ByPath() gitlabjobs.Project { return gitlabjobs.Project(p.Path()) }

// SetStatsRefreshing sets whether GitLab is refreshing the project's
// statistics. If it is, erase responds with 409.
func (p *Project) SetStatsRefreshing(on bool) {
	p.srv.lock()
	defer p.srv.mu.Unlock()
	p.statsRefreshing = on
}

func (p *Project) name() string { return p.path[strings.LastIndex(p.path, "/")+1:] }

func (p *Project) webURL() string { return p.srv.cfg.externalURL + "/" + p.path }

// insert adds a job to a list that is ordered by ID. Most jobs have the highest
// ID so far.
func insert(jobs []*Job, j *Job) []*Job {
	if n := len(jobs); n == 0 || jobs[n-1].id < j.id {
		return append(jobs, j)
	}
	return slices.Insert(jobs, indexAfter(jobs, j.id), j)
}

// indexAfter returns the index of the first job with a higher ID.
func indexAfter(jobs []*Job, id int64) int {
	return sort.Search(len(jobs), func(i int) bool { return jobs[i].id > id })
}

// Job returns the job with the given ID, such as a job that a retry has created.
func (s *Server) Job(id int64) *Job {
	s.tb.Helper()
	s.lock()
	defer s.mu.Unlock()
	if j := s.world.jobs[id]; j != nil && j.bridge == nil {
		return j
	}
	s.failf("Job(%d): the server has no such job: use the ID of a job that AddJob or a response returned", id)
	return &Job{srv: s, pipeline: s.detachedPipeline()}
}

// Bridge returns the bridge with the given ID, such as a bridge that a retry has
// created.
func (s *Server) Bridge(id int64) *Bridge {
	s.tb.Helper()
	s.lock()
	defer s.mu.Unlock()
	if j := s.world.jobs[id]; j != nil && j.bridge != nil {
		return &Bridge{j}
	}
	s.failf("Bridge(%d): the server has no such bridge: use the ID of a bridge that AddBridge or a response returned", id)
	return &Bridge{&Job{srv: s, pipeline: s.detachedPipeline(), bridge: &bridge{}}}
}

// Pipeline returns the pipeline with the given ID, such as a pipeline that a
// bridge has started.
func (s *Server) Pipeline(id int64) *Pipeline {
	s.tb.Helper()
	s.lock()
	defer s.mu.Unlock()
	if pl := s.world.pipelines[id]; pl != nil {
		return pl
	}
	s.failf("Pipeline(%d): the server has no such pipeline: use the ID of a pipeline that AddPipeline or a response returned", id)
	return s.detachedPipeline()
}

// Project returns the project with the given full path.
func (s *Server) Project(path string) *Project {
	s.tb.Helper()
	s.lock()
	defer s.mu.Unlock()
	if p := s.world.paths[path]; p != nil {
		return p
	}
	s.failf("Project(%q): the server has no such project: add it with AddProject first", path)
	return s.detachedPipeline().project
}

// detachedPipeline returns a pipeline that no request can reach. A failed lookup
// returns it if there is no test to end, so that the program does not panic.
func (s *Server) detachedPipeline() *Pipeline {
	p := &Project{srv: s, path: "no/such", visibility: Private, members: map[*User]Role{}}
	return &Pipeline{srv: s, project: p, counts: map[countKey]int{}}
}
