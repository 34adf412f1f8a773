// Package gitlabjobs is a client for GitLab's Jobs API: it lists the jobs and
// bridges of a project or a pipeline, gets one job, the job of a CI job token and
// the agents that it may use, reads and follows a job's log, cancels, retries,
// erases and plays jobs, waits for them, and walks through a pipeline's children.
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
// A [Project] is its id, "42", or its full path, "group/app". Every method takes a
// context, which bounds it as a whole; nil options mean defaults, and what is handed
// over is never written to. A [Client] is safe for concurrent use.
//
// # Pages
//
// A List method returns one [Page] and what the server says of the next. An All
// method is an iterator over the items of every page, a Pages method one over the
// pages. They ask for 100 items a page, and with Prefetch for the next pages while
// the caller works on one. No item comes twice. The jobs of a project are read by
// keyset pagination, which misses none either and has no end; the lists of a
// pipeline have offset pagination alone, and [JobsService.AllByPipeline] says what
// that means.
//
// An iterator yields an error once, with a nil item, and stops. The error is a
// [*PageError], which says where to go on.
//
// # Errors
//
// An answer that is not a success is an [*Error], with the server's message, and
// names the request's path and matches one of the sentinels by [errors.Is]: [ErrNotFound], [ErrForbidden],
// [ErrRateLimited] and so on. [Temporary] reports whether the same call may succeed
// later. A success that can't be used, such as a page of a
// proxy, is an [*Error] as well. A context that ends is the context's error. Bad
// input is an error that says what to write instead, before anything is sent. No
// error holds a token.
//
// # Retries
//
// A read, or a cancel, is tried again after a fault of the network or of the server,
// and a server's wait is obeyed; see [RetryPolicy]. A retry, an erase and a play are
// sent again only where they provably never arrived. Where one may have happened, the
// error is [ErrOutcomeUnknown]: look before you do it again.
//
// # Other endpoints
//
// [Client.Do] calls any other endpoint of GitLab's REST API, such as a pipeline's own
// status or a job's artifacts, with the same authentication, retries and errors.
//
// # Logs
//
// [JobsService.Trace] is a log as a stream, from any byte, which goes on after a lost
// connection. [JobsService.FollowTrace] grows with the log of a running job and ends
// with the job. [TraceLines] reads lines, sections, times and colours out of either.
//
// # Null, absent and zero
//
// What can be null is a pointer or a time, nil or zero for null and for a field
// that the server does not send. A [Job] marshals back to the keys that it came
// from, null where it was null. A status, a reason or a field that this package does
// not know is no error: the first two are strings, and [Job.Extra] returns the
// field. So it is with a value of another type than expected. To find a job's values
// equal to those of another, compare the fields, or the JSON: a Job remembers which
// fields its server sent.
//
// # Shared objects
//
// GitLab repeats the same commit, user, pipeline and runner in every job of a page.
// Each is decoded once, and shared by the jobs of that page: read them, in as many
// goroutines as you like, and copy one before you change it. Pages share nothing.
//
// # Tests
//
// Package gitlabjobstest is a fake GitLab that behaves, for the tests of programs that
// use this package.
package gitlabjobs
