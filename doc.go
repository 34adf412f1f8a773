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
// A [Project] identifies a project by its numeric ID ("42") or its full path ("group/app").
// Every method that sends requests takes a context, which limits the duration of the whole
// call, including retries. Nil options mean defaults. The package never modifies values
// that you pass. A [Client] is safe for concurrent use.
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
//   - Wait: [JobsService.Wait] for a job, [JobsService.WaitPipeline] for a pipeline and,
//     with [WaitOptions].Downstream, for the pipelines that it triggers.
//     [PipelineResult.Succeeded] reports whether all of them succeeded, apart from
//     pipelines that are allowed to fail. To set a deadline, pass a context with a timeout.
//   - Handle failed jobs: [JobsService.Failed] returns the failed jobs of a pipeline with the
//     ends of their logs, and [JobsService.RetryFailed] retries them. Both include jobs
//     that are allowed to fail.
//   - Watch a project: [JobsService.Watch] reports each new job and each change of a
//     job's status, and can continue after a restart.
//   - Call any other endpoint, such as that of a pipeline or of a job's artifacts:
//     [Client.Do].
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
//   - [JobTokenParam] for the same token as a query parameter,
//   - [NoAuth] for no credentials.
//
// Methods that read need an access or OAuth token with the scope read_api or api. Play,
// Retry, Cancel and Erase need the scope api. A job token can list jobs and bridges, and only a job token can
// call the methods of [JobTokenService]. For tokens that expire, implement Auth: see its
// example. [WithAuth] sets other credentials for a single call.
//
// The client sends credentials to its own server only. If the client follows a redirect to
// another host, port or scheme, it removes the credentials. Errors and log lines do not
// contain tokens of 8 characters or more.
//
// # Bridges
//
// A bridge, which GitLab also calls a trigger job, is a job that triggers another pipeline: a
// child pipeline in the same project, or a pipeline in another project. In this package,
// both are downstream pipelines. A bridge has no runner, no log and no artifacts. GitLab
// lists bridges separately from the other jobs: see [BridgesService].
//
// # Pages
//
// A List method returns one [Page], which contains the position of the next page. An All
// method iterates over the items of all pages, and a Pages method iterates over the pages.
// All and Pages methods request 100 items per page by default. If Prefetch is set, they
// request the next pages in advance. They yield no item twice.
//
// GitLab has two kinds of pagination. With offset pagination, GitLab skips a number of
// items before each page. If items are added or removed, other items move to another page.
// With keyset pagination, a page begins after the last item of the previous page. The
// server encodes this position in a cursor.
//
// AllByProject uses keyset pagination. It yields every job that is in the list from the
// start of the iteration to its end. The list has no maximum length. For the lists of a
// pipeline, GitLab has offset pagination only: [JobsService.AllByPipeline] explains how to
// get every job.
//
// If a request fails, the iterator yields the error once, with a nil item, and ends. The
// error of an All or Pages method is a [*PageError], which has the position at which to
// resume.
//
// # Errors
//
// If the server responds with an error status, the method returns an [*Error] with the path
// of the request and the message of the server. Use [errors.Is] to compare it with
// [ErrNotFound], [ErrForbidden], [ErrRateLimited] and so on. A method also returns an
// [*Error] if a response has a success status but can't be used, such as the HTML page of a
// proxy. [Temporary] reports whether the same call may succeed later. If the context ends
// before the call is complete, the method returns the context's error and its cause.
// Methods check their arguments before they send a request.
//
// # Retries
//
// The client retries reads and Cancel after a network error or a temporary error of the
// server, and obeys the rate limits of the server: see [RetryPolicy]. It sends Retry, Erase,
// Play and the writes of [Client.Do] again only if the request did not reach the server, or
// if a rate limit refused it. If such a write may have taken effect but no usable response
// arrived, the error is [ErrOutcomeUnknown]: check the job before you repeat the call.
//
// Wait, WaitPipeline, Watch and FollowTrace continue after outages of up to 15 minutes.
// MaxOutage in their options changes this limit.
//
// # Null, absent and zero
//
// Fields that can be null are pointers or times. They are nil or zero if the server sent null
// or did not send the field. Unknown statuses, failure reasons and fields are not errors.
// [Job.Extra] returns unknown fields and values of an unexpected type. A [Job] marshals to
// the JSON keys that it was decoded from, including keys whose value was null. To compare
// two jobs, compare their fields or their JSON. Do not compare the structs, because a Job
// also stores which fields the server sent.
//
// # Shared objects
//
// GitLab repeats the same commit, user, pipeline and runner in many jobs of a page. The
// package decodes each of these objects once, and the jobs of the page share it. Several
// goroutines can read a shared object at the same time. Copy it before you change it. Jobs
// of different pages share nothing.
package gitlabjobs
