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

// ListOptions select a page of a list, and its size.
type ListOptions struct {
	Page int `url:"page,omitempty"` // From 1; 0 for the first. Offset pagination only.

	// PerPage is the number of items per page; 0 for GitLab's default of 20, or for 100 in
	// the All and Pages methods. With offset pagination, GitLab cuts numbers above 100 to
	// 100. The size of keyset pages is limited only by [WithMaxBody].
	PerPage int `url:"per_page,omitempty"`

	// Prefetch is the maximum number of pages that the All and Pages methods fetch in
	// advance; 0 for none. With keyset pagination they fetch one page in advance, because
	// each page names the next. If the server does not send the number of pages, they fetch
	// at most as many pages in advance as they have read. At most half of the requests then
	// go past the last page.
	Prefetch int `url:"-"`
}

// maxPerPage is the size to which GitLab cuts the pages of offset pagination.
const maxPerPage = 100

func (o ListOptions) check() error {
	switch {
	case o.Page < 0:
		return fmt.Errorf("Page is %d: use 1 or more, or 0 for the first page", o.Page)
	case o.PerPage < 0:
		return fmt.Errorf("PerPage is %d: use 1 to 100, or 0 for the default", o.PerPage)
	case o.Prefetch < 0:
		return fmt.Errorf("Prefetch is %d: use the number of pages to fetch in advance, or 0 for none", o.Prefetch)
	}
	return nil
}

func checkScope(scope []Status) error {
	if slices.Contains(scope, "") {
		return errors.New("Scope has an empty status: remove it; leave Scope empty for all jobs")
	}
	return nil
}

// Pagination is how GitLab divides a list of a project's jobs into pages.
type Pagination string

// The kinds of pagination that GitLab has.
const (
	// OffsetPagination numbers the pages, which have at most 100 items each, and ends
	// after 50,000 jobs of a project. Jobs that are created or deleted between two
	// requests shift the pages.
	OffsetPagination Pagination = "offset"

	// KeysetPagination begins each page after the last job of the previous page, so it
	// neither skips nor repeats a job if other jobs are created or deleted. GitLab 15.9 and
	// later support it for the jobs of a project, newest first. GitLab limits neither the
	// size of its pages nor the length of the list.
	KeysetPagination Pagination = "keyset"
)

// Page is one page of a list. Items is never nil in a page that a method returns.
type Page[T any] struct {
	Items []*T

	Page, PerPage, NextPage, PrevPage int // 0 if the server did not send them.
	Total, TotalPages                 int // -1 if the server did not send them.

	NextCursor string // Keyset pagination: the Cursor of the next page; empty on the last one.
}

// HasNext reports whether the list has a page after this one.
func (p *Page[T]) HasNext() bool { return p.NextPage > 0 || p.NextCursor != "" }

var (
	errNextUnreadable = errors.New("the response's Link or X-Next-Page header names a next page, but neither its cursor nor its number can be read: " +
		"check whether a proxy in front of GitLab changes these headers")
	errCursorIgnored = errors.New("the server ignored the cursor: it has no keyset pagination")
)

// newPage reads the page headers of a response. Of the URLs in Link only the cursor
// and the page are used: their host can be another one. A next page that cannot be
// read is an error, because the list would seem to end there.
func newPage[T any](h http.Header, items []*T) (*Page[T], error) {
	p := &Page[T]{
		Items:      items,
		Page:       headerInt(h, "X-Page", 0),
		PerPage:    headerInt(h, "X-Per-Page", 0),
		NextPage:   headerInt(h, "X-Next-Page", -1),
		PrevPage:   headerInt(h, "X-Prev-Page", 0),
		Total:      headerInt(h, "X-Total", -1),
		TotalPages: headerInt(h, "X-Total-Pages", -1),
	}
	links, readable := parseLinks(h.Values("Link"))
	if number := h.Values("X-Next-Page"); len(number) > 0 && strings.TrimSpace(number[0]) == "" {
		p.NextPage = 0 // The last page.
	} else if len(number) > 0 {
		readable = false
	}
	found := false
	for _, l := range links {
		number := parseInt(l.param("page"), 0)
		if l.is("prev") && p.PrevPage == 0 {
			p.PrevPage = number
		}
		switch cursor := l.param("cursor"); {
		case !l.is("next") || found:
		case cursor != "":
			p.NextCursor, found = cursor, true
		case number > 0:
			found = true
			if p.NextPage <= 0 {
				p.NextPage = number
			}
		default:
			readable = false
		}
	}
	if p.NextPage < 0 {
		if !found && !readable {
			return nil, errNextUnreadable
		}
		p.NextPage = 0
	}
	return p, nil
}

