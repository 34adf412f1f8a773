package gitlabjobs_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

func TestAPageHasTheValuesOfItsHeaders(t *testing.T) {
	t.Parallel()
	type page = gitlabjobs.Page[gitlabjobs.Job]
	for name, tc := range map[string]struct {
		header map[string]string
		want   page
		next   bool
	}{
		"no header": {nil, page{Total: -1, TotalPages: -1}, false},
		"the first page of a project": {
			map[string]string{
				"X-Page": "1", "X-Per-Page": "2", "X-Next-Page": "2", "X-Prev-Page": "",
				"Link": `<http://10.0.0.1/api/v4/projects/7/jobs?id=7&page=2&per_page=2>; rel="next", <http://10.0.0.1/api/v4/projects/7/jobs?id=7&page=1&per_page=2>; rel="first"`,
			},
			page{Page: 1, PerPage: 2, NextPage: 2, Total: -1, TotalPages: -1},
			true,
		},
		"the last page of a pipeline": {
			map[string]string{"X-Page": "3", "X-Per-Page": "20", "X-Next-Page": "", "X-Prev-Page": "2", "X-Total": "45", "X-Total-Pages": "3"},
			page{Page: 3, PerPage: 20, PrevPage: 2, Total: 45, TotalPages: 3},
			false,
		},
		"an empty pipeline": {
			map[string]string{"X-Page": "1", "X-Per-Page": "20", "X-Next-Page": "", "X-Prev-Page": "", "X-Total": "0", "X-Total-Pages": "1"},
			page{Page: 1, PerPage: 20, Total: 0, TotalPages: 1},
			false,
		},
		"only Link": {
			map[string]string{"Link": `</jobs?page=1>; rel="prev", </jobs?page=3>; rel="next"`},
			page{NextPage: 3, PrevPage: 1, Total: -1, TotalPages: -1},
			true,
		},
		"Link, and no page by X-Next-Page": {
			map[string]string{"X-Next-Page": "0", "Link": `</jobs?page=3>; rel="next"`},
			page{NextPage: 3, Total: -1, TotalPages: -1},
			true,
		},
		"keyset": {
			map[string]string{"Link": `<http://10.0.0.1/api/v4/projects/7/jobs?cursor=eyJpZCI6IjEyMyJ9%3D%3D&id=7&page=1&pagination=keyset>; rel="next"`, "X-Next-Cursor": "ignored"},
			page{NextCursor: "eyJpZCI6IjEyMyJ9==", Total: -1, TotalPages: -1},
			true,
		},
		"the last keyset page": {map[string]string{"X-Prev-Cursor": "eyJ"}, page{Total: -1, TotalPages: -1}, false},
		"nonsense": {
			map[string]string{"X-Page": "one", "X-Per-Page": "-3", "X-Next-Page": "99999999999999999999", "X-Prev-Page": "-1", "X-Total": "-1", "X-Total-Pages": "many", "Link": `<?page=3>; rel="next"`},
			page{NextPage: 3, Total: -1, TotalPages: -1},
			true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := answering(t, answer{body: "[]", header: tc.header}).Jobs.ListByProject(t.Context(), "1", nil)
			require.NoError(t, err)
			assert.NotNil(t, got.Items)
			assert.Empty(t, got.Items)
			got.Items = nil
			assert.Equal(t, &tc.want, got)
			assert.Equal(t, tc.next, got.HasNext())
		})
	}
}

// pagedServer serves numbered pages of two jobs, with IDs that descend from total.
func pagedServer(t *testing.T, total int, seen *[]string) transport {
	return func(req *http.Request) (*http.Response, error) {
		*seen = append(*seen, req.URL.RawQuery)
		page := 1
		fmt.Sscan(req.URL.Query().Get("page"), &page) //nolint:errcheck // Absent means the first.
		var jobs []string
		for id := total - 2*(page-1); id > 0 && len(jobs) < 2; id-- {
			jobs = append(jobs, fmt.Sprintf(`{"id":%d}`, id))
		}
		h := map[string]string{"X-Page": fmt.Sprint(page), "X-Next-Page": ""}
		if 2*page < total {
			h["X-Next-Page"] = fmt.Sprint(page + 1)
		}
		return answer{body: "[" + strings.Join(jobs, ",") + "]", header: h}.to(req), nil
	}
}

