package gitlabjobs_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

func TestAListingIsCompleteIfAProxyRemovesHeaders(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		older bool
		edit  func(int, url.Values, http.Header)
	}{
		"Link":                             {edit: stripLink},
		"all headers":                      {edit: stripAll},
		"all headers, of an older server":  {older: true, edit: stripAll},
		"Link, replaced by one of its own": {edit: func(_ int, _ url.Values, h http.Header) { h.Set("Link", `</a.css>; rel=preload`) }},
		"all, replaced by a Link of its own": {older: true, edit: func(n int, q url.Values, h http.Header) {
			stripAll(n, q, h)
			h.Set("Link", `</a.css>; rel=preload`)
		}},
		"Link, from the second page on": {edit: func(n int, _ url.Values, h http.Header) {
			if n > 1 {
				h.Del("Link")
			}
		}},
		"every other Link": {edit: func(n int, _ url.Values, h http.Header) {
			if n%2 == 0 {
				h.Del("Link")
			}
		}},
		"nothing": {},
	} {
		for _, jobs := range []int{0, 1, 9, 10, 11, 20, 99, 100, 101, 200, 250, 400, 450} {
			for _, size := range []int{2, 10, 100, 150, 200} {
				if size == 2 && jobs > 20 {
					continue // Many requests that test nothing new.
				}
				for _, prefetch := range []int{0, 3} {
					l := newJobList(jobs)
					l.older, l.edit = tc.older, tc.edit
					opts := &gitlabjobs.ListJobsOptions{ListOptions: gitlabjobs.ListOptions{PerPage: size, Prefetch: prefetch}}
					ids := descendingIDs(t, l.client(t).Jobs.AllByProject(t.Context(), "1", opts))
					assert.True(t, slices.Equal(ids, l.ids), "%s: %d jobs, %d a page, prefetch %d: %d came after %v", name, jobs, size, prefetch, len(ids), l.asked)
				}
			}
		}
	}
}

func TestAFullLastPageIsRequestedAgainOnce(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		jobs, size int
		edit       func(int, url.Values, http.Header)
		want       []string
		note       string
	}{
		"the end":                     {20, 10, nil, []string{"cursor x10", "cursor 11 x10", "cursor 11 x11"}, ""},
		"no full page":                {19, 10, nil, []string{"cursor x10", "cursor 10 x10"}, ""},
		"more than GitLab's offset":   {100, 100, nil, []string{"cursor x100", "cursor x101", "page 2 x100"}, "its second page by offset"},
		"more than that, at a cursor": {200, 100, nil, []string{"cursor x100", "cursor 101 x100", "cursor 101 x101"}, ""},
		"without Link":                {21, 10, stripLink, []string{"cursor x10", "cursor x11", "page 1 x10", "page 2 x10", "page 3 x10"}, "have no Link header"},
		"without a Link, and full":    {10, 10, stripLink, []string{"cursor x10", "cursor x11"}, ""},
		"without the first page's one": {20, 10, func(n int, _ url.Values, h http.Header) {
			if n == 1 {
				h.Del("Link")
			}
		}, []string{"cursor x10", "cursor x11", "cursor 10 x10"}, "had one at the second request"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newJobList(tc.jobs)
			l.edit = tc.edit
			opts := &gitlabjobs.ListJobsOptions{ListOptions: gitlabjobs.ListOptions{PerPage: tc.size}}
			assert.Equal(t, l.ids, descendingIDs(t, l.client(t).Jobs.AllByProject(t.Context(), "1", opts)))
			assert.Equal(t, tc.want, l.asked)
			assert.Contains(t, l.log.String(), tc.note)
			assert.Equal(t, tc.note != "", strings.Contains(l.log.String(), "gitlab listing"))
		})
	}
}

func TestTheCheckOfAFullPageIsRetried(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newJobList(20)
		l.before = func(n int, _ url.Values) *answer {
			if n == 3 || n == 4 {
				return failing(500)
			}
			return nil
		}
		opts := &gitlabjobs.ListJobsOptions{ListOptions: gitlabjobs.ListOptions{PerPage: 10}}
		assert.Equal(t, l.ids, descendingIDs(t, l.client(t).Jobs.AllByProject(t.Context(), "1", opts)))
		assert.Equal(t, []string{"cursor x10", "cursor 11 x10", "cursor 11 x11", "cursor 11 x11", "cursor 11 x11"}, l.asked)
	})
}

// There are more pages than may have no new job in a row.
func TestALongListingThatLosesItsLinksContinuesByOffset(t *testing.T) {
	t.Parallel()
	l := newJobList(1200)
	l.edit = func(n int, _ url.Values, h http.Header) {
		if n > 1100 {
			h.Del("Link")
		}
	}
	opts := &gitlabjobs.ListJobsOptions{ListOptions: gitlabjobs.ListOptions{PerPage: 1}}
	assert.Equal(t, l.ids, descendingIDs(t, l.client(t).Jobs.AllByProject(t.Context(), "1", opts)))
}

