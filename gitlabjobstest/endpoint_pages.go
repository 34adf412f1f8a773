package gitlabjobstest

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"iter"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

const (
	defaultPerPage = 20
	maxPerPage     = 100
)

// page is the requested page of a list.
type page struct{ number, size int64 }

// page reads the parameters that every list has. It does not limit the size.
func (c *call) page() page {
	pg := page{number: max(c.integer("page", 1), 1), size: c.integer("per_page", defaultPerPage)}
	if pg.size == 0 {
		c.addParamError("per_page has a value not allowed")
	}
	return pg
}

// byOffset returns the page with the size limits of offset pagination.
func (pg page) byOffset() page {
	if pg.size < 0 {
		pg.size = defaultPerPage
	}
	pg.size = min(pg.size, maxPerPage)
	return pg
}

// firstIndex returns the index of the page's first row. It returns false if the
// index is larger than GitLab's database allows.
func (pg page) firstIndex() (int, bool) {
	if pg.number-1 > math.MaxInt64/pg.size {
		return 0, false
	}
	return int(min((pg.number-1)*pg.size, math.MaxInt32)), true
}

// setHeaders sets the headers of offset pagination.
func (pg page) setHeaders(c *call, h http.Header, r rows) {
	prev, next := "", ""
	if pg.number > 1 && len(r.jobs) > 0 {
		prev = itoa(pg.number - 1)
	}
	if r.more {
		next = itoa(pg.number + 1)
	}
	h.Set("X-Page", itoa(pg.number))
	h.Set("X-Per-Page", itoa(pg.size))
	h.Set("X-Next-Page", next)
	h.Set("X-Prev-Page", prev)
	var links []string
	add := func(n, rel string) {
		if n != "" {
			links = append(links, c.link(map[string]string{"page": n, "per_page": itoa(pg.size)}, rel))
		}
	}
	add(prev, "prev")
	add(next, "next")
	add("1", "first")
	if _, ofPipeline := c.vars["pipeline_id"]; ofPipeline && r.total <= maxTotal {
		last := itoa(max((int64(r.total)+pg.size-1)/pg.size, 1))
		h.Set("X-Total", strconv.Itoa(r.total))
		h.Set("X-Total-Pages", last)
		add(last, "last")
	}
	h.Set("Link", strings.Join(links, ", "))
}

// link returns one entry of Link. Like GitLab's, it repeats the parameters of the
// query and the path.
func (c *call) link(set map[string]string, rel string) string {
	params := maps.Clone(c.repeated)
	for k, v := range c.vars {
		params[k] = v
	}
	for k, v := range set {
		params[k] = v
	}
	return "<" + c.srv.cfg.externalURL + c.req.URL.EscapedPath() + "?" + params.encode() + `>; rel="` + rel + `"`
}

// cursor is the position of a keyset page. The page starts after the job with the
// ID. If Kind is "p", it ends before that job.
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

// parseCursor parses a cursor. The ID is 0 if the cursor is the start of the
// list.
func parseCursor(s string) (id int64, backward, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(s, "="))
	if err != nil {
		return 0, false, false
	}
	var cu *cursor
	if json.Unmarshal(b, &cu) != nil || cu == nil {
		return 0, false, false
	}
	if cu.ID == "" {
		return 0, false, true
	}
	id, err = strconv.ParseInt(cu.ID, 10, 64)
	return id, cu.Kind == "p", err == nil && id > 0 && id < math.MaxInt64
}

// serverError returns the response to an error that GitLab does not handle.
func serverError() *response {
	return messageResponse(http.StatusInternalServerError, "500 Internal Server Error")
}

// keysetPage responds with the page at a cursor. As in GitLab, its size has no
// limit, and a page without rows after its cursor is a server error.
func (c *call) keysetPage(pg page, keep filter) *response {
	orderBy, sort, cursorParam := c.param("order_by"), c.param("sort"), c.param("cursor")
	if errResp := c.paramErrorResponse(); errResp != nil {
		return errResp
	}
	if cmp.Or(orderBy, "id") != "id" || cmp.Or(sort, "desc") != "desc" {
		return errorResponse(http.StatusMethodNotAllowed, "Keyset pagination is not yet available for this type of request")
	}
	if pg.size < 0 {
		return serverError()
	}
	size := int(min(pg.size, math.MaxInt32))
	id, backward := int64(0), false
	if cursorParam != "" {
		var ok bool
		if id, backward, ok = parseCursor(cursorParam); !ok {
			return serverError()
		}
	}
	hasPosition := id != 0 // Otherwise it is the first page.
	jobs := c.project.jobs
	var rows []*Job
	var hasPrev, hasNext bool
	if backward {
		rows, hasPrev = firstMatching(slices.Values(jobs[indexAfter(jobs, id):]), keep, size)
		slices.Reverse(rows)
		hasNext = true // GitLab assumes that the client has read the next page.
	} else {
		from := len(jobs)
		if hasPosition {
			from = indexAfter(jobs, id-1)
		}
		rows, hasNext = firstMatching(backwards(jobs[:from]), keep, size)
		hasPrev = hasPosition && anyMatch(jobs[from:], keep)
	}
	if len(rows) == 0 && hasPosition {
		return serverError()
	}
	resp := jsonResponse(http.StatusOK, c.jobsJSON(rows))
	if hasPrev {
		resp.header.Set("X-Prev-Cursor", cursor{itoa(rows[0].id), "p"}.String())
	}
	if hasNext {
		next := cursor{itoa(rows[len(rows)-1].id), "n"}.String()
		resp.header.Set("X-Next-Cursor", next)
		set := map[string]string{"cursor": next, "page": itoa(pg.number), "per_page": itoa(pg.size)}
		resp.header.Set("Link", c.link(set, "next"))
	}
	return resp
}

func backwards(jobs []*Job) iter.Seq[*Job] {
	return func(yield func(*Job) bool) {
		for _, j := range slices.Backward(jobs) {
			if !yield(j) {
				return
			}
		}
	}
}

// firstMatching returns the first jobs of a sequence that pass the filter, and
// whether there are more.
func firstMatching(seq iter.Seq[*Job], keep filter, size int) (matching []*Job, more bool) {
	for j := range seq {
		if keep != nil && !keep(j) {
			continue
		}
		if len(matching) == size {
			return matching, true
		}
		matching = append(matching, j)
	}
	return matching, false
}

// anyMatch reports whether any of the jobs passes the filter.
func anyMatch(jobs []*Job, keep filter) bool {
	return keep == nil && len(jobs) > 0 || keep != nil && slices.ContainsFunc(jobs, keep)
}
