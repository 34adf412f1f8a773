package transport

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

// Policy is how often a request is retried and how long the client waits in between. All
// fields have to be set.
type Policy struct {
	MaxAttempts   int           // The first one included.
	MinWait       time.Duration // Between two attempts.
	MaxWait       time.Duration // Unless the server asks for more.
	MaxServerWait time.Duration // If the server asks for more, the call fails.
}

// checkRetry is called after each attempt. It reports whether to send the request again,
// and returns when it is time to do so.
func (c *Call) checkRetry(ctx context.Context, resp *http.Response, err error) (bool, error) {
	c.Attempts++
	c.judge(resp, err)
	mayHelp := temporary(resp, err)
	again := ctx.Err() == nil && mayHelp && c.Attempts < c.maxAttempts() &&
		c.repeats(resp, err) && c.settleWait(ctx, resp) && c.affords(resp)
	if err == nil && !mayHelp {
		c.client.budget.refund(c.endpoint(), c.Attempts)
	}
	c.client.gates.leave(c, resp)
	c.logAttempt(ctx, resp, err, again, mayHelp)
	if !again {
		return false, nil
	}
	c.resume = time.Now().Add(c.wait)
	err = c.start(ctx)
	return err == nil, err
}

// start waits until the next attempt may begin, and begins it.
func (c *Call) start(ctx context.Context) error {
	err := c.client.gates.enter(ctx, c)
	c.begun, c.resume, c.wait, c.Left = time.Now(), time.Time{}, 0, ""
	return err
}

// noBackoff is the wait of the retry loop, after checkRetry has waited.
func noBackoff(_, _ time.Duration, _ int, _ *http.Response) time.Duration { return 0 }

func (c *Call) endpoint() endpoint { return endpoint{c.Method, c.Route} }

// judge records whether a write may have happened. A 303 leads to the result of one that
// did. What one attempt has shown, no later one takes back.
func (c *Call) judge(resp *http.Response, err error) {
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

// repeats reports whether a request that failed temporarily may be sent again.
func (c *Call) repeats(resp *http.Response, err error) bool {
	switch {
	case err != nil:
		return c.Repeatable || c.unsent(err)
	case c.Once500 && resp.StatusCode == http.StatusInternalServerError:
		return false
	default:
		return c.Repeatable || resp.StatusCode == http.StatusTooManyRequests
	}
}

// unsent reports whether the request provably never reached the server, because there was
// no connection, or no TLS session, to send it on.
func (c *Call) unsent(err error) bool {
	if c.wire != nil && c.wire.asked.Load() {
		return !c.wire.got.Load()
	}
	var op *net.OpError // From a transport without httptrace.
	return errors.As(err, &op) && op.Op == "dial"
}

// affords takes a retry from the budget. One after a 429 is free, since a server that
// limits requests is not down.
func (c *Call) affords(resp *http.Response) bool {
	return resp != nil && resp.StatusCode == http.StatusTooManyRequests || c.client.budget.take(c.endpoint())
}

// settleWait sets the wait before the next attempt. It reports false if that is longer
// than the policy or the context allows: the last response is a better error than a
// context that ends while nothing is sent.
func (c *Call) settleWait(ctx context.Context, resp *http.Response) bool {
	policy := c.client.config.Policy
	least, spread := policy.backoff(c.Attempts), time.Duration(0)
	if resp != nil {
		asked, ok := ServerWait(resp)
		switch {
		case ok && asked > policy.MaxServerWait:
			return false
		case ok:
			least, spread = max(asked, policy.MinWait), c.spreadOf(asked)
		case resp.StatusCode == http.StatusTooManyRequests:
			least = policy.unsaid()
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

// spreadOf returns a random time to wait on top of a wait that the server asked for. It is
// shorter for a call with more attempts, so that such a call goes before others that wait for
// the same rate limit, and does not use up its attempts.
func (c *Call) spreadOf(asked time.Duration) time.Duration {
	return c.client.config.Policy.spread(asked) >> (2 * max(c.Attempts-1, 0))
}
