package gitlabjobs

import "time"

// Status is the state of a job, a bridge or a pipeline. GitLab adds values
// over time, so any string is legal, here and as a scope.
type Status string

// The statuses that a job can have.
const (
	StatusCreated            Status = "created"
	StatusWaitingForResource Status = "waiting_for_resource"
	StatusPreparing          Status = "preparing"
	StatusWaitingForCallback Status = "waiting_for_callback"
	StatusPending            Status = "pending"
	StatusRunning            Status = "running"
	StatusSuccess            Status = "success"
	StatusFailed             Status = "failed"
	StatusCanceling          Status = "canceling"
	StatusCanceled           Status = "canceled"
	StatusSkipped            Status = "skipped"
	StatusManual             Status = "manual"
	StatusScheduled          Status = "scheduled"
)

// Finished reports whether a job in this state has ended: success, failed, canceled or
// skipped. An unknown status is not finished.
func (s Status) Finished() bool {
	switch s {
	case StatusSuccess, StatusFailed, StatusCanceled, StatusSkipped:
		return true
	default:
		return false
	}
}

// Blocked reports whether a job in this state waits for a user to play it: manual. A
// scheduled job is not blocked, because GitLab starts it when its time has come.
func (s Status) Blocked() bool { return s == StatusManual }

// known reports whether this package knows a status.
func (s Status) known() bool {
	switch s {
	case StatusCreated, StatusWaitingForResource, StatusPreparing, StatusWaitingForCallback, StatusPending, StatusRunning,
		StatusSuccess, StatusFailed, StatusCanceling, StatusCanceled, StatusSkipped, StatusManual, StatusScheduled:
		return true
	default:
		return false
	}
}

// finished reports whether the job has ended: by its status or, if this package does
// not know that, by the time at which it finished.
func (j *Job) finished() bool { return hasFinished(j.Status, j.FinishedAt) }

func (b *Bridge) finished() bool { return hasFinished(b.Status, b.FinishedAt) }

func hasFinished(s Status, at time.Time) bool {
	return s.Finished() || !s.known() && !at.IsZero()
}
