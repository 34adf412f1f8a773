package gitlabjobs_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

// The files in testdata are the example responses of GitLab's documentation, unchanged,
// and two responses of GitLab 19 with every field that it sends.

func at(t *testing.T, s string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, s)
	require.NoError(t, err)
	return v
}

// sameTime compares instants and offsets, and ignores the names of time zones.
func sameTime(t *testing.T, want string, got time.Time) {
	t.Helper()
	assert.Equal(t, at(t, want).Format(time.RFC3339Nano), got.Format(time.RFC3339Nano))
}

// documentedCommit and documentedUser are in every example.
func documentedCommit(t *testing.T, c *gitlabjobs.Commit) {
	t.Helper()
	require.NotNil(t, c)
	assert.Equal(t, "admin@example.com", c.AuthorEmail)
	assert.Equal(t, "Administrator", c.AuthorName)
	sameTime(t, "2015-12-24T16:51:14+01:00", c.CreatedAt)
	assert.Equal(t, "0ff3ae198f8601a285adcf5c0fff204ee6fba5fd", c.ID)
	assert.Equal(t, "Test the CI integration.", c.Message)
	assert.Equal(t, "0ff3ae19", c.ShortID)
	assert.Equal(t, "Test the CI integration.", c.Title)
}

func documentedUser(t *testing.T, u *gitlabjobs.User) {
	t.Helper()
	require.NotNil(t, u)
	assert.EqualValues(t, 1, u.ID)
	assert.Equal(t, "Administrator", u.Name)
	assert.Equal(t, "root", u.Username)
	assert.Equal(t, "active", u.State)
	assert.Equal(t, new("http://www.gravatar.com/avatar/e64c7d89f26bd1972efa854d13d7dd61?s=80&d=identicon"), u.AvatarURL)
	assert.Equal(t, "http://gitlab.dev/root", u.WebURL)
	sameTime(t, "2015-12-21T13:14:24.077Z", u.CreatedAt)
	assert.Nil(t, u.Bio)
	assert.Nil(t, u.Location)
	for _, s := range []*string{u.PublicEmail, u.Skype, u.LinkedIn, u.Twitter, u.WebsiteURL, u.Organization} {
		assert.Equal(t, new(""), s)
	}
	for _, s := range []*string{u.Discord, u.GitHub, u.JobTitle, u.Pronouns, u.WorkInformation, u.LocalTime} {
		assert.Nil(t, s)
	}
}

func documentedPipeline(t *testing.T, p *gitlabjobs.Pipeline) {
	t.Helper()
	require.NotNil(t, p)
	assert.EqualValues(t, 6, p.ID)
	assert.EqualValues(t, 1, p.ProjectID)
	assert.Equal(t, "main", p.Ref)
	assert.Equal(t, "0ff3ae198f8601a285adcf5c0fff204ee6fba5fd", p.SHA)
	assert.Equal(t, gitlabjobs.StatusPending, p.Status)
}

func theTeaspoonJob(t *testing.T, j *gitlabjobs.Job) {
	t.Helper()
	documentedCommit(t, j.Commit)
	documentedUser(t, j.User)
	documentedPipeline(t, j.Pipeline)
	assert.EqualValues(t, 7, j.ID)
	assert.Equal(t, "teaspoon", j.Name)
	assert.Equal(t, "test", j.Stage)
	assert.Equal(t, "main", j.Ref)
	assert.Equal(t, gitlabjobs.StatusFailed, j.Status)
	assert.Equal(t, gitlabjobs.FailureScript, j.FailureReason)
	assert.Equal(t, "https://example.com/foo/bar/-/jobs/7", j.WebURL)
	assert.False(t, j.Tag)
	assert.False(t, j.AllowFailure)
	assert.Nil(t, j.Coverage)
	assert.Equal(t, new(0.173), j.Duration)
	sameTime(t, "2015-12-24T15:51:21.802Z", j.CreatedAt)
	sameTime(t, "2015-12-24T17:54:27.722Z", j.StartedAt)
	sameTime(t, "2015-12-24T17:54:27.895Z", j.FinishedAt)
	sameTime(t, "2016-01-23T17:54:27.895Z", j.ArtifactsExpireAt)
	assert.True(t, j.ErasedAt.IsZero())
	assert.Nil(t, j.Runner)
	assert.Equal(t, "artifacts.zip", j.ArtifactsFile.Filename)
	assert.EqualValues(t, 1000, j.ArtifactsFile.Size)
	require.Len(t, j.Artifacts, 4)
	for i, want := range []struct {
		kind     string
		size     int64
		filename string
		format   string
	}{{"archive", 1000, "artifacts.zip", "zip"}, {"metadata", 186, "metadata.gz", "gzip"}, {"trace", 1500, "job.log", "raw"}, {"junit", 750, "junit.xml.gz", "gzip"}} {
		a := j.Artifacts[i]
		assert.Equal(t, want.kind, a.FileType)
		assert.Equal(t, want.size, a.Size)
		assert.Equal(t, want.filename, a.Filename)
		assert.Equal(t, want.format, a.FileFormat)
	}
}

