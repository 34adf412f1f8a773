package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

func environment(vars map[string]string) func(string) string {
	return func(key string) string { return vars[key] }
}

func TestWithoutSettingsItDrawsTheDemo(t *testing.T) {
	t.Parallel()
	base := filepath.Join(t.TempDir(), "demo")
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out, environment(nil), []string{"-o", base}))
	assert.Contains(t, out.String(), "a GitLab embedded in this program")
	assert.Contains(t, out.String(), base+".svg: the drawing, ")
	assert.Contains(t, out.String(), base+".html: the page, ")

	svg, err := os.ReadFile(base + ".svg")
	require.NoError(t, err)
	page, err := os.ReadFile(base + ".html")
	require.NoError(t, err)
	for _, content := range [][]byte{svg, page} {
		for _, part := range []string{"group/app, pipeline 4711", "Pipeline 4715 of group/deploy", "licenses", "Attempt: 1 of 2", "Critical path: 8 steps"} {
			assert.Contains(t, string(content), part)
		}
		assert.NotContains(t, string(content), "127.0.0.1", "the demo's addresses lead nowhere once it has ended")
	}
	parse(t, svg)
}

func TestWithSettingsItDrawsYourPipeline(t *testing.T) {
	t.Parallel()
	srv := gitlabjobstest.NewServer(t)
	project := srv.AddProject("my/project")
	pipeline := project.AddPipeline(gitlabjobstest.PipelineSpec{})
	env := environment(map[string]string{"GITLAB_URL": srv.URL, "GITLAB_TOKEN": srv.Tokens.Reporter})
	base := filepath.Join(t.TempDir(), "mine")
	args := []string{"-o", base, "my/project", strconv.FormatInt(pipeline.ID(), 10)}

	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out, env, args))
	svg, err := os.ReadFile(base + ".svg")
	require.NoError(t, err)
	assert.Contains(t, string(svg), "No jobs.")

	job := pipeline.AddJob(gitlabjobstest.JobSpec{Name: "only"})
	require.NoError(t, run(t.Context(), &out, env, args))
	svg, err = os.ReadFile(base + ".svg")
	require.NoError(t, err)
	assert.Contains(t, string(svg), ">only</text>")
	assert.Contains(t, string(svg), "/my/project/-/jobs/"+strconv.FormatInt(job.ID(), 10)+`"`)
	assert.NotContains(t, out.String(), "embedded")

	require.ErrorIs(t, run(t.Context(), &out, env, []string{"-o", base, "not/there", "1"}), gitlabjobs.ErrNotFound)
	require.ErrorContains(t, run(t.Context(), &out, env, []string{"my/project"}), "the pipeline ID")
	require.ErrorContains(t, run(t.Context(), &out, env, []string{"my/project", "main"}), "no pipeline ID")
	require.Error(t, run(t.Context(), &out, env, append([]string{"-o", filepath.Join(base, "no", "such")}, args[2:]...)))
	require.ErrorIs(t, run(t.Context(), &out, env, []string{"-h"}), flag.ErrHelp)
	assert.Contains(t, out.String(), "timeline [flags] PROJECT PIPELINE")
}
