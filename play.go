package gitlabjobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrNotStarted reports that Play was answered with success, but GitLab left the
	// job as it was.
	ErrNotStarted = errors.New("GitLab left the job as it was")

	// ErrVariablesDropped reports that Play started a new job without the variables
	// and inputs that were given. Do not play it again.
	ErrVariablesDropped = errors.New("GitLab started a new job without the variables and inputs: do not play it again")
)

// PlayOptions are the variables and inputs of a manual job's run.
type PlayOptions struct {
	Variables []JobVariable
	Inputs    map[string]any // Values for the job's inputs.
}

// JobVariable is a CI variable of one run of a job. Key consists of ASCII letters,
// digits and underscores, at most 255 of them.
type JobVariable struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Play starts a manual or scheduled job. Without variables and inputs, a finished
// manual job is played again, as a new job with an ID of its own. If the job can't be
// played, the error is [ErrBadRequest].
//
// GitLab drops the variables and inputs if a finished job is played again. With any of
// them, Play therefore gets the job first, and fails before anything is started if the
// job has finished. If the job finishes in between, Play returns the new job together
// with [ErrVariablesDropped]. If GitLab reports success but leaves the job manual or
// scheduled, Play returns the job together with [ErrNotStarted].
//
// A bridge is played too, if neither variables nor inputs are given;
// [BridgesService.Play] plays it in any case, and returns a [Bridge].
//
// If the job may or may not have been started, the error is [ErrOutcomeUnknown]. It was
// started if it is no longer manual or scheduled, or if the pipeline's jobs include one
// of the same name with a higher ID: see the example.
//
// GitLab: POST /projects/:id/jobs/:job_id/play, [Run a job].
//
// [Run a job]: https://docs.gitlab.com/api/jobs/#run-a-job
func (s *JobsService) Play(ctx context.Context, project Project, jobID int64, opts *PlayOptions, ro ...RequestOption) (*Job, error) {
	o := valueOf(opts)
	body, err := o.body()
	if err != nil {
		return nil, optionsError("PlayOptions", err)
	}
	if !o.empty() {
		if err := s.checkUnfinished(ctx, project, jobID, ro); err != nil {
			return nil, err
		}
	}
	job, err := fetch[Job](ctx, s.owner(), post(playRoute, body, project, number(jobID)), ro)
	switch {
	case err != nil:
		return nil, err
	case job.ID != jobID && !o.empty():
		return job, fmt.Errorf("gitlabjobs: job %d of %s was played again as job %d: %w", jobID, project, job.ID, ErrVariablesDropped)
	case job.ID == jobID:
		return job, notStarted("job", project, jobID, job.Status)
	}
	return job, nil
}

// Play starts a manual bridge, and with it the pipeline that it triggers. If the bridge
// can't be played, the error is [ErrBadRequest]. If GitLab reports success but leaves
// the bridge manual or scheduled, it is returned together with [ErrNotStarted].
//
// GitLab: POST /projects/:id/jobs/:job_id/play, [Run a job].
//
// [Run a job]: https://docs.gitlab.com/api/jobs/#run-a-job
func (s *BridgesService) Play(ctx context.Context, project Project, bridgeID int64, opts *PlayOptions, ro ...RequestOption) (*Bridge, error) {
	o := valueOf(opts)
	body, err := o.body()
	if err != nil {
		return nil, optionsError("PlayOptions", err)
	}
	bridge, err := fetch[Bridge](ctx, s.owner(), post(playRoute, body, project, number(bridgeID)), ro)
	if err != nil {
		return nil, err
	}
	return bridge, notStarted("bridge", project, bridgeID, bridge.Status)
}

const playRoute = "/projects/:id/jobs/:job_id/play"

func (o PlayOptions) empty() bool { return len(o.Variables) == 0 && len(o.Inputs) == 0 }

// validKey reports whether GitLab accepts the key of a variable. For any other it
// responds with success, and starts nothing.
func validKey(key string) bool {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
	return len(key) <= 255 && !strings.ContainsFunc(key, func(r rune) bool { return !strings.ContainsRune(allowed, r) })
}

// body returns the request's body, or nil for none. It is encoded here, so that a bad
// one is reported before anything is sent.
func (o PlayOptions) body() (any, error) {
	if err := o.checkVariables(); err != nil || o.empty() {
		return nil, err
	}
	body, err := encodeBody(struct {
		Variables []JobVariable  `json:"job_variables_attributes,omitempty"`
		Inputs    map[string]any `json:"job_inputs,omitempty"`
	}{o.Variables, o.Inputs})
	return json.RawMessage(body), err
}

func (o PlayOptions) checkVariables() error {
	used := make(map[string]bool)
	for i, v := range o.Variables {
		key := strings.Trim(v.Key, " \t\n\v\f\r") // As GitLab does.
		switch {
		case key == "":
			return fmt.Errorf("Variables[%d] has no Key: name the variable", i)
		case !validKey(key):
			return fmt.Errorf("Variables[%d] has the Key %q: use 1 to 255 of the characters a-z, A-Z, 0-9 and _", i, line(v.Key))
		case used[key]:
			return fmt.Errorf("Variables[%d] has the Key %q, like one before it: give each variable once", i, key)
		}
		used[key] = true
	}
	return nil
}

// checkUnfinished returns an error if the job has finished, or is none.
func (s *JobsService) checkUnfinished(ctx context.Context, project Project, jobID int64, ro []RequestOption) error {
	job, err := s.Get(ctx, project, jobID, ro...)
	switch {
	case errors.Is(err, ErrNotFound):
		return fmt.Errorf("%w: if job %d is a bridge, use Bridges.Play", err, jobID)
	case err != nil:
		return err
	case job.finished():
		return fmt.Errorf("gitlabjobs: job %d of %s has finished (%s), and GitLab drops variables and inputs when it plays "+
			"a finished job again: play it without any, or run a new pipeline", jobID, project, job.Status)
	}
	return nil
}

func notStarted(kind string, project Project, id int64, status Status) error {
	if status != StatusManual && status != StatusScheduled {
		return nil
	}
	return fmt.Errorf("gitlabjobs: %s %d of %s is still %s after it was played: %w", kind, id, project, status, ErrNotStarted)
}
