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

func TestDownRefusesConnections(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newFixture(t)
		j := w.pl.AddJob(JobSpec{Script: &Script{Lines: 3, Every: time.Minute}})
		fault := w.Fault(Fault{Do: InternalError()})
		w.Down(time.Hour)
		w.Down(time.Minute) // Has no effect, because the server is already down for longer.
		require.ErrorIs(t, readLog(t, w, nil), syscall.ECONNREFUSED)
		time.Sleep(time.Hour - 1)
		require.ErrorIs(t, readLog(t, w, nil), syscall.ECONNREFUSED)
		require.Empty(t, w.Requests())
		require.Zero(t, fault.Struck(), "faults do not apply while the server is down")
		time.Sleep(time.Nanosecond)
		w.send(t, "GET "+jobPath(j, ""), w.dev).expect(500)
		require.Equal(t, "success", w.send(t, "GET "+jobPath(j, ""), w.dev).object()["status"], "scripts continue while the server is down")
	})
}

// Down interrupts requests in each phase.
func TestDownInterruptsRequestsInMemory(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]Fault{
		"hang": {Do: Hang()}, "hang after": {Do: HangAfter()}, "latency": {Latency: time.Hour}, "delay": {Do: DelayAnswer(time.Hour)},
		"slow body": {Do: SlowBody(1, time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newFixture(t)
				w.Fault(f)
				failed := make(chan error)
				go func() { failed <- readLog(t, w, nil) }()
				synctest.Wait()
				start := time.Now()
				w.Down(time.Minute)
				require.ErrorIs(t, <-failed, syscall.ECONNRESET)
				require.Equal(t, start, time.Now())
				require.False(t, w.Requests()[0].Done.IsZero())
				time.Sleep(time.Minute)
				require.NoError(t, readLog(t, w, nil))
			})
		})
	}
}

// With a socket, Down resets a connection even if its client does not read the
// response.
func TestDownResetsConnections(t *testing.T) {
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
	unread, err := get(jobPath(j, "/trace"))
	require.NoError(t, err)
	defer unread.Body.Close()
	s.Fault(Fault{Do: Hang()})
	failed := make(chan error)
	go func() {
		resp, err := get(jobPath(j, ""))
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
	resp, err := get(jobPath(j, ""))
	if err == nil {
		require.NoError(t, resp.Body.Close())
	}
	require.Error(t, err)
}

// With the time of the end, a test can check how many requests were in flight at
// the same time.
func TestRequestRecordsEndAndSentBytes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newFixture(t)
		last := func() Request { all := w.Requests(); return all[len(all)-1] }
		open := func(f Fault) *http.Response {
			w.Fault(f)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.URL+"/api/v4"+jobPath(w.done, "/trace"), nil)
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
		require.Equal(t, 3*time.Minute+time.Second, last().Done.Sub(last().At), "the exchange ends with the last byte")

		resp = open(Fault{})
		time.Sleep(time.Hour)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, time.Hour, last().Done.Sub(last().At))
		require.Zero(t, last().Sent)

		w.send(t, "GET "+jobPath(w.manual, "/trace"), w.dev).expect(200, "")
		require.Equal(t, last().At, last().Done)
	})
}

func TestRequestRecordsSentBytesOnSocketAndInMemory(t *testing.T) {
	t.Parallel()
	onSocketAndInMemory(t, func(t *testing.T, s *Server, client *http.Client) {
		j := s.AddProject("group/app").AddPipeline().AddJob(JobSpec{Log: strings.Repeat("x", 1000)})
		for _, f := range []struct {
			do   Effect
			sent int64
		}{{Effect{}, 1000}, {CutBody(100), 100}, {ResetAfter(), 0}} {
			s.ResetRequests()
			s.Fault(Fault{Do: f.do})
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/api/v4"+jobPath(j, "/trace"), nil)
			require.NoError(t, err)
			req.Header.Set("Private-Token", s.Tokens.Developer)
			if resp, err := client.Do(req); err == nil {
				_, _ = io.Copy(io.Discard, resp.Body)
				require.NoError(t, resp.Body.Close())
			}
			for s.Requests()[0].Done.IsZero() {
				runtime.Gosched() // The server may end the exchange after the client.
			}
			require.Equal(t, f.sent, s.Requests()[0].Sent)
		}
	})
}
