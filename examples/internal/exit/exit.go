// Package exit has the exit codes of the examples that wait for something.
package exit

import "example.com/gitlabjobs"

// The exit codes.
const (
	Success     = 0
	Failed      = 1 // It failed, was canceled or was skipped.
	Error       = 2 // The arguments are wrong, or there was an error.
	Blocked     = 3 // A manual job has to be played first.
	Interrupted = 130
)

// Notes is what -h says about the exit codes.
const Notes = `Exit codes:
  0    success
  1    it failed, was canceled or was skipped
  2    the arguments are wrong, or there was an error
  3    a manual job has to be played first
  130  interrupted
`

// Of returns the exit code for a status that is final.
func Of(status gitlabjobs.Status) int {
	if status == gitlabjobs.StatusSuccess {
		return Success
	}
	return Failed
}
