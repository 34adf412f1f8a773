package gitlabjobs

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"sync"
	"time"
)

// PageError is the error that an All or Pages method yields if a page fails. It names the
// page that failed. To resume there without a gap, start a listing with the same PerPage,
// and set ListOptions.Page to Page. For the jobs of a project, also set
// ListJobsOptions.Pagination to Pagination, and ListJobsOptions.Cursor to Cursor.
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

// Unwrap returns Err.
func (e *PageError) Unwrap() error { return e.Err }

// place is a page of a listing: its number, from 1, or its cursor.
type place struct {
	keyset  bool
	page    int
	cursor  string // Keyset pagination only; empty for the first page.
	perPage int    // 0 for the page size of the listing.
}

func (p place) error(err error) *PageError {
	pagination := OffsetPagination
	if p.keyset {
		pagination = KeysetPagination
	}
	return &PageError{Pagination: pagination, Page: p.page, Cursor: p.cursor, Err: err}
}

// keyed is the constraint for the items of a listing, which are jobs or bridges.
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

// dedup removes the items that a listing has returned before.
//
// A keyset listing descends by ID, so dedup keeps only the last ID. If the ID of an item is
// not below it, the item was returned before or created since. An offset listing may have
// any order, and its pages shift, so dedup keeps all IDs. GitLab limits their number: it
// ends an offset listing after 50,000 jobs of a project.
type dedup struct {
	below int64              // An item with this ID or a higher one is not new.
	ids   map[int64]struct{} // Of the items of an offset listing; nil for a keyset listing.

	last      int64 // The ID of the last item of an offset listing.
	unordered bool  // The offset listing does not descend.
}

var errNoID = errors.New("the server's page has an item without an ID, so the listing cannot tell whether it was returned before")

func newDedup() dedup { return dedup{below: math.MaxInt64} }

// useOffset is called before each page of an offset listing, which may continue a keyset
// listing.
func (d *dedup) useOffset() {
	if d.ids == nil {
		d.ids, d.last = make(map[int64]struct{}), d.below
	}
}

// continueByKeyset is called when an offset listing continues by keyset. If all IDs have
// descended so far, dedup now keeps only the last one.
func (d *dedup) continueByKeyset() {
	if d.ids != nil && !d.unordered {
		d.ids, d.below = nil, d.last
	}
}

// newItems returns the items that were not returned before. It reuses their slice.
func newItems[T any](d *dedup, items []*T, ids []int64) []*T {
	kept := items[:0]
	for i, id := range ids {
		if d.add(id) {
			kept = append(kept, items[i])
		}
	}
	return kept
}

func outOfOrder(id, before int64) error {
	return fmt.Errorf("the server sent ID %d after ID %d, which is out of order or a repetition: the listing cannot continue", id, before)
}

// add reports whether an ID was not returned before.
func (d *dedup) add(id int64) bool {
	if id >= d.below {
		return false
	}
	if d.ids == nil {
		d.below = id
		return true
	}
	if _, known := d.ids[id]; known {
		return false
	}
	d.unordered = d.unordered || id > d.last
	d.ids[id], d.last = struct{}{}, id
	return true
}

// prefetcher fetches pages: the requested one, and some after it in advance.
type prefetcher[T any] struct {
	parent context.Context
	limit  int // Pages to fetch in advance; 0 for none.
	fetch  func(context.Context, *fetched[T])

	queue  []*fetched[T] // In order.
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// fetched is a page that is being fetched.
type fetched[T any] struct {
	at           place
	attempts     int  // The number of attempts that were made before this fetch.
	noRetryOn500 bool // Do not retry a 500.

	ready    chan struct{} // Closed once the fields below are set.
	page     *Page[T]
	err      error
	response Response
	panicked any // The value of a panic, in a caller's Auth or transport.
}

var errGoexit = errors.New("gitlabjobs: the goroutine that fetched a page in advance ended before the request: Auth or the transport called runtime.Goexit")

// take waits for a page and returns it. If fetching it panicked, take panics with the same
// value, so that a panic reaches the caller's goroutine.
func (p *prefetcher[T]) take(at place) *fetched[T] {
	if len(p.queue) == 0 {
		f := &fetched[T]{at: at}
		p.fetch(p.parent, f)
		return f
	}
	if p.queue[0].at != at {
		p.drop() // The list continues at another page than expected.
		return p.take(at)
	}
	f := p.queue[0]
	p.queue = slices.Delete(p.queue, 0, 1)
	<-f.ready
	if f.panicked != nil {
		panic(f.panicked)
	}
	return f
}

// send starts to fetch a page in advance if it is not yet in the queue. It returns false if
// the queue is full.
func (p *prefetcher[T]) send(at place) bool {
	if slices.ContainsFunc(p.queue, func(f *fetched[T]) bool { return f.at == at }) {
		return true
	}
	if len(p.queue) >= p.limit {
		return false
	}
	if p.ctx == nil {
		p.ctx, p.cancel = context.WithCancel(p.parent) //nolint:gosec // drop calls it.
	}
	f := &fetched[T]{at: at, ready: make(chan struct{})}
	p.queue = append(p.queue, f)
	ctx := p.ctx
	f.err = errGoexit // Replaced by fetch, unless runtime.Goexit ends the goroutine first.
	p.wg.Go(func() {
		defer close(f.ready)
		defer func() { f.panicked = recover() }()
		p.fetch(ctx, f)
	})
	return true
}

// drop cancels the requests in progress, and waits until they have ended.
func (p *prefetcher[T]) drop() {
	if p.cancel != nil {
		p.cancel()
	}
	p.wg.Wait()
	p.queue, p.ctx, p.cancel = nil, nil, nil
}

// Collect returns the first limit items of an iterator, or all items if limit is 0. It
// requests no page that it does not need. If the iterator yields an error, Collect returns
// it together with the items before it.
func Collect[T any](items iter.Seq2[*T, error], limit int) ([]*T, error) {
	if limit < 0 {
		return nil, fmt.Errorf("gitlabjobs: Collect: limit is %d: use a positive number, or 0 for all items", limit)
	}
	var collected []*T
	for item, err := range items {
		if err != nil {
			return collected, err
		}
		collected = append(collected, item)
		if len(collected) == limit {
			break
		}
	}
	return collected, nil
}

// CreatedAfter yields the jobs of an iterator up to the first job that was created at t or
// earlier. It does not yield that job and stops the iteration there, so no older pages are
// requested. The iterator must yield the newest jobs first. CreatedAfter yields jobs
// without a creation time. It does not find jobs that were created earlier but changed
// after t: use [JobsService.Watch] for changes.
func CreatedAfter(jobs iter.Seq2[*Job, error], t time.Time) iter.Seq2[*Job, error] {
	return func(yield func(*Job, error) bool) {
		for job, err := range jobs {
			if err == nil && !job.CreatedAt.IsZero() && !job.CreatedAt.After(t) {
				return
			}
			if !yield(job, err) {
				return
			}
		}
	}
}
