package main

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
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

func TestWithoutArgumentsItDrawsTheDemo(t *testing.T) {
	t.Parallel()
	base := filepath.Join(t.TempDir(), "demo")
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out, environment(nil), []string{"-o", base}))
	assert.Contains(t, out.String(), "a GitLab server embedded in this program")
	assert.Contains(t, out.String(), base+".svg: the drawing, ")
	assert.Contains(t, out.String(), base+".html: the page, ")

	svg, err := os.ReadFile(base + ".svg")
	require.NoError(t, err)
	page, err := os.ReadFile(base + ".html")
	require.NoError(t, err)
	for _, content := range [][]byte{svg, page} {
		for _, part := range []string{"group/app, pipeline 4711", "Pipeline 4715 of group/deploy", "licenses", "1 of 2", "Critical path, estimated from the times: 8 steps", ", as of 2"} {
			assert.True(t, strings.Contains(string(content), part), part) //nolint:testifylint // It would print the whole file.
		}
		assert.NotContains(t, string(content), "127.0.0.1", "the URLs of the demo do not work after it has ended")
	}
	parse(t, svg)
}

func TestWithArgumentsItDrawsThePipeline(t *testing.T) {
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
	assert.Contains(t, string(svg), "This pipeline has no jobs. It may be new,")
	html, err := os.ReadFile(base + ".html")
	require.NoError(t, err)
	assert.Contains(t, string(html), "This pipeline has no jobs. It may be new,")

	job := pipeline.AddJob(gitlabjobstest.JobSpec{Name: "only"})
	require.NoError(t, run(t.Context(), &out, env, args))
	svg, err = os.ReadFile(base + ".svg")
	require.NoError(t, err)
	assert.Contains(t, string(svg), ">only</text>")
	assert.Contains(t, string(svg), "/my/project/-/jobs/"+strconv.FormatInt(job.ID(), 10)+`"`)
	assert.NotContains(t, out.String(), "embedded")

	require.ErrorIs(t, run(t.Context(), &out, env, []string{"-o", base, "not/there", "1"}), gitlabjobs.ErrNotFound)
	require.ErrorContains(t, run(t.Context(), &out, env, []string{"my/project"}), "the pipeline ID")
	require.ErrorContains(t, run(t.Context(), &out, env, []string{"my/project", "main"}), "not a pipeline ID")
	require.Error(t, run(t.Context(), &out, env, append([]string{"-o", filepath.Join(base, "no", "such")}, args[2:]...)))
	require.ErrorIs(t, run(t.Context(), &out, env, []string{"-h"}), flag.ErrHelp)
	assert.Contains(t, out.String(), "timeline [flags] PROJECT PIPELINE")
}

func TestFormatSelectsTheFiles(t *testing.T) {
	t.Parallel()
	for list, want := range map[string][]string{"html": {"a.html"}, "trace, svg": {"a.svg", "a.trace.json"}} {
		dir := t.TempDir()
		require.NoError(t, run(t.Context(), io.Discard, environment(nil), []string{"-o", filepath.Join(dir, "a"), "-format", list}))
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		require.NoError(t, err)
		var names []string
		for _, file := range files {
			names = append(names, filepath.Base(file))
		}
		assert.Equal(t, want, names)
	}
	err := run(t.Context(), io.Discard, environment(nil), []string{"-o", filepath.Join(t.TempDir(), "a"), "-format", "html,png"})
	require.EqualError(t, err, `-format html,png: "png" is not a format: use html, svg or trace`)
	err = run(t.Context(), io.Discard, environment(nil), []string{"-o", filepath.Join(t.TempDir(), "a"), "-format", "svg", "-open"})
	require.EqualError(t, err, "-open opens the page: add html to -format svg")
}

func TestOpenOpensThePageInTheBrowser(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("the browser of this test is a shell script")
	}
	dir := t.TempDir()
	browser := filepath.Join(dir, "browser")
	require.NoError(t, os.WriteFile(browser, []byte("#!/bin/sh\nprintf %s \"$1\" >\"$0.opened\"\n"), 0o755))
	vars := environment(map[string]string{"BROWSER": browser})
	require.NoError(t, run(t.Context(), io.Discard, vars, []string{"-o", filepath.Join(dir, "mine"), "-open"}))
	opened, err := os.ReadFile(browser + ".opened")
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(dir, "mine.html"), string(opened))

	vars = environment(map[string]string{"BROWSER": filepath.Join(dir, "none")})
	err = run(t.Context(), io.Discard, vars, []string{"-o", filepath.Join(dir, "mine"), "-open"})
	require.ErrorContains(t, err, "set BROWSER to the command of your browser")

	assert.Equal(t, []string{"xdg-open"}, opener("linux", ""))
	assert.Equal(t, []string{"open"}, opener("darwin", ""))
	assert.Equal(t, []string{"rundll32", "url.dll,FileProtocolHandler"}, opener("windows", ""))
}
