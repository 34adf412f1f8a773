package gitlabjobstest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/gitlabjobs"
	gt "example.com/gitlabjobs/gitlabjobstest"
)

// comparison compares a live GitLab with a fake that has the same jobs.
type comparison struct {
	url, token, project, pipeline string
	manualJob, failedJob          string   // The jobs to change. Empty means none.
	queries                       []string // The queries for lists.

	mirrored map[int64]*liveJob
	bridges  map[int64]*liveJob
	logs     map[int64]string
	latest   map[int64]bool // The jobs of the pipeline that were not retried.
	public   bool
}

// liveJob contains the fields of a live job or bridge that the mirror needs.
type liveJob struct {
	ID            int64    `json:"id"`
	Name          string   `json:"name"`
	Stage         string   `json:"stage"`
	Status        string   `json:"status"`
	FailureReason string   `json:"failure_reason"`
	AllowFailure  bool     `json:"allow_failure"`
	Archived      bool     `json:"archived"`
	TagList       []string `json:"tag_list"`
	Pipeline      struct {
		ID        int64  `json:"id"`
		ProjectID int64  `json:"project_id"`
		Ref       string `json:"ref"`
	} `json:"pipeline"`
	Artifacts []struct {
		FileType string `json:"file_type"`
		Size     int64  `json:"size"`
	} `json:"artifacts"`
	ArtifactsFile *struct{} `json:"artifacts_file"`
	Downstream    *struct{} `json:"downstream_pipeline"`
}

// liveRequest is a request to both servers.
type liveRequest struct {
	method, path, body string
	header             map[string]string
}

func (r liveRequest) String() string {
	s := r.method + " " + r.path
	for _, k := range []string{"PRIVATE-TOKEN", "Authorization", "JOB-TOKEN"} {
		if v, ok := r.header[k]; ok {
			s += fmt.Sprintf(" (%s: %.10s)", k, strings.TrimPrefix(v, tokenPlaceholder))
		}
	}
	return s
}

// tokenPlaceholder is replaced with the token of the server that receives the
// request.
const tokenPlaceholder = "{token}"

// run sends every request to both servers and returns the differences between
// their responses. It returns equal differences only once.
func (c *comparison) run(ctx context.Context) (requests int, differences []string, err error) {
	c.mirrored, c.bridges, c.logs, c.latest = map[int64]*liveJob{}, map[int64]*liveJob{}, map[int64]string{}, map[int64]bool{}
	if err := c.readPipeline(ctx); err != nil {
		return 0, nil, err
	}
	reads := c.reads()
	live := make([]response, len(reads))
	for i, r := range reads {
		if live[i], err = c.send(ctx, r); err != nil {
			return i, nil, err
		}
		if err := c.recordResponse(ctx, r, live[i], true); err != nil {
			return i, nil, err
		}
	}
	mirror, err := c.mirror() //nolint:contextcheck // Starting the fake needs no context.
	if err != nil {
		return len(reads), nil, err
	}
	defer mirror.Close()
	seen := map[string]bool{}
	compare := func(r liveRequest, want response) error {
		got, err := sendTo(ctx, &http.Client{Transport: mirror.Transport()}, mirror.URL, mirror.Tokens.Maintainer, r)
		if err != nil || isSkipped(r, want) {
			return err
		}
		for _, d := range (comparer{}).compare(want, got) {
			if general := index.ReplaceAllString(d, "[]"); !seen[general] {
				seen[general] = true
				differences = append(differences, fmt.Sprintf("%s: the fake's %s", r, d))
			}
		}
		return nil
	}
	for i, r := range reads {
		if err := compare(r, live[i]); err != nil {
			return len(reads), nil, err
		}
	}
	writes := c.writes()
	for _, r := range writes {
		want, err := c.send(ctx, r)
		if err != nil {
			return len(reads), nil, err
		}
		if err := compare(r, want); err != nil {
			return len(reads), nil, err
		}
	}
	return len(reads) + len(writes), differences, nil
}

var index = regexp.MustCompile(`\[\d+\]`)

// isSkipped reports whether a response is not compared: older servers do not have
// trigger_jobs, and some servers redirect requests for logs.
func isSkipped(r liveRequest, live response) bool {
	return strings.Contains(r.path, "/trigger_jobs") && live.body == `{"error":"404 Not Found"}` ||
		strings.HasSuffix(r.path, "/trace") && live.status/100 == 3
}

func (c *comparison) send(ctx context.Context, r liveRequest) (response, error) {
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return sendTo(ctx, client, c.url, c.token, r)
}

