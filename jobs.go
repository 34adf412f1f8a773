package gitlabjobs

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
)

// JobsService lists, reads and acts on jobs. It is a field of [Client].
type JobsService struct{ client *Client }

const (
	projectJobsRoute  = "/projects/:id/jobs"
	pipelineJobsRoute = "/projects/:id/pipelines/:pipeline_id/jobs"
)

// ListJobsOptions filter and page the jobs of a project. Nil or the zero value selects all
// jobs. ListByProject then returns the first page.
type ListJobsOptions struct {
	ListOptions

	Scope      []Status   `url:"scope,brackets,omitempty"` // Only jobs with one of these statuses; empty for all.
	Ref        string     `url:"ref,omitempty"`            // Only jobs of this branch or tag. GitLab does not document this parameter.
	Pagination Pagination `url:"pagination,omitempty"`     // Empty: offset for ListByProject, keyset for the iterators.
	Cursor     string     `url:"cursor,omitempty"`         // The page to start with: the NextCursor of an earlier page. Implies keyset pagination.
}

func (o *ListJobsOptions) checked() error {
	switch err := errors.Join(o.check(), checkScope(o.Scope)); {
	case err != nil:
		return optionsError("ListJobsOptions", err)
	case o.Pagination != "" && o.Pagination != OffsetPagination && o.Pagination != KeysetPagination:
		return optionsError("ListJobsOptions", fmt.Errorf("Pagination is %q: use OffsetPagination or KeysetPagination, or leave it empty", o.Pagination))
	case o.Cursor != "" && o.Pagination == OffsetPagination:
		return optionsError("ListJobsOptions", errors.New("Cursor is set, but Pagination is OffsetPagination: leave one of them empty"))
	case o.Page > 0 && (o.Cursor != "" || o.Pagination == KeysetPagination):
		return optionsError("ListJobsOptions", errors.New("Page is set with keyset pagination, which has no page numbers: use Cursor"))
	}
	return nil
}

// ListPipelineJobsOptions filter and page the jobs of a pipeline. Nil or the zero
// value selects all jobs except those that were retried.
type ListPipelineJobsOptions struct {
	ListOptions

	Scope          []Status `url:"scope,brackets,omitempty"`  // Only jobs with one of these statuses; empty for all.
	IncludeRetried bool     `url:"include_retried,omitempty"` // Also list jobs that were retried.
}

func (o *ListPipelineJobsOptions) checked() error {
	if err := errors.Join(o.check(), checkScope(o.Scope)); err != nil {
		return optionsError("ListPipelineJobsOptions", err)
	}
	return nil
}

// ListByProject returns a page of a project's jobs, including retried ones, newest first.
// With keyset pagination, Page.NextCursor is the Cursor of the next page. It is empty on
// the last page. It is also empty if a proxy has removed the Link header. ListByProject
// does not detect this; [JobsService.AllByProject] and [JobsService.PagesByProject] do.
// ListByProject returns an error if the response names a next page that cannot be read, or
// if the server ignores the Cursor.
//
// GitLab: GET /projects/:id/jobs, [List all jobs for a project].
//
// [List all jobs for a project]: https://docs.gitlab.com/api/jobs/#list-all-jobs-for-a-project
func (s *JobsService) ListByProject(ctx context.Context, project Project, opts *ListJobsOptions, ro ...RequestOption) (*Page[Job], error) {
	o := valueOf(opts)
	if err := o.checked(); err != nil {
		return nil, err
	}
	if o.Cursor != "" {
		o.Pagination = KeysetPagination
	}
	var checks []func(*Page[Job]) error
	if o.Pagination == KeysetPagination {
		checks = append(checks, func(p *Page[Job]) error { return p.checkKeyset(o.Cursor) })
	}
	return list(ctx, s.owner(), get(projectJobsRoute, o, project), ro, checks...)
}

