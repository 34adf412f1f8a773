package gitlabjobstest

// AgentSpec describes an agent for Kubernetes.
type AgentSpec struct {
	ID            int64
	ConfigProject *Project       // The project that configures it. By default the project that AddAgent is called on.
	Configuration map[string]any // The access that jobs have, as in GitLab's responses.
}

type agent struct {
	id            int64
	project       *Project
	configuration map[string]any
}

// AddAgent adds an agent for Kubernetes that the project's jobs may use, and
// returns its ID.
func (p *Project) AddAgent(spec AgentSpec) int64 {
	s := p.srv
	s.tb.Helper()
	s.lock()
	defer s.mu.Unlock()
	if spec.ConfigProject == nil {
		spec.ConfigProject = p
	}
	if spec.ConfigProject.srv != s || spec.ID < 0 {
		s.failf("AddAgent to %s: ID is negative, or ConfigProject belongs to another server: leave them out", p.path)
		return 0
	}
	if spec.Configuration == nil {
		spec.Configuration = map[string]any{}
	}
	a := &agent{nextID(&s.world.lastAgent, spec.ID), spec.ConfigProject, spec.Configuration}
	p.agents = append(p.agents, a)
	return a.id
}
