package gitlabjobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// listActive lists the jobs that a runner may soon work on, and if all is set those that
// are manual or scheduled.
func (w *watcher) listActive(ctx context.Context, all bool, ro []RequestOption) ([]sighting, error) {
	for {
		scopes := slices.Clone(w.scopes)
		if all {
			scopes = append(scopes, StatusManual, StatusScheduled)
		}
		sightings, err := w.list(ctx, &ListJobsOptions{Ref: w.options.Ref, Scope: scopes}, ro)
		if errors.Is(err, ErrBadRequest) && len(w.scopes) > requiredScopes {
			w.scopes = w.scopes[:len(w.scopes)-1] // An older server.
			continue
		}
		return sightings, err
	}
}

func (w *watcher) list(ctx context.Context, opts *ListJobsOptions, ro []RequestOption) ([]sighting, error) {
	var sightings []sighting
	for job, err := range w.service.AllByProject(ctx, w.project, opts, ro...) {
		if err == nil {
			err = w.check(job)
		}
		if err != nil {
			return sightings, err
		}
		w.outage.responded()
		if w.see(job) && !job.Status.Finished() {
			sightings = append(sightings, sighting{job: job})
		}
	}
	w.outage.responded()
	return sightings, nil
}

// listNewest lists the jobs above newestID, or if they are too many the oldest of them.
func (w *watcher) listNewest(ctx context.Context, ro []RequestOption) ([]sighting, error) {
	opts := &ListJobsOptions{Ref: w.options.Ref}
	dropped := w.backlog // Pages above those at hand.
	if n := len(dropped); n > 0 {
		first := max(n-maxHeldPages, 0)
		at := dropped[first]
		opts.Cursor, opts.Page = at.cursor, at.page
		dropped = dropped[:first]
	}
	w.backlog = nil // After an error, begin with the newest job.
	var held [][]*Job
	var starts []place // Of the pages in held.
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
		held, starts = append(held, jobs), append(starts, next)
		if len(held) > maxHeldPages {
			held[0] = nil
			dropped = append(dropped, starts[0])
			held, starts = held[1:], starts[1:]
		}
		if len(jobs) < len(page.Items) {
			break
		}
		next = place{cursor: page.NextCursor, page: page.NextPage}
	}
	w.backlog = dropped
	var sightings []sighting
	for _, jobs := range held {
		for _, job := range jobs {
			w.see(job)
			sightings = append(sightings, sighting{job: job, new: true})
		}
	}
	return sightings, nil
}

// getMissing requests the jobs that should have been in a list of this poll, but were in
// none. It ends at the first error. The order is random, so that a job that always fails
// does not hold back the same others.
func (w *watcher) getMissing(ctx context.Context, all bool, ro []RequestOption) ([]sighting, error) {
	missing := w.missing(all)
	rand.Shuffle(len(missing), func(i, k int) { missing[i], missing[k] = missing[k], missing[i] })
	var sightings []sighting
	for _, id := range missing {
		job, err := w.service.Get(ctx, w.project, id, ro...)
		if deleted(err) {
			if w.matched {
				w.jobs.forget(id)
			}
			continue
		}
		if err == nil {
			err = w.check(job)
		}
		if err != nil {
			return sightings, err
		}
		if w.see(job) {
			sightings = append(sightings, sighting{job: job})
		}
	}
	return sightings, nil
}

// missing returns the IDs of the jobs to request by themselves, and forgets those that had
// finished. As long as the project has no job to compare with the state, none is forgotten
// for a 404, and they are requested as seldom as manual jobs.
func (w *watcher) missing(all bool) (ids []int64) {
	for id, known := range w.jobs.known {
		switch {
		case known.poll == w.polls:
		case known.status.Finished():
			if id <= w.newestID {
				w.jobs.forget(id)
			}
		case all || w.matched && (known.status == "" || slices.Contains(w.scopes, known.status)):
			ids = append(ids, id)
		}
	}
	return ids
}

// deleted reports whether err says that a job does not exist, rather than its project.
func deleted(err error) bool {
	response, ok := errors.AsType[*Error](err)
	return ok && errors.Is(err, ErrNotFound) && !strings.Contains(response.Message, "Project")
}

// check learns the project's numeric ID, or compares it.
func (w *watcher) check(job *Job) error {
	if job.Pipeline != nil && job.Pipeline.ProjectID != 0 {
		w.projectID = cmp.Or(w.projectID, job.Pipeline.ProjectID)
		w.matched = job.Pipeline.ProjectID == w.projectID
	} else {
		w.matched = true // This server does not tell.
	}
	if w.matched {
		return nil
	}
	return fmt.Errorf("gitlabjobs: watching the jobs of %s: job %d is of project %d, but the state is of project %d: "+
		"use this project's state, or WatchState{} to start from now on", w.project, job.ID, job.Pipeline.ProjectID, w.projectID)
}
