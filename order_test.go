package gitlabjobs_test

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

// numbered is a server with the given numbered pages.
func numbered(pages ...[]int64) transport {
	return func(req *http.Request) (*http.Response, error) {
		n := number(req.URL.Query().Get("page"), 1)
		header := map[string]string{"X-Page": fmt.Sprint(n), "X-Next-Page": ""}
		if n < len(pages) {
			header["X-Next-Page"] = fmt.Sprint(n + 1)
		}
		if n > len(pages) {
			return answer{body: "[]", header: header}.to(req), nil
		}
		return answer{body: jobsOf(pages[n-1]), header: header}.to(req), nil
	}
}

// collectIDs returns the IDs of the jobs up to the error, if there is one.
func collectIDs(seq iter.Seq2[*gitlabjobs.Job, error]) (ids []int64, err error) {
	var job *gitlabjobs.Job
	for job, err = range seq {
		if err == nil {
			ids = append(ids, job.ID)
		}
	}
	return ids, err
}

func TestAListInAnyOrderYieldsEachItemOnce(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		pages [][]int64
		want  []int64
	}{
		"no order, and a repetition":    {[][]int64{{7, 9, 8}, {8, 5, 6}, {6, 10}}, []int64{7, 9, 8, 5, 6, 10}},
		"a first page that descends":    {[][]int64{{9, 8}, {10, 7}, {8, 6}}, []int64{9, 8, 10, 7, 6}},
		"a first page that ascends":     {[][]int64{{3, 9}, {5, 1}, {9, 7}}, []int64{3, 9, 5, 1, 7}},
		"ascending":                     {[][]int64{{1, 2, 3}, {4, 5, 6}, {7}}, []int64{1, 2, 3, 4, 5, 6, 7}},
		"ascending, one job a page":     {[][]int64{{1}, {2}, {3}, {4}}, []int64{1, 2, 3, 4}},
		"descending, one job a page":    {[][]int64{{4}, {4}, {3}, {2}}, []int64{4, 3, 2}},
		"ascending after an empty page": {[][]int64{{}, {1, 2}, {3, 4}}, []int64{1, 2, 3, 4}},
		"a job twice in a page":         {[][]int64{{9, 9, 8}, {8, 7}}, []int64{9, 8, 7}},
		"descending, shifted by a job":  {[][]int64{{9, 8, 7}, {7, 6, 5}}, []int64{9, 8, 7, 6, 5}},
		"descending, shifted by a page": {[][]int64{{9, 8, 7}, {9, 8, 7}, {6, 5}}, []int64{9, 8, 7, 6, 5}},
		"a job that entered the Scope":  {[][]int64{{9, 7}, {8, 7}, {6}}, []int64{9, 7, 8, 6}},
	} {
		for _, prefetch := range []int{0, 3} {
			opts := &gitlabjobs.ListPipelineJobsOptions{ListOptions: gitlabjobs.ListOptions{Prefetch: prefetch}}
			ids, err := collectIDs(newClient(t, numbered(tc.pages...)).Jobs.AllByPipeline(t.Context(), "1", 6, opts))
			require.NoError(t, err, name)
			assert.Equal(t, tc.want, ids, name)

			// The same for a project, on servers without keyset pagination.
			for _, server := range []transport{numbered(tc.pages...), withoutKeyset(numbered(tc.pages...))} {
				opts := &gitlabjobs.ListJobsOptions{ListOptions: gitlabjobs.ListOptions{Prefetch: prefetch}}
				ids, err := collectIDs(newClient(t, server).Jobs.AllByProject(t.Context(), "1", opts))
				require.NoError(t, err, name)
				assert.Equal(t, tc.want, ids, name)
			}
		}
	}
}

// withoutKeyset makes a server refuse keyset pagination.
func withoutKeyset(server transport) transport {
	return func(req *http.Request) (*http.Response, error) {
		if req.URL.Query().Get("pagination") == "keyset" {
			return answer{status: 405, body: `{"error":"Keyset pagination is not yet available for this type of request"}`}.to(req), nil
		}
		return server(req)
	}
}

