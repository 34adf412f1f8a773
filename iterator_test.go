package gitlabjobs_test

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

// iterator is a row of the conformance test: an iterator of the library, converted to one
// over lists of IDs.
type iterator struct {
	name string
	// nilOpts is the iterator with nil options and pages of the default size.
	nilOpts func(context.Context, *gitlabjobs.Client) iter.Seq2[[]int64, error]
	// with is the iterator with pages of 5. Its second result reports whether its options are
	// unchanged.
	with func(context.Context, *gitlabjobs.Client, int) (iter.Seq2[[]int64, error], func() bool)
}

func ofJobs(seq iter.Seq2[*gitlabjobs.Job, error]) iter.Seq2[[]int64, error] {
	return func(yield func([]int64, error) bool) {
		for job, err := range seq {
			if !yield(idsOf(job), err) {
				return
			}
		}
	}
}

func ofBridges(seq iter.Seq2[*gitlabjobs.Bridge, error]) iter.Seq2[[]int64, error] {
	return func(yield func([]int64, error) bool) {
		for bridge, err := range seq {
			var ids []int64
			if bridge != nil {
				ids = []int64{bridge.ID}
			}
			if !yield(ids, err) {
				return
			}
		}
	}
}

func ofPages[T any](seq iter.Seq2[*gitlabjobs.Page[T], error], id func(*T) int64) iter.Seq2[[]int64, error] {
	return func(yield func([]int64, error) bool) {
		for page, err := range seq {
			var ids []int64
			if page != nil {
				for _, item := range page.Items {
					ids = append(ids, id(item))
				}
			}
			if !yield(ids, err) {
				return
			}
		}
	}
}

func idsOf(job *gitlabjobs.Job) []int64 {
	if job == nil {
		return nil
	}
	return []int64{job.ID}
}

func jobID(j *gitlabjobs.Job) int64       { return j.ID }
func bridgeID(b *gitlabjobs.Bridge) int64 { return b.ID }

