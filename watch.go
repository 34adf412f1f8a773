package gitlabjobs

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"
)

// A JobEvent reports a job that [JobsService.Watch] saw for the first time, or whose status
// has changed.
type JobEvent struct {
	Job      *Job
	Previous Status // The status that was last reported; empty for a job that was not known.

	state WatchState
}

// State returns the state after this event, for WatchOptions.Since. Calling it is cheap.
// Marshaling the state takes time in proportion to the number of unfinished jobs.
func (e *JobEvent) State() WatchState { return e.state }

// WatchOptions configure [JobsService.Watch]. Nil or the zero value watches all jobs of
// the project, and starts with its current state.
type WatchOptions struct {
	// Since is the state to continue from. It must belong to the same project and Ref. The
	// zero value starts with the current state of the project.
	Since WatchState

	// The interval between two polls. It is MinInterval, 5 s by default, after a change. It
	// grows up to MaxInterval, 30 s by default, while nothing changes.
	MinInterval, MaxInterval time.Duration

	// MaxOutage is how long GitLab may be unreachable, or respond only with errors that are
	// [Temporary]. It applies after the first successful request, or from the beginning if
	// Since is set. If one request of a poll succeeds during an outage, but the poll fails,
	// MaxOutage is counted again from that request, at most once per outage. The default is
	// 15 minutes; 1 ns tolerates no outage.
	MaxOutage time.Duration

	Ref string // Only jobs of this branch or tag; empty for all.
}

func (o *WatchOptions) check(project Project) (err error) {
	if err := setIntervals(&o.MinInterval, &o.MaxInterval, 5*time.Second, 30*time.Second); err != nil {
		return err
	}
	if o.MaxOutage, err = checkMaxOutage(o.MaxOutage); err != nil || o.Since.isZero() {
		return err
	}
	if id, err := strconv.ParseInt(string(project), 10, 64); err == nil && o.Since.projectID != 0 && id != o.Since.projectID {
		return fmt.Errorf("Since is a state of project %d, not of %d: use this project's state, or WatchState{} to start with the current jobs", o.Since.projectID, id)
	}
	if o.Ref != o.Since.ref {
		return fmt.Errorf("Since is a state for Ref %q, not for %q: use the same Ref, or WatchState{} to start with the current jobs", o.Since.ref, o.Ref)
	}
	return nil
}

const (
	// blockedInterval is how often manual and scheduled jobs are listed, and jobs with an
	// unknown status are requested.
	blockedInterval = 10 * time.Minute

	// maxHeldPages is how many pages of 100 new jobs are held in memory. If there are more,
	// because the watch was stopped for a long time, the newer pages are read twice.
	maxHeldPages = 10
)

// activeScopes returns the statuses of the jobs that each poll lists. Statuses that GitLab
// added later come last, because older servers reject them.
func activeScopes() []Status {
	return []Status{
		StatusPending, StatusRunning, StatusCreated, StatusPreparing,
		StatusWaitingForResource, StatusWaitingForCallback, StatusCanceling,
	}
}

// requiredScopes is how many of activeScopes all servers accept.
const requiredScopes = 3

