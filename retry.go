package gitlabjobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// RetryPolicy sets how often a failed request is retried, and how long the client
// waits in between.
//
// Reads, and Cancel, which is idempotent, are retried after a connection error, an
// attempt that timed out, and the statuses 408, 425, 429 and 5xx except 501 and
// 505. Retry, Erase and Play are retried only if the request provably did not
// reach the server, or after a 429: GitLab's rate limiter responds before the
// action runs. Any other failure of a write that may have happened is
// [ErrOutcomeUnknown], including a 303, a 408, every 5xx and a response that can't
// be read.
//
// If the response says how long to wait, in Retry-After or, for a 429, in
// RateLimit-Reset, the client waits that long and a random time on top, up to a
// quarter of it but at most 10 seconds, so that many callers do not return at
// once. After a 429 that does not say, as GitLab's limits of single endpoints
// don't, it waits for MaxWait/2 to MaxWait, since they count by the minute. After
// everything else it waits for a random time between MinWait and a bound that
// doubles with each attempt, up to MaxWait.
//
// A rate limit applies to all calls with the same credentials. After a 429 that says
// how long to wait, and after a response with RateLimit-Remaining: 0, the client
// sends none of them until then. A 429 that does not say so holds back the calls of
// its route. While the server sends RateLimit headers, no more requests are in
// flight than RateLimit-Remaining allows. After a wait, one request goes first and
// the others follow its response. Waiting does not count as an attempt. If a 429
// makes a call wait beyond its context's deadline, or for more than MaxServerWait at
// once, the call fails with an [*Error] of status 429 without being sent, and
// RetryAfter is the time that remains. RateLimit-Remaining: 0 fails no call: if the
// wait would be too long, the request is sent.
//
// A client whose requests of a route keep failing stops retrying them: it sends
// each of them once until one succeeds, so as not to multiply an outage. Other
// routes are not affected.
//
// Over HTTP/2, net/http repeats a request by itself after the server has reset its
// stream or sent GOAWAY. The client ends the attempt instead, which counts as a failed
// one; for a write that is [ErrOutcomeUnknown], because net/http does not tell whether
// the server had processed it. The client needs net/http/httptrace for that: with a
// transport that does not support it, requests may be sent more often than this policy
// says.
//
// The zero value of a field means its default.
type RetryPolicy struct {
	MaxAttempts   int           // Maximum number of attempts, the first included. Default 5; 1 for no retries.
	MinWait       time.Duration // Minimum wait between two attempts. Default 200 ms.
	MaxWait       time.Duration // Maximum wait, unless the server asks for more. Default 30 s.
	MaxServerWait time.Duration // Longest wait that a server can ask for. If it asks for more, the call fails. Default 2 min.
}

var defaultRetryPolicy = RetryPolicy{
	MaxAttempts:   5,
	MinWait:       200 * time.Millisecond,
	MaxWait:       30 * time.Second,
	MaxServerWait: 2 * time.Minute,
}

func (p RetryPolicy) withDefaults() (RetryPolicy, error) {
	if p.MaxAttempts < 0 || p.MinWait < 0 || p.MaxWait < 0 || p.MaxServerWait < 0 {
		return p, fmt.Errorf("WithRetry: a field of %+v is negative: 0 stands for the default, and MaxAttempts: 1 for no retries", p)
	}
	if p.MaxAttempts == 0 {
		p.MaxAttempts = defaultRetryPolicy.MaxAttempts
	}
	p.MinWait, p.MaxWait = intervals(p.MinWait, p.MaxWait, defaultRetryPolicy.MinWait, defaultRetryPolicy.MaxWait)
	if p.MaxServerWait == 0 {
		p.MaxServerWait = defaultRetryPolicy.MaxServerWait
	}
	if p.MinWait > p.MaxWait {
		return p, fmt.Errorf("WithRetry: MinWait %v is longer than MaxWait %v", p.MinWait, p.MaxWait)
	}
	return p, nil
}