func theRspecJob(t *testing.T, j *gitlabjobs.Job) {
	t.Helper()
	documentedCommit(t, j.Commit)
	documentedUser(t, j.User)
	documentedPipeline(t, j.Pipeline)
	assert.EqualValues(t, 6, j.ID)
	assert.Equal(t, "rspec:other", j.Name)
	assert.Equal(t, gitlabjobs.FailureStuckOrTimeout, j.FailureReason)
	assert.Equal(t, new(0.192), j.Duration)
	assert.Equal(t, new(0.023), j.QueuedDuration)
	assert.Equal(t, []gitlabjobs.Artifact{}, j.Artifacts)
	assert.Nil(t, j.ArtifactsFile)
}

func TestListByProjectReadsTheDocumentsExample(t *testing.T) {
	t.Parallel()
	client := answering(t, answer{body: fixture(t, "list_project_jobs.json")})
	page, err := client.Jobs.ListByProject(t.Context(), "1", nil)
	require.NoError(t, err)
	require.Len(t, page.Items, 2)
	theTeaspoonJob(t, page.Items[0])
	assert.Equal(t, new(0.010), page.Items[0].QueuedDuration)
	assert.Equal(t, []string{"docker runner", "ubuntu18"}, page.Items[0].TagList)
	theRspecJob(t, page.Items[1])
	assert.Equal(t, []string{"docker runner", "win10-2004"}, page.Items[1].TagList)
}

func TestListByPipelineReadsTheDocumentsExample(t *testing.T) {
	t.Parallel()
	client := answering(t, answer{body: fixture(t, "list_pipeline_jobs.json")})
	page, err := client.Jobs.ListByPipeline(t.Context(), "1", 6, nil)
	require.NoError(t, err)
	require.Len(t, page.Items, 2)
	theRspecJob(t, page.Items[0])
	assert.Equal(t, []string{"docker runner", "ubuntu18"}, page.Items[0].TagList)
	theTeaspoonJob(t, page.Items[1])
	assert.Equal(t, new(0.023), page.Items[1].QueuedDuration)
}

func TestListBridgesReadsTheDocumentsExample(t *testing.T) {
	t.Parallel()
	client := answering(t, answer{body: fixture(t, "list_pipeline_bridges.json")})
	page, err := client.Bridges.List(t.Context(), "1", 6, nil)
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	b := page.Items[0]
	documentedCommit(t, b.Commit)
	documentedUser(t, b.User)
	documentedPipeline(t, b.Pipeline)
	sameTime(t, "2015-12-24T15:50:16.123Z", b.Pipeline.CreatedAt)
	sameTime(t, "2015-12-24T18:00:44.432Z", b.Pipeline.UpdatedAt)
	assert.Equal(t, "https://example.com/foo/bar/pipelines/6", b.Pipeline.WebURL)
	assert.EqualValues(t, 7, b.ID)
	assert.Equal(t, "teaspoon", b.Name)
	assert.Equal(t, "test", b.Stage)
	assert.Equal(t, "main", b.Ref)
	assert.Equal(t, gitlabjobs.StatusPending, b.Status)
	assert.Equal(t, "https://example.com/foo/bar/-/jobs/7", b.WebURL)
	assert.False(t, b.Tag)
	assert.False(t, b.AllowFailure)
	assert.Nil(t, b.Coverage)
	assert.Equal(t, new(240.0), b.Duration)
	assert.Equal(t, new(0.123), b.QueuedDuration)
	sameTime(t, "2015-12-24T15:51:21.802Z", b.CreatedAt)
	sameTime(t, "2015-12-24T17:54:27.722Z", b.StartedAt)
	sameTime(t, "2015-12-24T17:58:27.895Z", b.FinishedAt)
	d := b.DownstreamPipeline
	require.NotNil(t, d)
	assert.EqualValues(t, 5, d.ID)
	assert.Equal(t, "f62a4b2fb89754372a346f24659212eb8da13601", d.SHA)
	assert.Equal(t, "main", d.Ref)
	assert.Equal(t, gitlabjobs.StatusPending, d.Status)
	sameTime(t, "2015-12-24T17:54:27.722Z", d.CreatedAt)
	sameTime(t, "2015-12-24T17:58:27.896Z", d.UpdatedAt)
	assert.Equal(t, "https://example.com/diaspora/diaspora-client/pipelines/5", d.WebURL)
}

