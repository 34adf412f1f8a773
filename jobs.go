package gitlabjobs

import (
	"context"
	"errors"
	"fmt"
	"iter"
)

// JobsService lists, reads and acts on jobs. It is a field of [Client].
type JobsService struct{ client *Client }

// ListJobsOptions choose among a project's jobs. Nil or the zero value is for
// the newest of them all.
type ListJobsOptions struct {
	ListOptions

	Scope      []Status   `url:"scope,brackets,omitempty"` // Only jobs in one of these; empty for all.
	Ref        string     `url:"ref,omitempty"`            // Only jobs of this branch or tag. GitLab's document does not mention it.
	Pagination Pagination `url:"pagination,omitempty"`     // Empty for the server's default, offset.
	Cursor     string     `url:"cursor,omitempty"`         // Where to go on, from Page.NextCursor. Implies keyset pagination.
}

func (o *ListJobsOptions) check() error {
	switch {
	case o.Pagination != "" && o.Pagination != OffsetPagination && o.Pagination != KeysetPagination:
		return fmt.Errorf("Pagination is %q: give OffsetPagination, KeysetPagination or nothing", o.Pagination)
	case o.Cursor != "" && o.Pagination == OffsetPagination:
		return errors.New("Cursor is for KeysetPagination: leave it out, or change Pagination")
	case o.Page > 0 && (o.Cursor != "" || o.Pagination == KeysetPagination):
		return errors.New("Page is for offset pagination: with keyset pagination, go on by Cursor")
	}
	return errors.Join(o.ListOptions.check(), checkScope(o.Scope))
}

// ListPipelineJobsOptions choose among a pipeline's jobs. Nil or the zero value
// is for all but those that were retried.
type ListPipelineJobsOptions struct {
	ListOptions

	Scope          []Status `url:"scope,brackets,omitempty"`  // Only jobs in one of these; empty for all.
	IncludeRetried bool     `url:"include_retried,omitempty"` // Jobs that were retried, too.
}

// ListProject returns a page of a project's jobs, retried ones included, newest
// first.
//
// GitLab: GET /projects/:id/jobs, [List project jobs].
//
// [List project jobs]: https://docs.gitlab.com/api/jobs/#list-project-jobs
func (s *JobsService) ListProject(ctx context.Context, project Project, opts *ListJobsOptions, ro ...RequestOption) (*Page[Job], error) {
	o := valueOf(opts)
	if err := o.check(); err != nil {
		return nil, optionsError("ListJobsOptions", err)
	}
	if o.Cursor != "" {
		o.Pagination = KeysetPagination
	}
	return list[Job](ctx, s.client, get("/projects/:id/jobs", o, project), ro)
}

// AllProject iterates over all of a project's jobs, from the page that opts
// names on, newest first. It asks for 100 jobs a page unless opts says otherwise.
// An error is yielded once and ends it.
//
// GitLab: GET /projects/:id/jobs, [List project jobs].
//
// [List project jobs]: https://docs.gitlab.com/api/jobs/#list-project-jobs
func (s *JobsService) AllProject(ctx context.Context, project Project, opts *ListJobsOptions, ro ...RequestOption) iter.Seq2[*Job, error] {
	o := valueOf(opts)
	o.allPages()
	return all(place{page: o.Page, cursor: o.Cursor}, func(at place) (*Page[Job], error) {
		o := o
		o.Page, o.Cursor = at.page, at.cursor
		return s.ListProject(ctx, project, &o, ro...)
	})
}

// ListPipeline returns a page of a pipeline's jobs, newest first. Bridges are not
// among them: see [BridgesService.List].
//
// GitLab: GET /projects/:id/pipelines/:pipeline_id/jobs, [List pipeline jobs].
//
// [List pipeline jobs]: https://docs.gitlab.com/api/jobs/#list-pipeline-jobs
func (s *JobsService) ListPipeline(ctx context.Context, project Project, pipelineID int64, opts *ListPipelineJobsOptions, ro ...RequestOption) (*Page[Job], error) {
	o := valueOf(opts)
	if err := errors.Join(o.check(), checkScope(o.Scope)); err != nil {
		return nil, optionsError("ListPipelineJobsOptions", err)
	}
	return list[Job](ctx, s.client, get("/projects/:id/pipelines/:pipeline_id/jobs", o, project, number(pipelineID)), ro)
}

// AllPipeline iterates over all of a pipeline's jobs, from the page that opts
// names on, newest first. It asks for 100 jobs a page unless opts says otherwise.
// An error is yielded once and ends it.
//
// GitLab: GET /projects/:id/pipelines/:pipeline_id/jobs, [List pipeline jobs].
//
// [List pipeline jobs]: https://docs.gitlab.com/api/jobs/#list-pipeline-jobs
func (s *JobsService) AllPipeline(ctx context.Context, project Project, pipelineID int64, opts *ListPipelineJobsOptions, ro ...RequestOption) iter.Seq2[*Job, error] {
	o := valueOf(opts)
	o.allPages()
	return all(place{page: o.Page}, func(at place) (*Page[Job], error) {
		o := o
		o.Page = at.page
		return s.ListPipeline(ctx, project, pipelineID, &o, ro...)
	})
}

