package gitlabjobstest

import (
	"net/http"
	"strconv"
	"time"
)

// limits counts the requests of each user in the current window. A window starts
// at a multiple of its period.
type limits struct {
	jobs, all map[*User]*window
}

type window struct {
	start    time.Time
	requests int
}

// countRequest counts a request of a user in the current window.
func countRequest(windows *map[*User]*window, u *User, now time.Time, period time.Duration) *window {
	if *windows == nil {
		*windows = map[*User]*window{}
	}
	w := (*windows)[u]
	if start := now.Truncate(period); w == nil || !w.start.Equal(start) {
		w = &window{start: start}
		(*windows)[u] = w
	}
	w.requests++
	return w
}

// limitJobs applies GitLab's limit for the list of project jobs.
func (s *Server) limitJobs(c *call) *response {
	if s.cfg.jobsPerMinute == 0 {
		return nil
	}
	if w := countRequest(&s.limits.jobs, c.caller.user, c.now, time.Minute); w.requests > s.cfg.jobsPerMinute {
		return rateLimited()
	}
	return nil
}

// rateLimited returns the response of the rate limits in GitLab's application. It
// does not say how long to wait.
func rateLimited() *response {
	return jsonResponse(http.StatusTooManyRequests, map[string]any{"message": map[string]string{
		"error": "This endpoint has been requested too many times. Try again later.",
	}})
}

// throttle applies the rate limit that GitLab checks before its application. It
// returns nil if the server has no limit. If the user has not exceeded the limit,
// the response has only headers and the status code 0. Otherwise it is a 429.
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
	reset := w.start.Add(period)
	resp := &response{header: http.Header{}}
	if !s.cfg.hideRateLimits {
		resp.header.Set("Ratelimit-Limit", strconv.Itoa(limit))
		resp.header.Set("Ratelimit-Observed", strconv.Itoa(w.requests))
		resp.header.Set("Ratelimit-Remaining", strconv.Itoa(max(limit-w.requests, 0)))
		resp.header.Set("Ratelimit-Reset", itoa(reset.Unix()))
	}
	if w.requests <= limit {
		return resp
	}
	resp.status, resp.body = http.StatusTooManyRequests, []byte("Retry later\n")
	resp.header.Set("Content-Type", "text/plain")
	if !s.cfg.hideRateLimits {
		resp.header.Set("Ratelimit-Resettime", reset.UTC().Format(http.TimeFormat))
	}
	resp.header.Set("Retry-After", seconds(reset.Sub(c.now)))
	return resp
}
