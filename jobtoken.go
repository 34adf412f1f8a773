package gitlabjobs

import "context"

// JobTokenService returns the job that a CI job token belongs to, and the agents that it
// may use. It is a field of [Client]. The client needs that token as its [JobToken],
// [BearerToken] or [JobTokenParam]: see [NewClientFromCI].
type JobTokenService struct{ client *Client }

// Job returns the job that the client's token belongs to. The token is valid while the job
// runs or is being canceled. With a token of another kind, the error is [ErrNotFound].
//
// GitLab: GET /job, [Retrieve a job by job token].
//
// [Retrieve a job by job token]: https://docs.gitlab.com/api/jobs/#retrieve-a-job-by-job-token
func (s *JobTokenService) Job(ctx context.Context, ro ...RequestOption) (*Job, error) {
	return fetch[Job](ctx, s.owner(), get("/job", nil), ro)
}

// AllowedAgents returns the agents for Kubernetes that the job may use.
//
// GitLab: GET /job/allowed_agents, [Retrieve GitLab agent for Kubernetes by CI_JOB_TOKEN].
//
// [Retrieve GitLab agent for Kubernetes by CI_JOB_TOKEN]: https://docs.gitlab.com/api/jobs/#retrieve-gitlab-agent-for-kubernetes-by-ci_job_token
func (s *JobTokenService) AllowedAgents(ctx context.Context, ro ...RequestOption) (*AllowedAgents, error) {
	return fetch[AllowedAgents](ctx, s.owner(), get("/job/allowed_agents", nil), ro)
}
