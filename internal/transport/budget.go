package transport

import "sync"

// retryBudget keeps a client from multiplying an outage of the server. Each route has a
// number of tokens. A retry takes one, and successes give them back. If all requests of a
// route fail, the client soon sends each of them once. Other routes keep their tokens.
type retryBudget struct {
	mu    sync.Mutex
	taken map[endpoint]float64 // Tokens that are missing, by route; none for most.
}

// endpoint is a route with its method.
type endpoint struct{ method, route string }

const (
	budgetSize = 50

	// maxBudgets limits the memory if routes are not templates. Further routes share a
	// budget.
	maxBudgets = 256
)

func newRetryBudget() *retryBudget { return &retryBudget{taken: make(map[endpoint]float64)} }

// key returns the endpoint whose tokens e uses. The caller holds the lock.
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
	b.taken[e]++
	return true
}

// refund gives back the token of a retry that succeeded, and a tenth of a token for a
// call that succeeded at the first attempt.
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
