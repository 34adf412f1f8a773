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

// Mere latencies add up, and what comes behind them strikes too.
func TestALatencyLetsLaterFaultsStrike(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSmall(t)
		w.Fault(Fault{Latency: time.Second, Times: Always})
		w.Fault(Fault{Latency: time.Minute, Times: 2})
		w.Fault(Fault{Latency: time.Hour, Do: InternalError()})
		w.Fault(Fault{Latency: 24 * time.Hour, Do: BadGateway()})
		for _, want := range []struct {
			status int
			took   time.Duration
		}{{500, time.Hour + time.Minute + time.Second}, {502, 24*time.Hour + time.Minute + time.Second}, {200, time.Second}} {
			began := time.Now()
			w.ask(t, "GET "+w.jobs, w.dev).is(want.status)
			require.Equal(t, want.took, time.Since(began))
		}
	})
}

func TestARefusalTakesItsLatency(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := NewMemoryServer(t)
		s.Fault(Fault{Latency: time.Minute, Do: Refuse()})
		began := time.Now()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/api/v4/job", nil)
		require.NoError(t, err)
		_, err = s.Transport().RoundTrip(req)
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		require.Equal(t, time.Minute, time.Since(began))
	})
}

// 304 is an answer without a body, and with whatever else it says.
func TestNotModifiedKeepsTheOtherHeaders(t *testing.T) {
	t.Parallel()
	w := newSmall(t, Throttle(100, time.Minute))
	g := w.ask(t, "GET "+w.jobs+"?per_page=1", w.dev).is(200)
	again := w.ask(t, "GET "+w.jobs+"?per_page=1", w.dev, "If-None-Match: "+g.header.Get("Etag")).is(304, "")
	for _, k := range []string{"Link", "X-Page", "X-Per-Page", "X-Next-Page", "X-Prev-Page", "Ratelimit-Limit", "Etag"} {
		require.Equal(t, g.header.Values(k), again.header.Values(k), k)
		require.Contains(t, again.header, k)
	}
	require.Equal(t, "2", again.header.Get("Ratelimit-Observed"))
	require.NotContains(t, again.header, "Content-Type")
	require.NotContains(t, again.header, "Content-Length")
}

// A field is set where there are jobs: an error or a log has none.
func TestFieldsAreSetInAnswersAlone(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]Effect{"status": UnknownStatus("resting"), "field": SetField("mood", 1)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newSmall(t)
			w.running.AppendLog(`{"a":1}`)
			j := w.pl.AddJob(JobSpec{Log: `{"a":1}`})
			w.Fault(Fault{Do: do, Times: Always})
			w.ask(t, "GET "+on(j, "/trace"), w.dev).is(200, `{"a":1}`)
			w.ask(t, "GET "+w.jobs+"/99999", w.dev).is(404, notFound)
			w.ask(t, "GET "+on(w.done, "")).is(401, noToken)
		})
	}
}

// A server in memory ends what it is answering, as one on a socket does.
func TestClosingAServerInMemoryEndsWhatIsInFlight(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]Fault{
		"hang": {Do: Hang()}, "hang after": {Do: HangAfter()}, "latency": {Latency: time.Hour}, "delay": {Do: DelayAnswer(time.Hour)},
		"slow body": {Do: SlowBody(1, time.Hour)}, "endless body": {Do: EndlessBody()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newSmall(t)
				w.Fault(do)
				failed := make(chan error)
				reading := make(chan bool, 1)
				go func() { failed <- readLog(t, w, reading) }()
				if name == "endless body" {
					<-reading // It never waits.
				} else {
					synctest.Wait()
				}
				began := time.Now()
				w.Close()
				require.ErrorIs(t, <-failed, syscall.ECONNRESET)
				require.Equal(t, began, time.Now())
				require.ErrorIs(t, readLog(t, w, nil), syscall.ECONNREFUSED)
			})
		})
	}
}

// readLog reads a log to its end, tells when it begins to, and returns what
// ended it early.
func readLog(t *testing.T, w *small, reading chan<- bool) error {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.URL+"/api/v4"+on(w.done, "/trace"), nil)
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
