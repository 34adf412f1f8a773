package gitlabjobstest

import (
	"net/http"
	"strconv"
	"time"
)

// limits counts requests, in windows that start at a full minute or period.
type limits struct {
	jobs, all map[*User]*window
}

type window struct {
	began time.Time
	n     int
}

// countRequest counts a request of a user in the current window.
func countRequest(windows *map[*User]*window, u *User, now time.Time, period time.Duration) *window {
	if *windows == nil {
		*windows = map[*User]*window{}
	}
	w := (*windows)[u]
	if began := now.Truncate(period); w == nil || !w.began.Equal(began) {
		w = &window{began: began}
		(*windows)[u] = w
	}
	w.n++
	return w
}

// limitJobs applies GitLab's limit for the list of project jobs.
func (s *Server) limitJobs(c *call) *response {
	if s.cfg.jobsPerMinute == 0 {
		return nil
	}
	if w := countRequest(&s.limits.jobs, c.caller.user, c.now, time.Minute); w.n > s.cfg.jobsPerMinute {
		return rateLimited()
	}
	return nil
}

// appLimit is the response of limits in GitLab's application. It does not tell
// how long to wait.
func rateLimited() *response {
	return jsonResponse(http.StatusTooManyRequests, map[string]any{"message": map[string]string{
		"error": "This endpoint has been requested too many times. Try again later.",
	}})
}

// throttle applies the limit in front of GitLab's application. It returns nil
// if there is none, headers without a status below the limit, and the 429
// beyond it.
func (s *Server) throttle(c *call) *response {
	limit, period := s.cfg.throttle, s.cfg.throttlePeriod
	if limit == 0 {
		return nil
	}
	var user *User // nil for requests without a valid token.
	if id, errResp := s.authenticate(c.req, c.query, &route{jobToken: true, public: true}); errResp == nil {
		user = id.user
	}
	w := countRequest(&s.limits.all, user, c.now, period)
	reset := w.began.Add(period)
	resp := &response{header: http.Header{}}
	if !s.cfg.hideRateLimits {
		resp.header.Set("Ratelimit-Limit", strconv.Itoa(limit))
		resp.header.Set("Ratelimit-Observed", strconv.Itoa(w.n))
		resp.header.Set("Ratelimit-Remaining", strconv.Itoa(max(limit-w.n, 0)))
		resp.header.Set("Ratelimit-Reset", itoa(reset.Unix()))
	}
	if w.n <= limit {
		return resp
	}
	resp.status, resp.body = http.StatusTooManyRequests, []byte("Retry later\n")
	resp.header.Set("Content-Type", "text/plain")
	if !s.cfg.hideRateLimits {
		resp.header.Set("Ratelimit-Resettime", reset.UTC().Format(http.TimeFormat))
	}
	// Rounded up, so that a client that waits as long is not too early.
	wait := (reset.Sub(c.now) + time.Second - 1) / time.Second
	resp.header.Set("Retry-After", itoa(int64(wait)))
	return resp
}
