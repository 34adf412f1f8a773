package gitlabjobs

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// PageError is the error that an iterator over pages ends with: which page could
// not be had, and why. A listing that is started there goes on without a gap, with
// the same PerPage: set ListOptions.Page and, for the jobs of a project,
// ListJobsOptions.Pagination and Cursor to what stands here.
type PageError struct {
	Pagination Pagination
	Page       int    // Offset pagination: the page's number. 0 with keyset pagination.
	Cursor     string // Keyset pagination: the page's cursor; empty for the first page.
	Err        error
}

// Error says which page could not be had, and why.
func (e *PageError) Error() string {
	page := "first page"
	if e.Page > 0 {
		page = fmt.Sprint("page ", e.Page)
	} else if e.Cursor != "" {
		page = fmt.Sprintf("page at cursor %q", e.Cursor)
	}
	return fmt.Sprintf("gitlabjobs: %s: %s", page, strings.TrimPrefix(e.Err.Error(), "gitlabjobs: "))
}

// Unwrap returns why the page could not be had.
func (e *PageError) Unwrap() error { return e.Err }

// place is where a listing stands: at a page's number, from 1, or by keyset
// pagination at a cursor.
type place struct {
	keyset bool
	page   int
	cursor string
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

// listing is a list that is gone through page by page.
type listing[T any, P keyed[T]] struct {
	client   *Client
	route    string
	start    place
	keyset   bool // The list may be had by keyset pagination.
	perPage  int
	prefetch int
	ro       []RequestOption
	fetch    func(context.Context, place, []RequestOption) (*Page[T], error)
	err      error // Why it can't be gone through at all.
}

// pages iterates over the pages that have items. No item comes twice. An error is
// yielded once and ends it.
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
		w := newWalk(ctx, l)
		defer w.stop()
		for !w.done {
			page, err := w.step()
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

// walk is one way through a listing.
type walk[T any, P keyed[T]] struct {
	listing[T, P]
	ahead    prefetcher[T]
	response *Response // Of WithResponse.

	at       place
	done     bool
	lastPage int // Offset pagination: the last page, or -1 where the server does not say.
	seen     seen

	// Offset pagination has come to its end, and keyset pagination begins anew:
	// until the last item comes by, it brings nothing new.
	catchingUp bool
	ended      place // Where offset pagination ended.
}

func newWalk[T any, P keyed[T]](ctx context.Context, l listing[T, P]) *walk[T, P] {
	w := &walk[T, P]{listing: l, at: l.start, lastPage: -1}
	rc := new(requestConfig)
	for _, option := range l.ro {
		if option != nil {
			_ = option(rc) // Its error comes again with the first request.
		}
	}
	w.response = rc.response
	w.ahead = prefetcher[T]{parent: ctx, most: l.prefetch, fetch: func(ctx context.Context, f *fetched[T]) {
		// A page that is fetched ahead must not tell WithResponse yet.
		f.page, f.err = l.fetch(ctx, f.at, append(slices.Clip(l.ro), WithResponse(&f.response)))
	}}
	return w
}

func (w *walk[T, P]) stop() { w.ahead.drop() }

// step gets the page at hand, takes out what came before, and goes on to the next
// place.
func (w *walk[T, P]) step() (*Page[T], error) {
	for {
		f := w.ahead.take(w.at)
		if w.response != nil {
			*w.response = f.response
		}
		if f.err != nil {
			if w.turn(f.err) {
				continue
			}
			if w.catchingUp && w.at.cursor == "" && errors.Is(f.err, ErrMethodNotAllowed) {
				return nil, w.ended.error(fmt.Errorf("%w: %w", errNoKeyset, f.err))
			}
			return nil, w.at.error(f.err)
		}
		from := w.at
		switch err := w.advance(f); {
		case errors.Is(err, errNoKeyset):
			return nil, w.ended.error(err)
		case err != nil:
			return nil, from.error(err)
		}
		w.fetchAhead()
		return f.page, nil
	}
}

// turn goes on by the other pagination, where an error says that this one is at
// its end.
func (w *walk[T, P]) turn(err error) bool {
	if !w.keyset || !errors.Is(err, ErrMethodNotAllowed) {
		return false
	}
	switch {
	case w.at.keyset && w.at.cursor == "" && !w.catchingUp:
		w.log("the server can't list these jobs by keyset pagination: going on by offset pagination")
		w.at = place{page: 1}
		return true
	case !w.at.keyset && w.at.page > 1:
		w.log("offset pagination is at its end: going on by keyset pagination, from its beginning to the last job seen")
		w.ended, w.at, w.catchingUp = w.at, place{keyset: true}, true
		return true
	}
	return false
}

var (
	errNoKeyset = errors.New("offset pagination is at its end, and the server has no keyset pagination: " +
		"list fewer jobs, by Scope or Ref")
	errCursorIgnored = errors.New("the server ignored the cursor: it has no keyset pagination")
)

// advance finds the next place, and leaves in the page what is new.
func (w *walk[T, P]) advance(f *fetched[T]) error {
	from, page := w.at, f.page
	switch {
	case from.keyset && page.Page == 0 && page.NextPage == 0:
		w.at.cursor = page.NextCursor
		w.done = page.NextCursor == ""
		if !w.done && page.NextCursor == from.cursor {
			return errors.New("the server's next cursor is that of the page it came with: the listing can't go on")
		}
	case from.keyset && w.catchingUp:
		return errNoKeyset
	case from.keyset && from.cursor != "":
		return errCursorIgnored
	default:
		if from.keyset {
			w.log("the server has no keyset pagination: going on by offset pagination")
			from.page = 1
		}
		w.lastPage = page.TotalPages
		w.at = place{page: page.NextPage}
		if h := f.response.Header; len(page.Items) >= w.perPage && len(h.Values("X-Next-Page"))+len(h.Values("Link")) == 0 {
			w.at.page = from.page + 1 // Something took away what GitLab says of pages: the next one tells.
		}
		w.done = w.at.page == 0
		if !w.done && w.at.page <= from.page {
			return fmt.Errorf("the server's next page is %d, after page %d: the listing can't go on", w.at.page, from.page)
		}
	}
	return w.fresh(page, from)
}

// fresh leaves in a page the items that were not seen before.
func (w *walk[T, P]) fresh(page *Page[T], from place) error {
	ids := make([]int64, len(page.Items))
	for i, item := range page.Items {
		ids[i] = P(item).key()
	}
	w.seen.compare(ids)
	page.Items = fresh(&w.seen, page.Items, ids)
	if len(page.Items) < len(ids) && !from.keyset {
		// Jobs were created since the page before, which have moved others on. What
		// was fetched ahead may be from before that, and lack those.
		w.ahead.drop()
	}
	switch {
	case len(ids) == 0:
	case w.catchingUp:
		w.catchingUp = len(page.Items) == 0
	case w.seen.again > 1 || len(page.Items) == 0 && from.keyset || w.seen.stale > maxStale:
		return errors.New("the server repeats a page that it sent before: the listing can't go on")
	}
	return nil
}

// fetchAhead sends for the pages after the one at hand. A cursor is known once the
// page before it is there, so by keyset pagination that is one page. By offset
// pagination it is as many as the caller allows, up to the last one where the
// server says which that is.
func (w *walk[T, P]) fetchAhead() {
	if w.done {
		return
	}
	w.ahead.send(w.at)
	if w.at.keyset {
		return
	}
	for next := w.at.page + 1; w.lastPage < 0 || next <= w.lastPage; next++ {
		if !w.ahead.send(place{page: next}) {
			return
		}
	}
}

func (w *walk[T, P]) log(message string) {
	if w.client != nil && w.client.logger != nil {
		w.client.logger.Debug("gitlab listing", "route", w.route, "note", message)
	}
}
