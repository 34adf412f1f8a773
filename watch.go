package gitlabjobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"
)

// JobEvent is a job that [JobsService.Watch] saw for the first time, or with another
// status than before.
type JobEvent struct {
	Job      *Job
	Previous Status // The status that was last reported; empty for a job that was not known.

	state WatchState
}

// State returns the state from which to continue right after this event, with
// WatchOptions.Since. It costs nothing until it is marshaled.
func (e *JobEvent) State() WatchState { return e.state }

// WatchOptions configure [JobsService.Watch]. Nil or the zero value watches all jobs of
// the project from now on.
type WatchOptions struct {
	// Since is the state to continue from. It must be one of the same project and Ref. The
	// zero value starts from now on.
	Since WatchState

	// The interval between two polls is MinInterval after a change, by default 5 s, and
	// grows to MaxInterval, by default 30 s, while nothing changes.
	MinInterval, MaxInterval time.Duration

	// MaxOutage is how long GitLab may be unreachable, or respond only with errors that
	// are [Temporary], once a request has succeeded or if Since is set. If GitLab then
	// responds, but not to all requests of a poll, it applies once more. The default is 15
	// minutes; 1 ns tolerates no outage.
	MaxOutage time.Duration

	Ref string // Only jobs of this branch or tag; empty for all.
}

func (o *WatchOptions) check(project Project) (err error) {
	if o.MinInterval < 0 || o.MaxInterval < 0 {
		return errors.New("an interval is negative: use 0 for the default")
	}
	o.MinInterval, o.MaxInterval = intervals(o.MinInterval, o.MaxInterval, 5*time.Second, 30*time.Second)
	if o.MinInterval > o.MaxInterval {
		return fmt.Errorf("MinInterval %v is longer than MaxInterval %v", o.MinInterval, o.MaxInterval)
	}
	if o.MaxOutage, err = checkMaxOutage(o.MaxOutage); err != nil || o.Since.isZero() {
		return err
	}
	if id, err := strconv.ParseInt(string(project), 10, 64); err == nil && o.Since.projectID != 0 && id != o.Since.projectID {
		return fmt.Errorf("Since is a state of project %d, not of %d: use this project's, or WatchState{} to start from now on", o.Since.projectID, id)
	}
	if o.Ref != o.Since.ref {
		return fmt.Errorf("Since is a state for Ref %q, not for %q: use the same Ref, or WatchState{} to start from now on", o.Since.ref, o.Ref)
	}
	return nil
}

const (
	// blockedInterval is how often jobs are listed that no runner works on: manual and
	// scheduled ones. Jobs with a status that this package does not know are read as often.
	blockedInterval = 10 * time.Minute

	// maxHeldPages bounds the new jobs that are held in memory, in pages of 100. If there
	// are more, after a long time without a watch, the newer pages are read a second time.
	maxHeldPages = 10
)

// activeScopes returns the statuses of the jobs that each poll lists, the oldest
// statuses first: a server refuses a scope that it does not know.
func activeScopes() []Status {
	return []Status{
		StatusPending, StatusRunning, StatusCreated, StatusPreparing,
		StatusWaitingForResource, StatusWaitingForCallback, StatusCanceling,
	}
}

// requiredScopes is how many of activeScopes every server knows.
const requiredScopes = 3

// Watch iterates over the changes of a project's jobs, from now on or from
// WatchOptions.Since, until the context ends or the loop is left. An event is a job that
// is seen for the first time, or with another status than was last reported. A watch
// that starts from now on first reports the jobs that are unfinished.
//
// Every status that a poll sees is reported. A new job is reported even if it has finished
// since the last poll. A change that begins and ends between two polls is only visible for
// jobs that are new or were active: if a manual job is played and finishes in between, only
// its end is reported, up to ten minutes later, and if a skipped job is queued again under
// its ID and finishes in between, nothing is. Jobs that are retried or played again are
// followed by a new job with a new ID. Erasing a job is not a change of its status. A job
// that is deleted is forgotten without an event. Jobs of child pipelines are included,
// bridges are not. The events of a poll come in ascending order of IDs.
//
// Each event has a state from which to continue after it, in this process or another. If
// the state is stored together with the effect of the event, every event takes effect
// exactly once, whatever ends the program; if it is stored less often, the events since
// then are repeated. Before the first event there is no state to store. A state of
// another project or Ref is an error.
//
// A poll lists the newest jobs, down to those that were listed before, and the active
// ones (created, waiting for something, pending, running or canceling): two requests,
// plus one for each further 100 jobs in either list. A job that has left the active ones
// and is not among the newest is requested by itself. Manual and scheduled jobs are listed
// every ten minutes, 100 a request; a job with a status that this package does not know
// is requested every ten minutes. With the default intervals that is 4 requests a minute
// for a quiet project, and about 23 for a busy one, plus one for each job that finishes.
// GitLab allows a user 600 lists of project jobs a minute.
//
// A watch holds the IDs and statuses of the project's unfinished jobs in memory. Servers
// before GitLab 15.9 have no keyset pagination. If jobs are deleted there while more than
// 100 new ones are listed, a new job may be missed until it is listed as active, or
// altogether if it finishes before that. Requests for single jobs need more than a job
// token.
//
// The first request of a watch from now on must succeed. Other than that, errors that
// are [Temporary] are tolerated for WatchOptions.MaxOutage, without losing an event. Any
// other error, and that of the context, is yielded once and ends the iteration.
//
// GitLab: GET /projects/:id/jobs, [List project jobs], and
// GET /projects/:id/jobs/:job_id, [Get a single job].
//
// [List project jobs]: https://docs.gitlab.com/api/jobs/#list-project-jobs
// [Get a single job]: https://docs.gitlab.com/api/jobs/#get-a-single-job
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

