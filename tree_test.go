package gitlabjobs_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

type (
	bridgeSpec   = gitlabjobstest.BridgeSpec
	pipelineSpec = gitlabjobstest.PipelineSpec
	jobSpec      = gitlabjobstest.JobSpec
)

// treeText returns a line for each node of a tree.
func treeText(t *testing.T, client *gitlabjobs.Client, project gitlabjobs.Project, pipeline int64, opts *gitlabjobs.TreeOptions) []string {
	t.Helper()
	var lines []string
	for node, err := range client.PipelineTree(t.Context(), project, pipeline, opts) {
		require.NoError(t, err)
		line := strings.Repeat("  ", len(node.Path))
		switch {
		case node.Job != nil:
			line += node.Job.Name
		case node.Bridge != nil:
			line += "-> " + node.Bridge.Name
		default:
			line += "pipeline"
		}
		if node.Err != nil {
			line += ": error"
		}
		lines = append(lines, line)
	}
	return lines
}

func TestAPanicWhileATreeIsReadReachesTheCaller(t *testing.T) {
	t.Parallel()
	client := newClient(t, func(*http.Request) (*http.Response, error) { panic("no vault") })
	assert.PanicsWithValue(t, "no vault", func() { _ = drain(client.PipelineTree(t.Context(), "1", 5, nil)) })
}

func TestSeveralGoroutinesReadATree(t *testing.T) {
	t.Parallel()
	client := answering(t, answer{body: `[{"id":1,"name":"build"}]`})
	tree := client.PipelineTree(t.Context(), "1", 5, nil)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			assert.NoError(t, drain(tree))
		})
	}
	wg.Wait()
}

func TestTheTreeReadsEveryPipelineOnce(t *testing.T) {
	t.Parallel()
	for name, options := range map[string][]gitlabjobstest.Option{
		"newer": nil, "older": {gitlabjobstest.OlderServer()}, "without bridges": {gitlabjobstest.NewerServer()},
	} {
		for _, concurrency := range []int{0, 1, 8} {
			t.Run(fmt.Sprint(name, concurrency), func(t *testing.T) {
				t.Parallel()
				srv := gitlabjobstest.NewMemoryServer(t, options...)
				app, other := srv.AddProject("group/app"), srv.AddProject("other/lib")
				root := app.AddPipeline(pipelineSpec{})
				child, foreign := app.AddPipeline(pipelineSpec{}), other.AddPipeline(pipelineSpec{})
				root.AddJob(jobSpec{Name: "build"})
				root.AddBridge(bridgeSpec{Name: "to child", Downstream: child})
				root.AddBridge(bridgeSpec{Name: "to other", Downstream: foreign})
				child.AddJob(jobSpec{Name: "child test"})
				foreign.AddJob(jobSpec{Name: "foreign test"})
				got := treeText(t, srv.Client(srv.Tokens.Developer), "group/app", root.ID(), &gitlabjobs.TreeOptions{Concurrency: concurrency})
				assert.Equal(t, []string{"build", "-> to other", "-> to child", "  foreign test", "  child test"}, got)
			})
		}
	}
}

func TestTheTreeIsReadFiveLevelsDeep(t *testing.T) {
	t.Parallel()
	srv := gitlabjobstest.NewMemoryServer(t)
	app := srv.AddProject("group/app")
	root := app.AddPipeline(pipelineSpec{})
	want := []string{"level 0", "-> bridge 0"}
	at := root
	for level := range 6 {
		at.AddJob(jobSpec{Name: fmt.Sprint("level ", level)})
		if level == 5 {
			break
		}
		next := app.AddPipeline(pipelineSpec{})
		at.AddBridge(bridgeSpec{Name: fmt.Sprint("bridge ", level), Downstream: next})
		at = next
		want = append(want, strings.Repeat("  ", level+1)+fmt.Sprint("level ", level+1))
		if level < 4 {
			want = append(want, strings.Repeat("  ", level+1)+fmt.Sprint("-> bridge ", level+1))
		}
	}
	assert.Equal(t, want, treeText(t, srv.Client(srv.Tokens.Developer), "group/app", root.ID(), nil))

	for node, err := range srv.Client(srv.Tokens.Developer).PipelineTree(t.Context(), "group/app", root.ID(), nil) {
		require.NoError(t, err)
		assert.Equal(t, len(node.Path) == 0, node.Pipeline == nil)
		if len(node.Path) > 0 {
			assert.Equal(t, node.PipelineID, node.Path[len(node.Path)-1].DownstreamPipeline.ID)
			assert.Equal(t, node.PipelineID, node.Pipeline.ID)
		}
	}
}

