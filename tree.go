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

// ErrNoDownstream reports a bridge without a downstream pipeline: the pipeline has not been
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
	// of them. It is called in the goroutine that iterates, for each bridge that has a
	// downstream pipeline. The bridge itself is always yielded.
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
// read. Exactly one of Job, Bridge and Err is set, except that a bridge also has an Err if
// it has no downstream pipeline ([ErrNoDownstream]), or if the server does not send that
// pipeline's project.
type TreeNode struct {
	Project    Project
	PipelineID int64
	Pipeline   *Pipeline // As its bridge describes it; nil for the first pipeline.
	Path       []*Bridge // The bridges from the first pipeline to this one. Shared: read-only.

	Job    *Job
	Bridge *Bridge
	Err    error
}

// PipelineTree iterates over all jobs and bridges of a pipeline and of the pipelines that
// its bridges trigger, in this project and in others, recursively. The order is breadth
// first: all nodes of a pipeline come before those of the pipelines that it triggers. In
// each pipeline, the jobs come before the bridges, newest first. A pipeline is read once,
// even if two bridges trigger it.
//
// If a downstream pipeline can't be read (no access, deleted), the iterator yields a node
// with an Err and continues. If the first pipeline can't be read, or the context ends, it
// yields the error once, without a node, and ends. [WithResponse] reports the last response
// of the pipeline whose nodes are being yielded.
//
// GitLab: GET /projects/:id/pipelines/:pipeline_id/jobs, [List all jobs by pipeline], and
// GET /projects/:id/pipelines/:pipeline_id/bridges, [List all trigger jobs by pipeline].
//
// [List all jobs by pipeline]: https://docs.gitlab.com/api/jobs/#list-all-jobs-by-pipeline
// [List all trigger jobs by pipeline]: https://docs.gitlab.com/api/jobs/#list-all-trigger-jobs-by-pipeline
func (c *Client) PipelineTree(ctx context.Context, project Project, pipelineID int64, opts *TreeOptions, ro ...RequestOption) iter.Seq2[*TreeNode, error] {
	o := valueOf(opts)
	err := o.check()
	return func(yield func(*TreeNode, error) bool) {
		switch {
		case err != nil:
			yield(nil, optionsError("TreeOptions", err))
			return
		case c.empty():
			yield(nil, errNoClient)
			return
		case ctx == nil:
			yield(nil, errNoContext)
			return
		}
		r := newTreeReader(ctx, c, o, ro)
		defer r.stop()
		r.add(&queuedPipeline{project: project, pipelineID: pipelineID})
		for len(r.queue) > 0 {
			q := r.next()
			if r.response != nil {
				*r.response = q.response
			}
			err := q.err
			if ctx.Err() != nil {
				err = fmt.Errorf("gitlabjobs: reading pipeline %d of %s and those below it: %w", pipelineID, project, contextError(ctx))
			}
			switch {
			case err != nil && (q.pipeline == nil || ctx.Err() != nil):
				yield(nil, err)
				return
			case err != nil:
				if !yield(q.node(TreeNode{Err: err}), nil) {
					return
				}
			}
			// Start to read the children first, so that the caller need not wait for them
			// later.
			nodes := r.nodes(q)
			r.start()
			for _, node := range nodes {
				if !yield(node, nil) {
					return
				}
			}
		}
	}
}

// queuedPipeline is a pipeline to read.
type queuedPipeline struct {
	project    Project
	pipelineID int64
	pipeline   *Pipeline
	path       []*Bridge

	ready    chan struct{} // Closed when the fields below are set; nil before reading begins.
	jobs     []*Job
	bridges  []*Bridge
	response Response
	err      error
	panicked any
}

func (q *queuedPipeline) node(n TreeNode) *TreeNode {
	n.Project, n.PipelineID, n.Pipeline, n.Path = q.project, q.pipelineID, q.pipeline, q.path
	return &n
}