// intervals fills in the defaults of a shortest and a longest wait. One that is
// given moves the other's default along.
func intervals(shortest, longest, defaultShortest, defaultLongest time.Duration) (time.Duration, time.Duration) {
	if shortest == 0 {
		shortest = defaultShortest
		if longest > 0 {
			shortest = min(shortest, longest)
		}
	}
	if longest == 0 {
		longest = max(defaultLongest, shortest)
	}
	return shortest, longest
}

// retryClass is how freely a call may be repeated.
type retryClass int

const (
	repeatable retryClass = iota // Twice is as good as once.
	onceOnly                     // Again only if it provably never arrived.
)

// checkRetry runs after each attempt. It reports whether to send the request
// again, after it has waited.
func (c *call) checkRetry(ctx context.Context, resp *http.Response, err error) (bool, error) {
	c.attempts++
	c.judge(resp, err)
	temporary := c.temporary(resp, err)
	again := ctx.Err() == nil && temporary && c.attempts < c.limit &&
		c.repeats(resp, err) && c.settleWait(ctx, resp) && c.affords(resp)
	if err == nil && !temporary {
		c.client.budget.refund(c.endpoint(), c.attempts)
	}
	c.client.gates.leave(c, resp)
	c.log(ctx, resp, err, again, temporary)
	if !again {
		return false, nil
	}
	c.resume = time.Now().Add(c.wait)
	err = c.start(ctx)
	return err == nil, err
}

// start waits until the next attempt may begin.
func (c *call) start(ctx context.Context) error {
	err := c.client.gates.enter(ctx, c)
	c.begun, c.resume, c.wait, c.left = time.Now(), time.Time{}, 0, ""
	return err
}

// noBackoff is for the retry loop: checkRetry has already waited.
func noBackoff(_, _ time.Duration, _ int, _ *http.Response) time.Duration { return 0 }

func (c *call) endpoint() endpoint { return endpoint{c.method, c.route} }

// judge records whether a write may have happened. A 303 leads to the result of
// one that did.
func (c *call) judge(resp *http.Response, err error) {
	switch {
	case c.reads():
	case err != nil:
		c.unknown = c.unknown || !c.unsent(err)
	case resp.StatusCode >= 500, resp.StatusCode == http.StatusRequestTimeout,
		resp.StatusCode == http.StatusSeeOther, resp.StatusCode == http.StatusSwitchingProtocols:
		c.unknown = true
	}
}

// temporary reports whether the same request may succeed later.
func (c *call) temporary(resp *http.Response, err error) bool {
	if err != nil {
		return temporaryFault(err)
	}
	return temporaryStatus(resp.StatusCode)
}

// repeats reports whether a request that failed temporarily may be sent again.
func (c *call) repeats(resp *http.Response, err error) bool {
	switch {
	case err != nil:
		return c.class == repeatable || c.unsent(err)
	case c.once500 && resp.StatusCode == http.StatusInternalServerError:
		return false
	default:
		return c.class == repeatable || resp.StatusCode == http.StatusTooManyRequests
	}
}

// unsent reports whether the request provably never reached the server: there
// was no connection, or no TLS session, to send it on.
func (c *call) unsent(err error) bool {
	if c.wire != nil && c.wire.asked.Load() {
		return !c.wire.got.Load()
	}
	var op *net.OpError // Of a transport that tells nothing of its connections.
	return errors.As(err, &op) && op.Op == "dial"
}

// settleWait sets the wait before the next attempt. It reports false if that is
// longer than the policy or the context allows: then the response says more than
// the context's error would.
func (c *call) settleWait(ctx context.Context, resp *http.Response) bool {
	policy := c.client.retry
	least, spread := jitter(policy, c.attempts), time.Duration(0)
	if resp != nil {
		asked, ok := serverWait(resp)
		switch {
		case ok && asked > policy.MaxServerWait:
			return false
		case ok:
			least, spread = max(asked, policy.MinWait), spreadOf(asked, policy)
		case resp.StatusCode == http.StatusTooManyRequests:
			least = unsaidWait(policy)
		}
	}
	c.wait = least + spread
	deadline, ok := ctx.Deadline()
	if !ok {
		return true
	}
	left := time.Until(deadline)
	c.wait = least + min(spread, (left-least)/2)
	return left > least
}

