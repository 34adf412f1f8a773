package gitlabjobs

import (
	"errors"
	"math"
	"net/http"
)

// advanceByKeyset finds the place after a keyset page. Its items must descend by ID:
// without that, a repetition can't be told from a new item. GitLab's last page has
// no Link header, and neither has a page of which a proxy removed it, so a full page
// without one is checked.
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
		return f, errors.New("the server's next cursor is that of the page it came with: the listing can't go on")
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

// restartByOffset continues a keyset listing whose pages lack Link headers, by offset
// pagination from its beginning. The items before the last one are then left out.
func (p *pager[T, P]) restartByOffset(f *fetched[T]) error {
	if p.offsetEnd.page > 0 {
		return errLinkStripped
	}
	p.log("the server's keyset pages have no Link header: continuing by offset pagination, from its beginning to the last job seen")
	p.previous, p.at, p.catchingUp, p.linkStripped = nil, place{page: 1}, true, true
	p.maxUnchanged += p.read
	f.page.NextPage = 1
	return nil
}

// afterInternalServerError handles a 500 in response to the first attempt at a page
// after another one. GitLab responds so if no rows are left after the cursor. If the
// page before has no more rows either, the listing is complete. If that is a 500 too,
// its rows may be gone as well, which the first page shows if all rows fit on it.
// Otherwise the page is requested again, with the attempts that are left.
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
	once500 := at != p.at // A server in trouble: the page itself gets the retries.
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
		size = 2 * len(f.page.Items) // Jobs were created: all of these rows are new.
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
