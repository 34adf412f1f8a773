package gitlabjobs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

// soakServer responds to every method or fails in one of many ways. It counts how often
// each write takes effect.
type soakServer struct {
	requests, faults atomic.Int64
	writes           sync.Map // Job ID to *atomic.Int64.
	log              string
}

func (s *soakServer) count(id string) int64 {
	if n, ok := s.writes.LoadAndDelete(id); ok {
		return n.(*atomic.Int64).Load()
	}
	return 0
}

func (s *soakServer) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	s.requests.Add(1)
	fault := rand.N(40)
	if fault < 12 {
		s.faults.Add(1)
	}
	switch fault {
	case 0:
		panic(http.ErrAbortHandler) // A reset before anything happened.
	case 1:
		http.Error(w, "<html>Bad Gateway</html>", http.StatusBadGateway)
		return
	case 2:
		w.Header().Set("Retry-After", "0")
		http.Error(w, `{"message":"429 Too Many Requests"}`, http.StatusTooManyRequests)
		return
	case 3:
		<-req.Context().Done() // The attempt timeout ends it.
		return
	case 4:
		http.Redirect(w, req, "/api/v4/job", http.StatusTemporaryRedirect)
		return
	}
	body := s.act(req)
	switch fault {
	case 5:
		panic(http.ErrAbortHandler) // A reset after it happened.
	case 6:
		http.Error(w, `{"message":"500 Internal Server Error"}`, http.StatusInternalServerError)
		return
	case 7: // The body breaks off.
		w.Header().Set("Content-Length", fmt.Sprint(len(body)+1))
		_, _ = io.WriteString(w, body)
		return
	case 8:
		body = "<html>Sign in</html>"
	case 9:
		body = body[:len(body)/2]
	case 10:
		time.Sleep(20 * time.Millisecond) // Real time: a slow server.
	case 11: // The body stalls after the headers.
		_ = http.NewResponseController(w).Flush()
		<-req.Context().Done()
		return
	}
	_, _ = io.WriteString(w, body)
}

// act performs the action of a request and returns the body of the response.
func (s *soakServer) act(req *http.Request) string {
	const job = `{"id":%d,"name":"rspec","status":"success","finished_at":"2024-05-22T12:43:46.962Z","pipeline":{"id":6,"status":"success"}}`
	switch last := path.Base(req.URL.Path); {
	case req.Method == http.MethodPost:
		n, _ := s.writes.LoadOrStore(path.Base(path.Dir(req.URL.Path)), new(atomic.Int64))
		n.(*atomic.Int64).Add(1)
		return fmt.Sprintf(job, 1)
	case last == "jobs" || last == "bridges" || last == "trigger_jobs":
		return "[" + fmt.Sprintf(job, 2) + "," + fmt.Sprintf(job, 1) + "]"
	case last == "trace":
		return s.log
	case last == "allowed_agents":
		return `{"allowed_agents":[{"id":1}],"job":{"id":1},"pipeline":{"id":1},"project":{"id":1},"user":{"id":1}}`
	default:
		return fmt.Sprintf(job, 1)
	}
}

// TestSoak calls every method from 64 goroutines, with a server that fails in many ways. It
// is skipped unless GITLABJOBS_SOAK is set to a duration, such as 1m.
func TestSoak(t *testing.T) { //nolint:paralleltest // It measures the heap of the process.
	duration, err := time.ParseDuration(os.Getenv("GITLABJOBS_SOAK"))
	if err != nil {
		t.Skip("set GITLABJOBS_SOAK to a duration, such as 1m")
	}
	for _, http2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("HTTP/2 %v", http2), func(t *testing.T) { soak(t, http2, duration/2) })
	}
}

func soak(t *testing.T, http2 bool, duration time.Duration) {
	handler := &soakServer{log: strings.Repeat("a line of a log\n", 4096)}
	srv := httptest.NewUnstartedServer(handler)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.EnableHTTP2 = http2
	srv.StartTLS()
	hc := srv.Client()
	hc.Transport.(*http.Transport).MaxIdleConnsPerHost = 64
	client, err := gitlabjobs.NewClient(srv.URL, gitlabjobs.PrivateToken(testToken), gitlabjobs.WithHTTPClient(hc),
		gitlabjobs.WithAttemptTimeout(300*time.Millisecond),
		gitlabjobs.WithRetry(gitlabjobs.RetryPolicy{MinWait: time.Millisecond, MaxWait: 20 * time.Millisecond}))
	require.NoError(t, err)

	var calls, succeeded, canceled, unknown, repeated, lost atomic.Int64
	var nextID atomic.Int64
	call := func(ctx context.Context) {
		m := methods[rand.N(len(methods))]
		id := nextID.Add(1)
		if rand.N(20) == 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, rand.N(50*time.Millisecond))
			defer cancel()
		}
		err := m.call(ctx, client, id)
		calls.Add(1)
		switch {
		case err == nil:
			succeeded.Add(1)
		case ctx.Err() != nil:
			canceled.Add(1)
		case errors.Is(err, gitlabjobs.ErrOutcomeUnknown):
			unknown.Add(1)
		}
		if !m.isWrite() {
			return
		}
		n := handler.count(fmt.Sprint(id))
		if m.class == write && n > 1 {
			repeated.Add(1)
			t.Errorf("%s took effect %d times", m.name, n)
		}
		if err == nil && n == 0 || err != nil && !errors.Is(err, gitlabjobs.ErrOutcomeUnknown) && n > 0 {
			lost.Add(1)
			t.Errorf("%s took effect %d times, and returned %v", m.name, n, err)
		}
	}

	heap := func() uint64 {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	run := func(d time.Duration) uint64 {
		ctx := t.Context()
		end := time.Now().Add(d)
		var all sync.WaitGroup
		for range 64 {
			all.Go(func() {
				for time.Now().Before(end) {
					call(ctx)
				}
			})
		}
		all.Wait()
		return heap()
	}
	early := run(duration / 4)
	late := run(duration * 3 / 4)
	growth := int64(late) - int64(early)
	t.Logf("%d calls, %d requests, %d faults; %d succeeded, %d canceled, %d of unknown outcome; %d repeated, %d lost; heap %d kB, then %d kB",
		calls.Load(), handler.requests.Load(), handler.faults.Load(), succeeded.Load(), canceled.Load(), unknown.Load(),
		repeated.Load(), lost.Load(), early>>10, late>>10)
	assert.Less(t, growth, int64(8<<20), "the heap grows")
	assert.NotZero(t, succeeded.Load())

	client.CloseIdleConnections()
	hc.CloseIdleConnections()
	srv.Close()
	assert.Empty(t, goroutinesLeft())
}
