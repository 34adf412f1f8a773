package gitlabjobs_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

// beforeOutage is when the outages of these tests begin.
const beforeOutage = 5 * time.Minute

// longJob writes a line every ten seconds for 24 minutes, or every second if the tests have their full size.
var longJob = gitlabjobstest.Script{
	Lines: inFull(1440, 144), Every: time.Second * time.Duration(inFull(1, 10)),
	Line: func(i int) string { return fmt.Sprintf("line %d of a long job\n", i) },
}

func olderAndNewer(t *testing.T, test func(*testing.T, ...gitlabjobstest.Option)) {
	t.Helper()
	for name, options := range map[string][]gitlabjobstest.Option{"newer": nil, "older": {gitlabjobstest.OlderServer()}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { test(t, options...) })
		})
	}
}

func TestFollowingSurvivesAnOutage(t *testing.T) {
	t.Parallel()
	for _, down := range []time.Duration{5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 14 * time.Minute} {
		t.Run(down.String(), func(t *testing.T) {
			t.Parallel()
			olderAndNewer(t, func(t *testing.T, options ...gitlabjobstest.Option) {
				srv, job, client, m := following(t, gitlabjobstest.JobSpec{Script: &longJob}, options...)
				var requests atomic.Int64
				total := func() (n int64) {
					m.mu.Lock()
					defer m.mu.Unlock()
					for _, of := range m.asked {
						n += int64(of)
					}
					return n
				}
				time.AfterFunc(beforeOutage, func() {
					srv.Down(down)
					requests.Add(-total())
				})
				time.AfterFunc(beforeOutage+down, func() { requests.Add(total()) })
				r, err := client.Jobs.FollowTrace(t.Context(), "group/app", job.ID(), nil)
				require.NoError(t, err)
				got, err := io.ReadAll(r)
				require.NoError(t, err)
				assert.True(t, job.Log() == string(got), "%d bytes of %d", len(got), len(job.Log())) //nolint:testifylint // Too long to be shown.
				assert.Equal(t, gitlabjobs.StatusSuccess, r.Job().Status)
				assert.LessOrEqual(t, requests.Load(), int64(40))
				t.Logf("%v: %d bytes, %d requests during the outage", down, len(got), requests.Load())
			})
		})
	}
}

func TestFollowingEndsWithTheErrorOfALongOutage(t *testing.T) {
	t.Parallel()
	olderAndNewer(t, func(t *testing.T, options ...gitlabjobstest.Option) {
		srv, job, client, m := following(t, gitlabjobstest.JobSpec{Script: &longJob}, options...)
		before := make(chan string, 1)
		time.AfterFunc(beforeOutage, func() {
			before <- job.Log()
			srv.Down(16 * time.Minute)
		})
		r, err := client.Jobs.FollowTrace(t.Context(), "group/app", job.ID(), nil)
		require.NoError(t, err)
		start := time.Now()
		got, err := io.ReadAll(r)
		require.ErrorContains(t, err, "no successful response for 15m0s")
		require.ErrorContains(t, err, "refused")
		after := time.Since(start) - beforeOutage
		assert.GreaterOrEqual(t, after, 15*time.Minute)
		assert.Less(t, after, 17*time.Minute)
		log := <-before
		assert.Greater(t, len(got), len(log)*9/10, "the log so far")
		assert.Equal(t, log[:min(len(log), len(got))], string(got))
		_, again := r.Read(make([]byte, 1))
		assert.Equal(t, err, again, "an error stays")
		t.Logf("ended %v after the beginning, requests: %v", after, m.asked)
	})
}

