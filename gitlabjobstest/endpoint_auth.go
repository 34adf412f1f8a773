package gitlabjobstest

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"example.com/gitlabjobs"
)

const jobTokenPrefix = "job-token-"

// identity is the sender of a request: a user, a job that acts for its user, or
// nobody.
type identity struct {
	user *User
	job  *Job
}

// authenticate returns the sender of a request, or the response to an invalid or
// missing token.
func (s *Server) authenticate(r *http.Request, query url.Values, rt *route) (identity, *response) {
	bearer := ""
	if scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " "); strings.EqualFold(scheme, "Bearer") {
		bearer = token
	}
	personal := cmp.Or(cmp.Or(r.Header.Get("Private-Token"), query.Get("private_token")), cmp.Or(bearer, query.Get("access_token")))
	jobToken := cmp.Or(r.Header.Get("Job-Token"), query.Get("job_token"))
	// GitLab ignores job tokens on routes that do not accept them.
	if rt.jobToken && strings.HasPrefix(bearer, jobTokenPrefix) {
		if id, errResp := s.byJobToken(bearer); errResp == nil {
			return id, nil
		}
	}
	switch {
	case personal != "" && !strings.HasPrefix(personal, jobTokenPrefix):
		return s.byAccessToken(personal, r.Method, rt)
	case jobToken != "" && rt.jobToken:
		return s.byJobToken(jobToken)
	case rt.public:
		return identity{}, nil
	default:
		return identity{}, unauthorized()
	}
}

func (s *Server) byAccessToken(secret, method string, rt *route) (identity, *response) {
	t := s.world.tokens[secret]
	switch {
	case t == nil:
		return identity{}, unauthorized()
	case t.expired:
		return identity{}, invalidToken("Token is expired. You can either do re-authorization or token refresh.")
	case t.revoked:
		return identity{}, invalidToken("Token was revoked. You have to re-authorize from the user.")
	case t.scopes == scopeNone, t.scopes == scopeReadAPI && method != http.MethodGet && method != http.MethodHead:
		return identity{}, jsonResponse(http.StatusForbidden, map[string]string{
			"error":             "insufficient_scope",
			"error_description": "The request requires higher privileges than provided by the access token.",
			"scope":             rt.scopes(),
		})
	}
	return identity{user: t.user}, nil
}

func (s *Server) byJobToken(secret string) (identity, *response) {
	id, err := strconv.ParseInt(strings.TrimPrefix(secret, jobTokenPrefix), 10, 64)
	j := s.world.jobs[id]
	if err != nil || !strings.HasPrefix(secret, jobTokenPrefix) || j == nil || j.bridge != nil {
		return identity{}, unauthorized()
	}
	if j.status != gitlabjobs.StatusRunning && j.status != gitlabjobs.StatusCanceling || j.user == nil {
		return identity{}, unauthorized()
	}
	return identity{user: j.user, job: j}, nil
}

// scopes returns the scopes that GitLab lists in insufficient_scope.
func (rt *route) scopes() string {
	if strings.Contains(rt.template, "/pipelines/") {
		return "mcp mcp mcp mcp ai_workflows api read_api"
	}
	return "ai_workflows mcp api read_api"
}

func unauthorized() *response { return messageResponse(http.StatusUnauthorized, "401 Unauthorized") }

func invalidToken(description string) *response {
	resp := jsonResponse(http.StatusUnauthorized, map[string]string{"error": "invalid_token", "error_description": description})
	resp.header.Set("Www-Authenticate",
		`Bearer realm="Protected by OAuth 2.0", error="invalid_token", error_description="`+description+`"`)
	return resp
}

// role returns the caller's role in the project of the call. It returns 0 if the
// caller is not a member.
func (c *call) role() Role {
	from := c.caller.job
	if c.caller.user == nil || from != nil && from.pipeline.project != c.project && !c.project.openToJobTokens {
		return 0
	}
	return c.project.members[c.caller.user]
}

