// Package exit has the exit codes of the examples that wait for jobs or pipelines.
package exit

import "example.com/gitlabjobs"

// The exit codes.
const (
	Success     = 0
	Failed      = 1 // The job or pipeline failed, was canceled or was skipped.
	Error       = 2 // The arguments are wrong, or there was an error.
	Blocked     = 3 // A manual job must be played first.
	Interrupted = 130
)

// Notes is the help text about the exit codes.
const Notes = `Exit codes:
  0    success
  1    failed, canceled or skipped
  2    the arguments are wrong, or there was an error
  3    a manual job must be played first
  130  interrupted
`

// Of returns the exit code for a final status.
func Of(status gitlabjobs.Status) int {
	if status == gitlabjobs.StatusSuccess {
		return Success
	}
	return Failed
}