func sendTo(ctx context.Context, client *http.Client, base, token string, r liveRequest) (response, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, strings.TrimSuffix(base, "/")+"/api/v4"+r.path, strings.NewReader(r.body))
	if err != nil {
		return response{}, err
	}
	for k, v := range r.header {
		req.Header.Set(k, strings.Replace(v, tokenPlaceholder, token, 1))
	}
	if r.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := client.Do(req)
	if err != nil {
		return response{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	return response{resp.StatusCode, resp.Header, string(body)}, err
}

// get returns a GET request with the token.
func get(path string) liveRequest {
	return liveRequest{method: http.MethodGet, path: path, header: map[string]string{"PRIVATE-TOKEN": tokenPlaceholder}}
}

func (c *comparison) projectPath() string  { return "/projects/" + url.PathEscape(c.project) }
func (c *comparison) pipelinePath() string { return c.projectPath() + "/pipelines/" + c.pipeline }

// readPipeline records all jobs of the pipeline, and whether the pipeline is
// public.
func (c *comparison) readPipeline(ctx context.Context) error {
	for page := 1; ; page++ {
		query := "?include_retried=true&per_page=100&page=" + strconv.Itoa(page)
		r := get(c.pipelinePath() + "/jobs" + query)
		resp, err := c.send(ctx, r)
		if err != nil {
			return err
		}
		if resp.status != http.StatusOK {
			return fmt.Errorf("%s: status %d: check the URL, the token, the project and the pipeline: %.200s", r, resp.status, resp.body)
		}
		if err := c.recordResponse(ctx, r, resp, false); err != nil {
			return err
		}
		latest, err := c.send(ctx, get(c.pipelinePath()+"/jobs?per_page=100&page="+strconv.Itoa(page)))
		if err != nil {
			return err
		}
		var jobs []liveJob
		if err := json.Unmarshal([]byte(latest.body), &jobs); err != nil {
			return fmt.Errorf("the pipeline's jobs: %w", err)
		}
		for _, j := range jobs {
			c.latest[j.ID] = true
		}
		if resp.header.Get("X-Next-Page") == "" {
			break
		}
	}
	if len(c.mirrored) == 0 {
		return fmt.Errorf("pipeline %s has no jobs: use a pipeline that has jobs", c.pipeline)
	}
	anonymous, err := c.send(ctx, liveRequest{method: http.MethodGet, path: c.pipelinePath() + "/jobs?per_page=1"})
	c.public = anonymous.status == http.StatusOK
	return err
}

// reads returns the requests that change nothing.
func (c *comparison) reads() []liveRequest {
	paths := []string{
		c.projectPath() + "/jobs?per_page=2", c.pipelinePath(), c.pipelinePath() + "/jobs?per_page=2",
		c.pipelinePath() + "/bridges?per_page=2", c.pipelinePath() + "/trigger_jobs?per_page=1",
		"/projects/9007199254740991/jobs", "/job", "/job/allowed_agents", c.projectPath() + "/jobs/9007199254740991",
		c.projectPath() + "/pipelines/9007199254740991/jobs", c.projectPath() + "/jobs/x",
	}
	const maxJobs = 20
	for i, id := range slices.Sorted(maps.Keys(c.mirrored)) {
		if i == maxJobs {
			break
		}
		job := c.projectPath() + "/jobs/" + strconv.FormatInt(id, 10)
		paths = append(paths, job, job+"/trace")
	}
	// The requests have no token in the query, because servers log queries.
	var requests []liveRequest
	for _, credentials := range []map[string]string{
		{"PRIVATE-TOKEN": tokenPlaceholder},
		{},
		{"Authorization": "Bearer " + tokenPlaceholder},
		{"Authorization": "bearer " + tokenPlaceholder},
		{"Authorization": "Bearer wrong"},
		{"Authorization": "Basic d3Jvbmc6d3Jvbmc="},
		{"PRIVATE-TOKEN": "wrong"},
		{"PRIVATE-TOKEN": ""},
		{"JOB-TOKEN": "wrong"},
	} {
		for _, path := range paths {
			requests = append(requests, liveRequest{method: http.MethodGet, path: path, header: credentials})
		}
	}
	for _, list := range []string{c.projectPath() + "/jobs", c.pipelinePath() + "/jobs", c.pipelinePath() + "/bridges"} {
		for _, query := range c.queries {
			requests = append(requests, get(list+query))
		}
	}
	return requests
}

// writes returns the requests that change manualJob and failedJob.
func (c *comparison) writes() []liveRequest {
	post := func(job, action, body string) liveRequest {
		r := get(c.projectPath() + "/jobs/" + job + "/" + action)
		r.method, r.body = http.MethodPost, body
		return r
	}
	var requests []liveRequest
	if c.failedJob != "" {
		requests = append(requests, post(c.failedJob, "retry", ""), post(c.failedJob, "retry", ""), post(c.failedJob, "cancel", ""))
	}
	if c.manualJob != "" {
		requests = append(requests,
			post(c.manualJob, "play", `{"job_variables_attributes":[{"key":"A"}]}`),
			post(c.manualJob, "play", ""), post(c.manualJob, "play", ""), post(c.manualJob, "cancel", ""))
	}
	return requests
}

// recordResponse records the jobs, bridges and logs in a response of the live
// server. If follow is true, it requests and records the next page too.
func (c *comparison) recordResponse(ctx context.Context, r liveRequest, resp response, follow bool) error {
	if resp.status != http.StatusOK {
		return nil
	}
	path, _, _ := strings.Cut(r.path, "?")
	if job, ok := strings.CutSuffix(path, "/trace"); ok {
		id, err := strconv.ParseInt(job[strings.LastIndex(job, "/")+1:], 10, 64)
		c.logs[id] = resp.body
		return err
	}
	into := c.mirrored
	switch {
	case strings.HasSuffix(path, "/bridges") || strings.HasSuffix(path, "/trigger_jobs"):
		into = c.bridges
	case !strings.HasSuffix(path, "/jobs"):
		return nil
	}
	var jobs []*liveJob
	if err := json.Unmarshal([]byte(resp.body), &jobs); err != nil {
		return fmt.Errorf("%s: %w", r, err)
	}
	for _, j := range jobs {
		into[j.ID] = j
	}
	next := nextLink.FindStringSubmatch(resp.header.Get("Link"))
	if next == nil || !follow {
		return nil
	}
	nextRequest := get(path + "?" + next[1])
	page, err := c.send(ctx, nextRequest)
	if err != nil {
		return err
	}
	return c.recordResponse(ctx, nextRequest, page, false)
}

var nextLink = regexp.MustCompile(`\?([^>]*)>; rel="next"`)

// mirror returns a fake server with the recorded jobs and bridges.
func (c *comparison) mirror() (*gt.Server, error) {
	s, err := gt.Start(gt.WithExternalURL(c.url))
	if err != nil {
		return nil, err
	}
	spec := gt.ProjectSpec{}
	for _, j := range c.mirrored {
		spec.ID = j.Pipeline.ProjectID
	}
	if c.public {
		spec.Visibility = gt.Public
	}
	path := c.project
	if !strings.Contains(path, "/") {
		path = "group/project"
	}
	project := s.AddProject(path, spec)
	pipelines := map[int64]*gt.Pipeline{}
	pipeline := func(j *liveJob) *gt.Pipeline {
		if pipelines[j.Pipeline.ID] == nil {
			pipelines[j.Pipeline.ID] = project.AddPipeline(gt.PipelineSpec{ID: j.Pipeline.ID, Ref: j.Pipeline.Ref})
		}
		return pipelines[j.Pipeline.ID]
	}
	for _, id := range slices.Sorted(maps.Keys(c.mirrored)) {
		j := c.mirrored[id]
		ofThePipeline := strconv.FormatInt(j.Pipeline.ID, 10) == c.pipeline
		pipeline(j).AddJob(j.spec(c.logs[id], ofThePipeline && !c.latest[id]))
	}
	child := s.AddProject("another/project").AddPipeline()
	for _, id := range slices.Sorted(maps.Keys(c.bridges)) {
		j := c.bridges[id]
		b := gt.BridgeSpec{ID: id, Name: j.Name, Stage: j.Stage, Status: gitlabjobs.Status(j.Status), AllowFailure: j.AllowFailure}
		if j.Downstream != nil {
			b.Downstream, b.AnyDownstream = child, true
		}
		pipeline(j).AddBridge(b)
	}
	if err := s.Err(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// spec returns the spec of the job in the mirror. It does not copy times and
// users, because only the types of their values are compared.
func (j *liveJob) spec(log string, retried bool) gt.JobSpec {
	spec := gt.JobSpec{
		ID: j.ID, Name: j.Name, Stage: j.Stage, Status: gitlabjobs.Status(j.Status), AnyStatus: true,
		FailureReason: gitlabjobs.FailureReason(j.FailureReason), AllowFailure: j.AllowFailure, Archived: j.Archived,
		TagList: j.TagList, Retried: retried, Log: log, NoLog: log == "",
	}
	if spec.Status == gitlabjobs.StatusCanceled && log != "" {
		spec.StartedAt = time.Now()
	}
	for _, a := range j.Artifacts {
		if a.FileType != "trace" {
			spec.Artifacts = append(spec.Artifacts, gt.Artifact{Type: a.FileType, Size: a.Size})
		}
	}
	if j.ArtifactsFile == nil {
		spec.ArtifactsExpireAt = time.Now().Add(-time.Hour)
	}
	return spec
}
