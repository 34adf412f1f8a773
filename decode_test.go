package gitlabjobs_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

func decodeJob(t *testing.T, body string) *gitlabjobs.Job {
	t.Helper()
	job, err := answering(t, answer{body: body}).Jobs.Get(t.Context(), "1", 1)
	require.NoError(t, err)
	return job
}

// No field value makes a job unreadable: values that do not fit their type and unknown
// fields are kept beside the struct.
func TestUnexpectedValuesDoNotFailTheJob(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		odd   string // The field and its value.
		extra string // The field that is kept, if any.
		check func(*testing.T, *gitlabjobs.Job)
	}{
		"coverage as a string":         {`"coverage":"91.25"`, "", func(t *testing.T, j *gitlabjobs.Job) { assert.Equal(t, new(91.25), j.Coverage) }},
		"coverage as no number":        {`"coverage":"n/a"`, "coverage", func(t *testing.T, j *gitlabjobs.Job) { assert.Nil(t, j.Coverage) }},
		"coverage not finite":          {`"coverage":"Infinity"`, "coverage", func(t *testing.T, j *gitlabjobs.Job) { assert.Nil(t, j.Coverage) }},
		"duration beyond a float":      {`"duration":1e999`, "duration", func(t *testing.T, j *gitlabjobs.Job) { assert.Nil(t, j.Duration) }},
		"duration zero":                {`"duration":0`, "", func(t *testing.T, j *gitlabjobs.Job) { assert.Equal(t, new(0.0), j.Duration) }},
		"unknown status":               {`"status":"hibernating"`, "", func(t *testing.T, j *gitlabjobs.Job) { assert.EqualValues(t, "hibernating", j.Status) }},
		"unknown failure reason":       {`"failure_reason":"gremlins"`, "", func(t *testing.T, j *gitlabjobs.Job) { assert.EqualValues(t, "gremlins", j.FailureReason) }},
		"status null":                  {`"status":null`, "", func(t *testing.T, j *gitlabjobs.Job) { assert.Empty(t, j.Status) }},
		"status as a number":           {`"status":5`, "status", func(t *testing.T, j *gitlabjobs.Job) { assert.Empty(t, j.Status) }},
		"unknown field":                {`"new_field":{"a":[1,2.50,null]}`, "new_field", nil},
		"unknown field, escaped":       {`"new\u005f\"field":1`, `new_"field`, nil},
		"known field, escaped":         {`"na\u006de":"rspec"`, "", func(t *testing.T, j *gitlabjobs.Job) { assert.Equal(t, "rspec", j.Name) }},
		"name with escapes":            {`"name":"a\"\\\n\u00fc\ud83d\ude00"`, "", func(t *testing.T, j *gitlabjobs.Job) { assert.Equal(t, "a\"\\\nü😀", j.Name) }},
		"name with half a pair":        {`"name":"a\ud83d"`, "", func(t *testing.T, j *gitlabjobs.Job) { assert.Equal(t, "a\uFFFD", j.Name) }},
		"name that is not UTF-8":       {"\"name\":\"a\xff\"", "", func(t *testing.T, j *gitlabjobs.Job) { assert.Equal(t, "a\uFFFD", j.Name) }},
		"a key twice":                  {`"name":"a","name":"b"`, "", func(t *testing.T, j *gitlabjobs.Job) { assert.Equal(t, "b", j.Name) }},
		"tag as a string":              {`"tag":"true"`, "tag", func(t *testing.T, j *gitlabjobs.Job) { assert.False(t, j.Tag) }},
		"time as a number":             {`"created_at":1709629331`, "created_at", func(t *testing.T, j *gitlabjobs.Job) { assert.Zero(t, j.CreatedAt) }},
		"time of another form":         {`"created_at":"2024-03-05 09:03:51 UTC"`, "created_at", func(t *testing.T, j *gitlabjobs.Job) { assert.Zero(t, j.CreatedAt) }},
		"tag_list null":                {`"tag_list":null`, "", func(t *testing.T, j *gitlabjobs.Job) { assert.Nil(t, j.TagList) }},
		"tag_list empty":               {`"tag_list":[]`, "", func(t *testing.T, j *gitlabjobs.Job) { assert.Equal(t, []string{}, j.TagList) }},
		"tag_list as a string":         {`"tag_list":"docker"`, "tag_list", func(t *testing.T, j *gitlabjobs.Job) { assert.Nil(t, j.TagList) }},
		"tag_list with a null":         {`"tag_list":["a",null]`, "tag_list", func(t *testing.T, j *gitlabjobs.Job) { assert.Nil(t, j.TagList) }},
		"tag_list of nulls in words":   {`"tag_list":["null"]`, "", func(t *testing.T, j *gitlabjobs.Job) { assert.Equal(t, []string{"null"}, j.TagList) }},
		"tag_list of numbers":          {`"tag_list":["a",1]`, "tag_list", func(t *testing.T, j *gitlabjobs.Job) { assert.Nil(t, j.TagList) }},
		"artifacts null":               {`"artifacts":null`, "", func(t *testing.T, j *gitlabjobs.Job) { assert.Nil(t, j.Artifacts) }},
		"artifacts as an object":       {`"artifacts":{}`, "artifacts", func(t *testing.T, j *gitlabjobs.Job) { assert.Nil(t, j.Artifacts) }},
		"artifacts with a null":        {`"artifacts":[{"size":1},null]`, "artifacts", func(t *testing.T, j *gitlabjobs.Job) { assert.Nil(t, j.Artifacts) }},
		"artifact of an odd size":      {`"artifacts":[{"size":"1e3","filename":"a"}]`, "", func(t *testing.T, j *gitlabjobs.Job) { assert.Equal(t, "a", j.Artifacts[0].Filename) }},
		"commit as a string":           {`"commit":"0ff3ae19"`, "commit", func(t *testing.T, j *gitlabjobs.Job) { assert.Nil(t, j.Commit) }},
		"commit empty":                 {`"commit":{}`, "", func(t *testing.T, j *gitlabjobs.Job) { assert.NotNil(t, j.Commit) }},
		"commit with an odd title":     {`"commit":{"id":"1","title":[]}`, "", func(t *testing.T, j *gitlabjobs.Job) { assert.Equal(t, "1", j.Commit.ID) }},
		"extended trailers of arrays":  {`"commit":{"extended_trailers":{"A":["1","2"]}}`, "", func(t *testing.T, j *gitlabjobs.Job) { assert.Len(t, j.Commit.ExtendedTrailers["A"], 2) }},
		"extended trailers of strings": {`"commit":{"id":"2","extended_trailers":{"A":"1"}}`, "", func(t *testing.T, j *gitlabjobs.Job) { assert.Equal(t, "2", j.Commit.ID) }},
		"pipeline null":                {`"pipeline":null`, "", func(t *testing.T, j *gitlabjobs.Job) { assert.Nil(t, j.Pipeline) }},
		"runner with a huge id":        {`"runner":{"id":99999999999999999999}`, "", func(t *testing.T, j *gitlabjobs.Job) { assert.Zero(t, j.Runner.ID) }},
		"user followed by a crowd":     {`"user":{"followers":null,"following":"12"}`, "", func(t *testing.T, j *gitlabjobs.Job) { assert.Equal(t, new(int64(12)), j.User.Following) }},
		"the downstream of a bridge":   {`"downstream_pipeline":{"id":5}`, "downstream_pipeline", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := `{"id":7,` + tc.odd + `,"stage":"test"}`
			page, err := answering(t, answer{body: `[{"id":8},` + body + `,{"id":6}]`}).Jobs.ListByProject(t.Context(), "1", nil)
			require.NoError(t, err)
			require.Len(t, page.Items, 3)
			assert.EqualValues(t, 6, page.Items[2].ID)
			job := page.Items[1]
			assert.EqualValues(t, 7, job.ID)
			assert.Equal(t, "test", job.Stage)
			if tc.check != nil {
				tc.check(t, job)
			}
			if tc.extra != "" {
				raw, ok := job.Extra(tc.extra)
				require.True(t, ok)
				assert.True(t, json.Valid(raw))
				assert.Contains(t, body, string(raw))
			}
			_, ok := job.Extra("stage")
			assert.False(t, ok, "a field that fits is no extra")

			again, err := json.Marshal(job)
			require.NoError(t, err)
			var was, is map[string]json.RawMessage
			require.NoError(t, json.Unmarshal([]byte(body), &was))
			require.NoError(t, json.Unmarshal(again, &is))
			for key := range was {
				assert.Contains(t, is, key)
			}
			assert.Len(t, is, len(was))
			if tc.extra != "" {
				assert.Equal(t, string(was[tc.extra]), string(is[tc.extra]))
			}
		})
	}
}