func theRubocopJob(t *testing.T, j *gitlabjobs.Job) {
	t.Helper()
	documentedCommit(t, j.Commit)
	documentedUser(t, j.User)
	documentedPipeline(t, j.Pipeline)
	assert.EqualValues(t, 8, j.ID)
	assert.Equal(t, "rubocop", j.Name)
	assert.Equal(t, gitlabjobs.StatusFailed, j.Status)
	assert.Equal(t, new(0.465), j.Duration)
	sameTime(t, "2015-12-24T15:51:21.880Z", j.CreatedAt)
	sameTime(t, "2015-12-24T17:54:30.733Z", j.StartedAt)
	sameTime(t, "2015-12-24T17:54:31.198Z", j.FinishedAt)
	sameTime(t, "2016-01-23T17:54:31.198Z", j.ArtifactsExpireAt)
	assert.Equal(t, "https://example.com/foo/bar/-/jobs/8", j.WebURL)
}

func TestGetReadsTheDocumentsExample(t *testing.T) {
	t.Parallel()
	job, err := answering(t, answer{body: fixture(t, "get_job.json")}).Jobs.Get(t.Context(), "1", 8)
	require.NoError(t, err)
	theRubocopJob(t, job)
	assert.Equal(t, []string{"docker runner", "macos-10.15"}, job.TagList)
	assert.Equal(t, new(0.010), job.QueuedDuration)
	assert.Empty(t, job.FailureReason)
}

func TestJobTokenJobReadsTheDocumentsExample(t *testing.T) {
	t.Parallel()
	job, err := answering(t, answer{body: fixture(t, "job_token_job.json")}).JobToken.Job(t.Context())
	require.NoError(t, err)
	theRubocopJob(t, job)
	assert.Nil(t, job.TagList)
	assert.Equal(t, new(0.123), job.QueuedDuration)
	assert.Equal(t, gitlabjobs.FailureScript, job.FailureReason)
}

func TestAllowedAgentsReadsTheDocumentsExample(t *testing.T) {
	t.Parallel()
	a, err := answering(t, answer{body: fixture(t, "job_token_allowed_agents.json")}).JobToken.AllowedAgents(t.Context())
	require.NoError(t, err)
	require.Len(t, a.AllowedAgents, 1)
	assert.EqualValues(t, 1, a.AllowedAgents[0].ID)
	for _, p := range []*gitlabjobs.AgentProject{a.AllowedAgents[0].ConfigProject, a.Project} {
		assert.EqualValues(t, 1, p.ID)
		assert.Nil(t, p.Description)
		assert.Equal(t, "project1", p.Name)
		assert.Equal(t, "John Doe2 / project1", p.NameWithNamespace)
		assert.Equal(t, "project1", p.Path)
		assert.Equal(t, "namespace1/project1", p.PathWithNamespace)
		sameTime(t, "2021-03-26T14:51:50.579Z", p.CreatedAt)
	}
	assert.EqualValues(t, 1, a.Job.ID)
	assert.Equal(t, "test", a.Job.Name)
	assert.Equal(t, "test", a.Job.Stage)
	assert.EqualValues(t, 1, a.Job.ProjectID)
	assert.Equal(t, "project1", a.Job.ProjectName)
	assert.EqualValues(t, 1, a.Pipeline.ID)
	assert.Equal(t, gitlabjobs.StatusPending, a.Pipeline.Status)
	sameTime(t, "2021-03-26T14:51:51.107Z", a.Pipeline.UpdatedAt)
	assert.Equal(t, "http://localhost/namespace1/project1/-/pipelines/1", a.Pipeline.WebURL)
	assert.Equal(t, "user2", a.User.Username)
	assert.Equal(t, "http://localhost/user2", a.User.WebURL)
	assert.Nil(t, a.Environment)
}

