package gitlabjobs

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

// Finished reports whether a job in this state has come to its end: success,
// failed, canceled or skipped. A status that this package does not know is
// not finished.
func (s Status) Finished() bool {
	switch s {
	case StatusSuccess, StatusFailed, StatusCanceled, StatusSkipped:
		return true
	default:
		return false
	}
}

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
func (j *Job) finished() bool {
	return j.Status.Finished() || !j.Status.known() && !j.FinishedAt.IsZero()
}

// Blocked reports whether a job in this state waits for somebody to play it, or for
// a time that was set: manual or scheduled.
func (s Status) Blocked() bool { return s == StatusManual || s == StatusScheduled }