// Get returns one job. A bridge is no job: its id is answered 404.
//
// GitLab: GET /projects/:id/jobs/:job_id, [Get a single job].
//
// [Get a single job]: https://docs.gitlab.com/api/jobs/#get-a-single-job
func (s *JobsService) Get(ctx context.Context, project Project, jobID int64, ro ...RequestOption) (*Job, error) {
	return fetch[Job](ctx, s.client, get("/projects/:id/jobs/:job_id", nil, project, number(jobID)), ro)
}

// CancelOptions change how a job is canceled.
type CancelOptions struct {
	Force bool // Cancel a job at once that is canceling. For maintainers.
}

// Cancel cancels a job. A job that is finished or manual stays as it is, without
// an error: look at the status of what is returned. A running one may be
// canceling first. Cancel may be repeated, and is, as a read is.
//
// GitLab: POST /projects/:id/jobs/:job_id/cancel, [Cancel a job].
//
// [Cancel a job]: https://docs.gitlab.com/api/jobs/#cancel-a-job
func (s *JobsService) Cancel(ctx context.Context, project Project, jobID int64, opts *CancelOptions, ro ...RequestOption) (*Job, error) {
	var body any
	if valueOf(opts).Force {
		body = map[string]bool{"force": true}
	}
	r := post("/projects/:id/jobs/:job_id/cancel", body, project, number(jobID))
	r.class = repeatable
	return fetch[Job](ctx, s.client, r, ro)
}

// RetryOptions change how a job is retried.
type RetryOptions struct {
	Inputs map[string]any // Values for the job's inputs, in place of those it had.
}

// Retry runs a finished job again. The job that is returned has an id of its
// own; the old one stays. A job that can't be retried is [ErrForbidden]. Where
// the outcome is unknown, the error is [ErrOutcomeUnknown]: nothing is retried
// twice.
//
// GitLab: POST /projects/:id/jobs/:job_id/retry, [Retry a job].
//
// [Retry a job]: https://docs.gitlab.com/api/jobs/#retry-a-job
func (s *JobsService) Retry(ctx context.Context, project Project, jobID int64, opts *RetryOptions, ro ...RequestOption) (*Job, error) {
	var body any
	if inputs := valueOf(opts).Inputs; len(inputs) > 0 {
		body = map[string]any{"inputs": inputs}
	}
	return fetch[Job](ctx, s.client, post("/projects/:id/jobs/:job_id/retry", body, project, number(jobID)), ro)
}

// Erase removes a finished job's artifacts and log. A job that can't be erased,
// or was before, is [ErrForbidden].
//
// GitLab: POST /projects/:id/jobs/:job_id/erase, [Erase a job].
//
// [Erase a job]: https://docs.gitlab.com/api/jobs/#erase-a-job
func (s *JobsService) Erase(ctx context.Context, project Project, jobID int64, ro ...RequestOption) (*Job, error) {
	return fetch[Job](ctx, s.client, post("/projects/:id/jobs/:job_id/erase", nil, project, number(jobID)), ro)
}

// PlayOptions are what a manual job is started with.
type PlayOptions struct {
	Variables []JobVariable
	Inputs    map[string]any // Values for the job's inputs.
}

// JobVariable is a CI variable of one run of a job.
type JobVariable struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// body is the body of play, or nil for none.
func (o PlayOptions) body() (any, error) {
	for i, v := range o.Variables {
		if v.Key == "" {
			return nil, optionsError("PlayOptions", fmt.Errorf("Variables[%d] has no Key: name the variable", i))
		}
	}
	if len(o.Variables) == 0 && len(o.Inputs) == 0 {
		return nil, nil
	}
	return struct {
		Variables []JobVariable  `json:"job_variables_attributes,omitempty"`
		Inputs    map[string]any `json:"job_inputs,omitempty"`
	}{o.Variables, o.Inputs}, nil
}

// Play starts a manual or scheduled job. A finished manual job is started anew,
// under an id of its own. A job that can't be played is [ErrBadRequest]. GitLab
// plays a bridge here too; [BridgesService.Play] returns it as one.
//
// GitLab: POST /projects/:id/jobs/:job_id/play, [Run a job].
//
// [Run a job]: https://docs.gitlab.com/api/jobs/#run-a-job
func (s *JobsService) Play(ctx context.Context, project Project, jobID int64, opts *PlayOptions, ro ...RequestOption) (*Job, error) {
	body, err := valueOf(opts).body()
	if err != nil {
		return nil, err
	}
	return fetch[Job](ctx, s.client, post(playRoute, body, project, number(jobID)), ro)
}

const playRoute = "/projects/:id/jobs/:job_id/play"
