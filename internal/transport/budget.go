package transport

import "sync"

// retryBudget limits retries during an outage, so that a client does not multiply the load
// of the server. Each route has budgetSize tokens. A retry takes a token. Calls that get a
// response return tokens, unless its status is temporary. If all requests of a route fail
// temporarily, its tokens are soon used up, and the client sends each request only once.
// Other routes are not affected.
type retryBudget struct {
	mu    sync.Mutex
	taken map[endpoint]float64 // The number of tokens taken, by route. Routes with all their tokens have no entry. Nil if empty.
}

// endpoint is a route with its method.
type endpoint struct{ method, route string }

const (
	budgetSize = 50

	// maxBudgets limits the memory if routes are not templates. Further routes share one
	// budget.
	maxBudgets = 256
)

// key returns the endpoint whose tokens e uses. The caller must hold the lock.
func (b *retryBudget) key(e endpoint) endpoint {
	if _, known := b.taken[e]; known || len(b.taken) < maxBudgets {
		return e
	}
	return endpoint{}
}

// take takes a token for a retry. It reports false if there is none.
func (b *retryBudget) take(e endpoint) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	e = b.key(e)
	if b.taken[e] > budgetSize-1 {
		return false
	}
	if b.taken == nil {
		b.taken = make(map[endpoint]float64)
	}
	b.taken[e]++
	return true
}

// refund returns one token for a call that got such a response after a retry, and a tenth
// of a token for one that got it at the first attempt.
func (b *retryBudget) refund(e endpoint, attempts int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e = b.key(e)
	taken, ok := b.taken[e]
	if !ok {
		return
	}
	if attempts > 1 {
		taken--
	} else {
		taken -= 0.1
	}
	if taken > 0 {
		b.taken[e] = taken
	} else {
		delete(b.taken, e)
	}
}