func TestPagesInAnyOrderYieldEachItemOnce(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 500 {
		jobs, size := 1+random.IntN(30), 1+random.IntN(5)
		if i == 0 {
			jobs, size = 2500, 100
		}
		var want []int64
		for _, i := range random.Perm(jobs) {
			want = append(want, int64(i+1))
		}
		pages := slices.Collect(slices.Chunk(want, size))
		opts := &gitlabjobs.ListPipelineJobsOptions{ListOptions: gitlabjobs.ListOptions{Prefetch: random.IntN(3)}}
		ids, err := collectIDs(newClient(t, numbered(pages...)).Jobs.AllByPipeline(t.Context(), "1", 6, opts))
		require.NoError(t, err, want)
		require.Equal(t, want, ids)
	}
}

// Even if many pages are in order, the rest of the list may be out of order.
func TestAListThatIsOutOfOrderLateYieldsEachItemOnce(t *testing.T) {
	t.Parallel()
	for name, direction := range map[string]int64{"descending": -1, "ascending": 1} {
		var want []int64
		for i := range int64(1100) {
			want = append(want, 100_000+direction*10*i)
		}
		late := []int64{100_000 + direction*4995, 100_000 + direction*5995, 100_000 + direction*20_000}
		want = append(want, late...)
		for _, size := range []int{1, 100} {
			pages := slices.Collect(slices.Chunk(want, size))
			pages = append(pages, []int64{late[1], 7, late[0]}) // Two of these jobs are repeated.
			ids, err := collectIDs(newClient(t, numbered(pages...)).Jobs.AllByPipeline(t.Context(), "1", 6, nil))
			require.NoError(t, err, name)
			assert.Equal(t, append(slices.Clone(want), 7), ids, "%s, %d jobs a page", name, size)
		}
	}
}

func TestAPageThatIsOutOfOrderYieldsEachItemOnce(t *testing.T) {
	t.Parallel()
	for name, direction := range map[string]int64{"descending": -1, "ascending": 1} {
		for at := range 15 {
			var pages [][]int64
			var want []int64
			for i := range int64(15) {
				page := make([]int64, 100)
				for j := range page {
					page[j] = 10_000 + direction*(100*i+int64(j))
				}
				if int(i) == at {
					page[50], page[51] = page[51], page[50]
				}
				want = append(want, page...)
				if i > 0 {
					page = append(slices.Clone(pages[i-1][90:]), page...)
				}
				pages = append(pages, page)
			}
			ids, err := collectIDs(newClient(t, numbered(pages...)).Jobs.AllByPipeline(t.Context(), "1", 6, nil))
			require.NoError(t, err, name)
			require.Equal(t, want, ids, "%s, page %d", name, at+1)
		}
	}
}

func TestAKeysetPageThatDoesNotDescendIsAnError(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		pages [][]int64
		jobs  int // The number of jobs before the error.
	}{
		"in a page":         {[][]int64{{9, 7, 8}, {6}}, 0},
		"in a later page":   {[][]int64{{9, 8}, {6, 7}}, 2},
		"between pages":     {[][]int64{{5, 4}, {7, 3}}, 2},
		"twice in a page":   {[][]int64{{9, 9}, {8}}, 0},
		"a page again":      {[][]int64{{9, 8}, {9, 8}, {7}}, 2},
		"one job a page":    {[][]int64{{1}, {2}, {3}}, 1},
		"without an ID":     {[][]int64{{9, 8}, {7, 0}}, 2},
		"all without an ID": {[][]int64{{0, 0}, {0, 0}}, 0},
	} {
		for _, prefetch := range []int{0, 1} {
			client := newClient(t, func(req *http.Request) (*http.Response, error) {
				n := number(req.URL.Query().Get("cursor"), 0)
				a := answer{body: jobsOf(tc.pages[n])}
				if n+1 < len(tc.pages) {
					a.header = map[string]string{"Link": fmt.Sprintf(`<http://h/?cursor=%d>; rel="next"`, n+1)}
				}
				return a.to(req), nil
			})
			opts := &gitlabjobs.ListJobsOptions{ListOptions: gitlabjobs.ListOptions{Prefetch: prefetch}}
			ids, err := collectIDs(client.Jobs.AllByProject(t.Context(), "1", opts))
			var at *gitlabjobs.PageError
			require.ErrorAs(t, err, &at, name)
			assert.Equal(t, gitlabjobs.KeysetPagination, at.Pagination)
			assert.Len(t, ids, tc.jobs, name)
			if strings.HasSuffix(name, "ID") {
				require.ErrorContains(t, err, "without an ID")
			} else {
				require.ErrorContains(t, err, "out of order or a repetition")
			}
		}
	}
}