// Jobs that are created before the check of a full page do not count as jobs after it.
func TestNewJobsAreNotMistakenForTheEndOfAListing(t *testing.T) {
	t.Parallel()
	for _, created := range []int{1, 5, 30, 200} {
		for _, edit := range []func(int, url.Values, http.Header){nil, stripLink} {
			for _, jobs := range []int{10, 11, 45} {
				l := newJobList(jobs)
				l.edit = edit
				l.before = func(n int, _ url.Values) *answer {
					if n == 2 {
						l.create(created)
					}
					return nil
				}
				want := slices.Clone(l.ids)
				opts := &gitlabjobs.ListJobsOptions{ListOptions: gitlabjobs.ListOptions{PerPage: 10}}
				ids := descendingIDs(t, l.client(t).Jobs.AllByProject(t.Context(), "1", opts))
				assert.Equal(t, want, ids[max(len(ids)-jobs, 0):])
			}
		}
	}
}

func TestPagesWithoutLinkSayWhereToResume(t *testing.T) {
	t.Parallel()
	l := newJobList(25)
	l.edit = stripLink
	opts := &gitlabjobs.ListJobsOptions{ListOptions: gitlabjobs.ListOptions{PerPage: 10}}
	var next []int
	for page, err := range l.client(t).Jobs.PagesByProject(t.Context(), "1", opts) {
		require.NoError(t, err)
		next = append(next, page.NextPage)
		assert.Equal(t, page.NextPage > 0, page.HasNext())
	}
	assert.Equal(t, []int{1, 3, 0}, next)
}

func TestALongListingWithoutLinkEndsWithAnError(t *testing.T) {
	t.Parallel()
	l := newJobList(50_250)
	l.edit = stripLink
	n := 0
	var failure error
	for job, err := range l.client(t).Jobs.AllByProject(t.Context(), "1", nil) {
		if failure = err; err == nil {
			assert.Equal(t, l.ids[n], job.ID)
			n++
		}
	}
	assert.Equal(t, 50_000, n)
	require.ErrorContains(t, failure, "gitlabjobs: page 501: offset pagination has reached its limit, and the server's keyset pages have no Link header")
	require.ErrorIs(t, failure, gitlabjobs.ErrMethodNotAllowed)

	// The same in the other order: offset pagination first.
	n, l.asked = 0, nil
	opts := &gitlabjobs.ListJobsOptions{ListOptions: gitlabjobs.ListOptions{Page: 500}}
	for _, err := range l.client(t).Jobs.AllByProject(t.Context(), "1", opts) {
		if failure = err; err == nil {
			n++
		}
	}
	assert.Equal(t, 100, n)
	require.ErrorContains(t, failure, "gitlabjobs: page 501: offset pagination has reached its limit, and the server's keyset pages have no Link header")
	assert.Less(t, len(l.asked), 10)
}

// While the last page is read, the jobs after it are deleted, or leave the scope.
func TestAListingIsCompleteIfNoJobsAreLeftAfterTheCursor(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		remove int64 // The jobs up to this ID are removed after 20 of 45 jobs were read.
		want   []string
	}{
		"all but the first page":    {37, []string{"cursor x10", "cursor 36 x10", "cursor 26 x10", "cursor 36 x11", "cursor x11"}},
		"all":                       {45, []string{"cursor x10", "cursor 36 x10", "cursor 26 x10", "cursor 36 x11", "cursor x11"}},
		"the rest":                  {25, []string{"cursor x10", "cursor 36 x10", "cursor 26 x10", "cursor 36 x11"}},
		"the rest, and some before": {27, []string{"cursor x10", "cursor 36 x10", "cursor 26 x10", "cursor 36 x11"}},
	} {
		for _, prefetch := range []int{0, 1} {
			for _, attempts := range []int{1, 5} {
				t.Run(fmt.Sprint(name, "/", prefetch, "/", attempts), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						l := newJobList(45)
						want := slices.Clone(l.ids[:20])
						l.before = func(n int, _ url.Values) *answer {
							if n == 3 {
								l.ids = slices.DeleteFunc(l.ids, func(id int64) bool { return id <= tc.remove })
							}
							return nil
						}
						opts := &gitlabjobs.ListJobsOptions{ListOptions: gitlabjobs.ListOptions{PerPage: 10, Prefetch: prefetch}}
						var resp gitlabjobs.Response
						start := time.Now()
						client := l.client(t, gitlabjobs.WithRetry(gitlabjobs.RetryPolicy{MaxAttempts: attempts}))
						seq := client.Jobs.AllByProject(t.Context(), "1", opts, gitlabjobs.WithResponse(&resp))
						assert.Equal(t, want, descendingIDs(t, seq))
						assert.Equal(t, tc.want, l.asked)
						assert.Zero(t, time.Since(start), "no wait for a retry")
						assert.Equal(t, 200, resp.StatusCode, "of the last page that came")
						assert.Contains(t, l.log.String(), "no jobs left after the cursor")
						assert.NotContains(t, l.log.String(), "level=WARN", "nothing went wrong")
					})
				})
			}
		}
	}
}