// treeServer serves pipelines whose bridges trigger other pipelines.
func treeServer(bridges map[string]string) transport {
	return func(req *http.Request) (*http.Response, error) {
		var project, pipeline, list string
		parts := strings.Split(strings.TrimPrefix(req.URL.EscapedPath(), "/api/v4/projects/"), "/")
		project, pipeline, list = parts[0], parts[2], parts[3]
		body, known := bridges[project+"/"+pipeline]
		switch {
		case !known:
			return answer{status: 404, body: `{"message":"404 Not found"}`}.to(req), nil
		case list == "jobs":
			return answer{body: `[{"id":` + pipeline + `0,"name":"job of ` + pipeline + `"}]`}.to(req), nil
		default:
			return answer{body: body}.to(req), nil
		}
	}
}

func TestTreeNodesWithErrors(t *testing.T) {
	t.Parallel()
	bridge := func(id int, down string) string {
		return fmt.Sprintf(`{"id":%d,"name":"b%d","downstream_pipeline":%s}`, id, id, down)
	}
	for name, tc := range map[string]struct {
		bridges map[string]string
		want    []string
	}{
		"a cycle": {map[string]string{
			"1/5": "[" + bridge(51, `{"id":6,"project_id":2}`) + "]",
			"2/6": "[" + bridge(61, `{"id":5,"project_id":1}`) + "]",
		}, []string{"job of 5", "-> b51", "  job of 6", "  -> b61"}},
		"a pipeline that triggers itself": {map[string]string{"1/5": "[" + bridge(51, `{"id":5,"project_id":1}`) + "]"}, []string{"job of 5", "-> b51"}},
		"two bridges to one pipeline": {map[string]string{
			"1/5": "[" + bridge(52, `{"id":6,"project_id":1}`) + "," + bridge(51, `{"id":6,"project_id":1}`) + "]", "1/6": "[]",
		}, []string{"job of 5", "-> b52", "-> b51", "  job of 6"}},
		"a project that is missing": {map[string]string{"1/5": "[" + bridge(51, `{"id":6,"project_id":9}`) + "]"}, []string{"job of 5", "-> b51", "  pipeline: error"}},
		"a project that is missing, and one that is not": {map[string]string{
			"1/5": "[" + bridge(52, `{"id":6,"project_id":9}`) + "," + bridge(51, `{"id":7,"project_id":1}`) + "]", "1/7": "[]",
		}, []string{"job of 5", "-> b52", "-> b51", "  pipeline: error", "  job of 7"}},
		"no downstream pipeline":      {map[string]string{"1/5": "[" + bridge(51, `null`) + "]"}, []string{"job of 5", "-> b51: error"}},
		"the project only in the URL": {map[string]string{"1/5": "[" + bridge(51, `{"id":6,"web_url":"https://h/group/sub/app/-/pipelines/6"}`) + "]", "group%2Fsub%2Fapp/6": "[]"}, []string{"job of 5", "-> b51", "  job of 6"}},
		"the project in an older URL": {map[string]string{"1/5": "[" + bridge(51, `{"id":6,"web_url":"https://h/group/app/pipelines/6"}`) + "]", "group%2Fapp/6": "[]"}, []string{"job of 5", "-> b51", "  job of 6"}},
		"no project":                  {map[string]string{"1/5": "[" + bridge(51, `{"id":6}`) + "]"}, []string{"job of 5", "-> b51: error"}},
		"the URL is not a pipeline's": {map[string]string{"1/5": "[" + bridge(51, `{"id":6,"web_url":"https://h/group/app"}`) + "]"}, []string{"job of 5", "-> b51: error"}},
		"an unsafe project name":      {map[string]string{"1/5": "[" + bridge(51, `{"id":6,"web_url":"https://h/../../-/pipelines/6"}`) + "]"}, []string{"job of 5", "-> b51", "  pipeline: error"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tc.want, treeText(t, newClient(t, treeServer(tc.bridges)), "1", 5, nil))
		})
	}
}

func TestTheProjectIsFoundBelowARelativeRoot(t *testing.T) {
	t.Parallel()
	var asked []string
	rt := transport(func(req *http.Request) (*http.Response, error) {
		asked = append(asked, req.URL.EscapedPath())
		body := "[]"
		if strings.HasSuffix(req.URL.Path, "/5/bridges") {
			body = `[{"id":51,"downstream_pipeline":{"id":6,"web_url":"https://host.example/gitlab/group/app/-/pipelines/6"}}]`
		}
		return answer{body: body}.to(req), nil
	})
	client, err := gitlabjobs.NewClient("https://host.example/gitlab", gitlabjobs.NoAuth(), gitlabjobs.WithHTTPClient(&http.Client{Transport: rt}))
	require.NoError(t, err)
	treeText(t, client, "1", 5, nil)
	assert.Contains(t, asked, "/gitlab/api/v4/projects/group%2Fapp/pipelines/6/jobs")
}

