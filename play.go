package gitlabjobs

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

var (
	// ErrNotStarted reports that GitLab responded to Play with success, but did not start
	// the job.
	ErrNotStarted = errors.New("GitLab did not start the job")

	// ErrVariablesDropped reports that Play started a new job without the variables
	// and inputs that were given. Do not play it again.
	ErrVariablesDropped = errors.New("GitLab started a new job without the variables and inputs: do not play it again")
)

// PlayOptions are the variables and inputs of a manual job's run.
type PlayOptions struct {
	Variables []JobVariable
	Inputs    map[string]any // Values for the job's inputs, as encoding/json encodes them.
}

// JobVariable is a CI variable of one run of a job. Key consists of ASCII letters,
// digits and underscores, at most 255 of them.
type JobVariable struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Play starts a manual or scheduled job and returns it. Without variables and inputs, it
// also plays a finished manual job again, as a new job with a new ID. If the job can't be
// played, the error is [ErrBadRequest].
//
// GitLab drops the variables and inputs if a finished job is played again. If there are
// any, Play therefore gets the job first, and returns an error if it has finished. If the
// job finishes after that check, Play returns the new job and [ErrVariablesDropped]. If
// GitLab reports success but the job is still manual or scheduled, Play returns the job and
// [ErrNotStarted].
//
// Play can also play a bridge, if there are no variables and inputs. For bridges, use
// [BridgesService.Play] instead: it accepts variables and inputs, and returns a [Bridge].
//
// If the job may or may not have been started, the error is [ErrOutcomeUnknown]. It was
// started if it is no longer manual or scheduled, or if the pipeline has a job of the same
// name with a higher ID: see the example.
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

// Play starts a manual bridge, which triggers its pipeline, and returns the bridge. If the
// bridge can't be played, the error is [ErrBadRequest]. If GitLab reports success but the
// bridge is still manual or scheduled, Play returns it and [ErrNotStarted].
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

// validKey reports whether GitLab accepts the key of a variable. If it does not, GitLab
// responds with success but does not start the job.
func validKey(key string) bool {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
	return len(key) <= 255 && !strings.ContainsFunc(key, func(r rune) bool { return !strings.ContainsRune(allowed, r) })
}

// body returns the request's body, or nil for none. It is encoded here, so that invalid
// values are reported before any request is sent.
func (o PlayOptions) body() (any, error) {
	if err := cmp.Or(o.checkVariables(), checkInputs(o.Inputs)); err != nil || o.empty() {
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
			return fmt.Errorf("Variables[%d] has no Key: set the name of the variable", i)
		case !validKey(key):
			return fmt.Errorf("Variables[%d] has the Key %q: use 1 to 255 of the characters a-z, A-Z, 0-9 and _", i, line(v.Key))
		case !utf8.ValidString(v.Value):
			return fmt.Errorf("Variables[%d] (%s) has a Value that is not UTF-8: encode it, for example as base64", i, key)
		case used[key]:
			return fmt.Errorf("Variables[%d] has the Key %q, which an earlier variable has too: use each Key once", i, key)
		}
		used[key] = true
	}
	return nil
}

func checkInputs(inputs map[string]any) error {
	if !validText(inputs) {
		return errors.New("Inputs have a string that is not UTF-8: encode it, for example as base64")
	}
	return nil
}

// validText reports whether all strings in v, as encoding/json would decode it, are UTF-8.
func validText(v any) bool {
	switch v := v.(type) {
	case string:
		return utf8.ValidString(v)
	case []any:
		return !slices.ContainsFunc(v, func(e any) bool { return !validText(e) })
	case map[string]any:
		for key, value := range v {
			if !utf8.ValidString(key) || !validText(value) {
				return false
			}
		}
	}
	return true
}

// checkUnfinished returns an error if the job has finished, or is not a job.
func (s *JobsService) checkUnfinished(ctx context.Context, project Project, jobID int64, ro []RequestOption) error {
	job, err := s.Get(ctx, project, jobID, ro...)
	switch {
	case errors.Is(err, ErrNotFound):
		return fmt.Errorf("%w: if job %d is a bridge, use Bridges.Play", err, jobID)
	case err != nil:
		return err
	case job.finished():
		return fmt.Errorf("gitlabjobs: job %d of %s has finished (%s), and GitLab drops variables and inputs when it plays "+
			"a finished job again: play it without them, or run a new pipeline", jobID, project, job.Status)
	}
	return nil
}

func notStarted(kind string, project Project, id int64, status Status) error {
	if status != StatusManual && status != StatusScheduled {
		return nil
	}
	return fmt.Errorf("gitlabjobs: %s %d of %s is still %s after it was played: %w", kind, id, project, status, ErrNotStarted)
}
