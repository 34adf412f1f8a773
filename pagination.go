package gitlabjobs

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// ListOptions say which page of a list to get.
type ListOptions struct {
	Page    int `url:"page,omitempty"`     // From 1; 0 for the first. Not with keyset pagination.
	PerPage int `url:"per_page,omitempty"` // Items a page; 0 for GitLab's 20, or 100 in the All methods. GitLab gives 100 at most.

	// Prefetch is how many pages the All methods fetch ahead; 0 for none.
	Prefetch int `url:"-"`
}

func (o ListOptions) check() error {
	switch {
	case o.Page < 0:
		return fmt.Errorf("Page is %d: pages count from 1, and 0 is for the first", o.Page)
	case o.PerPage < 0:
		return fmt.Errorf("PerPage is %d: give 1 to 100, or 0 for the default", o.PerPage)
	case o.Prefetch < 0:
		return fmt.Errorf("Prefetch is %d: give the number of pages to fetch ahead, or 0 for none", o.Prefetch)
	}
	return nil
}

func checkScope(scope []Status) error {
	if slices.Contains(scope, "") {
		return errors.New("Scope holds an empty status: leave it out, and Scope empty for all jobs")
	}
	return nil
}

// Pagination is how a list of a project's jobs is cut into pages.
type Pagination string

// The paginations of GitLab. Keyset, which a project's jobs have from GitLab 15.9
// on, neither skips nor repeats a job while new ones come, and has no end; offset
// stops at 50,000 jobs.
const (
	OffsetPagination Pagination = "offset"
	KeysetPagination Pagination = "keyset"
)

// Page is one page of a list. Its items are never nil.
type Page[T any] struct {
	Items []*T

	Page, PerPage, NextPage, PrevPage int // 0 where the server did not say.
	Total, TotalPages                 int // -1 where the server did not say.

	NextCursor string // Keyset pagination: give it as Cursor to go on.
}

// HasNext reports whether the server has a page after this one.
func (p *Page[T]) HasNext() bool { return p.NextPage > 0 || p.NextCursor != "" }

// newPage reads what the headers of an answer say of its page. Of the URLs in
// Link only the cursor and the page are taken: their host can be another one.
func newPage[T any](h http.Header, items []*T) *Page[T] {
	p := &Page[T]{
		Items:      items,
		Page:       headerInt(h, "X-Page", 0),
		PerPage:    headerInt(h, "X-Per-Page", 0),
		NextPage:   headerInt(h, "X-Next-Page", 0),
		PrevPage:   headerInt(h, "X-Prev-Page", 0),
		Total:      headerInt(h, "X-Total", -1),
		TotalPages: headerInt(h, "X-Total-Pages", -1),
	}
	links := parseLink(h.Values("Link"))
	p.NextCursor = links["next"].Get("cursor")
	if p.NextCursor == "" && p.NextPage == 0 {
		p.NextPage = parseInt(links["next"].Get("page"), 0)
	}
	if p.PrevPage == 0 {
		p.PrevPage = parseInt(links["prev"].Get("page"), 0)
	}
	return p
}

func headerInt(h http.Header, key string, unsaid int) int { return parseInt(h.Get(key), unsaid) }

func parseInt(s string, unsaid int) int {
	if n, err := strconv.Atoi(strings.TrimSpace(s)); err == nil && n >= 0 {
		return n
	}
	return unsaid
}

// parseLink returns the query of each URL in Link headers by its relation. What
// can't be read is left out. The first of two with one relation holds.
func parseLink(headers []string) map[string]url.Values {
	links := make(map[string]url.Values)
	for _, rest := range headers {
		for {
			_, after, ok := strings.Cut(rest, "<")
			if !ok {
				break
			}
			target, params, ok := strings.Cut(after, ">")
			if !ok {
				break
			}
			// The parameters end where the next URL begins: GitLab's hold no "<".
			own, _, _ := strings.Cut(params, "<")
			rest = params
			u, err := url.Parse(target)
			if err != nil {
				continue
			}
			for _, rel := range relations(own) {
				if _, ok := links[rel]; !ok {
					links[rel] = u.Query()
				}
			}
		}
	}
	return links
}

// relations returns the values of rel among the parameters of a link.
func relations(params string) []string {
	for param := range strings.SplitSeq(params, ";") {
		name, value, ok := strings.Cut(param, "=")
		if ok && strings.EqualFold(strings.TrimSpace(name), "rel") {
			value = strings.TrimRight(strings.TrimSpace(value), ", \t")
			return strings.Fields(strings.ToLower(strings.Trim(value, `"`)))
		}
	}
	return nil
}

// allPages makes the options those of an All method: 100 items a page are a fifth
// of the requests that GitLab's default would take.
func (o *ListOptions) allPages() {
	if o.PerPage == 0 {
		o.PerPage = 100
	}
}