func TestNullAbsentAndZeroStayApart(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"id":1}`,
		`{"id":1,"coverage":null,"duration":0,"tag":false,"name":"","started_at":null,"download_url":null,"artifacts":[]}`,
		`{"id":1,"tag":null,"name":null,"artifacts":null,"commit":null,"user":{"bio":null,"location":"","locked":false,"followers":0}}`,
		`{"id":1,"created_at":"2024-03-05T11:02:03.000+02:00","started_at":"2024-03-05T11:02:03.123456Z"}`,
	} {
		again, err := json.Marshal(decodeJob(t, body))
		require.NoError(t, err)
		sameKeyByKey(t, body, body, string(again))
	}
}

func TestAChangedJobMarshalsTheChange(t *testing.T) {
	t.Parallel()
	job := decodeJob(t, `{"id":1,"name":"a","status":5,"started_at":null,"coverage":1.5}`)
	copied := *job
	job.Status, job.Ref, job.Coverage = gitlabjobs.StatusFailed, "main", nil
	job.StartedAt = time.Date(2024, 3, 5, 9, 0, 0, 0, time.UTC)
	again, err := json.Marshal(job)
	require.NoError(t, err)
	sameKeyByKey(t, "", `{"id":1,"name":"a","status":"failed","ref":"main","started_at":"2024-03-05T09:00:00.000Z","coverage":null}`, string(again))

	require.NoError(t, json.Unmarshal([]byte(`{"status":"success","new":1}`), job))
	assert.Equal(t, gitlabjobs.StatusSuccess, job.Status)
	_, odd := job.Extra("status")
	assert.False(t, odd, "the value fits now")
	raw, odd := copied.Extra("status")
	assert.True(t, odd, "a copy keeps what it has")
	assert.Equal(t, "5", string(raw))
	_, odd = copied.Extra("new")
	assert.False(t, odd)
}

func TestAJobLiteralMarshalsToTheKeysThatGitLabSends(t *testing.T) {
	t.Parallel()
	got, err := json.Marshal([]gitlabjobs.Job{{ID: 7, Name: "rspec", Status: gitlabjobs.StatusRunning}})
	require.NoError(t, err)
	sameKeyByKey(t, "", `[{"id":7,"name":"rspec","status":"running","stage":"","ref":"","tag":false,"allow_failure":false,"web_url":"",
		"archived":false,"coverage":null,"duration":null,"queued_duration":null,"created_at":null,"started_at":null,"finished_at":null,
		"erased_at":null,"artifacts_expire_at":null,"tag_list":[],"commit":null,"user":null,"pipeline":null,"runner":null,"artifacts":[]}]`, string(got))
}

func TestUnmarshalFollowsTheRulesOfEncodingJSON(t *testing.T) {
	t.Parallel()
	job := gitlabjobs.Job{ID: 3}
	require.NoError(t, json.Unmarshal([]byte(`null`), &job))
	assert.EqualValues(t, 3, job.ID)
	require.NoError(t, json.Unmarshal([]byte(` {"name":"x"} `), &job))
	assert.EqualValues(t, 3, job.ID)
	require.Error(t, json.Unmarshal([]byte(`[]`), &job))
	require.Error(t, job.UnmarshalJSON([]byte(`{"id":1}{`)))
	require.Error(t, job.UnmarshalJSON(nil))
}

func TestRepeatedObjectsAreSharedWithinAResponse(t *testing.T) {
	t.Parallel()
	const a, b = `{"id":1,"username":"a"}`, `{"id":2,"username":"b"}`
	body := `[{"id":4,"user":` + a + `},{"id":3, "user" : ` + b + `},{"id":2,"user":` + a + `},{"id":1,"user":{"id":1,"username":"a","name":"x"}}]`
	client := answering(t, answer{body: body})
	page, err := client.Jobs.ListByProject(t.Context(), "1", nil)
	require.NoError(t, err)
	jobs := page.Items
	assert.Same(t, jobs[0].User, jobs[2].User)
	assert.Equal(t, "b", jobs[1].User.Username)
	assert.NotSame(t, jobs[0].User, jobs[3].User)
	assert.Equal(t, "x", jobs[3].User.Name)

	again, err := client.Jobs.ListByProject(t.Context(), "1", nil)
	require.NoError(t, err)
	assert.NotSame(t, jobs[0].User, again.Items[0].User, "answers share nothing")
}

func TestManyDifferentObjectsAreKeptApart(t *testing.T) {
	t.Parallel()
	var jobs []string
	for i := range 200 {
		id := string(gitlabjobs.ProjectID(int64(i%70 + 1)))
		jobs = append(jobs, `{"id":`+string(gitlabjobs.ProjectID(int64(i+1)))+`,"pipeline":{"id":`+id+`},"commit":{"id":"c`+id+`"}}`)
	}
	page, err := answering(t, answer{body: "[" + strings.Join(jobs, ",") + "]"}).Jobs.ListByProject(t.Context(), "1", nil)
	require.NoError(t, err)
	for i, job := range page.Items {
		assert.EqualValues(t, i%70+1, job.Pipeline.ID)
		assert.Equal(t, "c"+string(gitlabjobs.ProjectID(int64(i%70+1))), job.Commit.ID)
	}
}

// The time to decode a response of unknown fields is linear in its size.
func TestAnyNumberOfUnknownFieldsIsRead(t *testing.T) {
	t.Parallel()
	const n = 50_000
	var body strings.Builder
	body.WriteString(`{"id":1,"k7":"first"`)
	for i := range n {
		fmt.Fprintf(&body, `,"k%d":%d`, i, i)
	}
	body.WriteString("}")
	job := decodeJob(t, body.String())
	for _, i := range []int{0, 7, n - 1} {
		raw, ok := job.Extra(fmt.Sprint("k", i))
		assert.True(t, ok)
		assert.Equal(t, fmt.Sprint(i), string(raw))
	}
}

func TestABodyHasALimitOfElements(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"jobs":      "[" + strings.Repeat("{},", 200_000) + "{}]",
		"artifacts": `[{"id":1,"artifacts":[` + strings.Repeat("{},", 200_000) + `{}]}]`,
		"all lists together": `[{"id":1,"tag_list":[` + strings.Repeat(`"",`, 60_000) + `""]},` +
			`{"id":2,"tag_list":[` + strings.Repeat(`"",`, 60_000) + `""]}]`,
	} {
		_, err := answering(t, answer{body: body}).Jobs.ListByProject(t.Context(), "1", nil)
		require.ErrorContains(t, err, "more than 100000 elements", name)
		require.ErrorContains(t, err, "use a smaller PerPage", name)
	}
	// An unknown value is kept unchanged.
	job := decodeJob(t, `{"id":1,"x":[1`+strings.Repeat(",1", 200_000)+`]}`)
	raw, ok := job.Extra("x")
	assert.True(t, ok)
	assert.Len(t, raw, 400_003)
}

// The configuration of an agent is free-form: it decodes as with encoding/json.
func TestFreeFormValuesDecodeAsWithEncodingJSON(t *testing.T) {
	t.Parallel()
	for _, configuration := range []string{
		`{}`, `{"a":null,"b":true,"c":false,"d":"x\u00e9","e":-1.5e3,"f":[],"g":{},"h":[1,[2,{"i":[null]}]]}`,
		`{"ci_access":{"projects":[{"id":"group/app","default_namespace":"ns"}]},"a":1,"a":2}`,
	} {
		var want map[string]any
		require.NoError(t, json.Unmarshal([]byte(configuration), &want))
		body := `{"job":{"id":1},"allowed_agents":[{"id":1,"configuration":` + configuration + `}]}`
		got, err := answering(t, answer{body: body}).JobToken.AllowedAgents(t.Context())
		require.NoError(t, err)
		assert.Equal(t, want, got.AllowedAgents[0].Configuration)
	}
	for _, configuration := range []string{`[]`, `"a"`, `{"a":1e999}`, `{"a":[{"b":1e999}]}`} {
		body := `{"job":{"id":1},"allowed_agents":[{"id":1,"configuration":` + configuration + `}]}`
		got, err := answering(t, answer{body: body}).JobToken.AllowedAgents(t.Context())
		require.NoError(t, err)
		assert.Nil(t, got.AllowedAgents[0].Configuration)
		raw, ok := got.AllowedAgents[0].Extra("configuration")
		assert.True(t, ok)
		assert.Equal(t, configuration, string(raw))
	}
}

func TestFinishedStatuses(t *testing.T) {
	t.Parallel()
	finished := map[gitlabjobs.Status]bool{"success": true, "failed": true, "canceled": true, "skipped": true}
	for _, s := range []gitlabjobs.Status{
		gitlabjobs.StatusCreated, gitlabjobs.StatusWaitingForResource, gitlabjobs.StatusPreparing, gitlabjobs.StatusWaitingForCallback,
		gitlabjobs.StatusPending, gitlabjobs.StatusRunning, gitlabjobs.StatusSuccess, gitlabjobs.StatusFailed, gitlabjobs.StatusCanceling,
		gitlabjobs.StatusCanceled, gitlabjobs.StatusSkipped, gitlabjobs.StatusManual, gitlabjobs.StatusScheduled, "", "brand_new",
	} {
		assert.Equal(t, finished[s], s.Finished(), s)
	}
}

// GitLab adds statuses over time. A job in an unknown status has finished if it has a
// time at which it finished.
func TestAnUnknownStatusWithATimeOfItsEndIsFinished(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		fields   string
		finished bool
	}{
		{`"status":"expired","finished_at":"2024-03-05T09:00:00Z"`, true},
		{`"status":"hibernating","finished_at":null`, false},
		{`"status":"canceling","finished_at":"2024-03-05T09:00:00Z"`, false},
		{`"status":"running","finished_at":"2024-03-05T09:00:00Z"`, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			client := newClient(t, func(req *http.Request) (*http.Response, error) {
				if strings.HasSuffix(req.URL.Path, "/trace") {
					return answer{body: "text", header: map[string]string{"Content-Type": "text/plain"}}.to(req), nil
				}
				return answer{body: `{"id":7,"started_at":"2024-03-05T08:00:00Z",` + tc.fields + `}`}.to(req), nil
			})
			job, err := client.Jobs.Wait(ctx, "1", 7, nil)
			log, logErr := client.Jobs.FollowTrace(t.Context(), "1", 7, nil)
			require.NoError(t, logErr)
			time.AfterFunc(2*time.Hour, func() { assert.NoError(t, log.Close()) })
			_, logErr = io.Copy(io.Discard, log)
			if tc.finished {
				require.NoError(t, err, tc.fields)
				require.NoError(t, logErr, tc.fields)
				assert.NotEqual(t, gitlabjobs.StatusSuccess, job.Status)
			} else {
				require.ErrorIs(t, err, context.DeadlineExceeded, tc.fields)
				require.ErrorIs(t, logErr, os.ErrClosed, tc.fields)
			}
		})
	}
}
