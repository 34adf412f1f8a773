package gitlabjobs

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// WatchState records which jobs of a project a watch has reported, up to an event.
// [JobEvent.State] returns it, and WatchOptions.Since continues from it. It can be
// marshaled to JSON and unmarshaled. The JSON has IDs and statuses, about 12 bytes for each
// unfinished job, and no secrets.
type WatchState struct {
	projectID int64 // 0 if the server does not send it.
	ref       string

	// Jobs up to this ID that are not in jobs need no further event: they finished and were
	// reported, finished before the watch began, or were deleted.
	newestID int64

	// The unfinished jobs, and finished jobs above newestID, as a log of changes. The states
	// of a watch share the array, so elements below a state's length never change.
	jobs []watchChange
}

// watchChange adds a job, changes its status, or forgets it. An empty status means that
// the job was not reported yet.
type watchChange struct {
	id     int64
	status Status
	forget bool
}

const watchStateVersion = 1

// watchStateJSON is the JSON form of a WatchState.
type watchStateJSON struct {
	Version   int                `json:"version"`
	ProjectID int64              `json:"project_id"`
	Ref       string             `json:"ref,omitempty"`
	NewestID  *int64             `json:"newest_id"`
	Jobs      map[Status][]int64 `json:"jobs"` // In ascending order.
}

// isZero reports whether there is nothing to continue from.
func (s *WatchState) isZero() bool { return s.newestID == 0 && len(s.jobs) == 0 }

// statuses returns the jobs of the state.
func (s *WatchState) statuses() map[int64]Status {
	statuses := make(map[int64]Status)
	for _, c := range s.jobs {
		if c.forget {
			delete(statuses, c.id)
		} else {
			statuses[c.id] = c.status
		}
	}
	return statuses
}

// MarshalJSON implements [json.Marshaler].
func (s WatchState) MarshalJSON() ([]byte, error) {
	byStatus := make(map[Status][]int64)
	for id, status := range s.statuses() {
		byStatus[status] = append(byStatus[status], id)
	}
	for _, ids := range byStatus {
		slices.Sort(ids)
	}
	return json.Marshal(watchStateJSON{watchStateVersion, s.projectID, s.ref, &s.newestID, byStatus})
}

// UnmarshalJSON implements [json.Unmarshaler]. It returns an error if the version is
// unknown, or the state is incomplete or contradicts itself. As usual for Unmarshalers,
// null changes nothing.
func (s *WatchState) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	var in watchStateJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return watchStateError(err)
	}
	switch {
	case in.Version != watchStateVersion:
		return watchStateError(fmt.Errorf("the version is %d: this package reads version %d", in.Version, watchStateVersion))
	case in.NewestID == nil || in.Jobs == nil:
		return watchStateError(errors.New("newest_id or jobs is missing"))
	case *in.NewestID < 0:
		return watchStateError(fmt.Errorf("newest_id is %d: IDs are positive", *in.NewestID))
	case in.ProjectID < 0:
		return watchStateError(fmt.Errorf("project_id is %d: IDs are positive", in.ProjectID))
	}
	known := make(map[int64]bool)
	var jobs []watchChange
	for status, ids := range in.Jobs {
		for _, id := range ids {
			if id <= 0 || known[id] {
				return watchStateError(fmt.Errorf("job %d is listed twice, or is not a positive ID", id))
			}
			known[id] = true
			jobs = append(jobs, watchChange{id: id, status: status})
		}
	}
	*s = WatchState{projectID: in.ProjectID, ref: in.Ref, newestID: *in.NewestID, jobs: jobs}
	return nil
}

func watchStateError(err error) error {
	return fmt.Errorf("gitlabjobs: WatchState: %w: use a state that JobEvent.State returned, or WatchState{} to start with the current jobs", err)
}

// watchJobs are the known jobs of a watch, and the log of changes that led to them.
type watchJobs struct {
	known   map[int64]watchedJob
	changes []watchChange
}

type watchedJob struct {
	status Status // As last reported; empty if the job was not reported yet.
	poll   uint64 // The last poll that saw the job.
}

func newWatchJobs(s *WatchState) *watchJobs {
	j := &watchJobs{known: make(map[int64]watchedJob)}
	for id, status := range s.statuses() {
		j.known[id] = watchedJob{status: status}
	}
	j.compact()
	return j
}

func (j *watchJobs) set(id int64, job watchedJob) {
	j.known[id] = job
	j.change(watchChange{id: id, status: job.status})
}

func (j *watchJobs) forget(id int64) {
	if _, ok := j.known[id]; ok {
		delete(j.known, id)
		j.change(watchChange{id: id, forget: true})
	}
}

// change appends a change. It compacts the log when the log has more than twice as many
// entries as there are jobs (plus 256), so the amortized cost is constant.
func (j *watchJobs) change(c watchChange) {
	j.changes = append(j.changes, c)
	if len(j.changes) > 2*len(j.known)+256 {
		j.compact()
	}
}

// compact replaces the log by a new one that only adds the known jobs. States keep the old
// log.
func (j *watchJobs) compact() {
	j.changes = make([]watchChange, 0, len(j.known))
	for id, job := range j.known {
		j.changes = append(j.changes, watchChange{id: id, status: job.status})
	}
}