// iterators are all iterators of the library. Those of a project's jobs are listed with
// keyset pagination and with offset pagination.
var iterators = func() []iterator {
	var all []iterator
	type listJobs = gitlabjobs.ListJobsOptions
	size := func(prefetch int) gitlabjobs.ListOptions {
		return gitlabjobs.ListOptions{PerPage: 3, Prefetch: prefetch}
	}
	for _, pagination := range []gitlabjobs.Pagination{"", gitlabjobs.OffsetPagination, gitlabjobs.KeysetPagination} {
		all = append(all, iterator{
			name: "Jobs.AllByProject " + string(pagination),
			nilOpts: func(ctx context.Context, c *gitlabjobs.Client) iter.Seq2[[]int64, error] {
				return ofJobs(c.Jobs.AllByProject(ctx, "group/app", nil))
			},
			with: func(ctx context.Context, c *gitlabjobs.Client, n int) (iter.Seq2[[]int64, error], func() bool) {
				o := &listJobs{ListOptions: size(n), Pagination: pagination}
				return ofJobs(c.Jobs.AllByProject(ctx, "group/app", o)), func() bool { return o.ListOptions == size(n) && o.Pagination == pagination && o.Cursor == "" }
			},
		}, iterator{
			name: "Jobs.PagesByProject " + string(pagination),
			nilOpts: func(ctx context.Context, c *gitlabjobs.Client) iter.Seq2[[]int64, error] {
				return ofPages(c.Jobs.PagesByProject(ctx, "group/app", nil), jobID)
			},
			with: func(ctx context.Context, c *gitlabjobs.Client, n int) (iter.Seq2[[]int64, error], func() bool) {
				o := &listJobs{ListOptions: size(n), Pagination: pagination}
				return ofPages(c.Jobs.PagesByProject(ctx, "group/app", o), jobID), func() bool { return o.ListOptions == size(n) && o.Pagination == pagination && o.Cursor == "" }
			},
		})
	}
	return append(all, iterator{
		name: "Jobs.AllByPipeline",
		nilOpts: func(ctx context.Context, c *gitlabjobs.Client) iter.Seq2[[]int64, error] {
			return ofJobs(c.Jobs.AllByPipeline(ctx, "group/app", faultyPipeline, nil))
		},
		with: func(ctx context.Context, c *gitlabjobs.Client, n int) (iter.Seq2[[]int64, error], func() bool) {
			o := &gitlabjobs.ListPipelineJobsOptions{ListOptions: size(n)}
			return ofJobs(c.Jobs.AllByPipeline(ctx, "group/app", faultyPipeline, o)), func() bool { return o.ListOptions == size(n) }
		},
	}, iterator{
		name: "Jobs.PagesByPipeline",
		nilOpts: func(ctx context.Context, c *gitlabjobs.Client) iter.Seq2[[]int64, error] {
			return ofPages(c.Jobs.PagesByPipeline(ctx, "group/app", faultyPipeline, nil), jobID)
		},
		with: func(ctx context.Context, c *gitlabjobs.Client, n int) (iter.Seq2[[]int64, error], func() bool) {
			o := &gitlabjobs.ListPipelineJobsOptions{ListOptions: size(n)}
			return ofPages(c.Jobs.PagesByPipeline(ctx, "group/app", faultyPipeline, o), jobID), func() bool { return o.ListOptions == size(n) }
		},
	}, iterator{
		name: "Bridges.All",
		nilOpts: func(ctx context.Context, c *gitlabjobs.Client) iter.Seq2[[]int64, error] {
			return ofBridges(c.Bridges.All(ctx, "group/app", faultyPipeline, nil))
		},
		with: func(ctx context.Context, c *gitlabjobs.Client, n int) (iter.Seq2[[]int64, error], func() bool) {
			o := &gitlabjobs.ListBridgesOptions{ListOptions: size(n)}
			return ofBridges(c.Bridges.All(ctx, "group/app", faultyPipeline, o)), func() bool { return o.ListOptions == size(n) }
		},
	}, iterator{
		name: "Bridges.Pages",
		nilOpts: func(ctx context.Context, c *gitlabjobs.Client) iter.Seq2[[]int64, error] {
			return ofPages(c.Bridges.Pages(ctx, "group/app", faultyPipeline, nil), bridgeID)
		},
		with: func(ctx context.Context, c *gitlabjobs.Client, n int) (iter.Seq2[[]int64, error], func() bool) {
			o := &gitlabjobs.ListBridgesOptions{ListOptions: size(n)}
			return ofPages(c.Bridges.Pages(ctx, "group/app", faultyPipeline, o), bridgeID), func() bool { return o.ListOptions == size(n) }
		},
	})
}()

const listed = 15 // The number of jobs, and of bridges, of the pipeline: five pages.

