package gitlabjobs

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// ErrNoDownstream reports a bridge without a downstream pipeline: it has not been
// created yet, could not be created, or was deleted.
var ErrNoDownstream = errors.New("the bridge has no downstream pipeline")

// TreeOptions configure [Client.PipelineTree]. Nil or the zero value reads the whole tree.
type TreeOptions struct {
	Concurrency    int  // Requests at a time; 0 for 4.
	IncludeRetried bool // Include jobs that were retried.

	// MaxDepth limits how many levels below the first pipeline are read: 1 for the
	// pipelines that it triggers itself, 0 for no limit.
	MaxDepth int

	// Follow reports whether to read the pipeline that a bridge triggered; nil reads all
	// of them. It is called in the goroutine that iterates, not for bridges without a
	// downstream pipeline. The bridge itself is yielded in any case.
	Follow func(*Bridge) bool
}

func (o *TreeOptions) check() error {
	switch {
	case o.Concurrency < 0:
		return fmt.Errorf("Concurrency is %d: use the number of requests at a time, or 0 for the default", o.Concurrency)
	case o.MaxDepth < 0:
		return fmt.Errorf("MaxDepth is %d: use the number of levels below the first pipeline, or 0 for no limit", o.MaxDepth)
	}
	if o.Concurrency == 0 {
		o.Concurrency = 4
	}
	return nil
}

// TreeNode is a job or a bridge of a pipeline in a tree, or a pipeline that could not be
// read. Exactly one of Job, Bridge and Err is set, except that a bridge without a
// downstream pipeline also has [ErrNoDownstream].
type TreeNode struct {
	Project    Project
	PipelineID int64
	Pipeline   *Pipeline // As its bridge describes it; nil for the first pipeline.
	Path       []*Bridge // The bridges from the first pipeline to this one. Shared: read-only.

	Job    *Job
	Bridge *Bridge
	Err    error
}

// PipelineTree iterates over all jobs and bridges of a pipeline, and of the pipelines
// that those trigger, in this project and in others, recursively. Pipelines nearer to the
// first come first; of each, the jobs come before the bridges, newest first. Each
// pipeline is read once, even if two bridges lead to it.
//
// A pipeline below the first that can't be read (no access, deleted) is a node with an
// Err, and the iteration continues. An error of the first pipeline, or of the context, is
// yielded once without a node and ends it. [WithResponse] reports the last response of
// the pipeline whose nodes are being yielded.
//
// GitLab: GET /projects/:id/pipelines/:pipeline_id/jobs, [List pipeline jobs], and
// GET /projects/:id/pipelines/:pipeline_id/bridges, [List pipeline bridges].
//
// [List pipeline jobs]: https://docs.gitlab.com/api/jobs/#list-pipeline-jobs
// [List pipeline bridges]: https://docs.gitlab.com/api/jobs/#list-pipeline-bridges
func (c *Client) PipelineTree(ctx context.Context, project Project, pipelineID int64, opts *TreeOptions, ro ...RequestOption) iter.Seq2[*TreeNode, error] {
	o := valueOf(opts)
	return func(yield func(*TreeNode, error) bool) {
		if err := o.check(); err != nil {
			yield(nil, optionsError("TreeOptions", err))
			return
		}
		switch {
		case c.empty():
			yield(nil, errNoClient)
			return
		case ctx == nil:
			yield(nil, errNoContext)
			return
		}
		w := newTreeWalk(ctx, c, o, ro)
		defer w.stop()
		w.add(&visit{project: project, pipelineID: pipelineID})
		for len(w.queue) > 0 {
			v := w.next()
			if w.response != nil {
				*w.response = v.response
			}
			err := v.err
			if ctx.Err() != nil {
				err = fmt.Errorf("gitlabjobs: reading pipeline %d of %s and those below it: %w", pipelineID, project, contextError(ctx))
			}
			switch {
			case err != nil && (v.pipeline == nil || ctx.Err() != nil):
				yield(nil, err)
				return
			case err != nil:
				if !yield(v.node(TreeNode{Err: err}), nil) {
					return
				}
			}
			// The children first, so that they are on their way while the caller works.
			nodes := w.nodes(v)
			w.start()
			for _, node := range nodes {
				if !yield(node, nil) {
					return
				}
			}
		}
	}
}

// visit is a pipeline to read.
type visit struct {
	project    Project
	pipelineID int64
	pipeline   *Pipeline
	path       []*Bridge

	ready    chan struct{} // Closed once the rest is there; nil before it is begun.
	jobs     []*Job
	bridges  []*Bridge
	response Response
	err      error
	panicked any
}