func TestAllReadsEveryPage(t *testing.T) {
	t.Parallel()
	var seen []string
	client := newClient(t, pagedServer(t, 5, &seen))
	var ids []int64
	for job, err := range client.Jobs.AllByPipeline(t.Context(), "1", 6, &gitlabjobs.ListPipelineJobsOptions{IncludeRetried: true}) {
		require.NoError(t, err)
		ids = append(ids, job.ID)
	}
	assert.Equal(t, []int64{5, 4, 3, 2, 1}, ids)
	assert.Equal(t, []string{
		"include_retried=true&page=1&per_page=100", "include_retried=true&page=2&per_page=100", "include_retried=true&page=3&per_page=100",
	}, seen)

	// From a page in the middle, with another size.
	seen, ids = nil, nil
	for bridge, err := range client.Bridges.All(t.Context(), "1", 6, &gitlabjobs.ListBridgesOptions{ListOptions: gitlabjobs.ListOptions{Page: 2, PerPage: 7}}) {
		require.NoError(t, err)
		ids = append(ids, bridge.ID)
	}
	assert.Equal(t, []int64{3, 2, 1}, ids)
	assert.Equal(t, []string{"page=2&per_page=7", "page=3&per_page=7"}, seen)

	// The same iterator is used twice, and the loop ends early.
	seen = nil
	seq := client.Jobs.AllByPipeline(t.Context(), "1", 6, nil)
	for range 2 {
		for job, err := range seq {
			require.NoError(t, err)
			assert.EqualValues(t, 5, job.ID)
			break
		}
	}
	assert.Equal(t, []string{"page=1&per_page=100", "page=1&per_page=100"}, seen)
}

func TestAllFollowsCursors(t *testing.T) {
	t.Parallel()
	var seen []string
	client := newClient(t, func(req *http.Request) (*http.Response, error) {
		seen = append(seen, req.URL.RawQuery)
		next := map[string]string{"": "c1", "c1": "c2"}[req.URL.Query().Get("cursor")]
		h := map[string]string{}
		if next != "" {
			h["Link"] = `<http://other.example/api/v4/projects/1/jobs?cursor=` + next + `&page=1>; rel="next"`
		}
		assert.Equal(t, "gitlab.example.com", req.URL.Host, "the host of Link is never followed")
		return answer{body: fmt.Sprintf(`[{"id":%d}]`, 10-len(seen)), header: h}.to(req), nil
	})
	n := 0
	for _, err := range client.Jobs.AllByProject(t.Context(), "1", &gitlabjobs.ListJobsOptions{Pagination: gitlabjobs.KeysetPagination}) {
		require.NoError(t, err)
		n++
	}
	assert.Equal(t, 3, n)
	assert.Equal(t, []string{"pagination=keyset&per_page=100", "cursor=c1&pagination=keyset&per_page=100", "cursor=c2&pagination=keyset&per_page=100"}, seen)
}

func TestAllStopsIfAPageNamesItselfAsTheNext(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		header map[string]string
		want   string
	}{
		"the same page":   {map[string]string{"X-Page": "1", "X-Next-Page": "1"}, "next page is 1, after page 1"},
		"the same cursor": {map[string]string{"Link": `<http://h/?cursor=abc>; rel="next"`}, "cursor"},
		"itself":          {map[string]string{"Link": `<http://h/?page=1>; rel="next"`}, "next page is 1, after page 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requests, jobs := 0, 0
			client := newClient(t, func(req *http.Request) (*http.Response, error) {
				requests++
				return answer{body: `[{"id":5}]`, header: tc.header}.to(req), nil
			})
			var failures []error
			for job, err := range client.Jobs.AllByProject(t.Context(), "1", nil) {
				if err != nil {
					assert.Nil(t, job)
					failures = append(failures, err)
					continue
				}
				jobs++
			}
			require.Len(t, failures, 1)
			require.ErrorContains(t, failures[0], tc.want)
			assert.LessOrEqual(t, requests, 2)
		})
	}
}

func TestAllYieldsAnErrorOnceAndStops(t *testing.T) {
	t.Parallel()
	for failing := 1; failing <= 3; failing++ {
		var seen []string
		server := pagedServer(t, 6, &seen)
		client := newClient(t, func(req *http.Request) (*http.Response, error) {
			resp, err := server(req)
			if len(seen) == failing {
				return answer{status: 403, body: `{"message":"403 Forbidden"}`}.to(req), nil
			}
			return resp, err
		})
		jobs, failures := 0, 0
		for job, err := range client.Jobs.AllByPipeline(t.Context(), "1", 6, nil) {
			if err != nil {
				assert.Nil(t, job)
				require.ErrorIs(t, err, gitlabjobs.ErrForbidden)
				failures++
			} else {
				jobs++
			}
		}
		assert.Equal(t, 1, failures)
		assert.Equal(t, 2*(failing-1), jobs)
	}
	// An invalid option: the iterator yields an error, and nothing is sent.
	client := newClient(t, func(*http.Request) (*http.Response, error) { return nil, errors.New("sent") })
	for _, err := range client.Jobs.AllByProject(t.Context(), "app", nil) {
		require.ErrorContains(t, err, "neither a number nor a full path")
	}
}
