package gitlabjobs

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync/atomic"
	"time"
)

const (
	defaultMaxOutage = 15 * time.Minute

	// During an outage, the interval between two polls grows from minOutageInterval to
	// maxOutageInterval, or from MinInterval to MaxInterval if these are longer.
	minOutageInterval = time.Second
	maxOutageInterval = 30 * time.Second
)

// setIntervals sets the default intervals between two polls, and checks the intervals.
func setIntervals(shortest, longest *time.Duration, defaultShortest, defaultLongest time.Duration) error {
	switch {
	case *shortest < 0:
		return fmt.Errorf("MinInterval is %v: use a positive duration, or 0 for the default", *shortest)
	case *longest < 0:
		return fmt.Errorf("MaxInterval is %v: use a positive duration, or 0 for the default", *longest)
	}
	*shortest, *longest = intervals(*shortest, *longest, defaultShortest, defaultLongest)
	if *shortest > *longest {
		return fmt.Errorf("MinInterval %v is longer than MaxInterval %v: set both, or leave one at 0", *shortest, *longest)
	}
	return nil
}

// checkMaxOutage returns the value of a MaxOutage field, or its default.
func checkMaxOutage(d time.Duration) (time.Duration, error) {
	switch {
	case d < 0:
		return 0, fmt.Errorf("MaxOutage is %v: use 0 for the default of %v, or 1 ns to tolerate no outage", d, defaultMaxOutage)
	case d == 0:
		return defaultMaxOutage, nil
	default:
		return d, nil
	}
}

// outage decides which errors a waiter tolerates. It is for one goroutine, which calls
// poll before each poll, responded after each successful request, and then succeeded or
// failed. An outage begins with the first poll that fails after the server has responded,
// and ends with the next that succeeds.
type outage struct {
	limit       time.Duration // MaxOutage.
	minInterval time.Duration // The waiter's own intervals.
	maxInterval time.Duration

	hasResponded bool      // At least one request has succeeded.
	polled       time.Time // When the current poll began.

	// When the outage began or, if partial, when a request first succeeded during it. Zero
	// if there is no outage.
	begun    time.Time
	partial  bool // A request has succeeded during the outage.
	interval time.Duration
	err      error // The error of the last poll during an outage.

	noRetries atomic.Bool // Requests are not retried. It is atomic because prefetched pages read it.
}

func newOutage(limit, minInterval, maxInterval time.Duration) *outage {
	return &outage{limit: limit, minInterval: minInterval, maxInterval: maxInterval}
}

// poll begins a poll and returns the options for its requests. During an outage, requests
// are not retried until one has succeeded, because the next poll repeats them.
func (o *outage) poll(ro []RequestOption) []RequestOption {
	o.polled = time.Now()
	o.noRetries.Store(!o.begun.IsZero())
	return append(slices.Clip(ro), func(r *requestConfig) error {
		if o.noRetries.Load() {
			r.attempts = 1
		}
		return nil
	})
}

// responded records that a request of the poll has succeeded. The first time during an
// outage, MaxOutage starts again: GitLab responds, but polls may still fail in part.
func (o *outage) responded() {
	o.hasResponded = true
	o.noRetries.Store(false)
	if !o.begun.IsZero() && !o.partial {
		o.begun, o.partial = time.Now(), true
	}
}

// succeeded records that the poll has succeeded, which ends an outage.
func (o *outage) succeeded() {
	o.hasResponded = true
	o.noRetries.Store(false)
	o.begun, o.partial, o.interval, o.err = time.Time{}, false, 0, nil
}

// failed returns the pause before the next poll. It returns an error if the waiter must
// give up: err is not temporary, no request has succeeded yet, or the outage lasts too
// long.
func (o *outage) failed(err error) (time.Duration, error) {
	if !o.hasResponded || !Temporary(err) || o.limit <= time.Nanosecond {
		return 0, err
	}
	if o.begun.IsZero() {
		o.begun = o.polled
		o.interval = max(o.minInterval, minOutageInterval)
	} else {
		o.interval = min(2*o.interval, max(o.maxInterval, maxOutageInterval))
	}
	o.err = err
	left := o.limit - time.Since(o.begun)
	switch {
	case left <= 0 && o.partial:
		return 0, fmt.Errorf("gitlabjobs: no poll has fully succeeded for %v (MaxOutage): %w", o.limit, err)
	case left <= 0:
		return 0, fmt.Errorf("gitlabjobs: no successful response for %v, the limit of MaxOutage: %w", o.limit, err)
	}
	wait := o.interval + rand.N(o.interval/10+1)
	if response, ok := errors.AsType[*Error](err); ok {
		if response.StatusCode == http.StatusTooManyRequests && response.RetryAfter > left {
			return 0, fmt.Errorf("gitlabjobs: the server asks to wait longer than MaxOutage (%v) allows: %w", o.limit, err)
		}
		wait = max(wait, response.RetryAfter)
	}
	return min(wait, left), nil // The last poll is exactly at the end of MaxOutage.
}

// contextError returns the error of a waiter whose context has ended, with the last
// error of an outage.
func (o *outage) contextError(ctx context.Context, operation string) error {
	err := fmt.Errorf("gitlabjobs: %s: %w", operation, contextError(ctx))
	if o.err != nil {
		err = fmt.Errorf("%w, during an outage: %w", err, o.err)
	}
	return err
}
