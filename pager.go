package gitlabjobs

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
)

// pager reads the pages of a listing in order.
type pager[T any, P keyed[T]] struct {
	listing[T, P]
	ctx      context.Context
	ahead    prefetcher[T]
	response *Response // The target of WithResponse; nil if not set.

	at       place
	previous *place // Keyset pagination: the page before at.
	lastID   int64  // Keyset pagination: the ID of the last item.
	done     bool
	lastPage int // Offset pagination: the last page, or -1 if the server does not say.

	dedup        dedup
	ids          []int64 // The IDs on the page that was read last.
	read         int     // Pages read so far.
	repeated     int     // Consecutive pages with the same IDs as the page before them.
	unchanged    int     // Offset pages with items, but no new ones, since the last new item.
	maxUnchanged int
	empty        int // Pages without items since the last new item.

	catchingUp   bool  // The listing has restarted with the other pagination, and no page has had new items yet.
	offsetEnd    place // Where offset pagination ended, if it did.
	linkStripped bool  // Keyset pages lack their Link header.
}

// A listing fails if it has more than this many pages without new items.
const (
	// maxEmptyPages is for pages without any items. GitLab never sends one with a next page.
	maxEmptyPages = 10

	// maxUnchangedPages is for pages of an offset listing that repeat earlier items, because
	// jobs were created meanwhile. It is large because PerPage may be 1.
	maxUnchangedPages = 1000
)

var (
	errNoKeyset = errors.New("offset pagination has reached its limit, and the server has no keyset pagination: " +
		"list fewer jobs, with Scope or Ref")
	errLinkStripped = errors.New("offset pagination has reached its limit, and the server's keyset pages have no Link header: " +
		"configure the proxies in front of GitLab to pass it on, or list fewer jobs, with Scope or Ref")
	errEndless = errors.New("the server sends page after page without new items: the listing cannot continue")
)

func newPager[T any, P keyed[T]](ctx context.Context, l listing[T, P]) *pager[T, P] {
	p := &pager[T, P]{
		listing: l, ctx: ctx, response: responseOf(l.ro), at: l.start, lastID: math.MaxInt64,
		dedup: newDedup(), maxUnchanged: maxUnchangedPages,
	}
	p.ahead = prefetcher[T]{parent: ctx, limit: l.prefetch, fetch: func(ctx context.Context, f *fetched[T]) {
		ro := append(slices.Clip(l.ro), WithResponse(&f.response)) // The caller's Response is set when the page is returned.
		f.page, f.err = l.fetch(ctx, f.at, append(ro, func(rc *requestConfig) error {
			rc.made = f.attempts
			rc.noRetryOn500 = f.noRetryOn500 || f.at.follows(l.start) && f.attempts == 0
			return nil
		}))
	}}
	return p
}

func (p *pager[T, P]) stop() { p.ahead.drop() }

// nextPage returns the next page, without the items that came before.
func (p *pager[T, P]) nextPage() (*Page[T], error) {
	for {
		f := p.ahead.take(p.at)
		if p.previous != nil && isInternalServerError(f.err) {
			f = p.afterInternalServerError(f)
		}
		if f.err != nil && p.changePagination(f.err) {
			continue
		}
		from := p.at
		err := p.addReason(f.err)
		if err == nil && !p.done {
			f, err = p.advance(f)
		}
		if p.response != nil {
			*p.response = f.response
		}
		switch {
		case errors.Is(err, errNoKeyset), errors.Is(err, errLinkStripped) && p.offsetEnd.page > 0:
			return nil, p.offsetEnd.error(err)
		case err != nil:
			return nil, from.error(err)
		}
		p.fetchAhead()
		return f.page, nil
	}
}

// changePagination switches to the other pagination if err means that the current one
// cannot continue. It reports whether it has switched.
func (p *pager[T, P]) changePagination(err error) bool {
	if !p.keyset || !errors.Is(err, ErrMethodNotAllowed) || p.linkStripped {
		return false
	}
	switch {
	case p.at.keyset && p.at.cursor == "" && !p.catchingUp:
		p.log("the server can't list these jobs by keyset pagination: continuing by offset pagination")
		p.at = place{page: 1}
		return true
	case !p.at.keyset && p.at.page > 1:
		p.log("offset pagination has reached its limit: continuing by keyset pagination, from the first page")
		p.offsetEnd, p.at, p.lastID, p.catchingUp = p.at, place{keyset: true}, math.MaxInt64, true
		p.dedup.continueByKeyset()
		return true
	}
	return false
}