func (v *visit) node(n TreeNode) *TreeNode {
	n.Project, n.PipelineID, n.Pipeline, n.Path = v.project, v.pipelineID, v.pipeline, v.path
	return &n
}

type treeWalk struct {
	ctx      context.Context
	cancel   context.CancelFunc
	client   *Client
	options  TreeOptions
	ro       []RequestOption
	response *Response // Of WithResponse.
	queue    []*visit  // In the order of the nodes; the first few are under way.
	seen     map[int64]bool
	wg       sync.WaitGroup
}

func newTreeWalk(ctx context.Context, c *Client, o TreeOptions, ro []RequestOption) *treeWalk {
	w := &treeWalk{client: c, options: o, ro: ro, response: responseOf(ro), seen: make(map[int64]bool)}
	w.ctx, w.cancel = context.WithCancel(ctx)
	return w
}

func (w *treeWalk) stop() {
	w.cancel()
	w.wg.Wait()
}

// add puts a pipeline in line, unless it has been there.
func (w *treeWalk) add(v *visit) {
	if !w.seen[v.pipelineID] {
		w.seen[v.pipelineID] = true
		w.queue = append(w.queue, v)
	}
}

// start begins to read as many pipelines as may be read at a time. A pipeline is
// read by one request after the other.
func (w *treeWalk) start() {
	for _, v := range w.queue[:min(len(w.queue), w.options.Concurrency)] {
		if v.ready == nil {
			v.ready = make(chan struct{})
			w.wg.Go(func() {
				defer close(v.ready)
				defer func() { v.panicked = recover() }() // Of the caller's Auth or transport.
				v.err = w.read(v)
			})
		}
	}
}

func (w *treeWalk) next() *visit {
	w.start()
	v := w.queue[0]
	w.queue = slices.Delete(w.queue, 0, 1)
	<-v.ready
	if v.panicked != nil {
		panic(v.panicked)
	}
	return v
}

func (w *treeWalk) read(v *visit) (err error) {
	ro := w.ro
	if w.response != nil {
		// The caller's is written when the pipeline's nodes are yielded, not by a goroutine.
		ro = append(slices.Clip(ro), WithResponse(&v.response))
	}
	if v.jobs, err = Collect(w.client.Jobs.AllByPipeline(w.ctx, v.project, v.pipelineID, &ListPipelineJobsOptions{
		IncludeRetried: w.options.IncludeRetried,
	}, ro...), 0); err != nil {
		return err
	}
	v.bridges, err = Collect(w.client.Bridges.All(w.ctx, v.project, v.pipelineID, nil, ro...), 0)
	return err
}

// nodes makes the nodes of a pipeline, and puts those that it triggered in line.
func (w *treeWalk) nodes(v *visit) []*TreeNode {
	var nodes []*TreeNode
	deeper := w.options.MaxDepth == 0 || len(v.path) < w.options.MaxDepth
	for _, job := range v.jobs {
		nodes = append(nodes, v.node(TreeNode{Job: job}))
	}
	for _, bridge := range v.bridges {
		node := v.node(TreeNode{Bridge: bridge})
		nodes = append(nodes, node)
		down := bridge.DownstreamPipeline
		if down == nil || down.ID == 0 {
			node.Err = ErrNoDownstream
			continue
		}
		if !deeper || w.options.Follow != nil && !w.options.Follow(bridge) {
			continue
		}
		project, err := w.client.projectOf(down)
		if err != nil {
			node.Err = err
			continue
		}
		w.add(&visit{project: project, pipelineID: down.ID, pipeline: down, path: append(slices.Clip(v.path), bridge)})
	}
	return nodes
}

// projectOf returns the project of a pipeline: by its id or, where an older server
// does not send that, by the path in its address.
func (c *Client) projectOf(p *Pipeline) (Project, error) {
	if p.ProjectID > 0 {
		return ProjectID(p.ProjectID), nil
	}
	u, err := url.Parse(p.WebURL)
	if err == nil {
		path, _, found := strings.Cut(u.Path, "/-/pipelines/")
		if !found {
			path, _, found = strings.Cut(u.Path, "/pipelines/")
		}
		if root, err := url.Parse(strings.TrimSuffix(c.baseURL, "/api/v4")); err == nil {
			path = strings.TrimPrefix(path, root.Path) // Where GitLab has a relative root.
		}
		if project := strings.TrimPrefix(path, "/"); found && project != "" {
			return Project(project), nil
		}
	}
	return "", fmt.Errorf("gitlabjobs: pipeline %d: the server does not say of which project it is", p.ID)
}