func TestAnErrorOfTheFirstPipelineEndsTheTree(t *testing.T) {
	t.Parallel()
	client := newClient(t, treeServer(nil))
	n := 0
	for node, err := range client.PipelineTree(t.Context(), "1", 5, nil) {
		require.ErrorIs(t, err, gitlabjobs.ErrNotFound)
		assert.Nil(t, node)
		n++
	}
	assert.Equal(t, 1, n)
	for want, opts := range map[string]*gitlabjobs.TreeOptions{"Concurrency is -1": {Concurrency: -1}, "MaxDepth is -2": {MaxDepth: -2}} {
		for _, err := range client.PipelineTree(t.Context(), "1", 5, opts) {
			require.ErrorContains(t, err, want)
		}
	}
}

func TestAPipelineCreatedDuringTheIterationIsFound(t *testing.T) {
	t.Parallel()
	srv := gitlabjobstest.NewMemoryServer(t)
	app := srv.AddProject("group/app")
	root, child := app.AddPipeline(pipelineSpec{}), app.AddPipeline(pipelineSpec{})
	root.AddJob(jobSpec{Name: "first"})
	root.AddBridge(bridgeSpec{Name: "to child", Downstream: child})
	client := srv.Client(srv.Tokens.Developer)
	var names []string
	for node, err := range client.PipelineTree(t.Context(), "group/app", root.ID(), &gitlabjobs.TreeOptions{Concurrency: 1}) {
		require.NoError(t, err)
		if node.Job != nil {
			names = append(names, node.Job.Name)
		}
		if len(names) == 1 && node.Job != nil { // The child has not been read yet, or is being read.
			child.AddJob(jobSpec{Name: "old"})
		}
	}
	assert.Contains(t, names, "first")

	names = names[:0]
	for node, err := range client.PipelineTree(t.Context(), "group/app", root.ID(), nil) {
		require.NoError(t, err)
		if node.Job != nil {
			names = append(names, node.Job.Name)
		}
	}
	assert.Equal(t, []string{"first", "old"}, names)
}

func TestTheTreeReadsSeveralPipelinesAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := gitlabjobstest.NewMemoryServer(t)
		app := srv.AddProject("group/app")
		root := app.AddPipeline(pipelineSpec{})
		for range 40 {
			child := app.AddPipeline(pipelineSpec{})
			child.AddJobs(5, nil)
			root.AddBridge(bridgeSpec{Downstream: child})
		}
		srv.Fault(gitlabjobstest.Fault{Times: gitlabjobstest.Always, Latency: roundTrip})
		client := srv.Client(srv.Tokens.Developer)
		with := func(n int) time.Duration {
			start := time.Now()
			assert.Len(t, treeText(t, client, "group/app", root.ID(), &gitlabjobs.TreeOptions{Concurrency: n}), 240)
			return time.Since(start)
		}
		one, eight := with(1), with(8)
		t.Logf("one at a time: %v, eight: %v, %.3f of it", one, eight, float64(eight)/float64(one))
		assert.LessOrEqual(t, eight, one/5)
	})
}

func TestLeavingTheTreeLoopEndsItsRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := gitlabjobstest.NewMemoryServer(t)
		app := srv.AddProject("group/app")
		root := app.AddPipeline(pipelineSpec{})
		for range 20 {
			root.AddBridge(bridgeSpec{Downstream: app.AddPipeline(pipelineSpec{})})
		}
		srv.Fault(gitlabjobstest.Fault{Times: gitlabjobstest.Always, Latency: roundTrip})
		client := srv.Client(srv.Tokens.Developer)
		for _, err := range client.PipelineTree(t.Context(), "group/app", root.ID(), nil) {
			require.NoError(t, err)
			break
		}
		assert.LessOrEqual(t, len(srv.Requests()), 6)

		cause := errors.New("the user has left")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 2*roundTrip+time.Millisecond, cause)
		defer cancel()
		failures := 0
		for _, err := range client.PipelineTree(ctx, "group/app", root.ID(), nil) {
			if err != nil {
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.ErrorIs(t, err, cause)
				failures++
			}
		}
		assert.Equal(t, 1, failures)
	})
}

