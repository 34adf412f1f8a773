package gitlabjobstest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

// expectedDifferences are the differences between the examples in GitLab's
// document and the responses of servers. Each key is a path in a job, a bridge or
// the agents. Each value is the reason.
var expectedDifferences = map[string]string{
	// The document's examples are old. Servers send these keys too.
	"+erased_at":                  "servers send it, the document's examples lack it",
	"+archived":                   "servers send it, the document's examples lack it",
	"+project":                    "servers send it, the document's examples lack it",
	"+runner_manager":             "servers send it, the document's examples lack it",
	"+tag_list":                   "servers always send it, some of the document's examples lack it",
	"+pipeline":                   "servers always send it, the document's examples of actions lack it",
	"+artifacts_expire_at":        "servers always send it, the document's examples of actions lack it",
	"+pipeline.iid":               "newer servers send more of a pipeline",
	"+pipeline.source":            "newer servers send more of a pipeline",
	"+pipeline.created_at":        "newer servers send more of a pipeline",
	"+pipeline.updated_at":        "newer servers send more of a pipeline",
	"+pipeline.web_url":           "newer servers send more of a pipeline",
	"+downstream_pipeline.iid":    "newer servers send more of a pipeline",
	"+downstream_pipeline.source": "newer servers send more of a pipeline",

	"+downstream_pipeline.project_id": "newer servers send more of a pipeline",

	"+commit.authored_date":     "servers send more of a commit",
	"+commit.committed_date":    "servers send more of a commit",
	"+commit.committer_email":   "servers send more of a commit",
	"+commit.committer_name":    "servers send more of a commit",
	"+commit.extended_trailers": "servers send more of a commit",
	"+commit.parent_ids":        "servers send more of a commit",
	"+commit.trailers":          "servers send more of a commit",
	"+commit.web_url":           "servers send more of a commit",

	"+user.bot":              "newer servers send more of a user",
	"+user.discord":          "newer servers send more of a user",
	"+user.followers":        "newer servers send more of a user",
	"+user.following":        "newer servers send more of a user",
	"+user.github":           "newer servers send more of a user",
	"+user.job_title":        "newer servers send more of a user",
	"+user.local_time":       "newer servers send more of a user",
	"+user.locked":           "newer servers send more of a user",
	"+user.pronouns":         "newer servers send more of a user",
	"+user.work_information": "newer servers send more of a user",

	"-user.skype":          "newer servers do not send it",
	"-download_url":        "in the document only",
	"~user.bio":            "null in the document's examples; a string, empty or not, on servers",
	"~user.location":       "null in the document's examples; a string, empty or not, on servers",
	"~user.public_email":   "an empty string in the document's examples; null on servers where it is not set",
	"~user":                "null in the document's examples of actions; servers send the user who acted",
	"~runner":              "null in the document's examples even of jobs that ran",
	"~finished_at":         "null in the document's example of cancel; servers set it",
	"-failure_reason":      "/job works for a running job, the document's example has failed",
	"~artifacts_expire_at": "set in the document's examples, also where there are no artifacts",

	"~queued_duration": "set in the document's example of a bridge; null on servers, because a bridge needs no runner",
	"+artifacts_file":  "the response to erase contains the deleted artifacts",
	"+failure_reason":  "servers send it for a failed job, two of the document's examples lack it",

	"~artifacts[].file_format": "raw for a log in the document's examples, null on servers",

	"+allowed_agents[].configuration": "servers send it, the document's example lacks it",
	"-job.name":                       "newer servers send only the id of the job",
	"-job.stage":                      "newer servers send only the id of the job",
	"-job.project_id":                 "newer servers send only the id of the job",
	"-job.project_name":               "newer servers send only the id of the job",
	"-pipeline.project_id":            "newer servers send only the id of the agents' pipeline",
	"-pipeline.sha":                   "newer servers send only the id of the agents' pipeline",
	"-pipeline.ref":                   "newer servers send only the id of the agents' pipeline",
	"-pipeline.status":                "newer servers send only the id of the agents' pipeline",
	"-pipeline.created_at":            "newer servers send only the id of the agents' pipeline",
	"-pipeline.updated_at":            "newer servers send only the id of the agents' pipeline",
	"-pipeline.web_url":               "newer servers send only the id of the agents' pipeline",
	"-project.description":            "newer servers send only the id and the groups of the project",
	"-project.name":                   "newer servers send only the id and the groups of the project",
	"-project.name_with_namespace":    "newer servers send only the id and the groups of the project",
	"-project.path":                   "newer servers send only the id and the groups of the project",
	"-project.path_with_namespace":    "newer servers send only the id and the groups of the project",
	"-project.created_at":             "newer servers send only the id and the groups of the project",
	"+project.groups":                 "newer servers send only the id and the groups of the project",
	"-user.name":                      "newer servers send less of the agents' user",
	"-user.state":                     "newer servers send less of the agents' user",
	"-user.avatar_url":                "newer servers send less of the agents' user",
	"-user.web_url":                   "newer servers send less of the agents' user",
	"+user.roles_in_project":          "newer servers send it",
}

