package gitlabjobstest

import (
	"net/http"
	"slices"
	"strconv"

	"example.com/gitlabjobs"
)

// maxTotal is the maximum number of rows for which GitLab sends totals.
const maxTotal = 10_000

// maxOffset is the maximum offset in the list of a project's jobs.
const maxOffset = 50_000

// filter reports whether a list contains a job. nil accepts all jobs.
type filter func(*Job) bool

// byScope returns a filter that accepts the jobs that have one of the statuses
// and pass another filter.
func byScope(statuses []gitlabjobs.Status, other filter) filter {
	if len(statuses) == 0 {
		return other
	}
	return func(j *Job) bool {
		return slices.Contains(statuses, j.status) && (other == nil || other(j))
	}
}

func (c *call) listProjectJobs() *response {
	statuses := c.scope()
	pg := c.page()
	ref, pagination := c.param("ref"), c.param("pagination")
	if errResp := c.paramErrorResponse(); errResp != nil {
		return errResp
	}
	if errResp := c.srv.limitJobs(c); errResp != nil {
		return errResp
	}
	if errResp := c.requireRead(); errResp != nil {
		return errResp
	}
	var byRef filter
	if ref != "" {
		byRef = func(j *Job) bool { return j.pipeline.spec.Ref == ref }
	}
	keep := byScope(statuses, byRef)
	if pagination == "keyset" && !c.srv.cfg.older {
		return c.keysetPage(pg, keep)
	}
	tooFar := pg.size > 0 && pg.number > maxOffset/pg.size // GitLab checks this before it caps per_page.
	pg = pg.byOffset()
	first, ok := pg.firstIndex()
	if !c.srv.cfg.older && (tooFar || !ok) {
		return errorResponse(http.StatusMethodNotAllowed, "Offset pagination has a maximum allowed offset of "+
			strconv.Itoa(maxOffset)+" for requests that return objects of type Ci::Build. "+
			"Remaining records can be retrieved using keyset pagination.")
	}
	rows := selectPage(c.project.jobs, keep, first, int(pg.size), false)
	resp := jsonResponse(http.StatusOK, c.jobsJSON(rows.jobs))
	pg.setHeaders(c, resp.header, rows)
	return resp
}

func (c *call) listPipelineJobs() *response {
	retried := c.boolean("include_retried")
	statuses := c.scope()
	c.repeated["include_retried"] = strconv.FormatBool(retried)
	return c.listPipeline(func(pl *Pipeline) ([]*Job, filter, func([]*Job) any) {
		var latest filter
		if !retried && pl.retried > 0 {
			latest = func(j *Job) bool { return !j.retried }
		}
		return pl.jobs, byScope(statuses, latest), c.jobsJSON
	})
}

func (c *call) listBridges() *response {
	statuses := c.scope()
	return c.listPipeline(func(pl *Pipeline) ([]*Job, filter, func([]*Job) any) {
		return pl.bridges, byScope(statuses, func(j *Job) bool { return !j.retried }), c.bridgesJSON
	})
}

// listPipeline responds with a page of a pipeline's jobs or bridges. The function
// list returns the whole list of a pipeline, a filter, and an encoder.
func (c *call) listPipeline(list func(*Pipeline) (jobs []*Job, keep filter, encode func([]*Job) any)) *response {
	pg := c.page().byOffset()
	if errResp := c.paramErrorResponse(); errResp != nil {
		return errResp
	}
	if errResp := c.requireRead(); errResp != nil {
		return errResp
	}
	pl, errResp := c.findPipeline()
	if errResp != nil {
		return errResp
	}
	first, ok := pg.firstIndex()
	if !ok {
		return serverError()
	}
	jobs, keep, encode := list(pl)
	rows := selectPage(jobs, keep, first, int(pg.size), true)
	resp := jsonResponse(http.StatusOK, encode(rows.jobs))
	pg.setHeaders(c, resp.header, rows)
	return resp
}

// findPipeline finds the pipeline of the call.
func (c *call) findPipeline() (*Pipeline, *response) {
	id, err := strconv.ParseInt(c.vars["pipeline_id"], 10, 64)
	pl := c.srv.world.pipelines[id]
	if err != nil || pl == nil || pl.project != c.project {
		return nil, messageResponse(http.StatusNotFound, "404 Not found")
	}
	return pl, nil
}

// rows is one page of a list.
type rows struct {
	jobs  []*Job
	more  bool
	total int // -1 if the rows were not counted.
}

// selectPage returns a page of a list, by descending ID. Without a filter it reads
// only the jobs of that page.
func selectPage(jobs []*Job, keep filter, first, size int, count bool) rows {
	if keep == nil {
		r := rows{total: len(jobs)}
		for i := len(jobs) - 1 - first; i >= 0 && len(r.jobs) < size; i-- {
			r.jobs = append(r.jobs, jobs[i])
		}
		r.more = first+size < len(jobs)
		return r
	}
	r := rows{total: -1}
	matched := 0
	for _, j := range slices.Backward(jobs) {
		if !keep(j) {
			continue
		}
		switch matched++; {
		case matched <= first:
		case len(r.jobs) < size:
			r.jobs = append(r.jobs, j)
		default:
			r.more = true
			if !count {
				return r
			}
		}
	}
	r.total = matched
	return r
}