// TestEveryIteratorKeepsTheRules checks what all iterators promise. If an iterator leaked a
// goroutine or a body, the bubble of synctest would not end.
func TestEveryIteratorKeepsTheRules(t *testing.T) {
	t.Parallel()
	for _, it := range iterators {
		for _, prefetch := range []int{0, 1, 8} {
			t.Run(fmt.Sprintf("%s/prefetch %d", it.name, prefetch), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					srv := gitlabjobstest.NewMemoryServer(t)
					pipeline := srv.AddProject("group/app").AddPipeline(gitlabjobstest.PipelineSpec{ID: faultyPipeline})
					pipeline.AddJobs(listed, nil)
					for range listed {
						pipeline.AddBridge(gitlabjobstest.BridgeSpec{})
					}
					srv.Fault(gitlabjobstest.Fault{Times: gitlabjobstest.Always, Latency: 10 * time.Millisecond})
					client := srv.Client(srv.Tokens.Reporter, oneAttempt())
					fresh := func(ctx context.Context) iter.Seq2[[]int64, error] {
						seq, _ := it.with(ctx, client, prefetch)
						return seq
					}
					all := collect(t, fresh(t.Context()))
					require.Len(t, all, listed)

					t.Log("nil options")
					assert.Equal(t, all, collect(t, it.nilOpts(t.Context(), client)))

					t.Log("the options are unchanged, and the iterator can be used twice")
					seq, unchanged := it.with(t.Context(), client, prefetch)
					assert.Equal(t, all, collect(t, seq))
					assert.Equal(t, all, collect(t, seq))
					assert.True(t, unchanged())

					t.Log("the loop ends at each position")
					for position := 1; position <= steps(fresh(t.Context())); position++ {
						n := 0
						for _, err := range fresh(t.Context()) {
							require.NoError(t, err)
							if n++; n == position {
								break
							}
						}
						assert.Equal(t, position, n)
					}

					t.Log("the context ends at each position")
					for position := range steps(fresh(t.Context())) {
						ctx, cancel := context.WithCancel(t.Context())
						if position == 0 {
							cancel()
						}
						n, failures := 0, 0
						for ids, err := range fresh(ctx) {
							if err != nil {
								require.ErrorIs(t, err, context.Canceled)
								assert.Nil(t, ids)
								failures++
								continue
							}
							require.Zero(t, failures, "an error is the last value")
							if n++; n == position {
								cancel()
							}
						}
						cancel()
						assert.LessOrEqual(t, failures, 1)
						if position == 0 {
							assert.Equal(t, 1, failures)
							assert.Zero(t, n)
						}
					}

					t.Log("an error at each page")
					for page := range 5 {
						failing := gitlabjobstest.Fault{Skip: page, Times: gitlabjobstest.Always, Do: gitlabjobstest.Answer(403, nil, `{"message":"403 Forbidden"}`)}
						srv.ClearFaults()
						srv.Fault(failing)
						var ids []int64
						failures := 0
						for some, err := range fresh(t.Context()) {
							if err != nil {
								var at *gitlabjobs.PageError
								require.ErrorAs(t, err, &at)
								require.ErrorIs(t, err, gitlabjobs.ErrForbidden)
								assert.Nil(t, some)
								failures++
								continue
							}
							require.Zero(t, failures)
							ids = append(ids, some...)
						}
						assert.Equal(t, 1, failures)
						assert.True(t, slices.Equal(all[:len(ids)], ids))
					}
					srv.ClearFaults()

					t.Log("two goroutines at once")
					seq, _ = it.with(t.Context(), client, prefetch)
					var wg sync.WaitGroup
					for range 2 {
						wg.Go(func() { assert.Equal(t, all, collect(t, seq)) })
					}
					wg.Wait()
				})
			})
		}
	}
}

func collect(t *testing.T, seq iter.Seq2[[]int64, error]) []int64 {
	t.Helper()
	var all []int64
	for ids, err := range seq {
		require.NoError(t, err)
		all = append(all, ids...)
	}
	return all
}

func steps(seq iter.Seq2[[]int64, error]) int {
	n := 0
	for range seq { //nolint:errcheck // An error is a step.
		n++
	}
	return n
}

func TestIteratorsSetWithResponseForTheCurrentPage(t *testing.T) {
	t.Parallel()
	for _, prefetch := range []int{0, 4} {
		srv := gitlabjobstest.NewMemoryServer(t)
		srv.AddProject("group/app").AddPipeline(gitlabjobstest.PipelineSpec{ID: faultyPipeline}).AddJobs(listed, nil)
		client := srv.Client(srv.Tokens.Reporter)
		var resp gitlabjobs.Response
		opts := &gitlabjobs.ListPipelineJobsOptions{ListOptions: gitlabjobs.ListOptions{PerPage: 3, Prefetch: prefetch}}
		n := 0
		for page, err := range client.Jobs.PagesByPipeline(t.Context(), "group/app", faultyPipeline, opts, gitlabjobs.WithResponse(&resp)) {
			require.NoError(t, err)
			n++
			assert.Equal(t, n, page.Page)
			assert.Equal(t, fmt.Sprint(n), resp.Header.Get("X-Page"))
			assert.Equal(t, http.StatusOK, resp.StatusCode)
		}
		assert.Equal(t, 5, n)
	}
}
