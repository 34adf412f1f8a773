package main

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

func TestExitCodes(t *testing.T) {
	srv := gitlabjobstest.NewServer(t)
	t.Setenv("GITLAB_URL", srv.URL)
	t.Setenv("GITLAB_TOKEN", srv.Tokens.Reporter)
	project := srv.AddProject("group/app")
	pipeline := func(job, childJob gitlabjobs.Status) []string {
		root, child := project.AddPipeline(), project.AddPipeline()
		root.AddJob(gitlabjobstest.JobSpec{Status: job})
		root.AddBridge(gitlabjobstest.BridgeSpec{Downstream: child})
		child.AddJob(gitlabjobstest.JobSpec{Status: childJob})
		return []string{"group/app", fmt.Sprint(root.ID())}
	}
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	for name, tc := range map[string]struct {
		ctx    context.Context
		args   []string
		code   int
		reason string
	}{
		"success":          {t.Context(), pipeline("success", "success"), 0, "success"},
		"a failure":        {t.Context(), pipeline("failed", "success"), 1, "the pipeline is failed"},
		"a failed child":   {t.Context(), pipeline("success", "failed"), 1, "the pipeline is success"},
		"no arguments":     {t.Context(), nil, 2, "usage"},
		"not a number":     {t.Context(), []string{"group/app", "x"}, 2, `the pipeline ID is "x"`},
		"no such pipeline": {t.Context(), []string{"group/app", "999"}, 2, "404"},
		"a manual job":     {t.Context(), pipeline("success", "manual"), 3, "blocked"},
		"an interrupt":     {interrupted, pipeline("success", "success"), 130, "interrupted"},
	} {
		code, reason := gate(tc.ctx, tc.args)
		assert.Equal(t, tc.code, code, name)
		assert.Contains(t, reason, tc.reason, name)
	}
	t.Setenv("GITLAB_URL", "")
	code, reason := gate(t.Context(), []string{"group/app", "1"})
	assert.Equal(t, 2, code)
	assert.NotEmpty(t, reason)
}
