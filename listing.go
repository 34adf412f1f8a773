package gitlabjobs

import (
	"context"
	"fmt"
	"iter"
	"strings"
)

// PageError is the error with which an iterator over pages ends. It names the page
// that failed. To resume there without a gap, start a listing with the same PerPage,
// ListOptions.Page set to Page and, for the jobs of a project,
// ListJobsOptions.Pagination and Cursor set to the fields of the same names.
type PageError struct {
	Pagination Pagination
	Page       int    // Offset pagination: the page's number. 0 with keyset pagination.
	Cursor     string // Keyset pagination: the page's cursor; empty for the first page.
	Err        error
}

// Error returns the page and the reason in one line.
func (e *PageError) Error() string {
	page := "first page"
	if e.Page > 0 {
		page = fmt.Sprint("page ", e.Page)
	} else if e.Cursor != "" {
		page = fmt.Sprintf("page at cursor %q", e.Cursor)
	}
	return fmt.Sprintf("gitlabjobs: %s: %s", page, strings.TrimPrefix(e.Err.Error(), "gitlabjobs: "))
}

// Unwrap returns the reason for which the page failed.
func (e *PageError) Unwrap() error { return e.Err }

// place is a page of a listing: its number, from 1, or its cursor.
type place struct {
	keyset  bool
	page    int
	cursor  string // Keyset pagination only; empty for the first page.
	perPage int    // 0 for the listing's.
}

func (p place) error(err error) *PageError {
	pagination := OffsetPagination
	if p.keyset {
		pagination = KeysetPagination
	}
	return &PageError{Pagination: pagination, Page: p.page, Cursor: p.cursor, Err: err}
}

// keyed are the items of lists: jobs and bridges.
type keyed[T any] interface {
	*T
	key() int64
}

// listing is a list that is read page by page.
type listing[T any, P keyed[T]] struct {
	client   *Client
	route    string
	start    place
	keyset   bool // GitLab has keyset pagination for the list.
	perPage  int
	prefetch int
	ro       []RequestOption
	fetch    func(context.Context, place, []RequestOption) (*Page[T], error)
	err      error // An invalid argument.
}

// pages iterates over the pages that have items. It yields no item twice, and ends
// after the first error.
func (l listing[T, P]) pages(ctx context.Context) iter.Seq2[*Page[T], error] {
	return func(yield func(*Page[T], error) bool) {
		if ctx == nil {
			yield(nil, errNoContext)
			return
		}
		if l.err != nil {
			yield(nil, l.err)
			return
		}
		p := newPager(ctx, l)
		defer p.stop()
		for !p.done {
			page, err := p.nextPage()
			if err != nil {
				yield(nil, err)
				return
			}
			if len(page.Items) > 0 && !yield(page, nil) {
				return
			}
		}
	}
}

// items iterates over the items of the pages.
func (l listing[T, P]) items(ctx context.Context) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		for page, err := range l.pages(ctx) {
			if err != nil {
				yield(nil, err)
				return
			}
			for _, item := range page.Items {
				if !yield(item, nil) {
					return
				}
			}
		}
	}
}
