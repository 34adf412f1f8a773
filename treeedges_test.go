package gitlabjobs_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

// A caller may keep nodes. The path of a node does not change when other nodes are created.
func TestThePathOfANodeStaysTheSame(t *testing.T) {
	t.Parallel()
	srv := gitlabjobstest.NewMemoryServer(t)
	app := srv.AddProject("group/app")
	root := app.AddPipeline()
	for at, level := root, 1; level <= 6; level++ {
		next := app.AddPipeline()
		at.AddBridge(bridgeSpec{Downstream: next})
		for range 3 {
			other := app.AddPipeline()
			other.AddJob(jobSpec{})
			at.AddBridge(bridgeSpec{Downstream: other})
		}
		at = next
	}
	var nodes []*gitlabjobs.TreeNode
	for node, err := range srv.Client(srv.Tokens.Developer).PipelineTree(t.Context(), "group/app", root.ID(), nil) {
		require.NoError(t, err)
		nodes = append(nodes, node)
	}
	assert.Len(t, nodes, 6*4+6*3)
	for _, node := range nodes {
		if n := len(node.Path); n > 0 {
			assert.Equal(t, node.PipelineID, node.Path[n-1].DownstreamPipeline.ID)
		}
	}
}

func TestTheTreeHasRetriedJobsIfTheOptionsSaySo(t *testing.T) {
	t.Parallel()
	srv := gitlabjobstest.NewMemoryServer(t)
	app := srv.AddProject("group/app")
	root, child := app.AddPipeline(), app.AddPipeline()
	root.AddBridge(bridgeSpec{Name: "to child", Downstream: child})
	client := srv.Client(srv.Tokens.Developer)
	for _, pipeline := range []*gitlabjobstest.Pipeline{root, child} {
		_, err := client.Jobs.Retry(t.Context(), "group/app", pipeline.AddJob(jobSpec{Name: "test", Status: failed}).ID(), nil)
		require.NoError(t, err)
	}
	for retried, want := range map[bool][]string{
		false: {"test", "-> to child", "  test"},
		true:  {"test", "test", "-> to child", "  test", "  test"},
	} {
		assert.Equal(t, want, treeText(t, client, "group/app", root.ID(), &gitlabjobs.TreeOptions{IncludeRetried: retried}))
	}
}
