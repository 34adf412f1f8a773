package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"example.com/gitlabjobs"
)

// The exit codes.
const (
	codeSuccess     = 0
	codeFailed      = 1
	codeError       = 2
	codeBlocked     = 3
	codeInterrupted = 130
)

// verdict returns the exit code of a wait, and the line that says why.
func verdict(pipeline *gitlabjobs.PipelineResult, err error) (int, string) {
	switch {
	case errors.Is(err, gitlabjobs.ErrBlocked):
		return codeBlocked, fmt.Sprint("blocked: ", err)
	case errors.Is(err, context.Canceled):
		return codeInterrupted, fmt.Sprint("interrupted: ", err)
	case err != nil:
		return codeError, fmt.Sprint("error: ", err)
	case pipeline.Succeeded():
		return codeSuccess, fmt.Sprintf("success: pipeline %d of %s", pipeline.PipelineID, pipeline.Project)
	default:
		return codeFailed, fmt.Sprintf("failed: pipeline %d of %s: %s", pipeline.PipelineID, pipeline.Project, strings.Join(reasons(pipeline), "; "))
	}
}

// reasons lists why a pipeline and those below it are not a success.
func reasons(r *gitlabjobs.PipelineResult) []string {
	var list []string
	switch {
	case r.Err != nil:
		list = append(list, fmt.Sprintf("pipeline %d can't be read: %v", r.PipelineID, r.Err))
	case r.Status == "":
		list = append(list, "its status is not known")
	case r.Status != gitlabjobs.StatusSuccess:
		list = append(list, fmt.Sprintf("pipeline %d is %s", r.PipelineID, r.Status))
	}
	for _, job := range r.Jobs {
		if job.Status == gitlabjobs.StatusFailed && !job.AllowFailure {
			list = append(list, fmt.Sprintf("job %s failed (%s)", job.Name, job.FailureReason))
		}
	}
	for _, bridge := range r.Bridges {
		if bridge.Status == gitlabjobs.StatusFailed && !bridge.AllowFailure {
			list = append(list, fmt.Sprintf("bridge %s failed (%s)", bridge.Name, bridge.FailureReason))
		}
	}
	for _, below := range r.Downstream {
		if !below.Succeeded() {
			list = append(list, reasons(below)...)
		}
	}
	return list
}