// The response of each endpoint has the keys and the JSON types of the example in
// GitLab's document, except for the expected differences. Each expected difference
// exists.
func TestResponsesMatchDocumentedExamples(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	for file, resp := range contractResponses(t) {
		raw, err := os.ReadFile(filepath.Join("..", "testdata", file))
		require.NoError(t, err)
		var want, have any
		require.NoError(t, json.Unmarshal(raw, &want), file)
		require.NoError(t, json.Unmarshal([]byte(resp.body), &have), file)
		for _, d := range differences("", have, want) {
			used[d] = true
			assert.NotEmpty(t, expectedDifferences[d], "%s differs from the document: %s", file, d)
		}
	}
	for d := range expectedDifferences {
		assert.True(t, used[d], "%s no longer differs: remove it from expectedDifferences", d)
	}
}

// contractResponses returns the fake's responses by the file name of the example.
func contractResponses(t *testing.T) map[string]result {
	t.Helper()
	s := NewMemoryServer(t)
	p := s.AddProject("group/app")
	p.AddAgent(AgentSpec{})
	pl := p.AddPipeline(PipelineSpec{})
	failed := JobSpec{
		Status: gitlabjobs.StatusFailed, TagList: []string{"docker runner"},
		Artifacts: []Artifact{{Type: "archive", Size: 1000}, {Type: "metadata", Size: 186}, {Type: "junit", Size: 750}},
	}
	job := pl.AddJob(failed)
	failed.Artifacts = nil
	bare := pl.AddJob(failed)
	pl.AddBridge(BridgeSpec{Downstream: p.AddPipeline(PipelineSpec{})})
	running := pl.AddJob(JobSpec{Status: gitlabjobs.StatusRunning})
	manual := pl.AddJob(JobSpec{Status: gitlabjobs.StatusManual})
	rest := fmt.Sprintf("/pipelines/%d", pl.id)
	in := "GET /projects/1"
	token := s.Tokens.Maintainer
	return map[string]result{
		"list_project_jobs.json":        send(t, s, in+"/jobs?scope=failed", token).expect(200),
		"list_pipeline_jobs.json":       send(t, s, in+rest+"/jobs?scope=failed", token).expect(200),
		"list_pipeline_bridges.json":    send(t, s, in+rest+"/bridges", token).expect(200),
		"get_job.json":                  send(t, s, "GET "+jobPath(bare, ""), token).expect(200),
		"job_token_job.json":            send(t, s, "GET /job", "Job-Token: "+running.Token()).expect(200),
		"job_token_allowed_agents.json": send(t, s, "GET /job/allowed_agents", "Job-Token: "+running.Token()).expect(200),
		"cancel_job.json":               send(t, s, "POST "+jobPath(running, "/cancel"), token).expect(201),
		"retry_job.json":                send(t, s, "POST "+jobPath(bare, "/retry"), token).expect(201),
		"erase_job.json":                send(t, s, "POST "+jobPath(job, "/erase"), token).expect(201),
		"play_job.json":                 send(t, s, "POST "+jobPath(manual, "/play"), token).expect(200),
	}
}

// differences returns "+path" for a key that only the fake has, "-path" for a key
// that only the document has, and "~path" for a value of another type.
func differences(path string, have, want any) []string {
	h, isObject := have.(map[string]any)
	w, shouldBe := want.(map[string]any)
	if isObject && shouldBe {
		return keyDifferences(path, h, w)
	}
	hs, isArray := have.([]any)
	ws, shouldBe := want.([]any)
	if isArray && shouldBe {
		return itemDifferences(path, hs, ws)
	}
	if kind(have) != kind(want) {
		return []string{"~" + path}
	}
	return nil
}

func keyDifferences(path string, have, want map[string]any) []string {
	var all []string
	below := func(k string) string { return strings.TrimPrefix(path+"."+k, ".") }
	for k := range have {
		if _, ok := want[k]; !ok {
			all = append(all, "+"+below(k))
		}
	}
	for k, v := range want {
		if hv, ok := have[k]; ok {
			all = append(all, differences(below(k), hv, v)...)
		} else {
			all = append(all, "-"+below(k))
		}
	}
	sort.Strings(all)
	return all
}

func itemDifferences(path string, have, want []any) []string {
	var all []string
	if path != "" {
		path += "[]"
	}
	for _, v := range want {
		if len(have) > 0 {
			all = append(all, closest(path, have, v)...)
		}
	}
	return all
}

// closest returns the differences from the most similar item, because lists in
// the document contain items with different keys.
func closest(path string, have []any, want any) []string {
	if w, ok := want.(map[string]any); ok && w["file_type"] != nil {
		for _, h := range have {
			if o, ok := h.(map[string]any); ok && o["file_type"] == w["file_type"] {
				return keyDifferences(path, o, w)
			}
		}
	}
	var best []string
	for i, h := range have {
		if d := differences(path, h, want); i == 0 || len(d) < len(best) {
			best = d
		}
	}
	return best
}

func kind(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case map[string]any:
		return "object"
	case []any:
		return "array"
	default:
		return fmt.Sprintf("%T", v)
	}
}
