package transport_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"example.com/gitlabjobs/internal/transport"
)

func TestBackoffDoublesUpToMaxWait(t *testing.T) {
	t.Parallel()
	policy := transport.Policy{MinWait: time.Second, MaxWait: 10 * time.Second}
	for _, tc := range []struct {
		policy transport.Policy
		n      int
		most   time.Duration
	}{
		{policy, 1, 2 * time.Second},
		{policy, 2, 4 * time.Second},
		{policy, 3, 8 * time.Second},
		{policy, 4, 10 * time.Second},
		{policy, 1000, 10 * time.Second},
		{transport.Policy{MinWait: 1, MaxWait: 20 * time.Second}, 40, 1 << 32},
		{transport.Policy{MinWait: time.Hour, MaxWait: 24 * time.Hour}, 40, 24 * time.Hour},
	} {
		client := newClient(nil, func(c *transport.Config) { c.Policy = tc.policy })
		longest := time.Duration(0)
		for range 1000 {
			wait := client.Backoff(tc.n)
			assert.GreaterOrEqual(t, wait, tc.policy.MinWait)
			assert.LessOrEqual(t, wait, tc.most)
			longest = max(longest, wait)
		}
		assert.Greater(t, longest, tc.policy.MinWait+(tc.most-tc.policy.MinWait)*9/10)
	}
	same := newClient(nil, func(c *transport.Config) { c.Policy = transport.Policy{MinWait: 5, MaxWait: 5} })
	assert.EqualValues(t, 5, same.Backoff(3))
	two := newClient(nil, func(c *transport.Config) { c.Policy = transport.Policy{MinWait: 5, MaxWait: 6} })
	seen := map[time.Duration]bool{}
	for range 100 {
		seen[two.Backoff(1)] = true
	}
	assert.Equal(t, map[time.Duration]bool{5: true, 6: true}, seen)
}

func TestTheSpreadIsAQuarterAtMostTenSeconds(t *testing.T) {
	t.Parallel()
	policy := transport.Policy{MinWait: time.Second}
	for asked, most := range map[time.Duration]time.Duration{
		time.Second: time.Second, 20 * time.Second: 5 * time.Second, 40 * time.Second: 10 * time.Second, time.Hour: 10 * time.Second,
	} {
		longest := time.Duration(0)
		for range 1000 {
			longest = max(longest, transport.Jitter(policy, asked))
		}
		assert.LessOrEqual(t, longest, most, "of %v", asked)
		assert.Greater(t, longest, most*9/10, "of %v", asked)
	}
	seen := map[time.Duration]bool{}
	for range 100 {
		seen[transport.Jitter(transport.Policy{MinWait: 1}, 4)] = true
	}
	assert.Equal(t, map[time.Duration]bool{0: true, 1: true}, seen)
}

func TestTheDefaultLimitWaitIsBetweenHalfAndAllOfMaxWait(t *testing.T) {
	t.Parallel()
	shortest, longest := time.Hour, time.Duration(0)
	for range 1000 {
		wait := transport.DefaultLimitWait(transport.Policy{MinWait: time.Second, MaxWait: time.Minute})
		shortest, longest = min(shortest, wait), max(longest, wait)
	}
	assert.InDelta(t, 31.5, shortest.Seconds(), 1.5)
	assert.InDelta(t, 58.5, longest.Seconds(), 1.5)
	assert.GreaterOrEqual(t, transport.DefaultLimitWait(transport.Policy{MinWait: time.Minute, MaxWait: time.Minute}), time.Minute)
	seen := map[time.Duration]bool{}
	for range 100 {
		seen[transport.DefaultLimitWait(transport.Policy{MaxWait: 2})] = true
	}
	assert.Equal(t, map[time.Duration]bool{1: true, 2: true}, seen)
}