func TestTheBridgesRouteIsDetectedOnce(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		options []gitlabjobstest.Option
		want    string
	}{
		"bridges":      {nil, "[404 bridges, 404 trigger_jobs, 200 bridges, 200 bridges]"},
		"trigger_jobs": {[]gitlabjobstest.Option{gitlabjobstest.NewerServer()}, "[404 bridges, 404 trigger_jobs, 404 bridges, 200 trigger_jobs, 200 trigger_jobs]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := gitlabjobstest.NewMemoryServer(t, tc.options...)
			pipeline := srv.AddProject("group/app").AddPipeline(pipelineSpec{})
			pipeline.AddBridge(bridgeSpec{})
			client := srv.Client(srv.Tokens.Developer)
			_, err := client.Bridges.List(t.Context(), "group/app", pipeline.ID()+1, nil)
			require.ErrorIs(t, err, gitlabjobs.ErrNotFound)
			require.ErrorContains(t, err, "/bridges: 404", "the error is that of the documented list")
			for range 2 {
				page, err := client.Bridges.List(t.Context(), "group/app", pipeline.ID(), nil)
				require.NoError(t, err)
				assert.Len(t, page.Items, 1)
			}
			var asked []string
			for _, req := range srv.Requests() {
				asked = append(asked, fmt.Sprint(req.Status, " ", req.Path[strings.LastIndex(req.Path, "/")+1:]))
			}
			assert.Equal(t, tc.want, "["+strings.Join(asked, ", ")+"]")
		})
	}
}

func TestTreeOptionsLimitTheTree(t *testing.T) {
	t.Parallel()
	srv := gitlabjobstest.NewMemoryServer(t)
	app := srv.AddProject("group/app")
	pipelines := []*gitlabjobstest.Pipeline{app.AddPipeline()}
	for i := range 3 {
		pipelines = append(pipelines, app.AddPipeline())
		pipelines[i].AddBridge(bridgeSpec{Name: fmt.Sprint("bridge ", i), Downstream: pipelines[i+1]})
		pipelines[i+1].AddJob(jobSpec{Name: fmt.Sprint("job ", i+1)})
	}
	pipelines[0].AddBridge(bridgeSpec{Name: "broken", Status: gitlabjobs.StatusFailed})
	client := srv.Client(srv.Tokens.Developer)
	all := []string{"-> broken: error", "-> bridge 0", "  job 1", "  -> bridge 1", "    job 2", "    -> bridge 2", "      job 3"}
	var asked []string
	for name, tc := range map[string]struct {
		opts  gitlabjobs.TreeOptions
		nodes int // The total number of nodes.
		polls int // The number of requests for jobs.
	}{
		"no limit":     {gitlabjobs.TreeOptions{}, 7, 4},
		"one level":    {gitlabjobs.TreeOptions{MaxDepth: 1}, 4, 2},
		"two levels":   {gitlabjobs.TreeOptions{MaxDepth: 2}, 6, 3},
		"three levels": {gitlabjobs.TreeOptions{MaxDepth: 3}, 7, 4},
		"some bridges": {gitlabjobs.TreeOptions{Follow: func(b *gitlabjobs.Bridge) bool {
			asked = append(asked, b.Name)
			return b.Name != "bridge 1"
		}}, 4, 2},
	} {
		srv.ResetRequests()
		assert.Equal(t, all[:tc.nodes], treeText(t, client, "group/app", pipelines[0].ID(), &tc.opts), name)
		assert.Len(t, srv.Requests(), 2*tc.polls, name)
	}
	assert.Equal(t, []string{"bridge 0", "bridge 1"}, asked, "not a bridge without a pipeline")
}

// With -race, this test fails if another goroutine writes the caller's Response.
func TestTheTreeReportsTheResponsesOfEachPipeline(t *testing.T) {
	t.Parallel()
	srv := gitlabjobstest.NewMemoryServer(t)
	app := srv.AddProject("group/app")
	root := app.AddPipeline()
	var want []string
	for range 8 {
		child := app.AddPipeline()
		child.AddJob(jobSpec{})
		root.AddBridge(bridgeSpec{Downstream: child})
	}
	rt := transport(func(req *http.Request) (*http.Response, error) {
		resp, err := srv.Transport().RoundTrip(req)
		if err == nil {
			resp.Header.Set("X-Path", req.URL.Path)
		}
		return resp, err
	})
	client := srv.Client(srv.Tokens.Outsider, gitlabjobs.WithHTTPClient(&http.Client{Transport: rt}))
	var response gitlabjobs.Response
	var got []string
	ro := []gitlabjobs.RequestOption{
		gitlabjobs.WithAuth(gitlabjobs.PrivateToken(srv.Tokens.Reporter)), gitlabjobs.WithHeader("X-Tree", "all"), gitlabjobs.WithResponse(&response),
	}
	for node, err := range client.PipelineTree(t.Context(), "group/app", root.ID(), nil, ro...) {
		require.NoError(t, err)
		want = append(want, fmt.Sprintf("/api/v4/projects/%s/pipelines/%d/bridges", map[bool]string{true: fmt.Sprint(app.ID()), false: "group/app"}[len(node.Path) > 0], node.PipelineID))
		got = append(got, response.Header.Get("X-Path"))
	}
	assert.Len(t, got, 16)
	assert.Equal(t, want, got)
	for _, req := range srv.Requests() {
		assert.Equal(t, "all", req.Header.Get("X-Tree"))
	}
}