// AllByProject iterates over all of a project's jobs, newest first, beginning with the
// page that the Cursor or Page of opts selects. It requests 100 jobs per page unless
// opts.PerPage is set, and uses keyset pagination unless opts selects offset
// pagination or a Page. The options are copied: later changes have no effect.
//
// With keyset pagination it yields every job that is in the list from the start of the
// iteration to its end, and yields it once, even if other jobs are created or deleted
// meanwhile. GitLab responds with a 500 if no jobs are left after a cursor. AllByProject
// detects this and ends without an error. The iterator yields an error if the IDs of a page
// do not descend, or if a job has no ID. Only the current page and the pages that were
// fetched in advance are in memory.
//
// A proxy that removes the Link header does not end the list early: AllByProject requests a
// full page without the header again, with a page size that is larger by one. If the
// response has one more job, the listing continues with offset pagination.
//
// AllByProject also uses offset pagination if the server has no keyset pagination (before
// GitLab 15.9). Even then it yields no job twice, but it may miss jobs. If a job is deleted
// or leaves the Scope during the listing, the jobs after it move up. If one of them moves
// to a page that was already read, AllByProject misses it. Without a Scope, only deletions
// have this effect. GitLab ends offset pagination after 50,000 jobs. If the server has
// keyset pagination and its pages have a Link header, the listing then continues with
// keyset pagination. Otherwise the iterator yields an error.
//
// If a page fails, the iterator yields the error once, as a [*PageError] that says
// where to resume, and ends.
//
// GitLab: GET /projects/:id/jobs, [List all jobs for a project].
//
// [List all jobs for a project]: https://docs.gitlab.com/api/jobs/#list-all-jobs-for-a-project
func (s *JobsService) AllByProject(ctx context.Context, project Project, opts *ListJobsOptions, ro ...RequestOption) iter.Seq2[*Job, error] {
	return s.projectJobs(project, opts, ro).items(ctx)
}

// PagesByProject is [JobsService.AllByProject] page by page, for programs that store their
// position. To resume after a page, set Cursor to the NextCursor of that page. If
// NextCursor is empty and NextPage is not 0, set ListOptions.Page to NextPage: the listing
// then resumes with offset pagination. If neither is set, that page was the last one. Pages
// without new jobs are skipped.
func (s *JobsService) PagesByProject(ctx context.Context, project Project, opts *ListJobsOptions, ro ...RequestOption) iter.Seq2[*Page[Job], error] {
	return s.projectJobs(project, opts, ro).pages(ctx)
}

func (s *JobsService) projectJobs(project Project, opts *ListJobsOptions, ro []RequestOption) listing[Job, *Job] {
	o := valueOf(opts)
	o.Scope = slices.Clone(o.Scope)
	o.allPages()
	start := place{keyset: true, cursor: o.Cursor}
	if o.Pagination == OffsetPagination || o.Page > 0 {
		start = place{page: max(o.Page, 1)}
	}
	return listing[Job, *Job]{
		client: s.owner(), route: projectJobsRoute, start: start, keyset: true, perPage: o.PerPage, prefetch: o.Prefetch, ro: ro,
		err: o.checked(),
		fetch: func(ctx context.Context, at place, ro []RequestOption) (*Page[Job], error) {
			o := o
			o.Page, o.Cursor, o.Pagination = at.page, at.cursor, ""
			if at.keyset {
				o.Pagination = KeysetPagination
			}
			if at.perPage > 0 {
				o.PerPage = at.perPage
			}
			return s.ListByProject(ctx, project, &o, ro...)
		},
	}
}

// ListByPipeline returns a page of a pipeline's jobs, newest first. Bridges are not
// among them: see [BridgesService.List].
//
// GitLab: GET /projects/:id/pipelines/:pipeline_id/jobs, [List all jobs by pipeline].
//
// [List all jobs by pipeline]: https://docs.gitlab.com/api/jobs/#list-all-jobs-by-pipeline
func (s *JobsService) ListByPipeline(ctx context.Context, project Project, pipelineID int64, opts *ListPipelineJobsOptions, ro ...RequestOption) (*Page[Job], error) {
	o := valueOf(opts)
	if err := o.checked(); err != nil {
		return nil, err
	}
	return list[Job](ctx, s.owner(), get(pipelineJobsRoute, o, project, number(pipelineID)), ro)
}

// AllByPipeline iterates over all of a pipeline's jobs, newest first, beginning with
// opts.Page. It requests 100 jobs per page, which is GitLab's maximum, unless
// opts.PerPage is set. The options are copied: later changes have no effect.
//
// It yields no job twice, but it may miss jobs. If a job is retried or leaves the Scope
// during the listing, it leaves the list, and the jobs after it move up. If one of them
// moves to a page that was already read, AllByPipeline misses it. To get every job, set
// IncludeRetried, leave Scope empty, and filter by Job.Status.
//
// If a page fails, the iterator yields the error once, as a [*PageError] that says
// where to resume, and ends.
//
// GitLab: GET /projects/:id/pipelines/:pipeline_id/jobs, [List all jobs by pipeline].
//
// [List all jobs by pipeline]: https://docs.gitlab.com/api/jobs/#list-all-jobs-by-pipeline
func (s *JobsService) AllByPipeline(ctx context.Context, project Project, pipelineID int64, opts *ListPipelineJobsOptions, ro ...RequestOption) iter.Seq2[*Job, error] {
	return s.pipelineJobs(project, pipelineID, opts, ro).items(ctx)
}