func failing(status int) *answer {
	return &answer{status: status, body: `{"message":"as ordered"}`}
}

func TestAnInternalServerErrorThatJobsFollowIsRetried(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fails    int // The number of times that the second page fails.
		attempts int // MaxAttempts of the policy.
		before   func(l *jobList, n int) *answer
		edit     func(int, url.Values, http.Header)
		jobs     int // The number of jobs before the error.
		requests int
	}{
		"once": {fails: 1, attempts: 5, jobs: 45, requests: 7},
		"once, on a stripped Link": {fails: 1, attempts: 5, jobs: 45, requests: 10, edit: func(n int, _ url.Values, h http.Header) {
			if n > 1 {
				h.Del("Link")
			}
		}},
		"once, on pages that are cut to ten jobs": {fails: 1, attempts: 5, jobs: 45, requests: 7},
		"four times":            {fails: 4, attempts: 5, jobs: 45, requests: 10},
		"five times":            {fails: 5, attempts: 5, jobs: 10, requests: 7},
		"once, without retries": {fails: 1, attempts: 1, jobs: 10, requests: 3},
		"on the third page, and the pages before fail": {attempts: 5, jobs: 20, requests: 2 + 1 + 2 + 4, before: func(_ *jobList, n int) *answer {
			if n > 2 {
				return failing(500)
			}
			return nil
		}},
		"and the page before fails": {attempts: 5, jobs: 10, requests: 1 + 1 + 1 + 4, before: func(_ *jobList, n int) *answer {
			if n > 1 {
				return failing(500)
			}
			return nil
		}},
	} {
		for _, prefetch := range []int{0, 1} {
			t.Run(fmt.Sprint(name, prefetch), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					l := newJobList(45)
					l.edit, l.capped = tc.edit, strings.HasSuffix(name, "cut to ten jobs")
					fails := 0
					l.before = func(n int, q url.Values) *answer {
						if tc.before != nil {
							if a := tc.before(l, n); a != nil {
								return a
							}
						}
						if q.Get("cursor") == "36" && fails < tc.fails {
							fails++
							return failing(500)
						}
						return nil
					}
					opts := &gitlabjobs.ListJobsOptions{ListOptions: gitlabjobs.ListOptions{PerPage: 10, Prefetch: prefetch}}
					client := l.client(t, gitlabjobs.WithRetry(gitlabjobs.RetryPolicy{MaxAttempts: tc.attempts}))
					var ids []int64
					var failure error
					var resp gitlabjobs.Response
					for job, err := range client.Jobs.AllByProject(t.Context(), "1", opts, gitlabjobs.WithResponse(&resp)) {
						if failure = err; err == nil {
							ids = append(ids, job.ID)
						}
					}
					assert.Equal(t, l.ids[:tc.jobs], ids)
					assert.Len(t, l.asked, tc.requests)
					if tc.jobs == 45 {
						require.NoError(t, failure)
						return
					}
					var at *gitlabjobs.PageError
					require.ErrorAs(t, failure, &at)
					require.ErrorIs(t, failure, gitlabjobs.ErrServer)
					assert.Equal(t, gitlabjobs.PageError{Pagination: gitlabjobs.KeysetPagination, Cursor: fmt.Sprint(46 - tc.jobs), Err: at.Err}, *at)
					assert.Equal(t, 500, resp.StatusCode)
					assert.Equal(t, tc.attempts, resp.Attempts)
				})
			})
		}
	}
}

// A 500 of the first page does not mean that no jobs are left. It is retried.
func TestAnInternalServerErrorOfTheFirstPageIsAnError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, opts := range []*gitlabjobs.ListJobsOptions{nil, {Cursor: "46"}, {Pagination: gitlabjobs.OffsetPagination}} {
			l := newJobList(45)
			l.before = func(int, url.Values) *answer { return failing(500) }
			jobs, err := gitlabjobs.Collect(l.client(t).Jobs.AllByProject(t.Context(), "1", opts), 0)
			require.ErrorIs(t, err, gitlabjobs.ErrServer)
			assert.Empty(t, jobs)
			assert.Len(t, l.asked, 5)
		}
	})
}

// If the context ends during the check of a 500, the error is that of the context.
func TestAContextThatEndsDuringTheCheckOfAnInternalServerError(t *testing.T) {
	t.Parallel()
	l := newJobList(20)
	ctx, cancel := context.WithCancel(t.Context())
	l.before = func(n int, _ url.Values) *answer {
		switch n {
		case 2:
			return failing(500)
		case 3:
			cancel()
			return failing(503)
		}
		return nil
	}
	opts := &gitlabjobs.ListJobsOptions{ListOptions: gitlabjobs.ListOptions{PerPage: 10}}
	jobs, err := gitlabjobs.Collect(l.client(t).Jobs.AllByProject(ctx, "1", opts), 0)
	assert.Len(t, jobs, 10)
	var at *gitlabjobs.PageError
	require.ErrorAs(t, err, &at)
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, "11", at.Cursor)
	assert.Len(t, l.asked, 3)
}
