package gitlabjobstest

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	defaultPerPage = 20
	maxPerPage     = 100
)

// page is which page is asked for.
type page struct {
	number, size int
	asked        int // The size, before it was cut to the most there is.
}

// page reads the parameters that every list has.
func (c *call) page() (page, *answer) {
	number, refused := c.integer("page", 1)
	if refused != nil {
		return page{}, refused
	}
	size, refused := c.integer("per_page", defaultPerPage)
	switch {
	case refused != nil:
		return page{}, refused
	case size == 0:
		return page{}, failure(http.StatusBadRequest, "per_page has a value not allowed")
	case size < 0:
		size = defaultPerPage
	}
	// Far beyond what any list has, and far from an overflow.
	const far = 1 << 30
	number = min(max(number, 1), far)
	return page{number: int(number), size: int(min(size, maxPerPage)), asked: int(min(size, far))}, nil
}

// headers gives the answer what GitLab says of a page with a number.
func (pg page) headers(c *call, h http.Header, r rows) {
	number := strconv.Itoa
	prev, following := "", ""
	if pg.number > 1 && len(r.jobs) > 0 {
		prev = number(pg.number - 1)
	}
	if r.more {
		following = number(pg.number + 1)
	}
	h.Set("X-Page", number(pg.number))
	h.Set("X-Per-Page", number(pg.size))
	h.Set("X-Next-Page", following)
	h.Set("X-Prev-Page", prev)
	var links []string
	add := func(n, rel string) {
		if n != "" {
			links = append(links, c.link(map[string]string{"page": n, "per_page": number(pg.asked)}, rel))
		}
	}
	add(prev, "prev")
	add(following, "next")
	add("1", "first")
	if _, ofPipeline := c.vars["pipeline_id"]; ofPipeline && r.total <= maxTotal {
		last := number(max((r.total+pg.size-1)/pg.size, 1))
		h.Set("X-Total", number(r.total))
		h.Set("X-Total-Pages", last)
		add(last, "last")
	}
	h.Set("Link", strings.Join(links, ", "))
}

// link is one entry of Link. It repeats every parameter of the request, those
// in its path included, in the order of their names.
func (c *call) link(set map[string]string, rel string) string {
	params := url.Values{}
	for k, v := range c.query {
		if strings.HasSuffix(k, "[]") {
			params[k] = v
		} else {
			params[k] = v[len(v)-1:]
		}
	}
	for k, v := range c.vars {
		params.Set(k, v)
	}
	for k, v := range set {
		params.Set(k, v)
	}
	return "<" + c.srv.cfg.external + c.req.URL.EscapedPath() + "?" + params.Encode() + `>; rel="` + rel + `"`
}

// cursor says where a keyset page begins: behind a job, or ("p") before it.
type cursor struct {
	ID   string `json:"id"`
	Kind string `json:"_kd"`
}

func (cu cursor) String() string {
	b, err := json.Marshal(cu)
	if err != nil {
		return ""
	}
	return base64.URLEncoding.EncodeToString(b)
}

func parseCursor(s string) (id int64, backward, ok bool) {
	b, err := base64.URLEncoding.DecodeString(s)
	if err != nil {
		return 0, false, false
	}
	var cu cursor
	if json.Unmarshal(b, &cu) != nil {
		return 0, false, false
	}
	id, err = strconv.ParseInt(cu.ID, 10, 64)
	return id, cu.Kind == "p", err == nil
}

// keysetPage answers with a page that begins at a cursor.
func (c *call) keysetPage(pg page, keep filter) *answer {
	by, _ := c.param("order_by")
	order, _ := c.param("sort")
	if or(by, "id") != "id" || or(order, "desc") != "desc" {
		return failure(http.StatusMethodNotAllowed, "Keyset pagination is not yet available for this type of request")
	}
	jobs := c.project.jobs
	var id int64
	backward := false
	at, _ := c.param("cursor")
	if at != "" {
		var ok bool
		if id, backward, ok = parseCursor(at); !ok {
			return failure(http.StatusBadRequest, "cursor is invalid")
		}
	}
	var rows []*Job
	var before, behind bool // Whether there are rows on either side.
	switch {
	case backward:
		rows, before = take(slices.Values(jobs[after(jobs, id):]), keep, pg.size)
		slices.Reverse(rows)
		behind = anyOf(jobs[:after(jobs, id)], keep)
	case at != "":
		from := after(jobs, id-1)
		rows, behind = take(backwards(jobs[:from]), keep, pg.size)
		before = anyOf(jobs[from:], keep)
	default:
		rows, behind = take(backwards(jobs), keep, pg.size)
	}
	a := reply(http.StatusOK, c.jobAnswers(rows))
	if len(rows) == 0 {
		return a
	}
	if before {
		a.header.Set("X-Prev-Cursor", cursor{itoa(rows[0].id), "p"}.String())
	}
	if behind {
		following := cursor{itoa(rows[len(rows)-1].id), "n"}.String()
		a.header.Set("X-Next-Cursor", following)
		set := map[string]string{
			"cursor": following, "page": strconv.Itoa(pg.number), "per_page": strconv.Itoa(pg.asked),
		}
		a.header.Set("Link", c.link(set, "next"))
	}
	return a
}

func backwards(jobs []*Job) func(func(*Job) bool) {
	return func(yield func(*Job) bool) {
		for _, j := range slices.Backward(jobs) {
			if !yield(j) {
				return
			}
		}
	}
}

// take returns the first jobs of a sequence that a filter keeps, and whether
// there are more.
func take(seq func(func(*Job) bool), keep filter, size int) (taken []*Job, more bool) {
	for j := range seq {
		if keep != nil && !keep(j) {
			continue
		}
		if len(taken) == size {
			return taken, true
		}
		taken = append(taken, j)
	}
	return taken, false
}

// anyOf says whether a filter keeps any of the jobs.
func anyOf(jobs []*Job, keep filter) bool {
	return keep == nil && len(jobs) > 0 || keep != nil && slices.ContainsFunc(jobs, keep)
}
