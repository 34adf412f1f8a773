package gitlabjobstest

import "slices"

// Delete deletes the project with its pipelines and its earlier paths. The
// server responds to later requests for it with 404. Calling Delete again does
// nothing.
func (p *Project) Delete() {
	s := p.srv
	s.lock()
	defer s.mu.Unlock()
	if s.world.projects[p.id] != p {
		return
	}
	p.deleted = true
	for _, pl := range s.world.pipelines {
		if pl.project == p {
			pl.remove()
		}
	}
	p.jobs = nil
	delete(s.world.projects, p.id)
	delete(s.world.paths, p.path)
	for old, to := range s.world.moved {
		if to == p {
			delete(s.world.moved, old)
		}
	}
}

// MoveTo moves the project to another full path. The server responds to later
// reads at the earlier path with 301, and to writes with 405.
func (p *Project) MoveTo(path string) {
	s := p.srv
	s.tb.Helper()
	s.lock()
	defer s.mu.Unlock()
	w := &s.world
	to := w.moved[path]
	switch {
	case w.projects[p.id] != p:
		s.failf("MoveTo(%q): the project %s could not be added, or was deleted: add it first", path, p.path)
		return
	case !isFullPath(path):
		s.failf("MoveTo(%q): use a full path, such as group/app", path)
		return
	case w.paths[path] != nil || to != nil && to != p:
		s.failf("MoveTo(%q): the path is taken: use another one", path)
		return
	}
	delete(w.paths, p.path)
	delete(w.moved, path) // The project may have had this path before.
	w.moved[p.path] = p
	p.path = path
	w.paths[path] = p
	for _, pl := range w.pipelines {
		if pl.project == p {
			pl.updateCommit()
		}
	}
}

// Delete deletes the pipeline with its jobs and bridges. The server responds to
// later requests for it with 404, and the bridge that triggered it has a null
// downstream_pipeline. Delete does not delete the pipelines that the pipeline's
// own bridges have triggered. Calling Delete again does nothing.
func (pl *Pipeline) Delete() {
	pl.srv.lock()
	defer pl.srv.mu.Unlock()
	if pl.srv.world.pipelines[pl.id] != pl {
		return
	}
	pl.remove()
	pl.project.jobs = slices.DeleteFunc(pl.project.jobs, func(j *Job) bool { return j.deleted })
}

// remove removes the pipeline. The caller removes its jobs from the project.
func (pl *Pipeline) remove() {
	pl.deleted = true
	delete(pl.srv.world.pipelines, pl.id)
	for _, j := range slices.Concat(pl.jobs, pl.bridges) {
		j.remove()
	}
	pl.jobs, pl.bridges, pl.retried = nil, nil, 0
	clear(pl.counts)
	pl.upstream = nil
}

// Delete deletes the job. The server responds to later requests for it with 404,
// and lists do not contain it. Calling Delete again does nothing.
func (j *Job) Delete() {
	now := j.srv.lock()
	defer j.srv.mu.Unlock()
	if j.srv.world.jobs[j.id] != j {
		return
	}
	pl := j.pipeline
	pl.count(j, -1)
	if j.retried && j.bridge == nil {
		pl.retried--
	}
	j.remove()
	isDeleted := func(other *Job) bool { return other == j }
	pl.jobs, pl.bridges = slices.DeleteFunc(pl.jobs, isDeleted), slices.DeleteFunc(pl.bridges, isDeleted)
	pl.project.jobs = slices.DeleteFunc(pl.project.jobs, isDeleted)
	pl.transition(now)
}

// Delete deletes the bridge. Later lists do not contain it. Delete does not
// delete the pipeline that the bridge has triggered. Calling Delete again does
// nothing.
func (b *Bridge) Delete() { b.job.Delete() }

// remove removes the job. The caller removes it from the lists.
func (j *Job) remove() {
	j.deleted = true
	j.transitions++ // Cancels the scheduled events of the job.
	delete(j.srv.world.jobs, j.id)
	if j.bridge != nil && j.bridge.spec.Downstream != nil && j.bridge.spec.Downstream.upstream == j {
		j.bridge.spec.Downstream.upstream = nil
	}
}
