package gitlabjobstest

import (
	"io"
	"net/http"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// The latencies of matching faults are added up until a fault has an effect.
func TestLatenciesOfFaultsAddUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newFixture(t)
		w.Fault(Fault{Latency: time.Second, Times: Always})
		w.Fault(Fault{Latency: time.Minute, Times: 2})
		w.Fault(Fault{Latency: time.Hour, Do: InternalError()})
		w.Fault(Fault{Latency: 24 * time.Hour, Do: BadGateway()})
		for _, want := range []struct {
			status  int
			elapsed time.Duration
		}{{500, time.Hour + time.Minute + time.Second}, {502, 24*time.Hour + time.Minute + time.Second}, {200, time.Second}} {
			start := time.Now()
			w.send(t, "GET "+w.jobs, w.dev).expect(want.status)
			require.Equal(t, want.elapsed, time.Since(start))
		}
	})
}

func TestRefuseWaitsForLatency(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := NewMemoryServer(t)
		s.Fault(Fault{Latency: time.Minute, Do: Refuse()})
		start := time.Now()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/api/v4/job", nil)
		require.NoError(t, err)
		_, err = s.Transport().RoundTrip(req)
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		require.Equal(t, time.Minute, time.Since(start))
	})
}

// A 304 has the headers of the full response, except those of the body.
func TestNotModifiedHasOtherHeaders(t *testing.T) {
	t.Parallel()
	w := newFixture(t, Throttle(100, time.Minute))
	g := w.send(t, "GET "+w.jobs+"?per_page=1", w.dev).expect(200)
	again := w.send(t, "GET "+w.jobs+"?per_page=1", w.dev, "If-None-Match: "+g.header.Get("Etag")).expect(304, "")
	for _, k := range []string{"Link", "X-Page", "X-Per-Page", "X-Next-Page", "X-Prev-Page", "Ratelimit-Limit", "Etag"} {
		require.Equal(t, g.header.Values(k), again.header.Values(k), k)
		require.Contains(t, again.header, k)
	}
	require.Equal(t, "2", again.header.Get("Ratelimit-Observed"))
	require.NotContains(t, again.header, "Content-Type")
	require.NotContains(t, again.header, "Content-Length")
}

// SetField does not change errors and logs.
func TestSetFieldChangesOnlySuccessfulJSON(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]Effect{"status": UnknownStatus("resting"), "field": SetField("mood", 1)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newFixture(t)
			w.running.AppendLog(`{"a":1}`)
			j := w.pl.AddJob(JobSpec{Log: `{"a":1}`})
			w.Fault(Fault{Do: do, Times: Always})
			w.send(t, "GET "+jobPath(j, "/trace"), w.dev).expect(200, `{"a":1}`)
			w.send(t, "GET "+w.jobs+"/99999", w.dev).expect(404, notFound)
			w.send(t, "GET "+jobPath(w.done, "")).expect(401, noToken)
		})
	}
}

// Close ends requests in memory at once, as it does for requests on a socket.
func TestCloseInterruptsRequestsInMemory(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]Fault{
		"hang": {Do: Hang()}, "hang after": {Do: HangAfter()}, "latency": {Latency: time.Hour}, "delay": {Do: DelayAnswer(time.Hour)},
		"slow body": {Do: SlowBody(1, time.Hour)}, "endless body": {Do: EndlessBody()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newFixture(t)
				w.Fault(do)
				failed := make(chan error)
				reading := make(chan bool, 1)
				go func() { failed <- readLog(t, w, reading) }()
				if name == "endless body" {
					<-reading // An endless body never waits.
				} else {
					synctest.Wait()
				}
				start := time.Now()
				w.Close()
				require.ErrorIs(t, <-failed, syscall.ECONNRESET)
				require.Equal(t, start, time.Now())
				require.ErrorIs(t, readLog(t, w, nil), syscall.ECONNREFUSED)
			})
		})
	}
}

// readLog reads a log and returns the error of the request or of reading the
// body. It sends to reading before it reads the body.
func readLog(t *testing.T, w *fixture, reading chan<- bool) error {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.URL+"/api/v4"+jobPath(w.done, "/trace"), nil)
	if err != nil {
		return err
	}
	req.Header.Set("Private-Token", w.dev)
	resp, err := w.Transport().RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if reading != nil {
		reading <- true
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}