// addReason adds the reason to err if neither pagination can continue.
func (p *pager[T, P]) addReason(err error) error {
	switch {
	case !errors.Is(err, ErrMethodNotAllowed):
		return err
	case p.linkStripped && !p.at.keyset && p.at.page > 1:
		return fmt.Errorf("%w: %w", errLinkStripped, err)
	case p.catchingUp && p.at.keyset && p.at.cursor == "":
		return fmt.Errorf("%w: %w", errNoKeyset, err)
	}
	return err
}

// advance sets the place of the next page, and removes the items that earlier pages had.
// It returns f, or the page that replaces f.
func (p *pager[T, P]) advance(f *fetched[T]) (*fetched[T], error) {
	from, page := p.at, f.page
	p.read++
	switch {
	case slices.Contains(idsOf[T, P](page.Items), 0):
		return f, errNoID
	case from.keyset && page.Page == 0 && page.NextPage == 0:
		f, err := p.advanceByKeyset(f)
		if err != nil {
			return f, err
		}
		return f, p.removeDuplicates(f.page, from)
	case from.keyset && p.catchingUp:
		return f, errNoKeyset
	case from.keyset:
		p.log("the server has no keyset pagination: continuing by offset pagination")
		from.page = 1
	}
	return f, p.advanceByOffset(f, from)
}

func (p *pager[T, P]) advanceByOffset(f *fetched[T], from place) error {
	page := f.page
	p.lastPage = page.TotalPages
	if page.NextPage == 0 && p.isFull(page) && !numbersPages(f.response.Header) {
		p.log("a full page without page headers: the next one shows whether it is the last")
		page.NextPage = from.page + 1
	}
	p.at, p.done = place{page: page.NextPage}, page.NextPage == 0
	if !p.done && p.at.page <= from.page {
		return fmt.Errorf("the server's next page is %d, after page %d: the listing cannot continue", p.at.page, from.page)
	}
	p.dedup.useOffset()
	return p.removeDuplicates(page, from)
}

// isFull reports whether a page has as many items as a page can have.
func (p *pager[T, P]) isFull(page *Page[T]) bool {
	n := len(page.Items)
	return n >= p.perPage || n == maxPerPage || page.PerPage > 0 && n >= page.PerPage
}

// removeDuplicates removes the items that earlier pages had.
func (p *pager[T, P]) removeDuplicates(page *Page[T], from place) error {
	ids := idsOf[T, P](page.Items)
	page.Items = newItems(&p.dedup, page.Items, ids)
	if len(page.Items) < len(ids) && !from.keyset {
		// Jobs were created since the previous page, so older jobs have moved to later
		// pages. Pages that were fetched in advance may lack the moved jobs.
		p.ahead.drop()
	}
	if p.repeated++; len(ids) == 0 || !slices.Equal(ids, p.ids) {
		p.repeated = 0
	}
	p.ids = ids
	switch {
	case len(page.Items) > 0:
		p.unchanged, p.empty, p.catchingUp = 0, 0, false
	case len(ids) == 0:
		p.empty++
	case !from.keyset: // Keyset pages descend, so they end by themselves.
		p.unchanged++
	}
	if !p.done && (p.repeated > 1 || p.empty > maxEmptyPages || p.unchanged > p.maxUnchanged) {
		return errEndless
	}
	return nil
}

func idsOf[T any, P keyed[T]](items []*T) []int64 {
	ids := make([]int64, len(items))
	for i, item := range items {
		ids[i] = P(item).key()
	}
	return ids
}

// fetchAhead starts to fetch the pages after the current one. With keyset pagination it
// fetches one page, because only the next cursor is known. With offset pagination it
// fetches as many pages as the caller allows, up to the last page. If the server does not
// send the number of the last page, fetchAhead fetches the next page, and at most as many
// pages after it as were read so far. Then at most half of the requests go past the end.
func (p *pager[T, P]) fetchAhead() {
	if p.done {
		return
	}
	p.ahead.send(p.at)
	if p.at.keyset {
		return
	}
	last := p.lastPage
	if last < 0 {
		last = p.at.page + p.read
	}
	for next := p.at.page + 1; next <= last; next++ {
		if !p.ahead.send(place{page: next}) {
			return
		}
	}
}

func (p *pager[T, P]) log(message string) {
	if p.client != nil && p.client.logger != nil {
		p.client.logger.Debug("gitlab listing", "route", p.route, "note", message)
	}
}

