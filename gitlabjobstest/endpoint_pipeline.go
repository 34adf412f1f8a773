package gitlabjobstest

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"example.com/gitlabjobs"
)

// getPipeline responds with one pipeline. It ignores job tokens, so that a job
// token can read only the pipelines of public projects.
func (c *call) getPipeline() *response {
	if errResp := c.requireRead(); errResp != nil {
		return errResp
	}
	pl, errResp := c.findPipeline()
	if errResp != nil {
		return errResp
	}
	return jsonResponse(http.StatusOK, c.fullPipeline(pl))
}

func (c *call) fullPipeline(pl *Pipeline) *wireFullPipeline {
	w := &wireFullPipeline{
		wirePipeline: *c.pipeline(pl), Tag: pl.spec.Tag, User: pl.spec.User.wire.toBasic(),
		BeforeSHA: strings.Repeat("0", len(pl.spec.SHA)),
	}
	started, finished := pl.times()
	w.StartedAt, w.FinishedAt = isoOrNull(started), isoOrNull(finished)
	if !started.IsZero() {
		queued := int64(started.Sub(pl.created) / time.Second)
		w.QueuedDuration = &queued
	}
	if !finished.IsZero() && !started.IsZero() {
		duration := int64(finished.Sub(started) / time.Second)
		w.Duration = &duration
	}
	if sum, n := pl.coverage(); n > 0 {
		average := strconv.FormatFloat(sum/float64(n), 'f', 2, 64)
		w.Coverage = &average
	}
	w.DetailedStatus = c.detailedStatus(pl)
	return w
}

func (u *wireUser) toBasic() wireBasicUser {
	return wireBasicUser{u.ID, u.Username, u.PublicEmail, u.Name, u.State, u.Locked, u.AvatarURL, u.WebURL}
}

// times returns the time when the first job started and, if the pipeline has
// finished, the time when the last job finished.
func (pl *Pipeline) times() (started, finished time.Time) {
	for _, j := range pl.jobs {
		if !j.started.IsZero() && (started.IsZero() || j.started.Before(started)) {
			started = j.started
		}
		if pl.status.Finished() && j.finished.After(finished) {
			finished = j.finished
		}
	}
	return started, finished
}

// coverage returns the sum of the coverages of the jobs, and how many jobs have
// one.
func (pl *Pipeline) coverage() (sum float64, n int) {
	for _, j := range pl.jobs {
		if !j.retried && j.coverage > 0 {
			sum, n = sum+j.coverage, n+1
		}
	}
	return sum, n
}

// detailedStatus returns the status as GitLab's web pages show it.
func (c *call) detailedStatus(pl *Pipeline) wireDetailedStatus {
	status := string(pl.status)
	text := strings.ReplaceAll(status, "_", " ")
	d := wireDetailedStatus{
		Icon: "status_" + status, Text: text, Label: text, Group: status, Tooltip: text, HasDetails: true,
		DetailsPath: "/" + pl.project.path + "/-/pipelines/" + itoa(pl.id),
		Favicon:     c.srv.cfg.externalURL + "/assets/ci_favicons/favicon_status_" + status + ".png",
	}
	switch pl.status {
	case gitlabjobs.StatusSuccess:
		d.Text, d.Label, d.Tooltip = "passed", "passed", "passed"
	case gitlabjobs.StatusManual:
		d.Text, d.Label, d.Tooltip = "manual", "waiting for manual action", "manual action"
	case gitlabjobs.StatusScheduled:
		d.Text, d.Label, d.Tooltip = "delayed", "waiting for delayed job", "delayed"
	default:
	}
	return d
}
