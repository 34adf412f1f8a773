package gitlabjobs

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync/atomic"
)

// BridgesService lists and plays bridges: jobs that trigger pipelines. It is a
// field of [Client].
type BridgesService struct{ client *Client }

// ListBridgesOptions filter and page the bridges of a pipeline. Nil or the zero value
// selects all of them.
type ListBridgesOptions struct {
	ListOptions

	Scope []Status `url:"scope,brackets,omitempty"` // Only bridges with one of these statuses; empty for all.
}

func (o *ListBridgesOptions) checked() error {
	if err := errors.Join(o.check(), checkScope(o.Scope)); err != nil {
		return optionsError("ListBridgesOptions", err)
	}
	return nil
}

// GitLab 19.2 deprecated the first route in favor of the second, which older servers
// lack.
const (
	bridgesRoute     = "/projects/:id/pipelines/:pipeline_id/bridges"
	triggerJobsRoute = "/projects/:id/pipelines/:pipeline_id/trigger_jobs"
)

// bridgesRoutes records which of the two routes the server has.
type bridgesRoutes struct{ triggerJobs atomic.Bool }

// List returns a page of a pipeline's bridges, newest first. Newer servers also offer this
// list at the route trigger_jobs. If one route responds with a 404, List requests the other
// one. If that request succeeds, the client uses the other route first from then on.
//
// GitLab: GET /projects/:id/pipelines/:pipeline_id/bridges, [List all trigger jobs by pipeline].
//
// [List all trigger jobs by pipeline]: https://docs.gitlab.com/api/jobs/#list-all-trigger-jobs-by-pipeline
func (s *BridgesService) List(ctx context.Context, project Project, pipelineID int64, opts *ListBridgesOptions, ro ...RequestOption) (*Page[Bridge], error) {
	o := valueOf(opts)
	if err := o.checked(); err != nil {
		return nil, err
	}
	request := func(route string, ro []RequestOption) (*Page[Bridge], error) {
		return list[Bridge](ctx, s.owner(), get(route, o, project, number(pipelineID)), ro)
	}
	if s.owner() == nil {
		return request(bridgesRoute, ro)
	}
	triggerJobs := &s.client.bridgesRoutes.triggerJobs
	preferred := triggerJobs.Load()
	route, other := bridgesRoute, triggerJobsRoute
	if preferred {
		route, other = other, route
	}
	page, err := request(route, ro)
	if !errors.Is(err, ErrNotFound) {
		return page, err
	}
	// Either the route or the pipeline does not exist. If both routes respond with a
	// 404, it is the pipeline, and the first response is the one to report.
	var response Response
	otherPage, otherErr := request(other, append(slices.Clip(ro), WithResponse(&response)))
	if errors.Is(otherErr, ErrNotFound) {
		return page, err
	}
	if r := responseOf(ro); r != nil {
		*r = response
	}
	if otherErr == nil {
		triggerJobs.Store(!preferred)
	}
	return otherPage, otherErr
}

// All iterates over all of a pipeline's bridges, newest first, beginning with
// opts.Page. It requests 100 bridges per page, which is GitLab's maximum, unless
// opts.PerPage is set. It yields no bridge twice. With a Scope, it may miss bridges, as
// [JobsService.AllByPipeline] explains for jobs.
//
// If a page fails, the iterator yields the error once, as a [*PageError] that says
// where to resume, and ends.
//
// GitLab: GET /projects/:id/pipelines/:pipeline_id/bridges, [List all trigger jobs by pipeline].
//
// [List all trigger jobs by pipeline]: https://docs.gitlab.com/api/jobs/#list-all-trigger-jobs-by-pipeline
func (s *BridgesService) All(ctx context.Context, project Project, pipelineID int64, opts *ListBridgesOptions, ro ...RequestOption) iter.Seq2[*Bridge, error] {
	return s.pipelineBridges(project, pipelineID, opts, ro).items(ctx)
}

// Pages is [BridgesService.All] page by page. Pages without new bridges are skipped.
func (s *BridgesService) Pages(ctx context.Context, project Project, pipelineID int64, opts *ListBridgesOptions, ro ...RequestOption) iter.Seq2[*Page[Bridge], error] {
	return s.pipelineBridges(project, pipelineID, opts, ro).pages(ctx)
}

func (s *BridgesService) pipelineBridges(project Project, pipelineID int64, opts *ListBridgesOptions, ro []RequestOption) listing[Bridge, *Bridge] {
	o := valueOf(opts)
	o.Scope = slices.Clone(o.Scope)
	o.allPages()
	return listing[Bridge, *Bridge]{
		client: s.owner(), route: bridgesRoute, start: place{page: max(o.Page, 1)}, perPage: o.PerPage, prefetch: o.Prefetch, ro: ro,
		err: o.checked(),
		fetch: func(ctx context.Context, at place, ro []RequestOption) (*Page[Bridge], error) {
			o := o
			o.Page = at.page
			return s.List(ctx, project, pipelineID, &o, ro...)
		},
	}
}
