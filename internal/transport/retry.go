package transport

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

// Policy sets how often a request is retried and how long the client waits between
// attempts. All fields are required.
type Policy struct {
	MaxAttempts   int           // The maximum number of attempts, including the first.
	MinWait       time.Duration // The minimum wait between two attempts.
	MaxWait       time.Duration // The maximum wait, unless the server asks for more.
	MaxServerWait time.Duration // If the server asks for a longer wait, the call fails.
}

// checkRetry is called after each attempt. It reports whether to send the request again. If
// so, it first waits until the next attempt can begin.
func (c *Call) checkRetry(ctx context.Context, resp *http.Response, err error) (bool, error) {
	c.Attempts++
	c.markUnknown(resp, err)
	isTemporary := temporary(resp, err)
	again := ctx.Err() == nil && isTemporary && c.Attempts < c.maxAttempts() &&
		c.mayRepeat(resp, err) && c.setWait(ctx, resp) && c.takeRetryToken(resp)
	if err == nil && !isTemporary {
		c.client.budget.refund(c.endpoint(), c.Attempts)
	}
	c.client.gates.leave(c, resp)
	c.logAttempt(ctx, resp, err, again, isTemporary)
	if !again {
		return false, nil
	}
	c.begin = time.Now().Add(c.wait)
	err = c.start(ctx)
	return err == nil, err
}

// start waits until the next attempt can begin, and records its start.
func (c *Call) start(ctx context.Context) error {
	err := c.client.gates.enter(ctx, c)
	c.begin, c.wait, c.RedirectedTo = time.Now(), 0, ""
	return err
}

// noBackoff disables the wait of retryablehttp, because checkRetry has already waited.
func noBackoff(_, _ time.Duration, _ int, _ *http.Response) time.Duration { return 0 }

func (c *Call) endpoint() endpoint { return endpoint{c.Method, c.Route} }

// markUnknown sets c.Unknown if the server may have executed a write. It never resets
// c.Unknown, because a later attempt does not change the outcome of an earlier one. A 408,
// a 101 or a 5xx does not say whether the server executed the write; a 303 redirects to its
// result.
func (c *Call) markUnknown(resp *http.Response, err error) {
	switch {
	case c.reads():
	case err != nil:
		c.Unknown = c.Unknown || !c.unsent(err)
	case resp.StatusCode >= 500, resp.StatusCode == http.StatusRequestTimeout,
		resp.StatusCode == http.StatusSeeOther, resp.StatusCode == http.StatusSwitchingProtocols:
		c.Unknown = true
	}
}

// temporary reports whether the same request may succeed later.
func temporary(resp *http.Response, err error) bool {
	if err != nil {
		return temporaryFault(err)
	}
	return TemporaryStatus(resp.StatusCode)
}

// mayRepeat reports whether a request that failed temporarily may be sent again.
func (c *Call) mayRepeat(resp *http.Response, err error) bool {
	switch {
	case err != nil:
		return c.Repeatable || c.unsent(err)
	case c.NoRetryOn500 && resp.StatusCode == http.StatusInternalServerError:
		return false
	default:
		return c.Repeatable || resp.StatusCode == http.StatusTooManyRequests
	}
}

// unsent reports whether the request provably did not reach the server, because the
// connection or the TLS session was not established.
func (c *Call) unsent(err error) bool {
	if c.attemptTrace != nil && c.attemptTrace.connRequested.Load() {
		return !c.attemptTrace.connObtained.Load()
	}
	var op *net.OpError // The transport does not support httptrace.
	return errors.As(err, &op) && op.Op == "dial"
}

// takeRetryToken takes a token for a retry from the budget, and reports whether there was
// one. A retry after a 429 needs no token, because a server that limits requests is not
// down.
func (c *Call) takeRetryToken(resp *http.Response) bool {
	return resp != nil && resp.StatusCode == http.StatusTooManyRequests || c.client.budget.take(c.endpoint())
}

// setWait sets the wait before the next attempt. It returns false if the wait is longer
// than the policy or the deadline allows. The call then fails with the last response or
// error, which explains more than the error of a context that ends during the wait.
func (c *Call) setWait(ctx context.Context, resp *http.Response) bool {
	policy := c.client.config.Policy
	least, spread := policy.backoff(c.Attempts), time.Duration(0)
	if resp != nil {
		asked, ok := ServerWait(resp)
		switch {
		case ok && asked > policy.MaxServerWait:
			return false
		case ok:
			least, spread = max(asked, policy.MinWait), c.retryJitter(asked)
		case resp.StatusCode == http.StatusTooManyRequests:
			least = policy.defaultLimitWait()
		}
	}
	c.wait = least + spread
	deadline, ok := ctx.Deadline()
	if !ok {
		return true
	}
	left := time.Until(deadline) - least
	if left <= 0 {
		c.wait = least // If this was a 429, other calls wait for this time.
		return false
	}
	c.wait = least + min(spread, left/2)
	return true
}

// retryJitter returns a random time to add to a wait that the server asked for. It is
// shorter after more attempts. A call that was refused several times is therefore sent
// before others that wait for the same rate limit, and does not use up its attempts.
func (c *Call) retryJitter(asked time.Duration) time.Duration {
	return c.client.config.Policy.jitter(asked) >> (2 * max(c.Attempts-1, 0))
}