// watcher is one iteration of a watch.
type watcher struct {
	service *JobsService
	project Project
	options WatchOptions
	ro      []RequestOption
	scopes  []Status // Of active jobs, as far as the server knows them.

	outage        *outage
	interval      time.Duration
	polls         uint64
	blockedListed time.Time // When a poll last began that listed manual and scheduled jobs, and succeeded.

	started   bool // newestID is known.
	projectID int64
	matched   bool // No job of the state can be one of another project.
	newestID  int64
	jobs      *watchJobs // Unfinished, or finished with an ID above newestID.

	// Where the pages begin that were read, but had to be dropped from memory, newest
	// first. While there are any, newestID is that of the page after the last.
	backlog []place
}

func newWatcher(s *JobsService, project Project, o WatchOptions, ro []RequestOption) *watcher {
	w := &watcher{
		service: s, project: project, options: o, ro: ro, scopes: activeScopes(),
		outage: newOutage(o.MaxOutage, o.MinInterval, o.MaxInterval), interval: o.MinInterval,
		projectID: o.Since.projectID, newestID: o.Since.newestID, jobs: newWatchJobs(&o.Since),
	}
	w.started = !o.Since.isZero()
	// A state of a known project was compared with the number of this one, if that is given.
	_, err := strconv.ParseInt(string(project), 10, 64)
	w.matched = err == nil || w.projectID == 0
	w.outage.reached = w.started
	w.options.Since = WatchState{} // Not to be held in memory.
	return w
}

func (w *watcher) run(ctx context.Context, yield func(*JobEvent, error) bool) {
	what := fmt.Sprintf("watching the jobs of %s", w.project)
	for {
		sightings, err := w.poll(ctx)
		var pause time.Duration
		switch {
		case err == nil:
			w.outage.succeeded()
		case ctx.Err() != nil:
			err = w.outage.contextError(ctx, what)
		default:
			pause, err = w.outage.failed(err)
		}
		// Whatever came before an error was seen as well.
		events, more := w.report(sightings, yield)
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
			yield(nil, w.outage.contextError(ctx, what))
			return
		}
	}
}

// sighting is a job as a poll saw it.
type sighting struct {
	job *Job
	new bool // It is among the newest jobs, and all with lower IDs were seen.
}

// poll reads what may have changed. With an error it returns what it saw before.
//
// The order of the requests matters. A job that is neither among the active ones nor
// known appeared later, so it is among the newest, which are listed next. A job that is
// known and in neither list has left them by now, so it is requested by itself. Only for the
// first poll, which decides from where on jobs are new, the newest job comes first.
func (w *watcher) poll(ctx context.Context) ([]sighting, error) {
	w.polls++
	ro := w.outage.poll(w.ro)
	if !w.started {
		if err := w.start(ctx, ro); err != nil {
			return nil, err
		}
	}
	begun := time.Now()
	all := begun.Sub(w.blockedListed) >= blockedInterval
	sightings, err := w.listActive(ctx, all, ro)
	if err != nil {
		return sightings, err
	}
	newest, err := w.listNewest(ctx, ro)
	sightings = append(sightings, newest...)
	if err != nil {
		return sightings, err
	}
	// The lists were read, so GitLab is there: these requests are retried.
	missing, err := w.getMissing(ctx, all, w.ro)
	if all && err == nil {
		w.blockedListed = begun
	}
	return append(sightings, missing...), err
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

// see notes that this poll has seen a job, and reports whether it differs from what was
// last reported of it.
func (w *watcher) see(job *Job) bool {
	known, ok := w.jobs.known[job.ID]
	if ok {
		w.jobs.known[job.ID] = watchedJob{known.status, w.polls}
	}
	return !ok || known.status != job.Status
}

// report yields the events of a poll. It returns how many there are, and false if the loop
// was left.
func (w *watcher) report(sightings []sighting, yield func(*JobEvent, error) bool) (events int, more bool) {
	// A job below newestID would be unknown to the state of an event before its own, and
	// not be seen again if it finishes before that state is used.
	for _, s := range sightings {
		if _, known := w.jobs.known[s.job.ID]; !known && s.job.ID <= w.newestID {
			w.jobs.set(s.job.ID, watchedJob{poll: w.polls})
		}
	}
	slices.SortStableFunc(sightings, func(a, b sighting) int { return cmp.Compare(a.job.ID, b.job.ID) })
	for i, s := range sightings {
		sightings[i].job = nil // Let it be freed once the event is.
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
