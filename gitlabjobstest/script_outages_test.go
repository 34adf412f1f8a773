package gitlabjobstest

import (
	"io"
	"net/http"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

func TestAServerThatIsDownRefusesForItsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSmall(t)
		j := w.pl.AddJob(JobSpec{Script: &Script{Lines: 3, Every: time.Minute}})
		struck := w.Fault(Fault{Do: InternalError()})
		w.Down(time.Hour)
		w.Down(time.Minute) // It is down for longer already.
		require.ErrorIs(t, readLog(t, w, nil), syscall.ECONNREFUSED)
		time.Sleep(time.Hour - 1)
		require.ErrorIs(t, readLog(t, w, nil), syscall.ECONNREFUSED)
		require.Empty(t, w.Requests())
		require.Zero(t, struck.Struck(), "faults wait")
		time.Sleep(time.Nanosecond)
		w.ask(t, "GET "+on(j, ""), w.dev).is(500)
		require.Equal(t, "success", w.ask(t, "GET "+on(j, ""), w.dev).object()["status"], "scripts go on")
	})
}

// What is in flight breaks at once, wherever it is.
func TestAnOutageBreaksWhatIsInFlight(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]Fault{
		"hang": {Do: Hang()}, "hang after": {Do: HangAfter()}, "latency": {Latency: time.Hour}, "delay": {Do: DelayAnswer(time.Hour)},
		"slow body": {Do: SlowBody(1, time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newSmall(t)
				w.Fault(f)
				failed := make(chan error)
				go func() { failed <- readLog(t, w, nil) }()
				synctest.Wait()
				began := time.Now()
				w.Down(time.Minute)
				require.ErrorIs(t, <-failed, syscall.ECONNRESET)
				require.Equal(t, began, time.Now())
				require.False(t, w.Requests()[0].Done.IsZero())
				time.Sleep(time.Minute)
				require.NoError(t, readLog(t, w, nil))
			})
		})
	}
}

// On a socket too, and where a client does not read what is sent.
func TestAnOutageBreaksConnections(t *testing.T) {
	t.Parallel()
	s := NewServer(t, KeepAlive())
	j := s.AddProject("group/app").AddPipeline().AddJob(JobSpec{Status: gitlabjobs.StatusRunning})
	s.Fault(Fault{Do: EndlessBody(), Route: "/projects/:id/jobs/:job_id/trace"})
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	get := func(path string) (*http.Response, error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/api/v4"+path, nil)
		require.NoError(t, err)
		req.Header.Set("Private-Token", s.Tokens.Developer)
		return tr.RoundTrip(req)
	}
	unread, err := get(on(j, "/trace"))
	require.NoError(t, err)
	defer unread.Body.Close()
	s.Fault(Fault{Do: Hang()})
	failed := make(chan error)
	go func() {
		resp, err := get(on(j, ""))
		if err == nil {
			err = resp.Body.Close()
		}
		failed <- err
	}()
	for len(s.Requests()) < 2 {
		runtime.Gosched()
	}
	s.Down(time.Hour)
	require.Error(t, <-failed)
	_, err = io.Copy(io.Discard, unread.Body)
	require.ErrorIs(t, err, syscall.ECONNRESET)
	resp, err := get(on(j, ""))
	if err == nil {
		require.NoError(t, resp.Body.Close())
	}
	require.Error(t, err)
}

// When a request was over, and what it has moved: by these a test tells how
// many were in flight at once.
func TestARequestTellsWhenItWasDoneAndWhatItSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSmall(t)
		last := func() Request { all := w.Requests(); return all[len(all)-1] }
		open := func(f Fault) *http.Response {
			w.Fault(f)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.URL+"/api/v4"+on(w.done, "/trace"), nil)
			require.NoError(t, err)
			req.Header.Set("Private-Token", w.dev)
			resp, err := w.Transport().RoundTrip(req)
			require.NoError(t, err)
			return resp
		}
		resp := open(Fault{Latency: time.Second, Do: SlowBody(4, time.Minute)})
		require.Zero(t, last().Done)
		require.Zero(t, last().Sent)
		_, err := io.ReadFull(resp.Body, make([]byte, 6))
		require.NoError(t, err)
		require.EqualValues(t, 6, last().Sent)
		require.Zero(t, last().Done)
		_, err = io.ReadFull(resp.Body, make([]byte, 4))
		require.NoError(t, err)
		require.EqualValues(t, 10, last().Sent)
		require.Equal(t, 3*time.Minute+time.Second, last().Done.Sub(last().At), "with its last byte")

		resp = open(Fault{})
		time.Sleep(time.Hour)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, time.Hour, last().Done.Sub(last().At))
		require.Zero(t, last().Sent)

		w.ask(t, "GET "+on(w.manual, "/trace"), w.dev).is(200, "")
		require.Equal(t, last().At, last().Done)
	})
}

func TestBothKindsOfServerTellWhatWasSent(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *Server, client *http.Client) {
		j := s.AddProject("group/app").AddPipeline().AddJob(JobSpec{Log: strings.Repeat("x", 1000)})
		for _, f := range []struct {
			do   Effect
			sent int64
		}{{Effect{}, 1000}, {CutBody(100), 100}, {ResetAfter(), 0}} {
			s.ResetRequests()
			s.Fault(Fault{Do: f.do})
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/api/v4"+on(j, "/trace"), nil)
			require.NoError(t, err)
			req.Header.Set("Private-Token", s.Tokens.Developer)
			if resp, err := client.Do(req); err == nil {
				_, _ = io.Copy(io.Discard, resp.Body)
				require.NoError(t, resp.Body.Close())
			}
			for s.Requests()[0].Done.IsZero() {
				runtime.Gosched() // The server's side of it ends by itself.
			}
			require.Equal(t, f.sent, s.Requests()[0].Sent)
		}
	})
}