// listActive lists the active jobs and, if includeBlocked is set, the manual and scheduled
// ones.
func (w *watcher) listActive(ctx context.Context, includeBlocked bool, ro []RequestOption) ([]observation, error) {
	for {
		scopes := slices.Clone(w.scopes)
		if includeBlocked {
			scopes = append(scopes, StatusManual, StatusScheduled)
		}
		observations, err := w.list(ctx, &ListJobsOptions{Ref: w.options.Ref, Scope: scopes}, ro)
		if errors.Is(err, ErrBadRequest) && len(w.scopes) > requiredScopes {
			w.scopes = w.scopes[:len(w.scopes)-1] // An older server.
			continue
		}
		return observations, err
	}
}

func (w *watcher) list(ctx context.Context, opts *ListJobsOptions, ro []RequestOption) ([]observation, error) {
	var observations []observation
	for job, err := range w.service.AllByProject(ctx, w.project, opts, ro...) {
		if err == nil {
			err = w.check(job)
		}
		if err != nil {
			return observations, err
		}
		w.outage.responded()
		if w.observe(job) && !job.Status.Finished() {
			observations = append(observations, observation{job: job})
		}
	}
	w.outage.responded()
	return observations, nil
}

// listNewest lists the jobs above newestID, or only the oldest of them if there are too
// many.
func (w *watcher) listNewest(ctx context.Context, ro []RequestOption) ([]observation, error) {
	opts := &ListJobsOptions{Ref: w.options.Ref}
	dropped := w.backlog // Pages that are newer than the ones to read.
	if n := len(dropped); n > 0 {
		first := max(n-maxHeldPages, 0)
		at := dropped[first]
		opts.Cursor, opts.Page = at.cursor, at.page
		dropped = dropped[:first]
	}
	w.backlog = nil // After an error, start again with the newest job.
	var pages [][]*Job
	var starts []place // The places of the pages.
	next := place{cursor: opts.Cursor, page: opts.Page}
	for page, err := range w.service.PagesByProject(ctx, w.project, opts, ro...) {
		if err != nil {
			return nil, err
		}
		jobs := page.Items
		if i := slices.IndexFunc(jobs, func(job *Job) bool { return job.ID <= w.newestID }); i >= 0 {
			jobs = jobs[:i]
		}
		for _, job := range page.Items {
			if err := w.check(job); err != nil {
				return nil, err
			}
		}
		pages, starts = append(pages, jobs), append(starts, next)
		if len(pages) > maxHeldPages {
			pages[0] = nil
			dropped = append(dropped, starts[0])
			pages, starts = pages[1:], starts[1:]
		}
		if len(jobs) < len(page.Items) {
			break
		}
		next = place{cursor: page.NextCursor, page: page.NextPage}
	}
	w.backlog = dropped
	var observations []observation
	for _, jobs := range pages {
		for _, job := range jobs {
			w.observe(job)
			observations = append(observations, observation{job: job, new: true})
		}
	}
	return observations, nil
}

// getMissing requests the jobs that this poll expected in a list but did not find. It stops
// at the first error. The order is random, so that one job whose request always fails does
// not keep the same other jobs from being requested.
func (w *watcher) getMissing(ctx context.Context, includeBlocked bool, ro []RequestOption) ([]observation, error) {
	missing := w.missing(includeBlocked)
	rand.Shuffle(len(missing), func(i, k int) { missing[i], missing[k] = missing[k], missing[i] })
	var observations []observation
	for _, id := range missing {
		job, err := w.service.Get(ctx, w.project, id, ro...)
		if deleted(err) {
			if w.projectChecked {
				w.jobs.forget(id)
			}
			continue
		}
		if err == nil {
			err = w.check(job)
		}
		if err != nil {
			return observations, err
		}
		if w.observe(job) {
			observations = append(observations, observation{job: job})
		}
	}
	return observations, nil
}

// missing returns the IDs of the jobs to request by themselves, and forgets finished jobs.
// Until a job shows that the state belongs to this project, no job is forgotten because of
// a 404, and the jobs are requested only as often as manual ones.
func (w *watcher) missing(includeBlocked bool) (ids []int64) {
	for id, known := range w.jobs.known {
		switch {
		case known.poll == w.polls:
		case known.status.Finished():
			if id <= w.newestID {
				w.jobs.forget(id)
			}
		case includeBlocked || w.projectChecked && (known.status == "" || slices.Contains(w.scopes, known.status)):
			ids = append(ids, id)
		}
	}
	return ids
}

// deleted reports whether err is a 404 for the job itself, not for its project.
func deleted(err error) bool {
	response, ok := errors.AsType[*Error](err)
	return ok && errors.Is(err, ErrNotFound) && !strings.Contains(response.Message, "Project")
}

// check compares the project of a job with that of the state, or records it.
func (w *watcher) check(job *Job) error {
	if job.Pipeline != nil && job.Pipeline.ProjectID != 0 {
		w.projectID = cmp.Or(w.projectID, job.Pipeline.ProjectID)
		w.projectChecked = job.Pipeline.ProjectID == w.projectID
	} else {
		w.projectChecked = true // The server does not send the project.
	}
	if w.projectChecked {
		return nil
	}
	return fmt.Errorf("gitlabjobs: watching the jobs of %s: job %d is of project %d, but the state is of project %d: "+
		"use this project's state, or WatchState{} to start with the current jobs", w.project, job.ID, job.Pipeline.ProjectID, w.projectID)
}
