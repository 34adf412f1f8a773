package gitlabjobs_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

func TestAProjectIsEscapedOnce(t *testing.T) {
	t.Parallel()
	for project, want := range map[gitlabjobs.Project]string{
		"42":                               "42",
		gitlabjobs.ProjectID(16728223589):  "16728223589",
		"group/app":                        "group%2Fapp",
		"group/sub/app":                    "group%2Fsub%2Fapp",
		"a/b.c":                            "a%2Fb.c",
		"grün/ü":                           "gr%C3%BCn%2F%C3%BC",
		"a b/c d":                          "a%20b%2Fc%20d",
		"a/100%":                           "a%2F100%25",
		"a/b%20c":                          "a%2Fb%2520c",
		"a/b?x=1#y":                        "a%2Fb%3Fx=1%23y",
		"a/...":                            "a%2F...",
		`a/b\c`:                            `a%2Fb%5Cc`,
		"42/43":                            "42%2F43",
		gitlabjobs.Project("a/b;c,d+e&f@"): "a%2Fb%3Bc%2Cd+e&f@",
	} {
		t.Run(string(project), func(t *testing.T) {
			t.Parallel()
			var uri string
			client := newClient(t, func(req *http.Request) (*http.Response, error) {
				uri = req.URL.RequestURI()
				return answer{body: `{"id":1}`}.to(req), nil
			})
			_, err := client.Jobs.Get(t.Context(), project, 7)
			require.NoError(t, err)
			assert.Equal(t, "/api/v4/projects/"+want+"/jobs/7", uri)
		})
	}
}

func TestInvalidProjectsAreErrors(t *testing.T) {
	t.Parallel()
	client := newClient(t, func(*http.Request) (*http.Response, error) {
		t.Error("a request was sent")
		return nil, http.ErrServerClosed
	})
	for project, want := range map[gitlabjobs.Project]string{
		"":                             "project is empty",
		"0":                            "positive number",
		"-1":                           "positive number",
		gitlabjobs.ProjectID(-7):       "positive number",
		"app":                          "neither a number nor a full path",
		"99999999999999999999":         "neither a number nor a full path",
		"..":                           "neither a number nor a full path",
		"../app":                       `an empty part, "." or ".."`,
		"group/..":                     `an empty part, "." or ".."`,
		"group/../../user":             `an empty part, "." or ".."`,
		"group/./app":                  `an empty part, "." or ".."`,
		"/group/app":                   `an empty part`,
		"group/app/":                   `an empty part`,
		"group//app":                   `an empty part`,
		"group%2Fapp":                  "is escaped",
		"group%2fsub/app":              "is escaped",
		"https://gitlab.example.com/g": "is a URL",
		"+42":                          "neither a number nor a full path",
		"group/app/-/jobs":             "is the path of a page",
		"group/a\npp":                  "control character",
		"group/a\x00pp":                "control character",
	} {
		_, err := client.Jobs.Get(t.Context(), project, 7)
		require.ErrorContains(t, err, want, "%q", project)
	}
	for _, id := range []int64{0, -1} {
		_, err := client.Jobs.Get(t.Context(), "1", id)
		require.ErrorContains(t, err, "job_id is "+strings.TrimSpace(string(gitlabjobs.ProjectID(id))))
		_, err = client.Jobs.ListByPipeline(t.Context(), "1", id, nil)
		require.ErrorContains(t, err, "pipeline_id is")
	}
}