const maxSpread = 10 * time.Second

// spreadOf returns a random time on top of a wait that the server asked for: it
// may have told many callers the same.
func spreadOf(asked time.Duration, p RetryPolicy) time.Duration {
	return rand.N(min(max(asked/4, p.MinWait), maxSpread) + 1)
}

// unsaidWait returns the wait after a 429 that does not say how long to wait.
// GitLab's limits of single endpoints don't, and count by the minute: short waits
// would be over too soon.
func unsaidWait(p RetryPolicy) time.Duration {
	return max(p.MaxWait/2, p.MinWait) + rand.N(p.MaxWait/2+1)
}

// affords takes a retry out of the budget. Obeying a rate limit costs nothing: the
// server is well.
func (c *call) affords(resp *http.Response) bool {
	return resp != nil && resp.StatusCode == http.StatusTooManyRequests || c.client.budget.take(c.endpoint())
}

// jitter is a random wait before the attempt after the nth: between MinWait and
// a bound that doubles with each attempt, up to MaxWait.
func jitter(p RetryPolicy, n int) time.Duration {
	bound := p.MaxWait
	if shifted := p.MinWait << min(n, 32); shifted>>min(n, 32) == p.MinWait {
		bound = min(bound, shifted)
	}
	return p.MinWait + rand.N(bound-p.MinWait+1)
}

// serverWait returns how long a server asks to wait, if it does: Retry-After, in
// seconds or as a date, and for a 429 without it, RateLimit-Reset. Dates are
// compared with the answer's own, since clocks differ. What makes no sense, or
// lies in the past, is as if it were not there.
func serverWait(resp *http.Response) (time.Duration, bool) {
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

// resetWait returns how long it is until RateLimit-Reset, and that header.
func resetWait(resp *http.Response) (wait time.Duration, reset int64, ok bool) {
	if d, ok := parseSeconds(strings.TrimSpace(resp.Header.Get("Ratelimit-Reset"))); ok {
		reset = int64(d / time.Second)
		wait, ok = positive(time.Unix(reset, 0).Sub(responseTime(resp)))
		return wait, reset, ok
	}
	return 0, 0, false
}

// responseTime is the server's time. Clocks differ, and dates are compared with it.
func responseTime(resp *http.Response) time.Time {
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		return date
	}
	return time.Now()
}

func positive(d time.Duration) (time.Duration, bool) { return max(d, 0), d > 0 }

// parseSeconds reads a number of seconds that is not negative. One too large for
// a duration is the longest that there is.
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

// longWait is the wait from which on there is a line at level Warn.
const longWait = 10 * time.Second

// log writes the line of an attempt, and one at level Warn if the call gives up or
// waits for long.
func (c *call) log(ctx context.Context, resp *http.Response, err error, again, temporary bool) {
	logger := c.client.logger
	if logger == nil {
		return
	}
	warning := ""
	switch {
	case again && c.wait > longWait:
		warning = "gitlab request waits"
	case c.once500 && err == nil && resp.StatusCode == http.StatusInternalServerError: // The listing decides.
	case !again && temporary && ctx.Err() == nil:
		warning = "gitlab request gave up"
	}
	if warning == "" && !logger.Enabled(ctx, slog.LevelDebug) {
		return
	}
	attrs := []slog.Attr{
		slog.String("method", c.method),
		slog.String("route", c.label),
		slog.String("path", c.path),
		slog.Int("attempt", c.attempts),
	}
	if err != nil {
		attrs = append(attrs, slog.Any("error", c.secrets.redactError(err)))
	} else {
		attrs = append(attrs, slog.Int("status", resp.StatusCode), slog.String("request_id", requestID(resp, c.secrets)))
	}
	if again {
		attrs = append(attrs, slog.Duration("wait", c.wait))
	}
	logger.LogAttrs(ctx, slog.LevelDebug, "gitlab request", attrs...)
	if warning != "" {
		logger.LogAttrs(ctx, slog.LevelWarn, warning, attrs...)
	}
}
