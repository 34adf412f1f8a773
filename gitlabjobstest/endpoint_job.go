package gitlabjobstest

import (
	"cmp"
	"net/http"
	"strings"
)

// tokenJob responds with the job that the request's job token belongs to.
func (c *call) tokenJob() *response {
	if c.caller.job == nil {
		return messageResponse(http.StatusNotFound, "404 Job Not Found")
	}
	return jsonResponse(http.StatusOK, c.jobJSON(c.caller.job))
}

func (c *call) getJob() *response {
	if errResp := c.requireRead(); errResp != nil {
		return errResp
	}
	j, errResp := c.findJob(false)
	if errResp != nil {
		return errResp
	}
	return jsonResponse(http.StatusOK, c.jobJSON(j))
}

// allowedAgents responds with the agents that the job of the request's token may
// use.
func (c *call) allowedAgents() *response {
	j := c.caller.job
	if j == nil {
		return messageResponse(http.StatusNotFound, "404 Job Not Found")
	}
	c.project = j.pipeline.project
	w := wireAllowedAgents{
		AllowedAgents: []wireAgent{},
		Job:           wireID{j.id},
		Pipeline:      wireID{j.pipeline.id},
		Project:       wireAgentProject{ID: c.project.id, Groups: c.project.groups()},
		User:          wireAgentUser{ID: c.caller.user.id, Username: c.caller.user.wire.Username, RolesInProject: c.role().names()},
	}
	for _, a := range c.project.agents {
		w.AllowedAgents = append(w.AllowedAgents, wireAgent{ID: a.id, ConfigProject: a.project.wire(), Configuration: a.configuration})
	}
	if e := j.spec.Environment; e != nil {
		w.Environment = &wireEnvironment{Tier: cmp.Or(e.Tier, "other"), Slug: e.Slug}
	}
	return jsonResponse(http.StatusOK, w)
}

// groups returns the groups that contain the project, starting with the innermost
// group. Their IDs are arbitrary, because nothing else in the Jobs API refers to
// them.
func (p *Project) groups() []wireID {
	n := strings.Count(p.path, "/")
	ids := make([]wireID, n)
	for i := range ids {
		ids[i] = wireID{p.id*10 + int64(n-i)}
	}
	return ids
}

// planner is a role between Guest and Reporter. AddMember does not support it.
const planner Role = 15

// names returns the names of the role and of all lower roles.
func (r Role) names() []string {
	names := []string{}
	for _, role := range []struct {
		role Role
		name string
	}{{Guest, "guest"}, {planner, "planner"}, {Reporter, "reporter"}, {Developer, "developer"}, {Maintainer, "maintainer"}} {
		if role.role <= r {
			names = append(names, role.name)
		}
	}
	return names
}

func (p *Project) wire() wireConfigProject {
	parts := strings.Split(p.path, "/")
	return wireConfigProject{
		ID: p.id, Name: p.name(), NameWithNamespace: strings.Join(parts, " / "),
		Path: p.name(), PathWithNamespace: p.path, CreatedAt: iso(p.created),
	}
}
