package transport

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// backoff returns a random wait after n failed attempts. It is between MinWait and a limit
// that doubles with each attempt, up to MaxWait.
func (p Policy) backoff(n int) time.Duration {
	limit := p.MaxWait
	if shifted := p.MinWait << min(n, 32); shifted>>min(n, 32) == p.MinWait {
		limit = min(limit, shifted)
	}
	return p.MinWait + rand.N(limit-p.MinWait+1)
}

const maxJitter = 10 * time.Second

// jitter returns a random time to add to a wait that the server asked for. Without it, all
// callers that got the same response would retry at the same time.
func (p Policy) jitter(asked time.Duration) time.Duration {
	return rand.N(min(max(asked/4, p.MinWait), maxJitter) + 1)
}

// defaultLimitWait returns the wait after a 429 that does not ask for one. GitLab does not
// ask for a wait if a request exceeds the limit of a single endpoint. Such limits count
// requests per minute, so a short wait would end too early.
func (p Policy) defaultLimitWait() time.Duration {
	return max(p.MaxWait/2, p.MinWait) + rand.N(p.MaxWait/2+1)
}

// ServerWait returns the wait that a response asks for, and whether it asks for one. It
// reads Retry-After, which is a number of seconds or a date. If a 429 has no valid
// Retry-After, it reads RateLimit-Reset. Dates are compared with the Date header, because
// the clocks of client and server may differ. Invalid values and dates in the past are
// ignored.
func ServerWait(resp *http.Response) (time.Duration, bool) {
	after := strings.TrimSpace(resp.Header.Get("Retry-After"))
	if seconds, ok := parseSeconds(after); ok {
		return seconds, seconds > 0
	}
	if date, err := http.ParseTime(after); err == nil {
		return positive(date.Sub(responseTime(resp)))
	}
	if resp.StatusCode != http.StatusTooManyRequests {
		return 0, false
	}
	wait, _, ok := resetWait(resp)
	return wait, ok
}

// resetWait returns the time until RateLimit-Reset, and the value of that header.
func resetWait(resp *http.Response) (wait time.Duration, reset int64, ok bool) {
	if d, ok := parseSeconds(strings.TrimSpace(resp.Header.Get("Ratelimit-Reset"))); ok {
		reset = int64(d / time.Second)
		wait, ok = positive(time.Unix(reset, 0).Sub(responseTime(resp)))
		return wait, reset, ok
	}
	return 0, 0, false
}

// responseTime returns the time of the response by the server's clock, or the current time
// if the response has no date.
func responseTime(resp *http.Response) time.Time {
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		return date
	}
	return time.Now()
}

func positive(d time.Duration) (time.Duration, bool) { return max(d, 0), d > 0 }

// parseSeconds parses a non-negative number of seconds. A number that is too large for a
// time.Duration becomes the longest duration.
func parseSeconds(s string) (time.Duration, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	const maxSeconds = int64(1<<63-1) / int64(time.Second)
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n > maxSeconds {
		n = maxSeconds
	}
	return time.Duration(n) * time.Second, true
}