type treeReader struct {
	ctx      context.Context
	cancel   context.CancelFunc
	client   *Client
	options  TreeOptions
	ro       []RequestOption
	response *Response         // The target of WithResponse; nil if not set.
	queue    []*queuedPipeline // In the order of the nodes. The first few are being read.
	added    map[int64]bool
	wg       sync.WaitGroup
}

func newTreeReader(ctx context.Context, c *Client, o TreeOptions, ro []RequestOption) *treeReader {
	r := &treeReader{client: c, options: o, ro: ro, response: responseOf(ro), added: make(map[int64]bool)}
	r.ctx, r.cancel = context.WithCancel(ctx)
	return r
}

func (r *treeReader) stop() {
	r.cancel()
	r.wg.Wait()
}

// add appends a pipeline to the queue, unless it was added before.
func (r *treeReader) add(q *queuedPipeline) {
	if !r.added[q.pipelineID] {
		r.added[q.pipelineID] = true
		r.queue = append(r.queue, q)
	}
}

// start starts to read the first pipelines of the queue, up to TreeOptions.Concurrency. The
// requests for one pipeline are sent one after the other.
func (r *treeReader) start() {
	for _, q := range r.queue[:min(len(r.queue), r.options.Concurrency)] {
		if q.ready == nil {
			q.ready = make(chan struct{})
			r.wg.Go(func() {
				defer close(q.ready)
				defer func() { q.panicked = recover() }() // In the caller's Auth or transport.
				q.err = r.read(q)
			})
		}
	}
}

func (r *treeReader) next() *queuedPipeline {
	r.start()
	q := r.queue[0]
	r.queue = slices.Delete(r.queue, 0, 1)
	<-q.ready
	if q.panicked != nil {
		panic(q.panicked)
	}
	return q
}

func (r *treeReader) read(q *queuedPipeline) (err error) {
	ro := r.ro
	if r.response != nil {
		// The caller's Response is set when the pipeline's nodes are yielded.
		ro = append(slices.Clip(ro), WithResponse(&q.response))
	}
	if q.jobs, err = Collect(r.client.Jobs.AllByPipeline(r.ctx, q.project, q.pipelineID, &ListPipelineJobsOptions{
		IncludeRetried: r.options.IncludeRetried,
	}, ro...), 0); err != nil {
		return err
	}
	q.bridges, err = Collect(r.client.Bridges.All(r.ctx, q.project, q.pipelineID, nil, ro...), 0)
	return err
}

// nodes returns the nodes of a pipeline, and adds the pipelines that it triggered to the
// queue.
func (r *treeReader) nodes(q *queuedPipeline) []*TreeNode {
	var nodes []*TreeNode
	deeper := r.options.MaxDepth == 0 || len(q.path) < r.options.MaxDepth
	for _, job := range q.jobs {
		nodes = append(nodes, q.node(TreeNode{Job: job}))
	}
	for _, bridge := range q.bridges {
		node := q.node(TreeNode{Bridge: bridge})
		nodes = append(nodes, node)
		down := bridge.DownstreamPipeline
		if down == nil || down.ID == 0 {
			node.Err = ErrNoDownstream
			continue
		}
		if !deeper || r.options.Follow != nil && !r.options.Follow(bridge) {
			continue
		}
		project, err := r.client.projectOf(down)
		if err != nil {
			node.Err = err
			continue
		}
		r.add(&queuedPipeline{project: project, pipelineID: down.ID, pipeline: down, path: append(slices.Clip(q.path), bridge)})
	}
	return nodes
}

// projectOf returns the project of a pipeline: its ID or, if an older server does not send
// that, the path in the pipeline's URL.
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
			path = strings.TrimPrefix(path, root.Path) // If GitLab runs under a relative URL.
		}
		if project := strings.TrimPrefix(path, "/"); found && project != "" {
			return Project(project), nil
		}
	}
	return "", fmt.Errorf("gitlabjobs: pipeline %d: the server does not send its project", p.ID)
}
