package gitlabjobs

import (
	"context"
	"errors"
	"iter"
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

// List returns a page of a pipeline's bridges, newest first.
//
// GitLab: GET /projects/:id/pipelines/:pipeline_id/bridges, [List pipeline bridges].
//
// [List pipeline bridges]: https://docs.gitlab.com/api/jobs/#list-pipeline-bridges
func (s *BridgesService) List(ctx context.Context, project Project, pipelineID int64, opts *ListBridgesOptions, ro ...RequestOption) (*Page[Bridge], error) {
	o := valueOf(opts)
	if err := errors.Join(o.check(), checkScope(o.Scope)); err != nil {
		return nil, optionsError("ListBridgesOptions", err)
	}
	return list[Bridge](ctx, s.client, get("/projects/:id/pipelines/:pipeline_id/bridges", o, project, number(pipelineID)), ro)
}

// All iterates over all of a pipeline's bridges, from the page that opts names
// on, newest first. It asks for 100 bridges a page unless opts says otherwise. An
// error is yielded once and ends it.
//
// GitLab: GET /projects/:id/pipelines/:pipeline_id/bridges, [List pipeline bridges].
//
// [List pipeline bridges]: https://docs.gitlab.com/api/jobs/#list-pipeline-bridges
func (s *BridgesService) All(ctx context.Context, project Project, pipelineID int64, opts *ListBridgesOptions, ro ...RequestOption) iter.Seq2[*Bridge, error] {
	o := valueOf(opts)
	o.allPages()
	return all(place{page: o.Page}, func(at place) (*Page[Bridge], error) {
		o := o
		o.Page = at.page
		return s.List(ctx, project, pipelineID, &o, ro...)
	})
}

// Play starts a manual bridge, and so the pipeline that it triggers.
//
// GitLab: POST /projects/:id/jobs/:job_id/play, [Run a job].
//
// [Run a job]: https://docs.gitlab.com/api/jobs/#run-a-job
func (s *BridgesService) Play(ctx context.Context, project Project, bridgeID int64, opts *PlayOptions, ro ...RequestOption) (*Bridge, error) {
	body, err := valueOf(opts).body()
	if err != nil {
		return nil, err
	}
	return fetch[Bridge](ctx, s.client, post(playRoute, body, project, number(bridgeID)), ro)
}
