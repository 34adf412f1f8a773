// Package gitlabjobs is a client for GitLab's Jobs API: it lists the jobs and
// bridges of a project or a pipeline, gets one job, the job of a CI job token and
// the agents that it may use, reads and follows a job's log, cancels, retries,
// erases and plays jobs, waits for jobs and pipelines, watches a project's jobs, and
// reads the tree of a pipeline and its children.
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
// ("group/app"). Every method takes a context, which bounds the call as a whole. Nil
// options mean defaults, and values passed in are never modified. A [Client] is safe for
// concurrent use.
//
// # Pages
//
// A List method returns one [Page] and where the next one begins. An All method
// iterates over the items of all pages, a Pages method over the pages. Both request 100
// items per page and, with Prefetch, the next pages in advance. They yield no item
// twice. The jobs of a project are listed with keyset pagination, which continues after
// the last job instead of counting jobs, so it misses none either and has no limit. The
// lists of a pipeline have offset pagination only: see [JobsService.AllByPipeline].
//
// An iterator yields an error once, with a nil item, and stops. The error is a
// [*PageError], which says where to resume.
//
// # Errors
//
// A response that is not a success is an [*Error]. It has the request's path and the
// server's message, and matches one of the sentinels by [errors.Is]: [ErrNotFound],
// [ErrForbidden], [ErrRateLimited] and so on. A success that can't be used, such as an
// HTML page of a proxy, is an [*Error] as well. [Temporary] reports whether the same call
// may succeed later. If the context ends first, its error is returned, with its cause.
// Invalid arguments are reported before any request is sent, with what to use instead. No
// error contains a token.
//
// # Retries
//
// Reads and Cancel are retried after a network error or a temporary error of the
// server, and the server's rate limits are obeyed: see [RetryPolicy]. Retry, Erase, Play
// and the writes of [Client.Do] are only retried if they provably did not reach the
// server, or were refused by a rate limit. If one may have happened, the error is
// [ErrOutcomeUnknown]: check before repeating it.
//
// # Other endpoints
//
// [Client.Do] calls any other endpoint of GitLab's REST API, such as a pipeline's own
// status or a job's artifacts, with the same authentication, retries and errors.
//
// # Logs
//
// [JobsService.Trace] returns a log as a stream, from any byte, which survives a lost
// connection. [JobsService.FollowTrace] returns the log of a running job as it grows, and
// ends with the job. [TraceLines] reads lines, sections, times and colors from either.
//
// # Waiting and watching
//
// [JobsService.Wait] waits for a job, [JobsService.WaitPipeline] for a pipeline and, on
// request, for all pipelines below it. [PipelineResult.Succeeded] reports what GitLab
// decided. [JobsService.Watch] reports every change of a project's jobs. All of them, and
// FollowTrace, outlast an outage of GitLab.
//
// # Null, absent and zero
//
// Fields that can be null are pointers or times. They are nil or zero if the server
// sent null or did not send the field. A [Job] marshals back to the keys it came from,
// null where it was null. Unknown statuses, reasons and fields are not errors: the
// first two are strings, and [Job.Extra] returns the fields. It also returns values of
// an unexpected type. To compare two jobs, compare their fields or their JSON: a Job
// remembers which fields its server sent.
//
// # Shared objects
//
// GitLab repeats the same commit, user, pipeline and runner in every job of a page.
// Each is decoded once, and shared by the jobs of that page: read them, in as many
// goroutines as you like, and copy one before you change it. Pages share nothing.
//
// # Tests
//
// Package gitlabjobstest is a fake GitLab server that responds as GitLab does, for the
// tests of programs that use this package.
package gitlabjobs
