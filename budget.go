package gitlabjobs

import "sync"

// retryBudget keeps a client from multiplying a server's outage: a retry takes a
// token of its route, and successes bring tokens back. With nothing but failures,
// a client soon sends each request of the route once. Other routes keep their
// tokens.
type retryBudget struct {
	mu    sync.Mutex
	taken map[endpoint]float64 // Tokens that are missing, by route; none for most.
}

// endpoint is a route with its method.
type endpoint struct{ method, route string }

const (
	budgetSize = 50

	// maxBudgets bounds the memory if routes are not templates. Further ones share a
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

// refund gives back the token of a retry that succeeded, and a tenth of one for a
// call that needed no retry.
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
