package gitlabjobs_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"example.com/gitlabjobs"
)

// jobList is a server that has only the jobs of one project, and lists them as GitLab
// does: keyset pages are not cut to 100 jobs, and if no jobs are left after a cursor, it
// responds with a 500. The fields are for servers and proxies that behave differently.
type jobList struct {
	capped bool                                     // Pages have at most ten jobs, even if PerPage is larger.
	older  bool                                     // No keyset pagination.
	edit   func(n int, q url.Values, h http.Header) // Edits the nth response, counted from 1.
	before func(n int, q url.Values) *answer        // Responds to the nth request, unless it returns nil.
	ids    []int64                                  // In descending order.
	log    strings.Builder                          // The log of the client.
	asked  []string                                 // The page of each request.
	mu     sync.Mutex
}

func newJobList(jobs int) *jobList {
	l := new(jobList)
	for id := jobs; id > 0; id-- {
		l.ids = append(l.ids, int64(id))
	}
	return l
}

func (l *jobList) client(t *testing.T, opts ...gitlabjobs.ClientOption) *gitlabjobs.Client {
	logger := slog.New(slog.NewTextHandler(&l.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	return newClient(t, l.respond, append(opts, gitlabjobs.WithLogger(logger))...)
}

func (l *jobList) respond(req *http.Request) (*http.Response, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	q := req.URL.Query()
	keyset := q.Get("pagination") == "keyset"
	at := "page " + q.Get("page")
	if keyset {
		at = "cursor " + q.Get("cursor")
	}
	l.asked = append(l.asked, strings.TrimSpace(at)+" x"+q.Get("per_page"))
	var a *answer
	if l.before != nil {
		a = l.before(len(l.asked), q)
	}
	switch {
	case a != nil:
	case keyset && !l.older:
		a = l.keysetPage(q)
	default:
		a = l.offsetPage(q)
	}
	resp := a.to(req)
	if l.edit != nil {
		l.edit(len(l.asked), q, resp.Header)
	}
	return resp, nil
}

func (l *jobList) keysetPage(q url.Values) *answer {
	rows, size := l.ids, number(q.Get("per_page"), 20)
	if l.capped {
		size = min(size, 10)
	}
	if cursor := q.Get("cursor"); cursor != "" {
		i := slices.IndexFunc(rows, func(id int64) bool { return id < int64(number(cursor, 0)) })
		if i < 0 {
			return &answer{status: 500, body: `{"message":"500 Internal Server Error"}`}
		}
		rows = rows[i:]
	}
	a := &answer{header: map[string]string{}}
	if len(rows) > size {
		rows = rows[:size]
		a.header["Link"] = fmt.Sprintf(`<http://10.0.0.1/api/v4/projects/1/jobs?cursor=%d&page=1>; rel="next"`, rows[size-1])
	}
	a.body = jobsOf(rows)
	return a
}

func (l *jobList) offsetPage(q url.Values) *answer {
	page, size := number(q.Get("page"), 1), min(number(q.Get("per_page"), 20), 100)
	if page*size > 50_000 {
		return &answer{status: 405, body: `{"error":"Offset pagination has a maximum allowed offset of 50000"}`}
	}
	from, to := min((page-1)*size, len(l.ids)), min(page*size, len(l.ids))
	a := &answer{body: jobsOf(l.ids[from:to]), header: map[string]string{
		"X-Page": fmt.Sprint(page), "X-Per-Page": fmt.Sprint(size), "X-Next-Page": "", "Link": `<http://10.0.0.1/?page=1>; rel="first"`,
	}}
	if to < len(l.ids) {
		a.header["X-Next-Page"] = fmt.Sprint(page + 1)
		a.header["Link"] += fmt.Sprintf(`, <http://10.0.0.1/?page=%d>; rel="next"`, page+1)
	}
	return a
}

func number(s string, absent int) int {
	if n, err := strconv.Atoi(s); err == nil {
		return n
	}
	return absent
}

func jobsOf(ids []int64) string {
	jobs := make([]string, len(ids))
	for i, id := range ids {
		jobs[i] = fmt.Sprintf(`{"id":%d}`, id)
	}
	return "[" + strings.Join(jobs, ",") + "]"
}

func (l *jobList) create(jobs int) {
	for range jobs {
		l.ids = slices.Insert(l.ids, 0, l.ids[0]+1)
	}
}

func stripLink(_ int, _ url.Values, h http.Header) { h.Del("Link") }

func stripAll(_ int, _ url.Values, h http.Header) {
	for key := range h {
		if key == "Link" || strings.HasPrefix(key, "X-") {
			h.Del(key)
		}
	}
}