func TestServerWait(t *testing.T) {
	t.Parallel()
	const (
		longest = 9223372036 * time.Second // Of 292 years.
		date    = "Tue, 05 Mar 2024 09:00:00 GMT"
		unix    = "1709629245" // 45 seconds later.
	)
	for name, tc := range map[string]struct {
		status             int
		after, reset, date string
		want               time.Duration
	}{
		"nothing":                       {status: 429},
		"seconds":                       {status: 503, after: " 30 ", want: 30 * time.Second},
		"zero":                          {status: 429, after: "0", reset: unix, date: date},
		"negative":                      {status: 503, after: "-30"},
		"a fraction":                    {status: 503, after: "1.5"},
		"more than a duration":          {status: 503, after: "9223372037", want: longest},
		"as much as a duration":         {status: 503, after: "9223372036", want: longest},
		"more than 64 bits":             {status: 503, after: "99999999999999999999", want: longest},
		"a date":                        {status: 503, after: "Tue, 05 Mar 2024 09:00:30 GMT", date: date, want: 30 * time.Second},
		"a date in the past":            {status: 503, after: "Tue, 05 Mar 2024 08:59:30 GMT", date: date},
		"now":                           {status: 503, after: date, date: date},
		"a reset":                       {status: 429, reset: unix, date: date, want: 45 * time.Second},
		"a reset after another status":  {status: 503, reset: unix, date: date},
		"a reset in the past":           {status: 429, reset: "1", date: date},
		"a reset that is no number":     {status: 429, reset: "soon", date: date},
		"Retry-After before a reset":    {status: 429, after: "5", reset: unix, date: date, want: 5 * time.Second},
		"a bad Retry-After and a reset": {status: 429, after: "soon", reset: unix, date: date, want: 45 * time.Second},
	} {
		resp := &http.Response{StatusCode: tc.status, Header: make(http.Header)}
		resp.Header.Set("Retry-After", tc.after)
		resp.Header.Set("RateLimit-Reset", tc.reset)
		resp.Header.Set("Date", tc.date)
		wait, ok := transport.ServerWait(resp)
		assert.Equal(t, tc.want, wait, name)
		assert.Equal(t, tc.want > 0, ok, name)
	}
	synctest.Test(t, func(t *testing.T) {
		resp := &http.Response{StatusCode: 429, Header: http.Header{"Retry-After": {time.Now().UTC().Add(time.Minute).Format(http.TimeFormat)}}}
		wait, _ := transport.ServerWait(resp)
		assert.Equal(t, time.Minute, wait, "without a Date, the clock of this machine counts")
	})
}

// FuzzServerWait checks that the wait is never negative or longer than the policy allows.
func FuzzServerWait(f *testing.F) {
	const date = "Tue, 05 Mar 2024 09:00:00 GMT"
	f.Add("30", "", "")
	f.Add("", "1709629245", date)
	f.Add("Tue, 05 Mar 2024 09:00:30 GMT", "-1", date)
	f.Add("-9223372036854775808", "99999999999999999999", "Tue, 05 Mar 0001 09:00:00 GMT")
	f.Add("1e9", "9223372036854775807", "Fri, 31 Dec 9999 23:59:59 GMT")
	f.Fuzz(func(t *testing.T, after, reset, date string) {
		synctest.Test(t, func(t *testing.T) {
			srv := serve(always(429, "", "Retry-After", after, "RateLimit-Reset", reset, "Date", date))
			client := newClient(srv, func(c *transport.Config) {
				c.Policy = transport.Policy{MaxAttempts: 2, MinWait: time.Second, MaxWait: time.Second, MaxServerWait: time.Minute}
			})
			_, resp, err := send(t.Context(), t, client, get())
			if err != nil {
				t.Fatal(err)
			}
			wait, _ := transport.ServerWait(resp)
			if wait < 0 {
				t.Fatalf("a wait of %v", wait)
			}
			if len(srv.at) == 2 && (srv.at[1] < time.Second || srv.at[1] > time.Minute+10*time.Second) {
				t.Fatalf("waited %v", srv.at[1])
			}
			if (len(srv.at) == 1) != (wait > time.Minute) {
				t.Fatalf("%d attempts with %v to wait", len(srv.at), wait)
			}
		})
	})
}
