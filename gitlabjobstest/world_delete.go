package gitlabjobstest

import "slices"

// Delete deletes the project with its pipelines and its earlier paths. Requests
// for it are 404 from now on. Deleting twice does nothing.
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

// MoveTo moves the project to another full path. A read at an earlier path is
// 301 from now on, a write 405.
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
	delete(w.moved, path) // It may have been its path before.
	w.moved[p.path] = p
	p.path = path
	w.paths[path] = p
	for _, pl := range w.pipelines {
		if pl.project == p {
			pl.updateCommit()
		}
	}
}

// Delete deletes the pipeline with its jobs and bridges. Requests for it are
// 404 from now on, and the bridge that triggered it has a null
// downstream_pipeline. Pipelines that its own bridges have triggered stay.
// Deleting twice does nothing.
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

// Delete deletes the job. Requests for it are 404 from now on, and lists do not
// have it. Deleting twice does nothing.
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
	gone := func(other *Job) bool { return other == j }
	pl.jobs, pl.bridges = slices.DeleteFunc(pl.jobs, gone), slices.DeleteFunc(pl.bridges, gone)
	pl.project.jobs = slices.DeleteFunc(pl.project.jobs, gone)
	pl.transition(now)
}

// Delete deletes the bridge. Lists do not have it from now on. The pipeline
// that it triggered stays. Deleting twice does nothing.
func (b *Bridge) Delete() { b.job.Delete() }

// remove removes the job. The caller removes it from the lists.
func (j *Job) remove() {
	j.deleted = true
	j.transitions++ // Cancels what was scheduled for it.
	delete(j.srv.world.jobs, j.id)
	if j.bridge != nil && j.bridge.spec.Downstream != nil && j.bridge.spec.Downstream.upstream == j {
		j.bridge.spec.Downstream.upstream = nil
	}
}
