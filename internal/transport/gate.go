package transport

import (
	"context"
	"hash/maphash"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// gates delay requests that a rate limit of the server would refuse. Each credential has a
// gate, and each endpoint of a credential has one for the endpoint's own limit. A gate
// exists only while its rate limit is known.
type gates struct {
	seed   maphash.Seed
	active atomic.Int64 // The number of gates. If it is 0, calls do not take the lock.

	mu      sync.Mutex
	gates   map[gateKey]*gate // Nil if there has been none.
	sweepAt int               // The number of gates at which idle gates are removed.
}

// gateKey identifies a gate. The credential is a hash, or 0 for that of the client. The
// endpoint is empty for the gate of all endpoints.
type gateKey struct {
	credential uint64
	endpoint   endpoint
}

// gate is the state of a rate limit.
type gate struct {
	refusedUntil    time.Time // The gate is closed until this time because of a 429.
	exhaustedUntil  time.Time // The gate is closed until this time because RateLimit-Remaining is 0.
	refusedByServer bool      // The server sent the time of refusedUntil.
	message         string    // The message of the server in the 429.

	remaining int       // The number of requests that are allowed until reset.
	reset     time.Time // The time at which the server resets its counter.
	window    int64     // The same time by the server's clock.

	atOnce   int // The maximum number of requests in flight while remaining is unknown: 1 after a 429, and one more with each response.
	inFlight int
	waiting  int
	changed  chan struct{} // Closed when waiting calls should check the gate again.
}

// maxClosed is the longest time for which a gate is closed. Without it, a wrong value from
// the server could disable a client for months.
const maxClosed = 24 * time.Hour

// credentialKey returns a key for the credentials of a call, or 0 if the call uses those of
// the client. The caller must call Authorize first; query is the query of the URL before
// that. The key does not reveal the credentials.
func (g *gates) credentialKey(c *Call, query string) (key uint64) {
	add := func(header http.Header, isPart func(key string) bool) {
		for name, values := range header {
			if isPart(name) {
				// A sum does not depend on the order of iteration.
				key += maphash.String(g.seed, name+"\n"+strings.Join(values, "\n"))
			}
		}
	}
	if c.OtherAuth {
		key = maphash.String(g.seed, strings.TrimPrefix(c.http.URL.RawQuery, query))
		add(c.http.Header, func(name string) bool { return !harmlessHeaders[name] })
	}
	add(c.CallHeader, isCredential)
	return key
}

// full reports whether the maximum number of requests is in flight.
func (gt *gate) full(now time.Time) bool {
	if now.Before(gt.reset) {
		return gt.inFlight >= gt.remaining
	}
	return gt.inFlight >= gt.atOnce
}

func (gt *gate) idle(now time.Time) bool {
	return gt.inFlight == 0 && gt.waiting == 0 && !now.Before(later(gt.refusedUntil, later(gt.exhaustedUntil, gt.reset)))
}

func (gt *gate) wake() {
	if gt.waiting > 0 {
		close(gt.changed)
		gt.changed = make(chan struct{})
	}
}

// stopWaiting records that a call no longer waits at the gate. It does nothing if gt is
// nil.
func (gt *gate) stopWaiting() {
	if gt != nil {
		gt.waiting--
	}
}

// find returns the gates of a call, and removes idle ones. The caller must hold the lock.
func (g *gates) find(c *Call, now time.Time) (found [2]*gate) {
	for i, key := range [2]gateKey{{c.credential, endpoint{}}, {c.credential, c.endpoint()}} {
		gt := g.gates[key]
		if gt != nil && gt.idle(now) {
			g.remove(key)
			gt = nil
		}
		found[i] = gt
	}
	return found
}

func (g *gates) remove(key gateKey) {
	delete(g.gates, key)
	g.active.Store(int64(len(g.gates)))
}

// create returns the gate with a key, and creates it if necessary. Each time the number of
// gates has doubled, it removes idle gates, because programs with many credentials may never
// use a gate again.
func (g *gates) create(key gateKey, now time.Time) *gate {
	gt := g.gates[key]
	if gt == nil {
		if len(g.gates) >= max(g.sweepAt, 16) {
			for key, gt := range g.gates {
				if gt.idle(now) {
					delete(g.gates, key)
				}
			}
			g.sweepAt = 2 * len(g.gates)
		}
		gt = &gate{changed: make(chan struct{}), atOnce: 1}
		if g.gates == nil {
			g.gates = make(map[gateKey]*gate)
		}
		g.gates[key] = gt
		g.active.Store(int64(len(g.gates)))
	}
	return gt
}

// enter waits until an attempt can begin: until c.begin has passed and the gates of the
// call are open. It returns a *LimitError if a gate is closed for longer than the call can
// wait, and the error of the context if it ends first.
func (g *gates) enter(ctx context.Context, c *Call) error {
	var at *gate
	for {
		if g.active.Load() == 0 && !time.Now().Before(c.begin) {
			return nil
		}
		next, wait, changed, err := g.admit(ctx, c, at)
		if err != nil || wait == 0 {
			return err
		}
		at = next
		if err := sleepUnless(ctx, wait, changed); err != nil {
			g.mu.Lock()
			at.stopWaiting()
			g.mu.Unlock()
			return err
		}
	}
}

// admit counts the call as in flight if it does not have to wait. Otherwise it returns the
// wait, the gate at which the call now waits, if any, and a channel that ends the wait
// early. admit stops counting the call at before, the gate at which it has waited until
// now, or nil.
func (g *gates) admit(ctx context.Context, c *Call, before *gate) (at *gate, wait time.Duration, changed chan struct{}, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	found := g.find(c, now)
	before.stopWaiting()
	until, force, err := c.closedUntil(ctx, found, now)
	if err != nil {
		return nil, 0, nil, err
	}
	if until.After(c.begin) {
		c.begin = until.Add(c.gateJitter(ctx, until, now))
		c.logGateWait(ctx, c.begin.Sub(now))
	}
	for i, gt := range found {
		switch {
		case gt == nil:
		case now.Before(c.begin):
			at, wait = gt, c.begin.Sub(now)
		case at == nil && !force[i] && gt.full(now):
			at, wait, changed = gt, maxClosed, gt.changed
			if now.Before(gt.reset) {
				wait = gt.reset.Sub(now)
			}
		}
	}
	switch {
	case at != nil:
		at.waiting++
	case now.Before(c.begin):
		wait = c.begin.Sub(now)
	default:
		for _, gt := range found {
			if gt != nil {
				gt.inFlight++
			}
		}
		c.gates = found
	}
	return at, wait, changed, nil
}

// closedUntil returns the time until which the call has to wait at its gates. If the wait
// at a gate is too long because of a 429, it returns an error. If it is too long because of
// RateLimit-Remaining: 0, it sets force for that gate, and the request is sent at once.
func (c *Call) closedUntil(ctx context.Context, found [2]*gate, now time.Time) (until time.Time, force [2]bool, err error) {
	deadline, bounded := ctx.Deadline()
	tooLong := func(end time.Time, byServer bool) bool {
		return byServer && end.Sub(now) > c.client.config.Policy.MaxServerWait || bounded && !end.Before(deadline)
	}
	for i, gt := range found {
		if gt == nil {
			continue
		}
		if now.Before(gt.refusedUntil) {
			if tooLong(gt.refusedUntil, gt.refusedByServer) {
				return until, force, c.limited(ctx, gt.message, gt.refusedUntil.Sub(now))
			}
			until = later(until, gt.refusedUntil)
		}
		if now.Before(gt.exhaustedUntil) {
			if tooLong(gt.exhaustedUntil, true) {
				force[i] = true
			} else {
				until = later(until, gt.exhaustedUntil)
			}
		}
	}
	return until, force, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// gateJitter returns a random time to wait after a gate has opened, so that waiting calls
// are not sent all at once. It is at most half of the time until the deadline.
func (c *Call) gateJitter(ctx context.Context, until, now time.Time) time.Duration {
	jitter := c.retryJitter(until.Sub(now))
	if deadline, ok := ctx.Deadline(); ok {
		jitter = min(jitter, deadline.Sub(until)/2)
	}
	return jitter
}

// limited sets and returns the error of a call that a gate refuses.
func (c *Call) limited(ctx context.Context, message string, remaining time.Duration) error {
	c.logLimit(ctx, remaining)
	c.limit = &LimitError{Message: message, Remaining: remaining}
	return c.limit
}

// leave counts the call as no longer in flight after an attempt. It also records the rate
// limits in the response, if there is one. It ignores responses of other hosts after
// redirects, because their limits do not apply to the server.
func (g *gates) leave(c *Call, resp *http.Response) {
	var limits rateLimits
	if resp != nil && c.RedirectedTo == "" {
		limits = readRateLimits(resp)
	}
	held := c.gates
	if held == [2]*gate{} && !limits.known && !limits.refused {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	c.gates = [2]*gate{}
	for _, gt := range held {
		if gt == nil {
			continue
		}
		gt.inFlight--
		if resp != nil && !limits.refused && !now.Before(gt.reset) {
			gt.atOnce++
		}
		defer gt.wake()
	}
	all := gateKey{credential: c.credential}
	if limits.known {
		g.create(all, now).count(limits, now)
	}
	switch {
	case limits.refused && limits.all:
		g.create(all, now).refuse(c, now.Add(min(limits.wait, maxClosed)), true)
	case limits.refused && limits.wait > 0:
		g.create(gateKey{c.credential, c.endpoint()}, now).refuse(c, now.Add(min(limits.wait, maxClosed)), true)
	case limits.refused:
		wait := c.wait
		if wait == 0 {
			wait = c.client.config.Policy.defaultLimitWait()
		}
		g.create(gateKey{c.credential, c.endpoint()}, now).refuse(c, now.Add(wait), false)
	}
	g.find(c, now)
}

// refuse closes the gate after a 429.
func (gt *gate) refuse(c *Call, until time.Time, byServer bool) {
	if until.After(gt.refusedUntil) {
		gt.refusedUntil, gt.refusedByServer = until, byServer
		gt.message = c.client.config.Message([]byte(c.Secrets.RedactCut(string(c.ResponseBody()))))
		if gt.message == "" {
			gt.message = "429 Too Many Requests"
		}
	}
	gt.atOnce = 1
}

// count records the number of remaining requests. Responses can arrive in any order, so it
// uses the lowest number until the server resets its counter.
func (gt *gate) count(limits rateLimits, now time.Time) {
	switch {
	case limits.window < gt.window:
		return
	case limits.window > gt.window:
		gt.window, gt.remaining = limits.window, limits.remaining
	default:
		gt.remaining = min(gt.remaining, limits.remaining)
	}
	gt.reset, gt.atOnce = now.Add(min(limits.reset, maxClosed)), 1
	if gt.remaining == 0 {
		gt.exhaustedUntil = gt.reset
	}
}

// rateLimits are the rate limits in a response.
type rateLimits struct {
	// The response has valid RateLimit headers, and their reset is in the future. If not,
	// ignore the next three fields.
	known     bool
	remaining int
	reset     time.Duration
	window    int64 // The value of RateLimit-Reset.

	refused bool          // The response is a 429.
	all     bool          // The 429 applies to all endpoints.
	wait    time.Duration // The wait that the server asks for, or 0.
}

func readRateLimits(resp *http.Response) (l rateLimits) {
	remainingHeader := resp.Header["Ratelimit-Remaining"]
	l.refused = resp.StatusCode == http.StatusTooManyRequests
	if len(remainingHeader) == 0 && !l.refused {
		return l
	}
	l.wait, _ = ServerWait(resp)
	if len(remainingHeader) > 0 {
		remaining, ok := parseSeconds(strings.TrimSpace(remainingHeader[0]))
		if ok {
			l.remaining = int(min(remaining/time.Second, 1<<30))
			l.reset, l.window, l.known = resetWait(resp)
		}
		// If requests remain, the 429 is not due to the limit in these headers but to a
		// limit of the endpoint.
		if l.known && l.remaining > 0 && resp.Header.Get("Retry-After") == "" {
			return l
		}
	}
	l.all = l.wait > 0
	return l
}

// sleepUnless waits for d, or until changed is closed. If the context ends first, it returns
// the error of the context.
func sleepUnless(ctx context.Context, d time.Duration, changed chan struct{}) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
	case <-changed:
	}
	return nil
}
