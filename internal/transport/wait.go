package transport

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// backoff returns a random wait before the attempt that follows n failed ones: between
// MinWait and a limit that doubles with each attempt, up to MaxWait.
func (p Policy) backoff(n int) time.Duration {
	limit := p.MaxWait
	if shifted := p.MinWait << min(n, 32); shifted>>min(n, 32) == p.MinWait {
		limit = min(limit, shifted)
	}
	return p.MinWait + rand.N(limit-p.MinWait+1)
}

const maxSpread = 10 * time.Second

// spread returns a random time that is added to a wait that the server asked for, since
// it may have asked many callers for the same.
func (p Policy) spread(asked time.Duration) time.Duration {
	return rand.N(min(max(asked/4, p.MinWait), maxSpread) + 1)
}

// unsaid returns the wait after a 429 that does not say how long to wait. GitLab's limits
// of single endpoints do not, and count by the minute, so short waits would end too soon.
func (p Policy) unsaid() time.Duration {
	return max(p.MaxWait/2, p.MinWait) + rand.N(p.MaxWait/2+1)
}

// ServerWait returns how long a server asks to wait, if it does: Retry-After, in
// seconds or as a date, and for a 429 without it, RateLimit-Reset. Dates are
// compared with the response's own, since clocks differ. A value that makes no sense, or
// is in the past, is ignored.
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

// resetWait returns the time until RateLimit-Reset, and that header as it is.
func resetWait(resp *http.Response) (wait time.Duration, reset int64, ok bool) {
	if d, ok := parseSeconds(strings.TrimSpace(resp.Header.Get("Ratelimit-Reset"))); ok {
		reset = int64(d / time.Second)
		wait, ok = positive(time.Unix(reset, 0).Sub(responseTime(resp)))
		return wait, reset, ok
	}
	return 0, 0, false
}

// responseTime returns the server's time when it responded.
func responseTime(resp *http.Response) time.Time {
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		return date
	}
	return time.Now()
}

func positive(d time.Duration) (time.Duration, bool) { return max(d, 0), d > 0 }

// parseSeconds reads a number of seconds that is not negative. One that is too large for
// a duration becomes the longest duration.
func parseSeconds(s string) (time.Duration, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	const most = int64(1<<63-1) / int64(time.Second)
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n > most {
		n = most
	}
	return time.Duration(n) * time.Second, true
}
