package gitlabjobstest

import (
	"net/http"
	"time"

	"example.com/gitlabjobs"
)

// Action is something that a request does to a job.
type Action string

// The actions.
const (
	ActionCancel Action = "cancel"
	ActionRetry  Action = "retry"
	ActionErase  Action = "erase"
	ActionPlay   Action = "play"
)

// ActionTaken is an action that took effect. One that was refused, or changed
// nothing, as cancel of a finished job, is none.
type ActionTaken struct {
	Action Action
	JobID  int64 // A bridge's too.
	NewID  int64 // Of the job that took its place; 0: it kept its own.
	By     *User
	At     time.Time
}

// Actions returns the actions that took effect, in their order.
func (s *Server) Actions() []ActionTaken {
	s.lock()
	defer s.mu.Unlock()
	return append([]ActionTaken(nil), s.actions...)
}

// Count returns how often an action took effect.
func (s *Server) Count(a Action) int {
	s.lock()
	defer s.mu.Unlock()
	n := 0
	for _, taken := range s.actions {
		if taken.Action == a {
			n++
		}
	}
	return n
}

// Count returns how often an action on the job took effect.
func (j *Job) Count(a Action) int {
	j.srv.lock()
	defer j.srv.mu.Unlock()
	n := 0
	for _, taken := range j.srv.actions {
		if taken.Action == a && taken.JobID == j.id {
			n++
		}
	}
	return n
}

func (c *call) took(a Action, j *Job, newID int64) {
	c.srv.actions = append(c.srv.actions, ActionTaken{Action: a, JobID: j.id, NewID: newID, By: c.who.user, At: c.now})
}

func (j *Job) cancelable() bool {
	switch j.status {
	case gitlabjobs.StatusCanceling, gitlabjobs.StatusManual:
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
	return j.spec.Manual && j.retryable()
}

func (c *call) cancelJob() *answer {
	force, refused := c.boolean("force", false)
	if refused != nil {
		return refused
	}
	j, refused := c.writable(false)
	if refused != nil {
		return refused
	}
	if force && c.role() < Maintainer {
		return message(http.StatusForbidden, "403 Forbidden")
	}
	if j.cancelable() || force && j.status == gitlabjobs.StatusCanceling {
		forced := force && j.status == gitlabjobs.StatusCanceling
		j.cancel(forced, c.now)
		c.took(ActionCancel, j, 0)
	}
	return reply(http.StatusCreated, c.jobAnswer(j))
}

func (c *call) retryJob() *answer {
	inputs, refused := c.object("inputs")
	if refused != nil {
		return refused
	}
	j, refused := c.writable(true)
	if refused != nil {
		return refused
	}
	if !j.retryable() {
		return message(http.StatusForbidden, "403 Forbidden - Job is not retryable")
	}
	if refused := j.refuseInputs(inputs); refused != nil {
		return refused
	}
	twin := j.replace(c.who.user, c.now)
	if inputs != nil {
		twin.inputs = inputs
	}
	c.took(ActionRetry, j, twin.id)
	if j.bridge != nil {
		return reply(http.StatusCreated, c.bridgeAsJob(twin))
	}
	return reply(http.StatusCreated, c.jobAnswer(twin))
}

func (c *call) eraseJob() *answer {
	j, refused := c.writable(false)
	if refused != nil {
		return refused
	}
	if c.role() < Maintainer && j.user != c.who.user {
		return message(http.StatusForbidden, "403 Forbidden")
	}
	if !j.erasable(c.now) {
		return message(http.StatusForbidden, "403 Forbidden - Job is not erasable!")
	}
	if j.pipeline.project.statsRefreshing {
		return message(http.StatusConflict,
			"Action temporarily disabled. The project this pipeline belongs to is undergoing stats refresh.")
	}
	j.erased, j.expires = c.now, time.Time{}
	j.artifacts, j.log, j.made, j.script, j.plainLog = nil, nil, 0, nil, false
	j.stamper.buffer = nil
	c.took(ActionErase, j, 0)
	return reply(http.StatusCreated, c.jobAnswer(j))
}

func (c *call) playJob() *answer {
	variables, refused := c.variables()
	if refused != nil {
		return refused
	}
	inputs, refused := c.object("job_inputs")
	if refused != nil {
		return refused
	}
	j, refused := c.writable(true)
	if refused != nil {
		return refused
	}
	if !j.playable() {
		return message(http.StatusBadRequest, "400 Bad request - Unplayable Job")
	}
	if refused := j.refuseInputs(inputs); refused != nil {
		return refused
	}
	played, newID := j, int64(0)
	if j.status == gitlabjobs.StatusManual || j.status == gitlabjobs.StatusScheduled {
		j.user = c.who.user
		j.enqueue(c.now)
		j.wakeBridge(c.now)
	} else {
		played = j.replace(c.who.user, c.now)
		newID = played.id
	}
	played.variables, played.inputs = variables, inputs
	c.took(ActionPlay, j, newID)
	if j.bridge != nil {
		return reply(http.StatusOK, c.bridgeAnswer(played))
	}
	return reply(http.StatusOK, c.jobAnswer(played))
}

func (j *Job) refuseInputs(inputs map[string]any) *answer {
	takes := map[string]bool{}
	for _, name := range j.spec.Inputs {
		takes[name] = true
	}
	for _, name := range sortedKeys(inputs) {
		if !takes[name] {
			return message(http.StatusBadRequest, "400 Bad request - Unknown input: "+name)
		}
	}
	return nil
}