func TestANumberedPageWithAnItemWithoutAnIDIsAnError(t *testing.T) {
	t.Parallel()
	for _, pages := range [][][]int64{{{0}}, {{0}, {0}}, {{3, 2}, {1, 0}}} {
		ids, err := collectIDs(newClient(t, numbered(pages...)).Jobs.AllByPipeline(t.Context(), "1", 6, nil))
		require.ErrorContains(t, err, "without an ID")
		assert.NotContains(t, ids, int64(0))
	}
}

func TestEmptyPagesWithoutAnEndAreAnError(t *testing.T) {
	t.Parallel()
	for name, header := range map[string]func(n int) map[string]string{
		"new cursors": func(n int) map[string]string {
			return map[string]string{"Link": fmt.Sprintf(`<http://h/?cursor=c%d>; rel="next"`, n)}
		},
		"new numbers": func(n int) map[string]string {
			return map[string]string{"X-Page": fmt.Sprint(n), "X-Next-Page": fmt.Sprint(n + 1)}
		},
	} {
		for _, prefetch := range []int{0, 3} {
			synctest.Test(t, func(t *testing.T) {
				requests := make(chan int, 1)
				requests <- 0
				client := newClient(t, func(req *http.Request) (*http.Response, error) {
					n := <-requests + 1
					requests <- n
					return answer{body: "[]", header: header(max(n, number(req.URL.Query().Get("page"), 0)))}.to(req), nil
				})
				opts := &gitlabjobs.ListJobsOptions{ListOptions: gitlabjobs.ListOptions{Prefetch: prefetch}}
				ids, err := collectIDs(client.Jobs.AllByProject(t.Context(), "1", opts))
				require.ErrorContains(t, err, "the listing cannot continue", name)
				assert.Empty(t, ids)
				assert.LessOrEqual(t, <-requests, 20, name)
			})
		}
	}
	// A few of them are tolerated.
	ids, err := collectIDs(newClient(t, numbered(nil, nil, []int64{2}, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, []int64{1})).Jobs.AllByPipeline(t.Context(), "1", 6, nil))
	require.NoError(t, err)
	assert.Equal(t, []int64{2, 1}, ids)
}

func TestPagesThatShiftForeverAreAnError(t *testing.T) {
	t.Parallel()
	requests := 0
	client := newClient(t, func(req *http.Request) (*http.Response, error) {
		requests++ // Two alternating pages.
		return answer{body: jobsOf([][]int64{{9, 8}, {8, 7}}[requests%2]), header: map[string]string{"X-Page": fmt.Sprint(requests), "X-Next-Page": fmt.Sprint(requests + 1)}}.to(req), nil
	})
	_, err := collectIDs(client.Jobs.AllByPipeline(t.Context(), "1", 6, nil))
	require.ErrorContains(t, err, "the listing cannot continue")
	assert.LessOrEqual(t, requests, 1100)
}

func TestPagesThatShiftForeverAfterAFallbackAreAnError(t *testing.T) {
	t.Parallel()
	l := newJobList(9)
	l.edit = stripAll
	l.before = func(n int, q url.Values) *answer {
		if q.Get("pagination") == "keyset" {
			return nil
		}
		return &answer{body: jobsOf([][]int64{{9, 8}, {8, 7}}[n%2])}
	}
	opts := &gitlabjobs.ListJobsOptions{ListOptions: gitlabjobs.ListOptions{PerPage: 2}}
	ids, err := collectIDs(l.client(t).Jobs.AllByProject(t.Context(), "1", opts))
	require.ErrorContains(t, err, "the listing cannot continue")
	assert.Equal(t, []int64{9, 8, 7}, ids)
	assert.LessOrEqual(t, len(l.asked), 1100)
}

