package gitlabjobstest

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"example.com/gitlabjobs"
)

// Action is a change that a request makes to a job.
type Action string

// The actions.
const (
	ActionCancel Action = "cancel"
	ActionRetry  Action = "retry"
	ActionErase  Action = "erase"
	ActionPlay   Action = "play"
)

// ActionTaken is an action that took effect. The server does not record actions
// that it refused or that changed nothing, such as cancel of a finished job.
type ActionTaken struct {
	Action Action
	JobID  int64 // The ID of the job or bridge.
	NewID  int64 // The ID of the job or bridge that replaced it. 0 if none did.
	By     *User
	At     time.Time
}

// Actions returns the actions that took effect, in order.
func (s *Server) Actions() []ActionTaken {
	s.lock()
	defer s.mu.Unlock()
	return append([]ActionTaken(nil), s.actions...)
}

// Count returns how often an action took effect.
func (s *Server) Count(a Action) int {
	return s.countActions(func(taken ActionTaken) bool { return taken.Action == a })
}

// Count returns how often an action on the job took effect.
func (j *Job) Count(a Action) int {
	return j.srv.countActions(func(taken ActionTaken) bool { return taken.Action == a && taken.JobID == j.id })
}

func (s *Server) countActions(matches func(ActionTaken) bool) int {
	s.lock()
	defer s.mu.Unlock()
	n := 0
	for _, taken := range s.actions {
		if matches(taken) {
			n++
		}
	}
	return n
}

func (c *call) record(a Action, j *Job, newID int64) {
	c.srv.actions = append(c.srv.actions, ActionTaken{Action: a, JobID: j.id, NewID: newID, By: c.caller.user, At: c.now})
}

func (j *Job) cancelable() bool {
	switch j.status {
	case gitlabjobs.StatusCanceling:
		return false
	default:
		return !j.status.Finished()
	}
}

func (j *Job) retryable() bool {
	switch j.status {
	case gitlabjobs.StatusSuccess, gitlabjobs.StatusFailed, gitlabjobs.StatusCanceled, gitlabjobs.StatusCanceling:
		return !j.retried && !j.spec.Archived
	default:
		return false
	}
}

func (j *Job) erasable(now time.Time) bool {
	if !j.status.Finished() || !j.erased.IsZero() {
		return false
	}
	return len(j.artifacts) > 0 || j.logSize(now) > 0
}

func (j *Job) playable() bool {
	if j.spec.Archived {
		return false
	}
	if j.status == gitlabjobs.StatusManual || j.status == gitlabjobs.StatusScheduled {
		return true
	}
	return j.bridge == nil && j.spec.Manual && j.retryable()
}

func (c *call) cancelJob() *response {
	force := c.boolean("force")
	if errResp := c.paramErrorResponse(); errResp != nil {
		return errResp
	}
	j, errResp := c.findJobForAction(false)
	if errResp != nil {
		return errResp
	}
	if force && c.role() < Maintainer {
		return forbiddenResponse()
	}
	// With force, only a canceling job changes: it ends.
	if force && j.status == gitlabjobs.StatusCanceling || !force && j.cancelable() {
		j.cancel(force, c.now)
		c.record(ActionCancel, j, 0)
	}
	return jsonResponse(http.StatusCreated, c.jobJSON(j))
}

func (c *call) retryJob() *response {
	inputs := c.object("inputs")
	if errResp := c.paramErrorResponse(); errResp != nil {
		return errResp
	}
	j, errResp := c.findUnarchivedJob()
	if errResp != nil {
		return errResp
	}
	if !j.retryable() {
		return messageResponse(http.StatusForbidden, "403 Forbidden - Job is not retryable")
	}
	if errResp := j.checkInputs(inputs); errResp != nil {
		return errResp
	}
	newJob := j.replace(c.caller.user, c.now)
	if inputs != nil {
		newJob.inputs = j.declaredInputs(inputs)
	}
	c.record(ActionRetry, j, newJob.id)
	if j.bridge != nil {
		return jsonResponse(http.StatusCreated, c.bridgeAsJob(newJob))
	}
	return jsonResponse(http.StatusCreated, c.jobJSON(newJob))
}

