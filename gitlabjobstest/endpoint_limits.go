package gitlabjobstest

import (
	"net/http"
	"strconv"
	"time"
)

// limits counts requests. Both kinds count in windows that begin at a full
// minute or period.
type limits struct {
	jobs, all map[*User]*window
}

type window struct {
	began time.Time
	n     int
}

// hit counts one more request of a user in the present window.
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

// limitJobs is GitLab's limit of the list of project jobs.
func (s *Server) limitJobs(c *call) *response {
	if s.cfg.jobsPerMin == 0 {
		return nil
	}
	if w := countRequest(&s.limits.jobs, c.caller.user, c.now, time.Minute); w.n > s.cfg.jobsPerMin {
		return appLimit()
	}
	return nil
}

// appLimit is the answer of the limits within GitLab's application: it does
// not say for how long.
func appLimit() *response {
	return reply(http.StatusTooManyRequests, map[string]any{"message": map[string]string{
		"error": "This endpoint has been requested too many times. Try again later.",
	}})
}

// throttle is the limit before GitLab's application. It returns nil where there
// is none, headers alone (with no status) below it, and the refusal beyond.
func (s *Server) throttle(c *call) *response {
	limit, period := s.cfg.throttle, s.cfg.throttleTime
	if limit == 0 {
		return nil
	}
	var user *User // nil: whoever has no token, or a wrong one.
	if who, refused := s.authenticate(c.req, c.query, &route{jobToken: true, public: true}); refused == nil {
		user = who.user
	}
	w := countRequest(&s.limits.all, user, c.now, period)
	reset := w.began.Add(period)
	a := &response{header: http.Header{}}
	if !s.cfg.hideLimits {
		a.header.Set("Ratelimit-Limit", strconv.Itoa(limit))
		a.header.Set("Ratelimit-Observed", strconv.Itoa(w.n))
		a.header.Set("Ratelimit-Remaining", strconv.Itoa(max(limit-w.n, 0)))
		a.header.Set("Ratelimit-Reset", itoa(reset.Unix()))
	}
	if w.n <= limit {
		return a
	}
	a.status, a.body = http.StatusTooManyRequests, []byte("Retry later\n")
	a.header.Set("Content-Type", "text/plain")
	if !s.cfg.hideLimits {
		a.header.Set("Ratelimit-Resettime", reset.UTC().Format(http.TimeFormat))
	}
	// Rounded up: somebody who comes back then is let in.
	wait := (reset.Sub(c.now) + time.Second - 1) / time.Second
	a.header.Set("Retry-After", itoa(int64(wait)))
	return a
}