func TestAllowedAgentsReadsTheResponseOfANewerServer(t *testing.T) {
	t.Parallel()
	a, err := answering(t, answer{body: fixture(t, "gitlab19_allowed_agents.json")}).JobToken.AllowedAgents(t.Context())
	require.NoError(t, err)
	assert.Equal(t, map[string]any{"default_namespace": "apps"}, a.AllowedAgents[0].Configuration)
	assert.EqualValues(t, 125, a.Job.ID)
	require.Len(t, a.Project.Groups, 2)
	assert.EqualValues(t, 4, a.Project.Groups[1].ID)
	assert.Equal(t, []string{"guest", "reporter", "developer"}, a.User.RolesInProject)
	assert.Equal(t, "production", a.Environment.Tier)
	assert.Equal(t, "prod", a.Environment.Slug)
}

func TestActionsReadTheDocumentsExamples(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		file     string
		status   gitlabjobs.Status
		started  string
		finished string
		duration *float64
		call     func(*gitlabjobs.Client) (*gitlabjobs.Job, error)
	}{
		"cancel": {"cancel_job.json", "canceled", "2016-01-11T10:14:09.526Z", "", new(8.0), func(c *gitlabjobs.Client) (*gitlabjobs.Job, error) {
			return c.Jobs.Cancel(t.Context(), "1", 1, nil)
		}},
		"retry": {"retry_job.json", "pending", "", "", nil, func(c *gitlabjobs.Client) (*gitlabjobs.Job, error) {
			return c.Jobs.Retry(t.Context(), "1", 1, nil)
		}},
		"erase": {"erase_job.json", "failed", "2016-01-11T10:13:33.506Z", "2016-01-11T10:15:10.506Z", new(97.0), func(c *gitlabjobs.Client) (*gitlabjobs.Job, error) {
			return c.Jobs.Erase(t.Context(), "1", 1)
		}},
		"play": {"play_job.json", "pending", "", "", nil, func(c *gitlabjobs.Client) (*gitlabjobs.Job, error) {
			return c.Jobs.Play(t.Context(), "1", 1, nil)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			job, err := tc.call(answering(t, answer{status: 201, body: fixture(t, tc.file)}))
			require.NoError(t, err)
			documentedCommit(t, job.Commit)
			assert.EqualValues(t, 1, job.ID)
			assert.Equal(t, "rubocop", job.Name)
			assert.Equal(t, tc.status, job.Status)
			assert.Equal(t, tc.duration, job.Duration)
			assert.Equal(t, new(0.010), job.QueuedDuration)
			assert.Nil(t, job.User)
			assert.Nil(t, job.Pipeline)
			assert.Nil(t, job.TagList)
			assert.Empty(t, job.DownloadURL)
			sameTime(t, "2016-01-11T10:13:33.506Z", job.CreatedAt)
			for want, got := range map[*time.Time]string{&job.StartedAt: tc.started, &job.FinishedAt: tc.finished} {
				if got == "" {
					assert.True(t, want.IsZero())
				} else {
					sameTime(t, got, *want)
				}
			}
		})
	}
}

func TestTraceReadsALog(t *testing.T) {
	t.Parallel()
	log := fixture(t, "trace.log")
	got, err := readAll(answering(t, answer{body: log, header: map[string]string{"Content-Type": "text/plain"}}).Jobs.Trace(t.Context(), "1", 8, nil))
	require.NoError(t, err)
	assert.Equal(t, log, string(got.([]byte)))
}