func (c *call) eraseJob() *response {
	if errResp := c.findProject(); errResp != nil {
		return errResp
	}
	if c.role() < Reporter && c.project.visibility != Public {
		return forbiddenResponse()
	}
	j, errResp := c.findJob(false)
	if errResp != nil {
		return errResp
	}
	if c.role() < Developer || c.role() < Maintainer && j.user != c.caller.user {
		return forbiddenResponse()
	}
	if !j.erasable(c.now) {
		return messageResponse(http.StatusForbidden, "403 Forbidden - Job is not erasable!")
	}
	if j.pipeline.project.statsRefreshing {
		return messageResponse(http.StatusConflict,
			"Action temporarily disabled. The project this pipeline belongs to is undergoing stats refresh.")
	}
	before := c.wireJob(j)
	hadArtifacts := len(j.artifacts) > 0
	j.erased, j.expires = c.now, time.Time{}
	j.artifacts, j.log, j.generatedSize, j.script, j.hasDefaultLog = nil, nil, 0, nil, false
	j.stamper.buffer = nil
	c.record(ActionErase, j, 0)
	w := c.wireJob(j)
	if hadArtifacts {
		// GitLab's response still contains the deleted artifacts.
		w.Artifacts, w.ArtifactsFile = before.Artifacts, before.ArtifactsFile
	}
	return jsonResponse(http.StatusCreated, c.forVersion(w))
}

func (c *call) playJob() *response {
	variables, inputs := c.variablesParam(), c.object("job_inputs")
	if errResp := c.paramErrorResponse(); errResp != nil {
		return errResp
	}
	j, errResp := c.findUnarchivedJob()
	if errResp != nil {
		return errResp
	}
	if !j.playable() {
		return messageResponse(http.StatusBadRequest, "400 Bad request - Unplayable Job")
	}
	if j.status != gitlabjobs.StatusManual && j.status != gitlabjobs.StatusScheduled {
		return c.playAgain(j)
	}
	if errResp := j.checkInputs(inputs); errResp != nil {
		return errResp
	}
	valid, unique := checkVariableKeys(variables)
	if !unique {
		return serverError()
	}
	if valid {
		j.user = c.caller.user
		j.variables, j.inputs = variableMap(variables), j.declaredInputs(inputs)
		j.enqueue(c.now)
		j.startBridgeSoon(c.now)
		c.record(ActionPlay, j, 0)
	}
	if j.bridge != nil {
		return jsonResponse(http.StatusOK, c.bridgeJSON(j))
	}
	return jsonResponse(http.StatusOK, c.jobJSON(j))
}

// playAgain plays a finished manual job. Like GitLab, it ignores the variables and
// inputs of the request.
func (c *call) playAgain(j *Job) *response {
	newJob := j.replace(c.caller.user, c.now)
	c.record(ActionPlay, j, newJob.id)
	return jsonResponse(http.StatusOK, c.jobJSON(newJob))
}

// maxVariableKey is the maximum length of the key of a variable.
const maxVariableKey = 255

// checkVariableKeys reports whether GitLab accepts the keys of variables, and
// whether they are unique. If a key is invalid, unique is true: GitLab then ignores
// duplicates, because play does nothing.
func checkVariableKeys(variables []playVariable) (valid, unique bool) {
	valid, unique = true, true
	seen := map[string]bool{}
	for _, v := range variables {
		valid = valid && validVariableKey(v.key)
		unique = unique && !seen[v.key]
		seen[v.key] = true
	}
	return valid, unique || !valid
}

func validVariableKey(key string) bool {
	return key != "" && len(key) <= maxVariableKey &&
		strings.Trim(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
}

func variableMap(variables []playVariable) map[string]string {
	if variables == nil {
		return nil
	}
	values := make(map[string]string, len(variables))
	for _, v := range variables {
		values[v.key] = v.value
	}
	return values
}

// declaredInputs returns the inputs if the job declares any. If it declares none,
// GitLab ignores the inputs.
func (j *Job) declaredInputs(inputs map[string]any) map[string]any {
	if len(j.spec.Inputs) == 0 {
		return nil
	}
	return inputs
}

// checkInputs returns an error response if the job does not declare an input.
func (j *Job) checkInputs(inputs map[string]any) *response {
	if len(j.spec.Inputs) == 0 {
		return nil
	}
	var unknown []string
	for _, name := range sortedKeys(inputs) {
		if !slices.Contains(j.spec.Inputs, name) {
			unknown = append(unknown, name)
		}
	}
	switch len(unknown) {
	case 0:
		return nil
	case 1:
		return messageResponse(http.StatusBadRequest, "400 Bad request - Unknown input: "+unknown[0])
	default:
		return messageResponse(http.StatusBadRequest, "400 Bad request - Unknown inputs: "+strings.Join(unknown, ", "))
	}
}
