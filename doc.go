// Package gitlabjobs is a client for GitLab's Jobs API: it lists the jobs and
// bridges of a project or a pipeline, gets one job, the job of a CI job token and
// the agents that it may use, reads a job's log, and cancels, retries, erases and
// plays jobs.
//
//	client, err := gitlabjobs.NewClient("https://gitlab.example.com", gitlabjobs.PrivateToken(token))
//	if err != nil {
//		return err
//	}
//	failed := &gitlabjobs.ListJobsOptions{Scope: []gitlabjobs.Status{gitlabjobs.StatusFailed}}
//	for job, err := range client.Jobs.AllProject(ctx, "group/app", failed) {
//		if err != nil {
//			return err
//		}
//		fmt.Println(job.ID, job.Name, job.FailureReason, job.WebURL)
//	}
//
// # Lists
//
// A List method returns one [Page] and what the server says of the next. An All
// method is an iterator over the items of every page; it asks for 100 a page,
// yields an error once, with a nil item, and stops.
//
// # Errors
//
// An answer that is not a success is an [*Error], with the server's message, and
// matches one of the sentinels by [errors.Is]: [ErrNotFound], [ErrForbidden],
// [ErrRateLimited] and so on. A context that ends is the context's error. No
// error holds a token.
//
// Reads are tried again after a fault of the network or the server; see
// [RetryPolicy]. A write is not, unless it provably never arrived: where it may
// have happened, the error is [ErrOutcomeUnknown].
//
// # Null, absent and zero
//
// What can be null is a pointer or a time, nil or zero for null and for a field
// that the server does not send. A [Job] marshals back to the keys that it came
// from. A status, a reason or a field that this package does not know is no
// error: the first two are strings, and [Job.Extra] returns the field. So it is
// with a value of another type than expected.
package gitlabjobs