func TestGetReadsEveryFieldOfANewerServer(t *testing.T) {
	t.Parallel()
	j, err := answering(t, answer{body: fixture(t, "gitlab19_job.json")}).Jobs.Get(t.Context(), "1", 100)
	require.NoError(t, err)
	assert.Equal(t, new(87.25), j.Coverage)
	assert.True(t, j.ErasedAt.IsZero())
	assert.False(t, j.Archived)
	assert.True(t, j.Project.CIJobTokenScopeEnabled)
	assert.Empty(t, j.Artifacts[2].FileFormat)
	r := j.Runner
	assert.EqualValues(t, 12, r.ID)
	assert.Equal(t, "blue-1.shared.runners", r.Description)
	assert.Empty(t, r.IPAddress)
	assert.True(t, r.Active)
	assert.False(t, r.Paused)
	assert.True(t, r.IsShared)
	assert.Equal(t, "instance_type", r.RunnerType)
	assert.Equal(t, "gitlab-runner", r.Name)
	assert.Equal(t, new(true), r.Online)
	assert.Equal(t, "online", r.Status)
	sameTime(t, "2024-02-22T19:15:31Z", r.CreatedAt)
	assert.Equal(t, "root", r.CreatedBy.Username)
	assert.Equal(t, "idle", r.JobExecutionStatus)
	m := j.RunnerManager
	assert.EqualValues(t, 31, m.ID)
	assert.Equal(t, "s_5e6f", m.SystemID)
	assert.Equal(t, "17.9.0", m.Version)
	assert.Equal(t, "abcd1234", m.Revision)
	assert.Equal(t, "linux", m.Platform)
	assert.Equal(t, "amd64", m.Architecture)
	sameTime(t, "2024-03-04T05:15:31Z", m.CreatedAt)
	sameTime(t, "2024-03-05T09:02:21Z", m.ContactedAt)
	assert.Equal(t, "127.0.0.1", m.IPAddress)
	assert.Equal(t, "online", m.Status)
	assert.Equal(t, "active", m.JobExecutionStatus)
	c := j.Commit
	assert.Equal(t, []string{"67f8530e9c9ed19d41164570fc97cb4b24ba1c4f"}, c.ParentIDs)
	assert.Equal(t, map[string]string{"Signed-off-by": "B <b@example.com>"}, c.Trailers)
	assert.Equal(t, map[string][]string{"Signed-off-by": {"A <a@example.com>", "B <b@example.com>"}}, c.ExtendedTrailers)
	assert.Equal(t, "Add jobs: build \"x\" & <test>", c.Title)
	assert.Equal(t, "root", c.CommitterName)
	assert.Equal(t, "root@example.com", c.CommitterEmail)
	sameTime(t, "2024-03-05T11:02:03+02:00", c.AuthoredDate)
	sameTime(t, "2024-03-05T11:02:04+02:00", c.CommittedDate)
	assert.Equal(t, "https://gitlab.example.com/group/app/-/commit/42e3121f8419c6ff1beb76f6155b2a40b911a58f", c.WebURL)
	assert.EqualValues(t, 10, j.Pipeline.IID)
	assert.Equal(t, "push", j.Pipeline.Source)
	u := j.User
	assert.True(t, u.Locked)
	assert.False(t, u.Bot)
	assert.Nil(t, u.PublicEmail)
	assert.Nil(t, u.Pronouns)
	for _, s := range []*string{u.Bio, u.Location, u.LinkedIn, u.Twitter, u.Discord, u.WebsiteURL, u.GitHub, u.JobTitle, u.Organization} {
		assert.Equal(t, new(""), s)
	}
	assert.Equal(t, new(int64(2)), u.Followers)
	assert.Equal(t, new(int64(0)), u.Following)
	assert.Equal(t, new("8:00 AM"), u.LocalTime)
}

// TestFixturesMarshalToTheSameJSON checks that keys, values and nulls stay the same, with
// this package and with encoding/json.
func TestFixturesMarshalToTheSameJSON(t *testing.T) {
	t.Parallel()
	for file, target := range map[string]any{
		"list_project_jobs.json":        &[]gitlabjobs.Job{},
		"list_pipeline_jobs.json":       &[]*gitlabjobs.Job{},
		"list_pipeline_bridges.json":    &[]gitlabjobs.Bridge{},
		"job_token_job.json":            &gitlabjobs.Job{},
		"job_token_allowed_agents.json": &gitlabjobs.AllowedAgents{},
		"get_job.json":                  &gitlabjobs.Job{},
		"cancel_job.json":               &gitlabjobs.Job{},
		"retry_job.json":                &gitlabjobs.Job{},
		"erase_job.json":                &gitlabjobs.Job{},
		"play_job.json":                 &gitlabjobs.Job{},
		"gitlab19_job.json":             &gitlabjobs.Job{},
		"gitlab19_allowed_agents.json":  &gitlabjobs.AllowedAgents{},
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			original := fixture(t, file)
			require.NoError(t, json.Unmarshal([]byte(original), target))
			again, err := json.Marshal(target)
			require.NoError(t, err)
			sameKeyByKey(t, "", original, string(again))
		})
	}
	// The same values, decoded by the client.
	page, err := answering(t, answer{body: fixture(t, "list_project_jobs.json")}).Jobs.ListByProject(t.Context(), "1", nil)
	require.NoError(t, err)
	again, err := json.Marshal(page.Items)
	require.NoError(t, err)
	sameKeyByKey(t, "", fixture(t, "list_project_jobs.json"), string(again))
}

func sameKeyByKey(t *testing.T, path, want, got string) {
	t.Helper()
	var w, g any
	require.NoError(t, json.Unmarshal([]byte(want), &w))
	require.NoError(t, json.Unmarshal([]byte(got), &g))
	assert.Equal(t, w, g, path)
}