// Watch iterates over the changes of a project's jobs until the context ends or the loop is
// left. An event reports a job that a poll saw for the first time, or whose status differs
// from the last reported one. Without WatchOptions.Since, the first events are the
// unfinished jobs.
//
// Watch reports every status that a poll sees. It reports a new job even if the job has
// finished since the last poll. It may miss other changes that begin and end between two
// polls:
//
//   - If a manual job is played and finishes between two polls, Watch reports only its
//     end, up to ten minutes later.
//   - If GitLab queues a skipped job again, and the job finishes between two polls, Watch
//     reports nothing.
//
// A retried or replayed job is a new job with a new ID. Erasing a job does not change its
// status, and deleting it causes no event. Jobs of child pipelines are included; bridges
// are not. The events of a poll are in ascending order of IDs.
//
// [JobEvent.State] is the state after an event, from which this or another process can
// continue. If a program stores the state in the same transaction as the effect of the
// event, every event takes effect exactly once. If it stores the state less often, Watch
// repeats some events after a restart: those that followed the stored state. Before the
// first event there is no state to store. Continuing with a state of another project or Ref
// is an error.
//
// Each poll lists the new jobs and the active ones (created, preparing, waiting for a
// resource or a callback, pending, running or canceling). That takes two requests, and one
// more for each further 100 jobs in either list. If a job is no longer active, and is not
// new, Watch requests this job alone. Every ten minutes, Watch lists the manual and
// scheduled jobs, 100 per request, and requests the jobs with a status that this package
// does not know. With the default intervals, Watch sends 4 requests per minute for a quiet
// project and about 23 for a busy one, plus one for each job that finishes. GitLab allows a
// user 600 lists of project jobs per minute.
//
// A watch holds the IDs and statuses of the project's unfinished jobs in memory. Servers
// before GitLab 15.9 have no keyset pagination. If jobs are deleted on such a server while
// Watch lists more than 100 new jobs, Watch may miss a new job until the job is listed as
// active. Watch does not work with a job token, because job tokens cannot read single jobs.
//
// Without Since, the first request must succeed. After that, errors that are [Temporary]
// are tolerated for MaxOutage, without losing an event. Watch yields any other error once
// and ends. If the context ends, it yields the context's error and cause once and ends.
//
// GitLab: GET /projects/:id/jobs, [List all jobs for a project], and
// GET /projects/:id/jobs/:job_id, [Retrieve a job by job ID].
//
// [List all jobs for a project]: https://docs.gitlab.com/api/jobs/#list-all-jobs-for-a-project
// [Retrieve a job by job ID]: https://docs.gitlab.com/api/jobs/#retrieve-a-job-by-job-id
func (s *JobsService) Watch(ctx context.Context, project Project, opts *WatchOptions, ro ...RequestOption) iter.Seq2[*JobEvent, error] {
	o := valueOf(opts)
	err := o.check(project)
	return func(yield func(*JobEvent, error) bool) {
		switch {
		case ctx == nil:
			yield(nil, errNoContext)
		case err != nil:
			yield(nil, optionsError("WatchOptions", err))
		default:
			newWatcher(s, project, o, ro).run(ctx, yield)
		}
	}
}

// watcher is one iteration over the events of a watch.
type watcher struct {
	service *JobsService
	project Project
	options WatchOptions
	ro      []RequestOption
	scopes  []Status // Of active jobs, as far as the server knows them.

	outage        *outage
	interval      time.Duration
	polls         uint64
	blockedListed time.Time // The start of the last successful poll that listed manual and scheduled jobs.

	started        bool // newestID is known.
	projectID      int64
	projectChecked bool // The jobs of the state are known to belong to this project.
	newestID       int64
	jobs           *watchJobs // Unfinished, or finished with an ID above newestID.

	// The places of pages that were read but dropped from memory, newest first. If there
	// are any, newestID is the newest job of the page that follows the last of them.
	backlog []place
}

func newWatcher(s *JobsService, project Project, o WatchOptions, ro []RequestOption) *watcher {
	w := &watcher{
		service: s, project: project, options: o, ro: ro, scopes: activeScopes(),
		outage: newOutage(o.MaxOutage, o.MinInterval, o.MaxInterval), interval: o.MinInterval,
		projectID: o.Since.projectID, newestID: o.Since.newestID, jobs: newWatchJobs(&o.Since),
	}
	w.started = !o.Since.isZero()
	// WatchOptions.check has compared the state with a numeric project ID.
	_, err := strconv.ParseInt(string(project), 10, 64)
	w.projectChecked = err == nil || w.projectID == 0
	w.outage.hasResponded = w.started
	w.options.Since = WatchState{} // Frees its memory.
	return w
}

func (w *watcher) run(ctx context.Context, yield func(*JobEvent, error) bool) {
	operation := fmt.Sprintf("watching the jobs of %s", w.project)
	for {
		observations, err := w.poll(ctx)
		var pause time.Duration
		switch {
		case err == nil:
			w.outage.succeeded()
		case ctx.Err() != nil:
			err = w.outage.contextError(ctx, operation)
		default:
			pause, err = w.outage.failed(err)
		}
		// Report the jobs that were seen before an error, too.
		events, more := w.report(observations, yield)
		switch {
		case !more:
			return
		case err != nil:
			yield(nil, err)
			return
		case pause > 0:
		case events > 0:
			w.interval = w.options.MinInterval
		default:
			w.interval = min(w.interval*3/2, w.options.MaxInterval)
		}
		if pause == 0 && len(w.backlog) == 0 {
			pause = w.interval + rand.N(w.interval/10+1)
		}
		if sleep(ctx, pause) != nil {
			yield(nil, w.outage.contextError(ctx, operation))
			return
		}
	}
}