// findProject sets the project of the call. It returns an error response if the
// caller cannot see the project.
func (c *call) findProject() *response {
	w := &c.srv.world
	id := c.vars["id"]
	var moved bool
	if n, err := strconv.ParseInt(id, 10, 64); err == nil {
		c.project = w.projects[n]
	} else if strings.Contains(id, "/") {
		if c.project = atPath(w.paths, id); c.project == nil {
			c.project, moved = atPath(w.moved, id), true
		}
	}
	if c.project == nil || !c.canSeeProject() {
		return messageResponse(http.StatusNotFound, "404 Project Not Found")
	}
	if from := c.caller.job; from != nil && !c.allowsToken(from) {
		return messageResponse(http.StatusForbidden, fmt.Sprintf("403 Forbidden - Authentication by CI/CD job token not allowed from %s to project #%d.",
			from.pipeline.project.name(), c.project.id))
	}
	if moved {
		return c.movedTo(c.project)
	}
	return nil
}

// atPath finds a project by its path. It ignores case.
func atPath(projects map[string]*Project, path string) *Project {
	if p := projects[path]; p != nil {
		return p
	}
	for other, p := range projects {
		if strings.EqualFold(other, path) {
			return p
		}
	}
	return nil
}

// canSeeProject reports whether the caller's user can see the project.
func (c *call) canSeeProject() bool {
	switch c.project.visibility {
	case Public:
		return true
	case Internal:
		return c.caller.user != nil
	default:
		return c.project.members[c.caller.user] > 0
	}
}

// allowsToken reports whether the token of a job can read the project.
func (c *call) allowsToken(from *Job) bool {
	return c.project == from.pipeline.project || !c.project.limitsJobTokens()
}

// limitsJobTokens reports whether the project refuses job tokens of other
// projects.
func (p *Project) limitsJobTokens() bool { return p.visibility != Public && !p.openToJobTokens }

func (c *call) movedTo(p *Project) *response {
	if c.req.Method != http.MethodGet {
		return messageResponse(http.StatusMethodNotAllowed, "Non GET methods are not allowed for moved projects")
	}
	_, rest, _ := strings.Cut(strings.TrimPrefix(c.req.URL.EscapedPath(), apiPath+"/projects/"), "/")
	to := c.srv.cfg.externalURL + apiPath + "/projects/" + strconv.FormatInt(p.id, 10) + "/" + rest
	if c.req.URL.RawQuery != "" {
		to += "?" + c.req.URL.RawQuery
	}
	resp := testBody(http.StatusMovedPermanently, "This resource has been moved permanently to "+to)
	resp.header.Set("Location", to)
	return resp
}

// requireRead sets the project of the call. It returns an error response if the
// caller cannot read the project's jobs.
func (c *call) requireRead() *response {
	if errResp := c.findProject(); errResp != nil {
		return errResp
	}
	if c.project.visibility == Private && c.role() < Reporter {
		return forbiddenResponse()
	}
	return nil
}

// findJob finds the job of the call.
func (c *call) findJob(allowBridge bool) (*Job, *response) {
	id, err := strconv.ParseInt(c.vars["job_id"], 10, 64)
	j := c.srv.world.jobs[id]
	if err != nil || j == nil || j.pipeline.project != c.project || j.bridge != nil && !allowBridge {
		return nil, messageResponse(http.StatusNotFound, "404 Not found")
	}
	return j, nil
}

// findJobForAction finds the job of the call. It returns an error response if the
// caller may not change jobs.
func (c *call) findJobForAction(allowBridge bool) (*Job, *response) {
	if errResp := c.findProject(); errResp != nil {
		return nil, errResp
	}
	if c.role() < Developer {
		return nil, forbiddenResponse()
	}
	return c.findJob(allowBridge)
}

// findUnarchivedJob is like findJobForAction for actions that archived jobs do not
// allow.
func (c *call) findUnarchivedJob() (*Job, *response) {
	j, errResp := c.findJobForAction(true)
	if errResp != nil {
		return nil, errResp
	}
	if j.spec.Archived {
		return nil, forbiddenResponse()
	}
	return j, nil
}

func forbiddenResponse() *response { return messageResponse(http.StatusForbidden, "403 Forbidden") }
