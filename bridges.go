package gitlabjobs

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"
)

// BridgesService lists and plays bridges: jobs that trigger pipelines. It is a
// field of [Client].
type BridgesService struct{ client *Client }

// ListBridgesOptions choose among a pipeline's bridges. Nil or the zero value is
// for all of them.
type ListBridgesOptions struct {
	ListOptions

	Scope []Status `url:"scope,brackets,omitempty"` // Only bridges in one of these; empty for all.
}

func (o *ListBridgesOptions) checked() error {
	if err := errors.Join(o.check(), checkScope(o.Scope)); err != nil {
		return optionsError("ListBridgesOptions", err)
	}
	return nil
}

// From GitLab 19.2 on, the first is deprecated in favour of the second, which older
// servers lack.
const (
	bridgesRoute     = "/projects/:id/pipelines/:pipeline_id/bridges"
	triggerJobsRoute = "/projects/:id/pipelines/:pipeline_id/trigger_jobs"
)

// bridgesRoutes is by which of the two a server lists bridges, once that has been
// seen.
type bridgesRoutes struct{ route atomic.Pointer[string] }

// List returns a page of a pipeline's bridges, newest first. Where a server no
// longer has the list, the one that took its place is asked (trigger_jobs); which of
// them it is, a client finds out once.
//
// GitLab: GET /projects/:id/pipelines/:pipeline_id/bridges, [List pipeline bridges].
//
// [List pipeline bridges]: https://docs.gitlab.com/api/jobs/#list-pipeline-bridges
func (s *BridgesService) List(ctx context.Context, project Project, pipelineID int64, opts *ListBridgesOptions, ro ...RequestOption) (*Page[Bridge], error) {
	o := valueOf(opts)
	if err := o.checked(); err != nil {
		return nil, err
	}
	ask := func(route string) (*Page[Bridge], error) {
		return list[Bridge](ctx, s.client, get(route, o, project, number(pipelineID)), ro)
	}
	if s.client == nil {
		return ask(bridgesRoute)
	}
	known := &s.client.bridgesRoutes.route
	if route := known.Load(); route != nil {
		return ask(*route)
	}
	route := bridgesRoute
	page, err := ask(route)
	if errors.Is(err, ErrNotFound) {
		// No such list, or no such pipeline: the other list tells.
		route = triggerJobsRoute
		if other, otherErr := ask(route); !errors.Is(otherErr, ErrNotFound) {
			page, err = other, otherErr
		}
	}
	if err == nil {
		known.Store(&route)
	}
	return page, err
}

// All iterates over all of a pipeline's bridges, newest first, from the page on
// that opts names. It asks for 100 bridges a page unless opts says otherwise. No
// bridge comes twice; what is said of a Scope at [JobsService.AllByPipeline] holds
// here too.
//
// An error is yielded once, as a [*PageError] that says where to go on, and ends
// it.
//
// GitLab: GET /projects/:id/pipelines/:pipeline_id/bridges, [List pipeline bridges].
//
// [List pipeline bridges]: https://docs.gitlab.com/api/jobs/#list-pipeline-bridges
func (s *BridgesService) All(ctx context.Context, project Project, pipelineID int64, opts *ListBridgesOptions, ro ...RequestOption) iter.Seq2[*Bridge, error] {
	return s.pipelineBridges(project, pipelineID, opts, ro).items(ctx)
}

// Pages is [BridgesService.All] page by page. Pages without bridges are left out.
func (s *BridgesService) Pages(ctx context.Context, project Project, pipelineID int64, opts *ListBridgesOptions, ro ...RequestOption) iter.Seq2[*Page[Bridge], error] {
	return s.pipelineBridges(project, pipelineID, opts, ro).pages(ctx)
}

func (s *BridgesService) pipelineBridges(project Project, pipelineID int64, opts *ListBridgesOptions, ro []RequestOption) listing[Bridge, *Bridge] {
	o := valueOf(opts)
	o.allPages()
	return listing[Bridge, *Bridge]{
		client: s.client, route: bridgesRoute, start: place{page: max(o.Page, 1)}, perPage: o.PerPage, prefetch: o.Prefetch, ro: ro,
		err: o.checked(),
		fetch: func(ctx context.Context, at place, ro []RequestOption) (*Page[Bridge], error) {
			o := o
			o.Page = at.page
			return s.List(ctx, project, pipelineID, &o, ro...)
		},
	}
}
