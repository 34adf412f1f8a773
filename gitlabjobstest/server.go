package gitlabjobstest

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest/internal/delivery"
)

// MemoryURL is the URL of a server that has no socket.
const MemoryURL = "http://gitlab.test"

// TB is what a [Server] needs of a test: a *testing.T, *testing.B or *testing.F.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Cleanup(f func())
}

// Server is a fake GitLab. It is safe for concurrent use, its set-up included.
type Server struct {
	URL    string // Where it answers, without /api/v4 and without a slash at the end.
	Tokens Tokens // Access tokens of its first users.
	Users  Users  // Its first users: each project has them as members.

	tb      TB
	cfg     config
	network *delivery.Network
	socket  bool

	errMu sync.Mutex
	err   error // The first bad set-up of a server without a test.

	mu        sync.Mutex
	closed    bool
	downUntil time.Time
	world     world
	schedule  schedule
	limits    limits
	faults    []*fault
	endpoints []route // Never changed, but replaced.
	requests  []*record
	actions   []ActionTaken
	answered  int64
}

// NewServer starts a server on a loopback socket. It ends with the test. Each
// request has a connection of its own, unless [KeepAlive] is given.
//
// It is not for testing/synctest: a goroutine that waits for a socket keeps
// virtual time from passing. Use [NewMemoryServer] there.
func NewServer(t TB, opts ...Option) *Server {
	t.Helper()
	s := newServer(t, opts)
	if err := s.listen(); err != nil {
		t.Fatalf("gitlabjobstest: no socket for the server: %v", err)
	}
	t.Cleanup(s.Close)
	return s
}

// NewMemoryServer makes a server without a socket, for tests in the virtual
// time of testing/synctest. Its URL is [MemoryURL], and [Server.Transport] and
// [Server.Client] reach it. It starts no goroutine and no timer.
func NewMemoryServer(t TB, opts ...Option) *Server {
	t.Helper()
	s := newServer(t, opts)
	s.setURL(MemoryURL)
	t.Cleanup(s.Close)
	return s
}

// Start starts a server on a loopback socket, for programs: close it in the
// end. With no test to fail, a bad set-up is kept for [Server.Err], and every
// later answer is a 500 that names it.
func Start(opts ...Option) (*Server, error) {
	s := newServer(nil, opts)
	if err := s.listen(); err != nil {
		return nil, fmt.Errorf("gitlabjobstest: no socket for the server: %w", err)
	}
	if err := s.Err(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func newServer(t TB, opts []Option) *Server {
	if t != nil {
		t.Helper()
	}
	s := &Server{tb: t, endpoints: routes()}
	s.network = delivery.New(network{s})
	for _, opt := range opts {
		if opt != nil {
			opt(s)
		}
	}
	if s.cfg.older && s.cfg.newer {
		s.cfg.wrong = "OlderServer and NewerServer are both given: leave out one of them"
	}
	if s.cfg.wrong != "" {
		s.failf("%s", s.cfg.wrong)
	}
	return s
}

// found lays out what every server has once its URL is known.
func (s *Server) setURL(url string) {
	s.URL = url
	if s.cfg.external == "" {
		s.cfg.external = url
	}
	s.world.init(s)
}

func (s *Server) listen() error {
	url, serve, err := s.network.Listen(s.cfg.keepAlive)
	if err != nil {
		return err
	}
	s.socket = true
	s.setURL(url)
	serve()
	return nil
}

// Close ends the server. What it is answering breaks at once, bodies and hangs
// too; on a socket Close waits for that. Later requests are refused. Closing
// twice does nothing.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.network.Close()
}

// Transport returns a transport that reaches the server without a socket, for
// servers of either kind. It behaves as net/http's does: it calls the hooks of
// net/http/httptrace, returns at once when the request's context ends, and
// fails with the same errors. It answers for every host, so that a test sees
// what is sent to another one (see [Request.Host]). It starts no goroutine.
func (s *Server) Transport() http.RoundTripper { return s.network.Transport() }

// Client returns a client of the server that sends the token as a personal
// access token; an empty token means none. The options come after the
// server's own, so they win.
func (s *Server) Client(token string, opts ...gitlabjobs.ClientOption) *gitlabjobs.Client {
	auth := gitlabjobs.NoAuth()
	if token != "" {
		auth = gitlabjobs.PrivateToken(token)
	}
	return s.ClientWithAuth(auth, opts...)
}

// ClientWithAuth is [Server.Client] with another way to authenticate, such as
// gitlabjobs.JobToken(job.Token()).
func (s *Server) ClientWithAuth(auth gitlabjobs.Auth, opts ...gitlabjobs.ClientOption) *gitlabjobs.Client {
	if s.tb != nil {
		s.tb.Helper()
	}
	if !s.socket {
		own := gitlabjobs.WithHTTPClient(&http.Client{Transport: s.Transport()})
		opts = append([]gitlabjobs.ClientOption{own}, opts...)
	}
	c, err := gitlabjobs.NewClient(s.URL, auth, opts...)
	if err != nil {
		s.failf("no client of the server can be made: %v", err)
	}
	return c
}

// Err returns the first bad set-up of a server made by [Start], or nil.
func (s *Server) Err() error {
	s.errMu.Lock()
	defer s.errMu.Unlock()
	return s.err
}

// bad reports a set-up that no GitLab could have: it ends the test, or where
// there is none is kept for Err.
func (s *Server) failf(format string, args ...any) {
	if s.tb != nil {
		s.tb.Helper()
		s.tb.Fatalf("gitlabjobstest: "+format, args...)
		return
	}
	s.errMu.Lock()
	defer s.errMu.Unlock()
	if s.err == nil {
		s.err = fmt.Errorf("gitlabjobstest: "+format, args...)
	}
}

// lock locks the world and brings it up to the present.
func (s *Server) lock() time.Time {
	s.mu.Lock()
	now := time.Now()
	s.schedule.runDue(now)
	return now
}
