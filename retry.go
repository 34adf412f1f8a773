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
	"sync"
	"time"
)

// RetryPolicy says how often, and how patiently, a request is tried again.
// Reads, and cancel, which changes nothing the second time, are tried again
// after a connection fault, a 429, 500, 502, 503 or 504. Retry, erase and play
// are only where the request provably never reached the server, or on a 429.
//
// Between two attempts it waits for as long as the server asks, if it does, and
// else for a random time up to a bound that doubles with each attempt. After a 429
// that does not say how long, as GitLab's limits of single endpoints don't, it waits
// for about MaxWait: they count by the minute.
//
// A client that meets nothing but failures runs out of retries: it sends each
// request once until answers come again, so as not to multiply an outage.
//
// The zero value of a field is its default.
type RetryPolicy struct {
	MaxAttempts   int           // All attempts, the first included. Default 5; 1 for no retries.
	MinWait       time.Duration // The least wait between two attempts. Default 200 ms.
	MaxWait       time.Duration // The most, unless the server asks for more. Default 30 s.
	MaxServerWait time.Duration // The longest wait that a server can ask for. Default 2 min.
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

// checkRetry decides after each attempt, for the retry loop, and settles the
// wait that backoff then returns.
func (c *call) checkRetry(ctx context.Context, resp *http.Response, err error) (bool, error) {
	c.attempts++
	defer func() { c.begun = time.Now().Add(c.wait) }()
	c.judge(resp, err)
	again := ctx.Err() == nil && c.attempts < c.client.retry.MaxAttempts &&
		c.repeats(resp, err) && c.settleWait(ctx, resp) && c.affords(resp)
	if err == nil && resp.StatusCode < http.StatusInternalServerError {
		c.client.budget.refund(c.attempts)
	}
	c.log(ctx, resp, err, again)
	return again, nil
}

// judge keeps in mind whether a write may have happened.
func (c *call) judge(resp *http.Response, err error) {
	switch {
	case c.reads():
	case err != nil:
		c.unknown = c.unknown || !c.unsent(err)
	case resp.StatusCode >= 500:
		c.unknown = true
	}
}

// repeats reports whether what happened allows another attempt.
func (c *call) repeats(resp *http.Response, err error) bool {
	if err != nil {
		return temporaryFault(err) && (c.class == repeatable || c.unsent(err))
	}
	if c.once500 && resp.StatusCode == http.StatusInternalServerError {
		return false
	}
	return resp.StatusCode == http.StatusTooManyRequests || c.class == repeatable && temporaryStatus(resp.StatusCode)
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

// settleWait finds how long to wait before the next attempt. It reports false
// where that is longer than the policy or the context allows: then the answer
// that is here already says more than a deadline's error would.
func (c *call) settleWait(ctx context.Context, resp *http.Response) bool {
	policy := c.client.retry
	c.wait = jitter(policy, c.attempts)
	if resp != nil {
		asked, ok := serverWait(resp)
		switch {
		case ok && asked > policy.MaxServerWait:
			return false
		case ok:
			c.wait = max(asked, policy.MinWait)
		case resp.StatusCode == http.StatusTooManyRequests:
			// GitLab's limits of single endpoints say nothing, and count by the
			// minute: few short waits would be over before it is.
			c.wait = max(policy.MaxWait/2, policy.MinWait) + rand.N(policy.MaxWait/2+1)
		}
	}
	deadline, ok := ctx.Deadline()
	return !ok || time.Until(deadline) > c.wait
}

// affords takes a retry out of the budget. Obeying a rate limit costs nothing: a
// server that sets one is well.
func (c *call) affords(resp *http.Response) bool {
	return resp != nil && resp.StatusCode == http.StatusTooManyRequests || c.client.budget.take()
}

func (c *call) backoff(_, _ time.Duration, _ int, _ *http.Response) time.Duration { return c.wait }

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
	now, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	after := strings.TrimSpace(resp.Header.Get("Retry-After"))
	if seconds, ok := parseSeconds(after); ok {
		return seconds, seconds > 0
	}
	if date, err := http.ParseTime(after); err == nil {
		return positive(date.Sub(now))
	}
	if resp.StatusCode != http.StatusTooManyRequests {
		return 0, false
	}
	reset, ok := parseSeconds(strings.TrimSpace(resp.Header.Get("RateLimit-Reset")))
	if !ok {
		return 0, false
	}
	return positive(time.Unix(int64(reset/time.Second), 0).Sub(now))
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

// retryBudget keeps a client from multiplying a server's outage: a retry takes a
// token, and answers bring tokens back. With nothing but failures, a client soon
// sends each request once.
type retryBudget struct {
	mu     sync.Mutex
	tokens float64
}

const budgetSize = 50

func newRetryBudget() *retryBudget { return &retryBudget{tokens: budgetSize} }

func (b *retryBudget) take() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// refund gives back the token of a retry that helped, and a part of one for an
// answer that needed none.
func (b *retryBudget) refund(attempts int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if attempts > 1 {
		b.tokens++
	} else {
		b.tokens += 0.1
	}
	b.tokens = min(b.tokens, budgetSize)
}

// log writes the line of an attempt.
func (c *call) log(ctx context.Context, resp *http.Response, err error, again bool) {
	logger := c.client.logger
	if logger == nil || !logger.Enabled(ctx, slog.LevelDebug) {
		return
	}
	attrs := []slog.Attr{
		slog.String("method", c.method),
		slog.String("route", c.route),
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
}