// observation is a job as a poll saw it.
type observation struct {
	job *Job
	new bool // It is a new job, and all jobs with lower IDs were seen.
}

// poll reads the jobs that may have changed. If a request fails, poll returns the jobs that
// it has read so far and the error.
//
// The order of the requests matters. Active jobs are listed first, so that a job created
// after that request is in the list of new jobs, which comes second. A known job that is in
// neither list has changed, so it is requested by itself, third. If newestID is not yet
// known, poll requests the newest job before all of these. Jobs with higher IDs are the new
// ones.
func (w *watcher) poll(ctx context.Context) ([]observation, error) {
	w.polls++
	ro := w.outage.poll(w.ro)
	if !w.started {
		if err := w.start(ctx, ro); err != nil {
			return nil, err
		}
	}
	begun := time.Now()
	includeBlocked := begun.Sub(w.blockedListed) >= blockedInterval
	observations, err := w.listActive(ctx, includeBlocked, ro)
	if err != nil {
		return observations, err
	}
	newest, err := w.listNewest(ctx, ro)
	observations = append(observations, newest...)
	if err != nil {
		return observations, err
	}
	// GitLab has responded to the lists, so these requests are retried.
	missing, err := w.getMissing(ctx, includeBlocked, w.ro)
	if includeBlocked && err == nil {
		w.blockedListed = begun
	}
	return append(observations, missing...), err
}

// start finds the newest job.
func (w *watcher) start(ctx context.Context, ro []RequestOption) error {
	opts := &ListJobsOptions{Ref: w.options.Ref, ListOptions: ListOptions{PerPage: 1}}
	for job, err := range w.service.AllByProject(ctx, w.project, opts, ro...) {
		if err != nil {
			return err
		}
		w.newestID = job.ID
		break
	}
	w.outage.responded()
	w.started = true
	return nil
}

// observe records that this poll has seen a job, and reports whether the job is unknown or
// its status differs from the last reported one.
func (w *watcher) observe(job *Job) bool {
	known, ok := w.jobs.known[job.ID]
	if ok {
		w.jobs.known[job.ID] = watchedJob{known.status, w.polls}
	}
	return !ok || known.status != job.Status
}

// report yields the events of a poll. It returns the number of events. more is false if the
// caller has left the loop.
func (w *watcher) report(observations []observation, yield func(*JobEvent, error) bool) (events int, more bool) {
	// If a job below newestID is unknown, record it before the first event, so that the
	// state of every event contains it. Otherwise a watch that continues from such a state
	// would miss the job if it finishes before the first poll.
	for _, s := range observations {
		if _, known := w.jobs.known[s.job.ID]; !known && s.job.ID <= w.newestID {
			w.jobs.set(s.job.ID, watchedJob{poll: w.polls})
		}
	}
	slices.SortStableFunc(observations, func(a, b observation) int { return cmp.Compare(a.job.ID, b.job.ID) })
	for i, s := range observations {
		observations[i].job = nil // So that it can be freed after the event.
		id, status := s.job.ID, s.job.Status
		known, ok := w.jobs.known[id]
		if s.new {
			w.newestID = max(w.newestID, id)
		}
		done := status.Finished() && id <= w.newestID
		changed := !ok || known.status != status
		switch {
		case done:
			w.jobs.forget(id)
		case changed:
			w.jobs.set(id, watchedJob{status, w.polls})
		}
		if !changed {
			continue
		}
		events++
		if !yield(&JobEvent{Job: s.job, Previous: known.status, state: w.state()}, nil) {
			return events, false
		}
	}
	return events, true
}

func (w *watcher) state() WatchState {
	n := len(w.jobs.changes)
	return WatchState{projectID: w.projectID, ref: w.options.Ref, newestID: w.newestID, jobs: w.jobs.changes[:n:n]}
}
