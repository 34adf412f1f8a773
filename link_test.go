package gitlabjobs_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

// unreadable is the value in unusualLinks of a Link whose next page can't be parsed.
const unreadable = "unreadable"

// unusualLinks maps Link headers to the cursor of the next page.
var unusualLinks = map[string]string{
	`<http://h/x?cursor=abc>; rel="next"`:                                     "abc",
	`<http://h/x?cursor=abc>; rel=next`:                                       "abc",
	`<http://h/x?cursor=abc>;REL="NEXT"`:                                      "abc",
	`<http://h/x?cursor=abc> ; title="a, b" ; rel="prev next"`:                "abc",
	`<http://h/x?cursor=1>; rel="first",<http://h/x?cursor=abc>;rel=next`:     "abc",
	`<http://h/x?cursor=abc>; rel="next", <http://h/x?cursor=2>; rel="next"`:  "abc",
	`<?cursor=abc>; rel="next"`:                                               "abc",
	`<?cursor=abc>;=a; rel="next"`:                                            "abc",
	`<http://evil.example/?cursor=abc&private_token=stolen>; rel="next"`:      "abc",
	`<http://h/a,b?cursor=abc>; rel="next"`:                                   "abc",
	`<http://h/x?page=2>; rel="nextish", <http://h/x?cursor=abc>; rel="next"`: "abc",
	`<http://h/x?cursor=abc#cursor=2>; rel="next"`:                            "abc",
	`, ,<http://h/x?cursor=abc>; rel="next",`:                                 "abc",
	`<http://h/x?cursor=a%2Bb%20c&x=%zz>; rel="next"`:                         "a+b c",
	`<%%>; rel="next", <http://h/x?cursor=abc>; rel="next"`:                   "abc",
	`<http://h/x?cursor=abc>; rel="next", and more`:                           "abc",
	``:                        "",
	`<http://h/x?cursor=abc>`: "",
	`<http://h/x?cursor=abc>; rel="prev"; rel="next"`:                              "", // RFC 8288: only the first rel counts.
	`</style.css>; rel=preload; as=style; crossorigin`:                             "",
	`<http://h:eighty/x?cursor=abc>; rel="next"`:                                   "abc", // Not a URL for net/url: the port,
	`<http://h/%zz?cursor=abc>; rel="next"`:                                        "abc", // an escape,
	`<http://h h/x y?cursor=abc>; rel="next"`:                                      "abc", // blanks,
	`<http://[h/x?cursor=abc>; rel="next"`:                                         "abc", // and a host.
	`<http://h/x?scope=a;b&cursor=abc>; rel="next"`:                                "abc", // Not a query for net/url.
	`<http://h/x?cursor=abc;d>; rel="next"`:                                        "abc;d",
	`<http://h/x?cursor=abc&ref=a b>; rel="next"`:                                  "abc",
	`<http://h/x?cursor=abc>; title="; rel=prev"; rel="next"`:                      "abc",
	`<http://h/x?cursor=abc>; title="a \"; rel=prev, <http://h/?a>"; rel="next"`:   "abc",
	`<http://h/x?cursor=2>; title="rel=next"; rel="prev", <?cursor=abc>; rel=next`: "abc",
	`<http://h/x?cursor=2>; title=" ; rel=next"; rel="prev"`:                       "",
	`<http://h/x?id=7&pagination=keyset>; rel="next"`:                              unreadable,
	`<http://h/x?cursor=&pagination=keyset>; rel="next"`:                           unreadable,
	`<http://h/x?cursor=%zz>; rel="next"`:                                          unreadable,
	`<http://h/x?id=7;cursor=abc>; rel="next"`:                                     unreadable,
	`<http://h/x>; rel="next"`:                                                     unreadable,
	`<>; rel="next"`:                                                               unreadable,
	`http://h/x?cursor=abc; rel="next"`:                                            unreadable,
	`<http://h/x?cursor=abc; rel="next"`:                                           unreadable,
	`<http://h/x?cursor=abc>, rel="next"`:                                          unreadable,
	`<http://h/x?cursor=abc> rel="next"`:                                           unreadable,
	`<http://h/x?cursor=abc>; rel="next`:                                           unreadable,
	`<http://h/x?cursor=abc>; title="a; rel="next"`:                                unreadable,
	`<http://h/x?cursor=ab`:                                                        unreadable,
	`<<>>;;;===,,,<>;rel=next`:                                                     unreadable,
}

