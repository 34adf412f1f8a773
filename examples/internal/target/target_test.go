package target_test

import (
	"bytes"
	"flag"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/examples/internal/target"
	"example.com/gitlabjobs/gitlabjobstest"
)

func command() target.Command {
	flags := flag.NewFlagSet("show", flag.ContinueOnError)
	flags.Bool("all", false, "show all")
	return target.Command{
		Name: "show", Does: "Shows a job.", ID: "job", Flags: flags, Notes: "The end.\n",
		Demo: func(srv *gitlabjobstest.Server) (string, int64) {
			return "a/demo", srv.AddProject("a/demo").AddPipeline().AddJob().ID()
		},
	}
}

func environment(vars map[string]string) func(string) string {
	return func(key string) string { return vars[key] }
}

var both = map[string]string{"GITLAB_URL": "https://gitlab.example.com", "GITLAB_TOKEN": "secret"}

func TestWithoutArgumentsOpenStartsTheDemo(t *testing.T) {
	t.Parallel()
	for _, vars := range []map[string]string{nil, both} {
		for _, args := range [][]string{nil, {"-all"}} {
			var out bytes.Buffer
			tgt, err := command().Open(&out, environment(vars), args)
			require.NoError(t, err)
			assert.True(t, tgt.Demo)
			assert.Equal(t, gitlabjobs.Project("a/demo"), tgt.Project)
			_, err = tgt.Client.Jobs.Get(t.Context(), tgt.Project, tgt.ID)
			require.NoError(t, err)
			assert.Equal(t, "This is a demo with a GitLab server embedded in this program. To use your own server, see show -h.\n", out.String())
			tgt.Close()
		}
	}
}

func TestArgumentsNameAJob(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"group/app", "7"}, {"-all", "group/app", "7"}, {"group/app", "7", "-all"}} {
		var out bytes.Buffer
		c := command()
		tgt, err := c.Open(&out, environment(both), args)
		require.NoError(t, err)
		assert.False(t, tgt.Demo)
		assert.Equal(t, gitlabjobs.Project("group/app"), tgt.Project)
		assert.Equal(t, int64(7), tgt.ID)
		assert.Equal(t, len(args) == 3, c.Flags.Lookup("all").Value.String() == "true", "a flag may be anywhere")
		assert.Empty(t, out.String())
		tgt.Close()
	}
}

func TestErrorsNameTheMissingArgumentsAndVariables(t *testing.T) {
	t.Parallel()
	url, token := map[string]string{"GITLAB_URL": "https://gitlab.example.com"}, map[string]string{"GITLAB_TOKEN": "secret"}
	const end = ": see show -h, or run it without arguments for a demo"
	for _, tc := range []struct {
		args []string
		vars map[string]string
		want string
	}{
		{[]string{"a/b"}, nil, "missing: the job ID, after the project; GITLAB_URL in the environment; GITLAB_TOKEN in the environment" + end},
		{[]string{"a/b"}, both, "missing: the job ID, after the project" + end},
		{[]string{"a/b", "7"}, nil, "missing: GITLAB_URL in the environment; GITLAB_TOKEN in the environment" + end},
		{[]string{"a/b", "7"}, token, "missing: GITLAB_URL in the environment" + end},
		{[]string{"a/b", "7"}, url, "missing: GITLAB_TOKEN in the environment" + end},
		{[]string{"a/b", "x"}, both, `"x" is not a job ID: use the number at the end of the job's URL`},
		{[]string{"a/b", "-7"}, both, `flag provided but not defined: -7: see show -h for the flags`},
		{[]string{"a/b", "7", "8"}, both, `unexpected argument "8": pass a project and a job ID: see show -h`},
		{[]string{"-none"}, nil, "flag provided but not defined: -none: see show -h for the flags"},
		{[]string{"a/b", "7"}, map[string]string{"GITLAB_URL": "://", "GITLAB_TOKEN": "secret"}, "://"},
	} {
		var out bytes.Buffer
		_, err := command().Open(&out, environment(tc.vars), tc.args)
		require.ErrorContains(t, err, tc.want, tc.args)
		assert.NotContains(t, err.Error(), "secret")
		assert.Empty(t, out.String(), "the caller reports the error")
	}
}

func TestHelpExplainsEachArgument(t *testing.T) {
	t.Parallel()
	for _, arg := range []string{"-h", "-help", "--help"} {
		var out bytes.Buffer
		_, err := command().Open(&out, environment(nil), []string{"group/app", arg})
		require.ErrorIs(t, err, flag.ErrHelp)
		assert.Equal(t, `Shows a job.

Usage:
  show [flags]              a demo with a GitLab server embedded in this program
  show [flags] PROJECT JOB  a job of your GitLab server

Arguments:
  PROJECT       the project's full path or its ID, such as group/app or 42
  JOB           the job's ID, the number at the end of its URL

Environment:
  GITLAB_URL    the URL of your GitLab server, such as https://gitlab.example.com
  GITLAB_TOKEN  an access token with the scope read_api and access to the project's jobs

Flags:
  -all
    	show all

The end.
`, out.String())
	}

	var out bytes.Buffer
	_, err := target.Command{Name: "list", Does: "Lists jobs."}.Open(&out, environment(nil), []string{"-h"})
	require.ErrorIs(t, err, flag.ErrHelp)
	assert.Contains(t, out.String(), "\n  list          a demo with a GitLab server embedded in this program\n  list PROJECT  a project of your GitLab server\n")
	assert.NotContains(t, out.String(), "Flags")
}
