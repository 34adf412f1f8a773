package gitlabjobstest

import (
	"fmt"
	"time"
)

// Role is a member's role in a project.
type Role int

// The roles in ascending order. A reporter can read jobs. A developer can also
// cancel, retry and play jobs, and can erase the jobs that they started. A
// maintainer can erase all jobs.
const (
	Guest      Role = 10
	Reporter   Role = 20
	Developer  Role = 30
	Maintainer Role = 40
)

// Tokens are the access tokens of the default users.
type Tokens struct {
	Maintainer, Developer, Reporter, Guest string // Tokens of the users who have these roles in every project.
	Outsider                               string // Token of a user who is not a member of any project.
	ReadAPI                                string // Token of the maintainer, with the scope read_api.
	NoScope                                string // Token of the maintainer that has neither the scope api nor read_api.
	Expired, Revoked                       string // Tokens of the maintainer that are no longer valid.
}

// Users are the default users of a [Server].
type Users struct {
	Maintainer, Developer, Reporter, Guest, Outsider *User
}

// UserSpec describes a user. A field with the zero value has a default.
type UserSpec struct {
	ID             int64
	Username, Name string
}

// User is a user of a [Server].
type User struct {
	srv   *Server
	id    int64
	token string
	wire  *wireUser
}

type accessToken struct {
	user             *User
	scopes           scope
	expired, revoked bool
}

type scope int

const (
	scopeAPI scope = iota
	scopeReadAPI
	scopeNone
)

func (s *Server) addDefaultUsers() {
	add := func() *User { return s.addUser(UserSpec{}) }
	s.Users = Users{Maintainer: add(), Developer: add(), Reporter: add(), Guest: add(), Outsider: add()}
	maintainer := s.Users.Maintainer
	s.Tokens = Tokens{
		Maintainer: maintainer.token, Developer: s.Users.Developer.token, Reporter: s.Users.Reporter.token,
		Guest: s.Users.Guest.token, Outsider: s.Users.Outsider.token,
		ReadAPI: "token-read-api", NoScope: "token-no-scope", Expired: "token-expired", Revoked: "token-revoked",
	}
	s.world.tokens[s.Tokens.ReadAPI] = &accessToken{user: maintainer, scopes: scopeReadAPI}
	s.world.tokens[s.Tokens.NoScope] = &accessToken{user: maintainer, scopes: scopeNone}
	s.world.tokens[s.Tokens.Expired] = &accessToken{user: maintainer, expired: true}
	s.world.tokens[s.Tokens.Revoked] = &accessToken{user: maintainer, revoked: true}
}

func (s *Server) defaultMembers() map[*User]Role {
	return map[*User]Role{
		s.Users.Maintainer: Maintainer, s.Users.Developer: Developer,
		s.Users.Reporter: Reporter, s.Users.Guest: Guest,
	}
}

// AddUser adds a user who is not a member of any project.
func (s *Server) AddUser(spec UserSpec) *User {
	s.tb.Helper()
	s.lock()
	defer s.mu.Unlock()
	for _, u := range s.world.users {
		if u.id == spec.ID || u.wire.Username == spec.Username {
			s.failf("AddUser(%+v): the ID or the username is taken: leave it out to get a free one", spec)
			return u
		}
	}
	if spec.ID < 0 {
		s.failf("AddUser(%+v): ID is negative: use a positive number, or leave it out", spec)
		return s.Users.Outsider
	}
	return s.addUser(spec)
}

func (s *Server) addUser(spec UserSpec) *User {
	id := nextID(&s.world.lastUser, spec.ID)
	if spec.Username == "" {
		spec.Username = fmt.Sprintf("user%d", id)
	}
	if spec.Name == "" {
		spec.Name = fmt.Sprintf("User %d", id)
	}
	u := &User{srv: s, id: id, token: "token-of-" + spec.Username}
	u.wire = newWireUser(s.cfg.externalURL, id, spec.Username, spec.Name, time.Now().Add(-365*24*time.Hour))
	s.world.users = append(s.world.users, u)
	s.world.tokens[u.token] = &accessToken{user: u}
	return u
}

// Revoke revokes an access token. The server responds to later requests that use
// it with 401 and GitLab's message for revoked tokens.
func (s *Server) Revoke(token string) {
	s.tb.Helper()
	s.lock()
	defer s.mu.Unlock()
	t := s.world.tokens[token]
	if t == nil {
		s.failf("Revoke: the server does not have this token: use one of Server.Tokens or User.Token")
		return
	}
	t.revoked, t.expired = true, false
}

// ID returns the user's ID.
func (u *User) ID() int64 { return u.id }

// Username returns the user's name in URLs.
func (u *User) Username() string { return u.wire.Username }

// Token returns a personal access token of the user with the scope api.
func (u *User) Token() string { return u.token }

// AddMember gives a user a role in the project. It replaces the user's previous
// role.
func (p *Project) AddMember(u *User, role Role) {
	p.srv.tb.Helper()
	p.srv.lock()
	defer p.srv.mu.Unlock()
	switch {
	case u == nil || u.srv != p.srv:
		p.srv.failf("AddMember to %s: the user belongs to another server: add one to this server with Server.AddUser", p.path)
	case role != Guest && role != Reporter && role != Developer && role != Maintainer:
		p.srv.failf("AddMember to %s: the role is %d: use Guest, Reporter, Developer or Maintainer", p.path, role)
	default:
		p.members[u] = role
	}
}

// RunnerSpec describes a runner. A field with the zero value has a default.
type RunnerSpec struct {
	ID          int64
	Description string
	Type        string // instance_type (the default), group_type or project_type.
}

// Runner is a runner of a [Server], with one machine.
type Runner struct {
	srv     *Server
	id      int64
	wire    *wireRunner
	manager *wireRunnerManager
}

// AddRunner adds a runner.
func (s *Server) AddRunner(spec RunnerSpec) *Runner {
	s.tb.Helper()
	s.lock()
	defer s.mu.Unlock()
	switch {
	case spec.ID < 0 || s.world.runners[spec.ID] != nil:
		s.failf("AddRunner(%+v): the ID is taken or negative: leave it out to get the next free one", spec)
		return s.world.runner
	case spec.Type != "" && spec.Type != "instance_type" && spec.Type != "group_type" && spec.Type != "project_type":
		s.failf("AddRunner(%+v): use the Type instance_type, group_type or project_type", spec)
		return s.world.runner
	}
	return s.addRunner(spec)
}

func (s *Server) addRunner(spec RunnerSpec) *Runner {
	r := &Runner{srv: s, id: nextID(&s.world.lastRunner, spec.ID)}
	if spec.Description == "" {
		spec.Description = fmt.Sprintf("runner-%d.example.com", r.id)
	}
	if spec.Type == "" {
		spec.Type = "instance_type"
	}
	r.wire, r.manager = newWireRunner(r.id, spec, time.Now())
	s.world.runners[r.id] = r
	return r
}

// ID returns the runner's ID.
func (r *Runner) ID() int64 { return r.id }
