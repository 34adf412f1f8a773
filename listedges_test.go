package gitlabjobs_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

// A page is empty if all of its jobs were deleted. More pages may follow.
func TestEmptyKeysetPagesDoNotEndAListing(t *testing.T) {
	t.Parallel()
	pages := [][]int64{{9, 8}, nil, nil, {5}, nil, {2, 1}}
	for _, prefetch := range []int{0, 1} {
		client := newClient(t, func(req *http.Request) (*http.Response, error) {
			n := number(req.URL.Query().Get("cursor"), 0)
			header := map[string]string{}
			if n < len(pages)-1 {
				header["Link"] = fmt.Sprintf(`<https://h/?cursor=%d>; rel="next"`, n+1)
			}
			return answer{body: jobsOf(pages[n]), header: header}.to(req), nil
		})
		opts := &gitlabjobs.ListJobsOptions{ListOptions: gitlabjobs.ListOptions{Prefetch: prefetch}}
		ids, err := collectIDs(client.Jobs.AllByProject(t.Context(), "1", opts))
		require.NoError(t, err)
		assert.Equal(t, []int64{9, 8, 5, 2, 1}, ids)
	}
}

// The second page names the fourth as the next, after the third was prefetched.
func TestAPageThatWasFetchedAheadIsNotTakenForAnother(t *testing.T) {
	t.Parallel()
	pages := [][]int64{{10, 9}, {8, 7}, {100, 99}, {6, 5}, {4, 3}}
	next := []string{"2", "4", "4", "5", ""}
	client := newClient(t, func(req *http.Request) (*http.Response, error) {
		n := number(req.URL.Query().Get("page"), 1)
		header := map[string]string{"X-Page": fmt.Sprint(n), "X-Next-Page": next[n-1], "X-Total-Pages": "5"}
		return answer{body: jobsOf(pages[n-1]), header: header}.to(req), nil
	})
	opts := &gitlabjobs.ListPipelineJobsOptions{ListOptions: gitlabjobs.ListOptions{Prefetch: 4}}
	ids, err := collectIDs(client.Jobs.AllByPipeline(t.Context(), "1", 6, opts))
	require.NoError(t, err)
	assert.Equal(t, []int64{10, 9, 8, 7, 6, 5, 4, 3}, ids)
}

// A transport may be slow to notice that its request was canceled. After the end of the loop, no request uses it anymore.
func TestALoopThatIsLeftWaitsForTheRequestsInProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var running atomic.Int64
		client := newClient(t, func(req *http.Request) (*http.Response, error) {
			running.Add(1)
			defer running.Add(-1)
			n := number(req.URL.Query().Get("page"), 1)
			if n > 1 {
				<-req.Context().Done()
				<-time.After(time.Second)
				return nil, req.Context().Err()
			}
			header := map[string]string{"X-Page": "1", "X-Next-Page": "2", "X-Total-Pages": "5"}
			return answer{body: jobsOf([]int64{9, 8}), header: header}.to(req), nil
		})
		opts := &gitlabjobs.ListPipelineJobsOptions{ListOptions: gitlabjobs.ListOptions{Prefetch: 4}}
		for _, err := range client.Jobs.AllByPipeline(t.Context(), "1", 6, opts) {
			require.NoError(t, err)
			synctest.Wait() // The prefetching requests are in progress.
			assert.EqualValues(t, 4, running.Load())
			break
		}
		assert.Zero(t, running.Load())
	})
}

// Until its limit, the offset listing was out of order, so the last ID does not tell which jobs it had.
func TestAnOffsetListingOutOfOrderContinuesByKeyset(t *testing.T) {
	t.Parallel()
	offset := [][]int64{{5, 9}, {3}}
	keyset := [][]int64{{9, 5, 4}, {3, 2, 1}}
	client := newClient(t, func(req *http.Request) (*http.Response, error) {
		query := req.URL.Query()
		if query.Get("pagination") == "keyset" {
			n := number(query.Get("cursor"), 0)
			header := map[string]string{}
			if n == 0 {
				header["Link"] = `<https://h/?cursor=1>; rel="next"`
			}
			return answer{body: jobsOf(keyset[n]), header: header}.to(req), nil
		}
		n := number(query.Get("page"), 1)
		if n > len(offset) {
			return answer{status: http.StatusMethodNotAllowed}.to(req), nil
		}
		return answer{body: jobsOf(offset[n-1]), header: map[string]string{"X-Page": fmt.Sprint(n), "X-Next-Page": fmt.Sprint(n + 1)}}.to(req), nil
	})
	opts := &gitlabjobs.ListJobsOptions{Pagination: gitlabjobs.OffsetPagination}
	ids, err := collectIDs(client.Jobs.AllByProject(t.Context(), "1", opts))
	require.NoError(t, err)
	assert.Equal(t, []int64{5, 9, 3, 4, 2, 1}, ids)
}

// A page that is shorter than a page can be is the last one, even without page headers. The
// server may reduce the size of a page.
func TestAFullPageWithoutPageHeadersIsNotTheLast(t *testing.T) {
	t.Parallel()
	page := func(n int) string {
		return "[" + strings.Repeat(`{"id":1},`, n-1) + `{"id":2}]`
	}
	for name, tc := range map[string]struct {
		perPage  string // The header X-Per-Page; empty for none.
		n        int
		requests int
	}{
		"a short page":                   {"", 3, 1},
		"a full page":                    {"", 10, 2},
		"a full page of a smaller size":  {"5", 5, 2},
		"a short page of a smaller size": {"5", 4, 1},
	} {
		requests := 0
		client := newClient(t, func(req *http.Request) (*http.Response, error) {
			requests++
			if req.URL.Query().Get("page") == "2" {
				return answer{body: `[]`}.to(req), nil
			}
			return answer{body: page(tc.n), header: map[string]string{"X-Per-Page": tc.perPage}}.to(req), nil
		})
		opts := &gitlabjobs.ListPipelineJobsOptions{ListOptions: gitlabjobs.ListOptions{PerPage: 10}}
		require.NoError(t, drain(client.Jobs.AllByPipeline(t.Context(), "1", 5, opts)), name)
		assert.Equal(t, tc.requests, requests, name)
	}
}