// checkKeyset returns an error if a listing cannot continue after the response to a keyset
// request. A server without keyset pagination ignores the cursor and sends its first page.
func (p *Page[T]) checkKeyset(cursor string) error {
	switch {
	case p.NextCursor == "" && p.Page == 0 && p.NextPage == 1:
		return errors.New("the server's next page is 1, after page 1, without a cursor: the listing cannot continue")
	case cursor != "" && (p.Page > 0 || p.NextPage > 0):
		return errCursorIgnored
	}
	return nil
}

// numbersPages reports whether a response has page numbers, as every response with
// offset pagination has.
func numbersPages(h http.Header) bool {
	links, _ := parseLinks(h.Values("Link"))
	return len(h.Values("X-Next-Page")) > 0 || slices.ContainsFunc(links, func(l link) bool {
		return l.is("next") || l.is("prev") || l.is("first") || l.is("last")
	})
}

func headerInt(h http.Header, key string, unsaid int) int { return parseInt(h.Get(key), unsaid) }

func parseInt(s string, unsaid int) int {
	if n, err := strconv.Atoi(strings.TrimSpace(s)); err == nil && n >= 0 {
		return n
	}
	return unsaid
}

// allPages sets the defaults of the All and Pages methods: 100 items per page take a
// fifth of the requests of GitLab's default.
func (o *ListOptions) allPages() {
	if o.PerPage == 0 {
		o.PerPage = 100
	}
}

// link is one link of a Link header, as RFC 8288 defines it.
type link struct {
	query     string   // Of its URL; the rest can name another host, and is not used.
	relations []string // In lower case.
}

func (l link) is(relation string) bool { return slices.Contains(l.relations, relation) }

// param returns a parameter of the URL's query, or "" if it is absent or can't be
// decoded. A ";" separates nothing.
func (l link) param(name string) string {
	for pair := range strings.SplitSeq(l.query, "&") {
		key, value, _ := strings.Cut(pair, "=")
		if key, err := url.QueryUnescape(key); err != nil || key != name {
			continue
		}
		value, err := url.QueryUnescape(value)
		if err != nil {
			return ""
		}
		return value
	}
	return ""
}

// parseLinks returns the links of Link headers. It reports false if a part of them
// can't be parsed.
func parseLinks(headers []string) (links []link, ok bool) {
	ok = true
	for _, rest := range headers {
		for rest = strings.TrimLeft(rest, " \t,"); rest != ""; rest = strings.TrimLeft(rest, " \t,") {
			l, after, parsed := parseLink(rest)
			if !parsed {
				ok = false
				break
			}
			links, rest = append(links, l), after
		}
	}
	return links, ok
}

// parseLink parses the first link of a header, up to the comma after it.
func parseLink(s string) (l link, rest string, ok bool) {
	target, rest, ok := strings.Cut(s, ">")
	if !ok || !strings.HasPrefix(target, "<") {
		return l, "", false
	}
	target, _, _ = strings.Cut(target, "#")
	_, l.query, _ = strings.Cut(target, "?")
	for {
		rest = strings.TrimLeft(rest, " \t")
		if rest == "" || rest[0] == ',' {
			return l, rest, true
		}
		if rest[0] != ';' {
			return l, "", false
		}
		var name, value string
		if name, value, rest, ok = parseParam(rest[1:]); !ok {
			return l, "", false
		}
		if name == "rel" && l.relations == nil { // Of several, the first counts.
			l.relations = append([]string{}, strings.Fields(strings.ToLower(value))...)
		}
	}
}

// parseParam parses a parameter: a name, and a value that may be absent or quoted.
func parseParam(s string) (name, value, rest string, ok bool) {
	end := strings.IndexAny(s, "=;,")
	if end < 0 {
		return "", "", "", true
	}
	name, rest = strings.ToLower(strings.Trim(s[:end], " \t")), s[end:]
	if rest[0] != '=' {
		return name, "", rest, true
	}
	rest = strings.TrimLeft(rest[1:], " \t")
	if strings.HasPrefix(rest, `"`) {
		value, rest, ok = parseQuoted(rest[1:])
		return name, value, rest, ok
	}
	end = strings.IndexAny(rest+",", ";,")
	return name, strings.Trim(rest[:end], " \t"), rest[end:], true
}

// parseQuoted parses a quoted string, after its first quote.
func parseQuoted(s string) (value, rest string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:], true
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}
