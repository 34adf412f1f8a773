package transport_test

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs/internal/transport"
)

const budget = 50 // Retries of a route that has no success.

// drained returns a client that has used n retries of a route, and its server.
func drained(t *testing.T, n int) (*transport.Client, *server) {
	t.Helper()
	srv := serve(always(503, ""))
	client := newClient(srv, attempts(2))
	for range n {
		status(t, client, get())
	}
	assert.Len(t, srv.at, n+min(n, budget))
	return client, srv
}

func (s *server) next(responses ...roundTripper) { s.at, s.responses = nil, responses }

func TestARouteWithoutSuccessGets50Retries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, srv := drained(t, budget+10)
		srv.next(always(503, ""))
		status(t, client, of("/other"))
		assert.Len(t, srv.at, 2, "another route has retries of its own")
		srv.next(always(503, ""))
		r := get()
		r.Method = http.MethodHead
		status(t, client, r)
		assert.Len(t, srv.at, 2, "so has another method")
		srv.next(func(*http.Request) (*http.Response, error) { return nil, http.ErrHandlerTimeout })
		_, _, err := send(t.Context(), t, client, get())
		require.ErrorIs(t, err, http.ErrHandlerTimeout)
		assert.Len(t, srv.at, 1, "faults need the budget too")
	})
}

func TestARetryThatSucceedsGivesItsTokenBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, srv := drained(t, budget-1)
		for range 20 {
			srv.next(always(503, ""), always(200, ""))
			assert.Equal(t, 200, status(t, client, get()))
		}
		srv.next(always(503, ""))
		status(t, client, get())
		status(t, client, get())
		assert.Len(t, srv.at, 3, "one token was left")
	})
}

func TestTenSuccessesGiveATokenBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, srv := drained(t, budget)
		for _, tc := range []struct{ successes, requests int }{{9, 1}, {1, 2}, {0, 1}, {11, 2}} {
			srv.next(always(200, ""))
			for range tc.successes {
				status(t, client, get())
			}
			srv.next(always(503, ""))
			status(t, client, get())
			assert.Len(t, srv.at, tc.requests, "after %d successes", tc.successes)
		}
	})
}

func TestTheBudgetDoesNotGrowBeyondItsSize(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := serve(always(200, ""))
		client := newClient(srv, attempts(2))
		for range 100 {
			status(t, client, get())
		}
		for range 3 {
			srv.next(always(503, ""), always(200, ""))
			status(t, client, get())
		}
		srv.next(always(503, ""))
		for range budget + 10 {
			status(t, client, get())
		}
		assert.Len(t, srv.at, budget+10+budget)
	})
}

func TestARetryAfterA429IsFree(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, srv := drained(t, budget)
		srv.next(always(429, ""))
		assert.Equal(t, 429, status(t, client, get()))
		assert.Len(t, srv.at, 2, "without a token")
	})
	synctest.Test(t, func(t *testing.T) {
		srv := serve(always(429, ""))
		client := newClient(srv, attempts(2))
		for range budget + 10 {
			status(t, client, get())
		}
		srv.next(always(503, ""))
		for range budget + 10 {
			status(t, client, get())
		}
		assert.Len(t, srv.at, budget+10+budget, "all tokens were left")
	})
}

func TestA404IsASuccessOfTheBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, srv := drained(t, budget)
		srv.next(always(404, ""))
		for range 10 {
			status(t, client, get())
		}
		srv.next(always(503, ""))
		status(t, client, get())
		assert.Len(t, srv.at, 2)
	})
}

// A route that has all its tokens uses no memory, so it does not count as one of many.
func TestARouteThatHasRecoveredIsForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := serve()
		client := newClient(srv, attempts(2))
		for i := range 300 {
			srv.next(always(503, ""), always(200, ""))
			status(t, client, of(fmt.Sprint("/", i)))
		}
		srv.next(always(503, ""))
		for i := range 2 * budget {
			status(t, client, of(fmt.Sprint("/further/", i)))
		}
		assert.Len(t, srv.at, 4*budget)
	})
}

// Routes that are no templates use a bounded amount of memory: from the 257th one on, they
// share a budget.
func TestManyRoutesShareABudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := serve(always(503, ""))
		client := newClient(srv, attempts(2))
		for i := range 256 {
			status(t, client, of(fmt.Sprint("/", i)))
		}
		srv.next(always(503, ""))
		for i := range budget + 10 {
			status(t, client, of(fmt.Sprint("/further/", i)))
		}
		assert.Len(t, srv.at, budget+10+budget)
		srv.next(always(503, ""))
		for range budget {
			status(t, client, of("/255"))
		}
		assert.Len(t, srv.at, budget+budget-1, "those before keep theirs")
	})
}