func TestMaxOutageLimitsTheOutagesThatFollowingTolerates(t *testing.T) {
	t.Parallel()
	html := gitlabjobstest.Answer(http.StatusOK, http.Header{"Content-Type": {"text/html"}}, "<html><title>Maintenance</title></html>")
	for name, tc := range map[string]struct {
		effect   gitlabjobstest.Effect
		outage   time.Duration
		opts     gitlabjobs.FollowOptions
		err      string
		from, to time.Duration // When following ends, after the beginning of the outage.
	}{
		"a maintenance page":            {effect: html, outage: 5 * time.Minute},
		"a proxy's error":               {effect: gitlabjobstest.BadGateway(), outage: 5 * time.Minute},
		"requests that hang":            {effect: gitlabjobstest.Hang(), outage: 5 * time.Minute},
		"429 for less than is left":     {effect: gitlabjobstest.TooManyRequestsFor(5 * time.Minute), outage: 5 * time.Minute},
		"429 for more than is left":     {effect: gitlabjobstest.TooManyRequestsFor(16 * time.Minute), outage: time.Hour, err: "429", to: time.Minute},
		"not temporary":                 {effect: gitlabjobstest.Answer(401, nil, `{"message":"401 Unauthorized"}`), outage: time.Hour, err: "401", to: time.Minute},
		"MaxOutage of a minute":         {effect: gitlabjobstest.BadGateway(), outage: time.Hour, opts: gitlabjobs.FollowOptions{MaxOutage: time.Minute}, err: "502", from: time.Minute, to: 2 * time.Minute},
		"no MaxOutage":                  {effect: gitlabjobstest.BadGateway(), outage: time.Hour, opts: gitlabjobs.FollowOptions{MaxOutage: 1}, err: "502", to: time.Minute},
		"no MaxOutage, a short failure": {effect: gitlabjobstest.BadGateway(), outage: time.Millisecond, opts: gitlabjobs.FollowOptions{MaxOutage: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			olderAndNewer(t, func(t *testing.T, options ...gitlabjobstest.Option) {
				srv, job, client, _ := following(t, gitlabjobstest.JobSpec{Script: &longJob}, options...)
				begin, end := time.Now().Add(beforeOutage), time.Now().Add(beforeOutage+tc.outage)
				srv.Fault(gitlabjobstest.Fault{Times: gitlabjobstest.Always, Do: tc.effect, Match: func(gitlabjobstest.Request) bool {
					return time.Now().After(begin) && time.Now().Before(end)
				}})
				r, err := client.Jobs.FollowTrace(t.Context(), "group/app", job.ID(), &tc.opts)
				require.NoError(t, err)
				got, err := io.ReadAll(r)
				if tc.err == "" {
					require.NoError(t, err)
					assert.Equal(t, job.Log(), string(got))
					return
				}
				require.ErrorContains(t, err, tc.err)
				assert.GreaterOrEqual(t, time.Since(begin), tc.from)
				assert.LessOrEqual(t, time.Since(begin), tc.to)
			})
		})
	}
}

// Each response breaks off after a few bytes. This is not an outage, because the log makes
// progress.
func TestFollowingContinuesAfterResponsesThatBreakOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, job, client, _ := following(t, gitlabjobstest.JobSpec{Log: someLog(20_000)})
		srv.Fault(gitlabjobstest.Fault{Route: "/projects/:id/jobs/:job_id/trace", Times: gitlabjobstest.Always, Do: gitlabjobstest.CutBody(5000)})
		r, err := client.Jobs.FollowTrace(t.Context(), "group/app", job.ID(), nil)
		require.NoError(t, err)
		got, err := io.ReadAll(r)
		require.NoError(t, err)
		assert.Equal(t, job.Log(), string(got))
	})
}

// If each response breaks off before its first byte, this is an outage, even though the
// server responds.
func TestResponsesWithoutABodyAreAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, job, client, m := following(t, gitlabjobstest.JobSpec{Log: someLog(20_000)})
		srv.Fault(gitlabjobstest.Fault{Route: "/projects/:id/jobs/:job_id/trace", Times: gitlabjobstest.Always, Do: gitlabjobstest.CutBody(0)})
		r, err := client.Jobs.FollowTrace(t.Context(), "group/app", job.ID(), nil)
		require.NoError(t, err)
		start := time.Now()
		_, err = io.ReadAll(r)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.ErrorContains(t, err, "no successful response for 15m0s")
		assert.Less(t, time.Since(start), 17*time.Minute)
		assert.LessOrEqual(t, m.asked["/projects/:id/jobs/:job_id/trace"], 50)
	})
}

func TestTheContextEndsFollowingDuringAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, job, client, _ := following(t, gitlabjobstest.JobSpec{Script: &longJob})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		time.AfterFunc(beforeOutage, func() { srv.Down(time.Hour) })
		r, err := client.Jobs.FollowTrace(ctx, "group/app", job.ID(), nil)
		require.NoError(t, err)
		start := time.Now()
		_, err = io.ReadAll(r)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "refused")
		assert.Equal(t, 10*time.Minute, time.Since(start))
	})
}

// Errors before the first response are not tolerated.
func TestFollowTraceReturnsTheErrorOfItsFirstRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, job, client, _ := following(t, gitlabjobstest.JobSpec{Script: &longJob})
		srv.Down(time.Hour)
		start := time.Now()
		_, err := client.Jobs.FollowTrace(t.Context(), "group/app", job.ID(), nil)
		require.Error(t, err)
		assert.Less(t, time.Since(start), 5*time.Minute)
	})
}
