package main

import (
	"bytes"
	"flag"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

func environment(vars map[string]string) func(string) string {
	return func(key string) string { return vars[key] }
}

func TestWithoutArgumentsItShowsTheDemo(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	set := environment(map[string]string{"GITLAB_URL": "https://gitlab.example.com"})
	require.NoError(t, run(t.Context(), &out, set, nil), "the environment is ignored")
	assert.Contains(t, out.String(), "This is a demo with a GitLab server embedded in this program.")
	assert.Contains(t, out.String(), "The newest jobs of group/app")
	assert.Contains(t, out.String(), "test: failed (script_failure)")
	assert.Contains(t, out.String(), "  | --- FAIL: TestCheckout (0.03s)\n")
	assert.NotContains(t, out.String(), "\x1b", "the output has no colors")
}

func TestWithArgumentsItShowsTheProject(t *testing.T) {
	t.Parallel()
	srv := gitlabjobstest.NewServer(t)
	project := srv.AddProject("my/project")
	env := environment(map[string]string{"GITLAB_URL": srv.URL, "GITLAB_TOKEN": srv.Tokens.Reporter})

	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out, env, []string{"my/project"}))
	assert.Contains(t, out.String(), "The project has no jobs yet.")

	project.AddPipeline(gitlabjobstest.PipelineSpec{}).AddJob(gitlabjobstest.JobSpec{Name: "only", Log: strings.Repeat("line\n", 20) + "end\n"})
	out.Reset()
	require.NoError(t, run(t.Context(), &out, env, []string{"my/project"}))
	assert.Contains(t, out.String(), "only: success")
	assert.Equal(t, 7, strings.Count(out.String(), "  | line\n"))
	assert.Contains(t, out.String(), "  | end\n")

	require.ErrorIs(t, run(t.Context(), &out, env, []string{"not/there"}), gitlabjobs.ErrNotFound)
	require.ErrorContains(t, run(t.Context(), &out, environment(nil), []string{"my/project"}), "missing: GITLAB_URL")
	require.ErrorIs(t, run(t.Context(), &out, environment(nil), []string{"-h"}), flag.ErrHelp)
}