// GitLab cuts offset pages to 100 jobs. Without headers, such a page counts as full.
func TestPagesOfMoreThanAHundredWithoutHeaders(t *testing.T) {
	t.Parallel()
	for _, jobs := range []int{99, 100, 250, 300} {
		for _, size := range []int{100, 101, 150, 500} {
			l := newJobList(jobs)
			l.edit = stripAll
			sized := gitlabjobs.ListOptions{PerPage: size}
			assert.Equal(t, l.ids, descendingIDs(t, l.client(t).Jobs.AllByPipeline(t.Context(), "1", 6, &gitlabjobs.ListPipelineJobsOptions{ListOptions: sized})))
			assert.Equal(t, l.ids, descendingIDs(t, l.client(t).Jobs.AllByProject(t.Context(), "1", &gitlabjobs.ListJobsOptions{ListOptions: sized, Pagination: gitlabjobs.OffsetPagination})))
		}
	}
}

func TestChangingTheScopeDuringTheLoopHasNoEffect(t *testing.T) {
	t.Parallel()
	for name, list := range map[string]func(*gitlabjobs.Client, []gitlabjobs.Status, gitlabjobs.ListOptions) func(func(error) bool){
		"Jobs.AllByProject": func(c *gitlabjobs.Client, scope []gitlabjobs.Status, o gitlabjobs.ListOptions) func(func(error) bool) {
			return errorsOf(c.Jobs.AllByProject(t.Context(), "1", &gitlabjobs.ListJobsOptions{ListOptions: o, Scope: scope}))
		},
		"Jobs.PagesByPipeline": func(c *gitlabjobs.Client, scope []gitlabjobs.Status, o gitlabjobs.ListOptions) func(func(error) bool) {
			return errorsOf(c.Jobs.PagesByPipeline(t.Context(), "1", 6, &gitlabjobs.ListPipelineJobsOptions{ListOptions: o, Scope: scope}))
		},
		"Bridges.All": func(c *gitlabjobs.Client, scope []gitlabjobs.Status, o gitlabjobs.ListOptions) func(func(error) bool) {
			return errorsOf(c.Bridges.All(t.Context(), "1", 6, &gitlabjobs.ListBridgesOptions{ListOptions: o, Scope: scope}))
		},
	} {
		l := newJobList(30)
		var scopes []string
		client := newClient(t, func(req *http.Request) (*http.Response, error) {
			scopes = append(scopes, req.URL.Query().Get("scope[]"))
			return l.respond(req)
		})
		scope := []gitlabjobs.Status{gitlabjobs.StatusFailed}
		seq := list(client, scope, gitlabjobs.ListOptions{PerPage: 10})
		scope[0] = gitlabjobs.StatusManual
		for err := range seq {
			require.NoError(t, err, name)
			scope[0] = gitlabjobs.StatusSuccess
		}
		assert.GreaterOrEqual(t, len(scopes), 3, name)
		assert.Equal(t, []string{"failed"}, slices.Compact(scopes), name)
	}
}

func errorsOf[T any](seq iter.Seq2[*T, error]) func(func(error) bool) {
	return func(yield func(error) bool) {
		for _, err := range seq {
			if !yield(err) {
				return
			}
		}
	}
}

// An offset listing reaches its limit at the first page, and continues by keyset pagination.
func TestAnOffsetListingThatEndsAtOnceLosesNoJob(t *testing.T) {
	t.Parallel()
	client := newClient(t, func(req *http.Request) (*http.Response, error) {
		if req.URL.Query().Get("pagination") == "keyset" {
			return answer{body: jobsOf([]int64{9, 8, 7})}.to(req), nil
		}
		return answer{status: 405, body: `{"error":"Offset pagination has a maximum allowed offset of 50000"}`}.to(req), nil
	})
	opts := &gitlabjobs.ListJobsOptions{ListOptions: gitlabjobs.ListOptions{Page: 501}, Pagination: gitlabjobs.OffsetPagination}
	ids, err := collectIDs(client.Jobs.AllByProject(t.Context(), "1", opts))
	require.NoError(t, err)
	assert.Equal(t, []int64{9, 8, 7}, ids)
}
