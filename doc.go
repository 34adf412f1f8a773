// Package gitlabjobs is a client for GitLab's Jobs API.
//
//	client, err := gitlabjobs.NewClient("https://gitlab.example.com", gitlabjobs.PrivateToken(token))
//	if err != nil {
//		return err
//	}
//	failed := &gitlabjobs.ListJobsOptions{Scope: []gitlabjobs.Status{gitlabjobs.StatusFailed}}
//	for job, err := range client.Jobs.AllByProject(ctx, "group/app", failed) {
//		if err != nil {
//			return err
//		}
//		fmt.Println(job.ID, job.Name, job.FailureReason, job.WebURL)
//	}
//
// A [Project] identifies a project by its numeric ID ("42") or its full path
// ("group/app"). Every method takes a context, which limits the call as a whole. Nil
// options mean defaults, and values passed in are never modified. A [Client] is safe for
// concurrent use.
//
// # Start here
//
//   - Create a client: [NewClient], or [NewClientFromCI] inside a CI job.
//   - List jobs: [JobsService.AllByProject], [JobsService.AllByPipeline], and
//     [Client.PipelineTree] for a pipeline and the pipelines that it triggers. [Collect]
//     returns the jobs as a slice, and [CreatedAfter] selects recent ones.
//   - Get one job: [JobsService.Get], or [JobTokenService.Job] inside a CI job.
//   - Read a log: [JobsService.Trace] for the log so far, [JobsService.FollowTrace] for the
//     log of a running job, and [TraceLines] for the lines, sections, times and colors of
//     either.
//   - Act on a job: [JobsService.Play], [JobsService.Retry], [JobsService.Cancel] and
//     [JobsService.Erase].
//   - Wait: [JobsService.Wait] for a job, [JobsService.WaitPipeline] for a pipeline and, on
//     request, for the pipelines that it triggers. [PipelineResult.Succeeded] reports
//     whether GitLab calls all of them successful.
//   - Handle failed jobs: [JobsService.Failed] returns them with the ends of their logs, and
//     [JobsService.RetryFailed] retries them.
//   - Observe a project: [JobsService.Watch] reports every change of its jobs, and can
//     continue after a restart.
//   - Call any other endpoint, such as a pipeline or a job's artifacts: [Client.Do].
//   - Test a program: package [example.com/gitlabjobs/gitlabjobstest] is a fake GitLab
//     server.
//
// # Authentication
//
// An [Auth] adds credentials to requests:
//
//   - [PrivateToken] for personal, project and group access tokens,
//   - [BearerToken] for OAuth 2.0 tokens,
//   - [JobToken] for the token of a CI job, which [NewClientFromCI] uses,
//   - [NoAuth] for none.
//
// Methods that read need a token with the scope read_api or api. Play, Retry, Cancel and
// Erase need the scope api. A job token can list jobs and bridges, and only a job token can
// call the methods of [JobTokenService]. For tokens that expire, implement Auth: see its
// example. [WithAuth] sets other credentials for a single call.
//
// Credentials are sent to the client's own server only: a redirect to another host, port or
// scheme is followed without them. No error and no log line contains a token.
//
// # Bridges
//
// A bridge, which GitLab also calls a trigger job, is a job that triggers another pipeline: a
// child pipeline in the same project, or a downstream pipeline in another one. It has no
// runner, no log and no artifacts. GitLab lists bridges apart from the other jobs: see
// [BridgesService].
//
// # Pages
//
// A List method returns one [Page] and the position of the next one. An All method iterates
// over the items of all pages, a Pages method over the pages. Both request 100 items per page
// unless the options say otherwise, and with Prefetch they request the next pages in advance.
// They yield no item twice.
//
// GitLab has two kinds of pagination. With offset pagination, a page begins after a number
// of items, so that items move to other pages if others are added or removed. With keyset
// pagination, a page begins after the last item of the page before, which the server encodes
// in a cursor. AllByProject uses keyset pagination. It misses no job that exists throughout
// the listing, and has no maximum length. For the lists of a pipeline, GitLab has offset
// pagination only: [JobsService.AllByPipeline] tells how to get every job.
//
// An iterator yields an error once, with a nil item, and stops. The error is a [*PageError],
// which has the position at which to resume.
//
// # Errors
//
// A response that is not a success is an [*Error]. It has the path of the request and the
// message of the server, and matches one of the sentinels by [errors.Is]: [ErrNotFound],
// [ErrForbidden], [ErrRateLimited] and so on. A success that can't be used, such as the HTML
// page of a proxy, is an [*Error] as well. [Temporary] reports whether the same call may
// succeed later. If the context ends first, its error is returned, with its cause. Invalid
// arguments are reported before any request is sent.
//
// # Retries
//
// Reads and Cancel are retried after a network error or a temporary error of the server, and
// the client obeys the rate limits of the server: see [RetryPolicy]. Retry, Erase, Play and
// the writes of [Client.Do] are retried only if they provably did not reach the server, or if
// a rate limit refused them. If a write may have taken effect but its response was lost, the
// error is [ErrOutcomeUnknown]: check the job before you repeat the call.
//
// Waits, watches and followed logs continue after outages of up to 15 minutes, or as their
// MaxOutage says.
//
// # Null, absent and zero
//
// Fields that can be null are pointers or times. They are nil or zero if the server sent null
// or did not send the field. Unknown statuses, failure reasons and fields are not errors.
// [Job.Extra] returns unknown fields, and values of an unexpected type. A [Job] marshals back
// to the keys that it was decoded from, null included. To compare two jobs, compare their
// fields or their JSON, not the structs: a Job remembers which fields the server sent.
//
// # Shared objects
//
// GitLab repeats the same commit, user, pipeline and runner in every job of a page. Each is
// decoded once, and the jobs of the page share it. Any number of goroutines can read it. Copy
// it before you change it. Pages share nothing with each other.
package gitlabjobs