// advanceByKeyset sets the place after a keyset page. The items must descend by ID;
// otherwise the pager cannot distinguish a repeated item from a new one. GitLab's last page
// has no Link header. A proxy may also remove the header, so if a full page has none,
// advanceByKeyset checks whether items follow.
func (p *pager[T, P]) advanceByKeyset(f *fetched[T]) (*fetched[T], error) {
	from, before := p.at, p.lastID
	if err := p.descends(f.page, before); err != nil {
		return f, err
	}
	if f.page.NextCursor == "" && p.isFull(f.page) {
		check, more := p.hasMore(from, max(len(f.page.Items), p.perPage))
		switch {
		case check.err != nil:
			return check, check.err
		case check.page.NextCursor != "":
			p.log("a keyset page without a Link header had one at the second request")
			if err := p.descends(check.page, before); err != nil {
				return check, err
			}
			f = check
		case more:
			return f, p.restartByOffset(f)
		case from.cursor == "" && len(check.page.Items) == maxPerPage:
			// The server may lack keyset pagination, and then sends at most maxPerPage
			// items.
			p.log("a full first page without page headers: its second page by offset shows whether it is the last")
			p.previous, p.at, p.linkStripped = nil, place{page: 2}, true
			f.page.NextPage = 2
			return f, nil
		}
	}
	cursor := f.page.NextCursor
	if cursor != "" && cursor == from.cursor {
		return f, errors.New("the server's next cursor is the cursor of the same page: the listing cannot continue")
	}
	p.previous, p.at.cursor, p.done = &from, cursor, cursor == ""
	return f, nil
}

// descends returns an error unless the IDs of a keyset page descend and are all below last.
// It records the last ID of the page.
func (p *pager[T, P]) descends(page *Page[T], last int64) error {
	for _, id := range idsOf[T, P](page.Items) {
		if id >= last {
			return outOfOrder(id, last)
		}
		last = id
	}
	p.lastID = last
	return nil
}

// restartByOffset restarts the listing by offset pagination, because its keyset pages lack
// Link headers. The listing does not return items again. If offset pagination has ended
// before, restartByOffset returns an error.
func (p *pager[T, P]) restartByOffset(f *fetched[T]) error {
	if p.offsetEnd.page > 0 {
		return errLinkStripped
	}
	p.log("the server's keyset pages have no Link header: continuing by offset pagination, from the first page")
	p.previous, p.at, p.catchingUp, p.linkStripped = nil, place{page: 1}, true, true
	p.maxUnchanged += p.read
	f.page.NextPage = 1
	return nil
}

// afterInternalServerError handles a 500 in response to the first attempt to get a keyset
// page after the first one. GitLab sends a 500 if no rows are left after the cursor. To
// check for this, afterInternalServerError requests the previous page again. If no rows
// follow that page, the listing is complete. If the previous page gets a 500 too, its rows
// may also have been deleted. Then afterInternalServerError requests the first page, which
// shows whether all rows fit on it. In all other cases it requests the failed page again,
// with the remaining attempts.
func (p *pager[T, P]) afterInternalServerError(f *fetched[T]) *fetched[T] {
	check, more := p.hasMore(*p.previous, p.perPage)
	if isInternalServerError(check.err) && p.previous.cursor != "" {
		check, more = p.hasMore(place{keyset: true}, p.perPage)
	}
	switch {
	case !more:
		p.log("the server has no jobs left after the cursor, and responded with a 500: the listing is complete")
		check.page.Items, p.done = nil, true
		return check
	case p.client.retry.MaxAttempts > 1:
		p.log("the server responded with a 500 for another reason than having no jobs left after the cursor: requesting the page again")
		again := &fetched[T]{at: p.at, attempts: 1}
		p.ahead.fetch(p.ctx, again)
		return again
	}
	return f
}

// hasMore requests a keyset page again, with one row more than its size, and reports
// whether the list may have items after the last one read.
func (p *pager[T, P]) hasMore(at place, size int) (f *fetched[T], more bool) {
	noRetryOn500 := at != p.at // After a 500, do not retry the check: afterInternalServerError retries the page itself.
	for range 3 {
		at.perPage = min(size, math.MaxInt-1) + 1
		f = &fetched[T]{at: at, noRetryOn500: noRetryOn500}
		p.ahead.fetch(p.ctx, f)
		if f.err != nil || f.page.NextCursor != "" || f.page.Page > 0 || f.page.NextPage > 0 {
			return f, true
		}
		for _, id := range idsOf[T, P](f.page.Items) {
			if id < p.lastID {
				return f, true
			}
		}
		if len(f.page.Items) <= size {
			return f, false
		}
		size = 2 * len(f.page.Items) // These jobs are all newer than the last one read, or that one itself: request more rows.
	}
	return f, true
}

// follows reports whether p is a keyset page after the start of the listing. It returns
// false for the requests of hasMore.
func (p place) follows(start place) bool {
	return p.cursor != "" && p.perPage == 0 && p != start
}

func isInternalServerError(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.StatusCode == http.StatusInternalServerError
}