func TestANextPageThatCannotBeReadIsAnError(t *testing.T) {
	t.Parallel()
	for link, want := range unusualLinks {
		client := answering(t, answer{body: "[]", header: map[string]string{"Link": link}})
		for _, opts := range []*gitlabjobs.ListJobsOptions{nil, {Pagination: gitlabjobs.KeysetPagination}, {Cursor: "eyJ"}} {
			page, err := client.Jobs.ListByProject(t.Context(), "1", opts)
			if want == unreadable {
				var e *gitlabjobs.Error
				require.ErrorAs(t, err, &e, link)
				require.ErrorContains(t, err, "neither its cursor nor its number can be read", link)
				assert.Equal(t, 200, e.StatusCode)
				assert.Nil(t, page)
				continue
			}
			require.NoError(t, err, link)
			assert.Equal(t, want, page.NextCursor, link)
		}
	}
}

func TestAnUnreadableNextPageEndsAListingWithAnError(t *testing.T) {
	t.Parallel()
	for name, header := range map[string]map[string]string{
		"Link":        {"Link": `<http://h/x?cursor=%zz>; rel="next"`},
		"X-Next-Page": {"X-Page": "1", "X-Next-Page": "two"},
	} {
		client := answering(t, answer{body: `[{"id":2},{"id":1}]`, header: header})
		jobs, err := gitlabjobs.Collect(client.Jobs.AllByProject(t.Context(), "1", &gitlabjobs.ListJobsOptions{Cursor: "eyJ"}), 0)
		var at *gitlabjobs.PageError
		require.ErrorAs(t, err, &at, name)
		require.ErrorContains(t, err, "can be read", name)
		assert.Equal(t, "eyJ", at.Cursor)
		assert.Empty(t, jobs)
		jobs, err = gitlabjobs.Collect(client.Jobs.AllByPipeline(t.Context(), "1", 6, nil), 0)
		require.ErrorContains(t, err, "page 1: ", name)
		assert.Empty(t, jobs)
	}
}

// If there is a page number, a Link that can't be parsed is ignored.
func TestXNextPageIsEnoughToContinue(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]int{"2": 2, "": 0} {
		client := answering(t, answer{body: "[]", header: map[string]string{"X-Page": "1", "X-Next-Page": number, "Link": `<http://h; rel="next"`}})
		page, err := client.Jobs.ListByPipeline(t.Context(), "1", 6, nil)
		require.NoError(t, err)
		assert.Equal(t, want, page.NextPage)
	}
}

// A Link repeats the query of the request, which may contain a token.
func TestAnUnreadableLinkIsNotInTheError(t *testing.T) {
	t.Parallel()
	client := answering(t, answer{body: "[]", header: map[string]string{"Link": `<http://h/x?job_token=64_other>; rel="next"`}})
	_, err := client.Jobs.ListByProject(t.Context(), "1", nil)
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "64_other")
}

func TestAnIgnoredCursorIsAnError(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		header map[string]string
		want   string
	}{
		"an older server":              {map[string]string{"X-Page": "1", "X-Next-Page": "2"}, "the server ignored the cursor"},
		"an older server, by its Link": {map[string]string{"Link": `<http://h/?page=2>; rel="next"`}, "the server ignored the cursor"},
		"a Link without its cursor":    {map[string]string{"Link": `<http://h/?page=1&pagination=keyset>; rel="next"`}, "without a cursor"},
	} {
		_, err := answering(t, answer{body: "[]", header: tc.header}).Jobs.ListByProject(t.Context(), "1", &gitlabjobs.ListJobsOptions{Cursor: "eyJ"})
		require.ErrorContains(t, err, tc.want, name)
	}
}
