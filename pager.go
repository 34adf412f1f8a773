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
	response *Response // Of WithResponse.

	at       place
	previous *place // Keyset pagination: the page whose next cursor at has.
	keyLast  int64  // Keyset pagination: the ID of the last item.
	done     bool
	lastPage int // Offset pagination: the last page, or -1 if the server does not say.

	dedup        dedup
	ids          []int64 // Of the last page.
	read         int     // Pages read so far.
	repeated     int     // Pages in a row with the same IDs as the page before,
	unchanged    int     // with no new items,
	maxUnchanged int
	empty        int // and with no items at all.

	catchingUp   bool  // The pagination has changed and started again: the first pages have no new items.
	offsetEnd    place // Where offset pagination ended, if it did.
	linkStripped bool  // Keyset pages lack their Link header.
}

// GitLab sends no empty page that has a next page. When jobs are created during an offset
// listing, its pages repeat: 1,000 in a row are enough for a large pipeline with one job
// per page.
const (
	maxEmptyPages     = 10
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
		listing: l, ctx: ctx, response: responseOf(l.ro), at: l.start, keyLast: math.MaxInt64, lastPage: -1,
		dedup: newDedup(), maxUnchanged: maxUnchangedPages,
	}
	p.ahead = prefetcher[T]{parent: ctx, most: l.prefetch, fetch: func(ctx context.Context, f *fetched[T]) {
		ro := append(slices.Clip(l.ro), WithResponse(&f.response)) // The caller's Response is set when the page is returned.
		f.page, f.err = l.fetch(ctx, f.at, append(ro, func(rc *requestConfig) error {
			rc.made = f.attempts
			rc.once500 = f.once500 || f.at.follows(l.start) && f.attempts == 0
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
		err := p.refusal(f.err)
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

// changePagination continues by the other pagination if an error says that this one
// has ended.
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
		p.offsetEnd, p.at, p.keyLast, p.catchingUp = p.at, place{keyset: true}, math.MaxInt64, true
		p.dedup.continueByKeyset()
		return true
	}
	return false
}

// refusal explains the errors that mean that neither pagination can continue.
func (p *pager[T, P]) refusal(err error) error {
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

// advance finds the next place, and leaves the new items in the page. It returns the
// page, or the one that replaces it.
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
		return f, p.removeSeen(f.page, from)
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
	return p.removeSeen(page, from)
}

// isFull reports whether a page has as many items as a page can have.
func (p *pager[T, P]) isFull(page *Page[T]) bool {
	n := len(page.Items)
	return n >= p.perPage || n == maxPerPage || page.PerPage > 0 && n >= page.PerPage
}

// removeSeen leaves in a page the items that no page before had.
func (p *pager[T, P]) removeSeen(page *Page[T], from place) error {
	ids := idsOf[T, P](page.Items)
	page.Items = unseen(&p.dedup, page.Items, ids)
	if len(page.Items) < len(ids) && !from.keyset {
		// Jobs were created since the page before, so the jobs after them have moved.
		// Pages that were fetched earlier may lack those.
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

// fetchAhead starts to fetch the pages after the current one. With keyset pagination that
// is one page, because only its cursor is known. With offset pagination it is as many as
// the caller allows, up to the last page. If the server does not send the number of the
// last page, it is at most as many as were read so far, so that at most half of the
// requests go past the end.
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

// advanceByKeyset finds the place after a keyset page. Its items must descend by ID;
// otherwise a repeated item could not be told from a new one. GitLab's last page has no
// Link header, but a proxy may also have removed the header, so a full page without one is
// checked.
func (p *pager[T, P]) advanceByKeyset(f *fetched[T]) (*fetched[T], error) {
	from, before := p.at, p.keyLast
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
			// A server without keyset pagination sends no more than that.
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

// descends checks that the IDs of a keyset page descend, from below a given one.
func (p *pager[T, P]) descends(page *Page[T], last int64) error {
	for _, id := range idsOf[T, P](page.Items) {
		if id >= last {
			return outOfOrder(id, last)
		}
		last = id
	}
	p.keyLast = last
	return nil
}

// restartByOffset restarts a keyset listing whose pages lack Link headers, by offset
// pagination. The items that were returned before are left out.
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

// afterInternalServerError handles a 500 in response to the first attempt to get a page
// after another one. GitLab sends a 500 if no rows are left after the cursor. So the page
// before is requested again, and if that shows that no rows follow it, the listing is
// complete. If that request gets a 500 too, its rows may have been deleted as well, so the
// first page is requested, which shows whether all rows fit on it. In all other cases the
// failed page is requested again, with the remaining attempts.
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
	once500 := at != p.at // Do not retry the check if the server fails: the page itself is retried.
	for range 3 {
		at.perPage = min(size, math.MaxInt-1) + 1
		f = &fetched[T]{at: at, once500: once500}
		p.ahead.fetch(p.ctx, f)
		if f.err != nil || f.page.NextCursor != "" || f.page.Page > 0 || f.page.NextPage > 0 {
			return f, true
		}
		for _, id := range idsOf[T, P](f.page.Items) {
			if id < p.keyLast {
				return f, true
			}
		}
		if len(f.page.Items) <= size {
			return f, false
		}
		size = 2 * len(f.page.Items) // All of these jobs were created since: look further down.
	}
	return f, true
}

// follows reports whether a place is a page of the list after another page.
func (p place) follows(start place) bool {
	return p.cursor != "" && p.perPage == 0 && p != start
}

func isInternalServerError(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.StatusCode == http.StatusInternalServerError
}