// PagesByPipeline is [JobsService.AllByPipeline] page by page. Pages without new jobs
// are skipped.
func (s *JobsService) PagesByPipeline(ctx context.Context, project Project, pipelineID int64, opts *ListPipelineJobsOptions, ro ...RequestOption) iter.Seq2[*Page[Job], error] {
	return s.pipelineJobs(project, pipelineID, opts, ro).pages(ctx)
}

func (s *JobsService) pipelineJobs(project Project, pipelineID int64, opts *ListPipelineJobsOptions, ro []RequestOption) listing[Job, *Job] {
	o := valueOf(opts)
	o.Scope = slices.Clone(o.Scope)
	o.allPages()
	return listing[Job, *Job]{
		client: s.owner(), route: pipelineJobsRoute, start: place{page: max(o.Page, 1)}, perPage: o.PerPage, prefetch: o.Prefetch, ro: ro,
		err: o.checked(),
		fetch: func(ctx context.Context, at place, ro []RequestOption) (*Page[Job], error) {
			o := o
			o.Page = at.page
			return s.ListByPipeline(ctx, project, pipelineID, &o, ro...)
		},
	}
}

// Get returns one job. Bridges are not jobs: for the ID of a bridge, the error is
// [ErrNotFound].
//
// GitLab: GET /projects/:id/jobs/:job_id, [Retrieve a job by job ID].
//
// [Retrieve a job by job ID]: https://docs.gitlab.com/api/jobs/#retrieve-a-job-by-job-id
func (s *JobsService) Get(ctx context.Context, project Project, jobID int64, ro ...RequestOption) (*Job, error) {
	return fetch[Job](ctx, s.owner(), get("/projects/:id/jobs/:job_id", nil, project, number(jobID)), ro)
}

// CancelOptions change how a job is canceled.
type CancelOptions struct {
	// Force ends a job that is canceling, without waiting for its runner. It has no
	// effect on a job in any other state. Only maintainers may use it.
	Force bool
}

// Cancel cancels a job and returns it. A running job may first have the status canceling,
// until its runner has stopped. A manual or scheduled job becomes canceled too, with
// FinishedAt set. Archived jobs can be canceled. A finished job is returned unchanged,
// without an error. Cancel is idempotent, so it is retried like a read.
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
	r.repeatable = true
	return fetch[Job](ctx, s.owner(), r, ro)
}

// RetryOptions change how a job is retried.
type RetryOptions struct {
	Inputs map[string]any // Values for the job's inputs. They replace the old values.
}

// Retry runs a finished job again and returns the new job, which has a new ID. The old job
// does not change. If the job can't be retried (it is archived, was retried before or has
// not finished), the error is [ErrForbidden]. If a job may have been created, the client
// does not send the request again, and the error is [ErrOutcomeUnknown]. The job was
// created if the pipeline has a job of the same name with a higher ID: see the example.
//
// GitLab: POST /projects/:id/jobs/:job_id/retry, [Retry a job].
//
// [Retry a job]: https://docs.gitlab.com/api/jobs/#retry-a-job
func (s *JobsService) Retry(ctx context.Context, project Project, jobID int64, opts *RetryOptions, ro ...RequestOption) (*Job, error) {
	var body any
	if inputs := valueOf(opts).Inputs; len(inputs) > 0 {
		if err := checkInputs(inputs); err != nil {
			return nil, optionsError("RetryOptions", err)
		}
		body = map[string]any{"inputs": inputs}
	}
	return fetch[Job](ctx, s.owner(), post("/projects/:id/jobs/:job_id/retry", body, project, number(jobID)), ro)
}

// Erase removes the artifacts and the log of a finished job, and returns the job.
// Archived jobs can be erased. If the job can't be erased, or was erased before, the error
// is [ErrForbidden].
//
// GitLab: POST /projects/:id/jobs/:job_id/erase, [Erase a job].
//
// [Erase a job]: https://docs.gitlab.com/api/jobs/#erase-a-job
func (s *JobsService) Erase(ctx context.Context, project Project, jobID int64, ro ...RequestOption) (*Job, error) {
	return fetch[Job](ctx, s.owner(), post("/projects/:id/jobs/:job_id/erase", nil, project, number(jobID)), ro)
}
