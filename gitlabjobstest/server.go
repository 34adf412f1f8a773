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

// TB is the part of a test that a [Server] uses: a *testing.T, *testing.B or
// *testing.F.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Cleanup(f func())
}

// Server is a fake GitLab server. It is safe for concurrent use.
type Server struct {
	URL    string // The base URL, without /api/v4 and without a trailing slash.
	Tokens Tokens // Access tokens of the default users.
	Users  Users  // The default users. All except Outsider are members of each project.

	tb      TB
	errors  setupErrors // The TB of a server without a test.
	cfg     config
	network *delivery.Network
	socket  bool

	mu        sync.Mutex
	closed    bool
	downUntil time.Time
	world     world
	schedule  schedule
	limits    limits
	faults    []*fault
	endpoints []route // Handle replaces the slice and never modifies it.
	requests  []*record
	actions   []ActionTaken
	accepted  int64 // Number of accepted requests.
}

// NewServer starts a server on a loopback socket. The server is closed when the
// test ends. Each request has a new connection, unless [KeepAlive] is given.
//
// Do not use it with testing/synctest, because virtual time does not pass while
// a goroutine waits for a socket. Use [NewMemoryServer] instead.
func NewServer(t TB, opts ...Option) *Server {
	t.Helper()
	s := newServer(t, opts)
	if err := s.listen(); err != nil {
		t.Fatalf("gitlabjobstest: the server cannot listen on a loopback socket: %v: use NewMemoryServer", err)
	}
	t.Cleanup(s.Close)
	return s
}

// NewMemoryServer returns a server without a socket, which works in the virtual
// time of testing/synctest. Its URL is [MemoryURL]. Clients reach it with
// [Server.Transport] or [Server.Client]. It starts no goroutine and no timer. It
// is closed when the test ends.
func NewMemoryServer(t TB, opts ...Option) *Server {
	t.Helper()
	s := newServer(t, opts)
	s.setURL(MemoryURL)
	t.Cleanup(s.Close)
	return s
}

// Start starts a server on a loopback socket for a program that is not a test.
// The program must close the server. [Server.Err] returns the first setup error,
// and every response after that error is a 500 that contains it.
func Start(opts ...Option) (*Server, error) {
	s := newServer(nil, opts)
	if err := s.listen(); err != nil {
		return nil, fmt.Errorf("gitlabjobstest: the server cannot listen on a loopback socket: %w", err)
	}
	if err := s.Err(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func newServer(t TB, opts []Option) *Server {
	s := &Server{tb: t, endpoints: routes()}
	if t == nil {
		s.tb = &s.errors
	}
	s.tb.Helper()
	s.network = delivery.New(network{s})
	for _, opt := range opts {
		if opt != nil {
			opt(s)
		}
	}
	if s.cfg.older && s.cfg.newer {
		s.cfg.problem = "OlderServer and NewerServer are both given: leave out one of them"
	}
	if s.cfg.problem != "" {
		s.failf("%s", s.cfg.problem)
	}
	return s
}

// setURL sets the URL and adds the default users, whose URLs depend on it.
func (s *Server) setURL(url string) {
	s.URL = url
	if s.cfg.externalURL == "" {
		s.cfg.externalURL = url
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

// Close closes the server. It interrupts all responses in flight, including
// bodies and hanging responses. The server refuses later requests. With a socket,
// Close waits until all responses have ended. Calling Close again does nothing.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.network.Close()
}

// Transport returns a transport that sends requests to the server in memory,
// even if the server has a socket. It behaves like net/http's transport: it calls
// the hooks of net/http/httptrace, returns as soon as the request's context ends,
// and fails with the same errors. The server receives requests for every host, so
// a test can check what a client sends to other hosts (see [Request.Host]). The
// transport starts no goroutine.
func (s *Server) Transport() http.RoundTripper { return s.network.Transport() }

// Client returns a client of the server that sends the token as a personal access token. If
// the token is empty, the client sends none. For a server without a socket, the client uses
// [Server.Transport]. WithHTTPClient in opts replaces it.
func (s *Server) Client(token string, opts ...gitlabjobs.ClientOption) *gitlabjobs.Client {
	auth := gitlabjobs.NoAuth()
	if token != "" {
		auth = gitlabjobs.PrivateToken(token)
	}
	return s.ClientWithAuth(auth, opts...)
}

// ClientWithAuth is like [Server.Client] with another kind of authentication,
// such as gitlabjobs.JobToken(job.Token()).
func (s *Server) ClientWithAuth(auth gitlabjobs.Auth, opts ...gitlabjobs.ClientOption) *gitlabjobs.Client {
	s.tb.Helper()
	if !s.socket {
		own := gitlabjobs.WithHTTPClient(&http.Client{Transport: s.Transport()})
		opts = append([]gitlabjobs.ClientOption{own}, opts...)
	}
	c, err := gitlabjobs.NewClient(s.URL, auth, opts...)
	if err != nil {
		s.failf("the client options are invalid: %v", err)
	}
	return c
}

// Err returns the first setup error of a server made by [Start], or nil.
func (s *Server) Err() error {
	s.errors.mu.Lock()
	defer s.errors.mu.Unlock()
	return s.errors.first
}

// failf reports a setup error. It ends the test if the server has one.
func (s *Server) failf(format string, args ...any) {
	s.tb.Helper()
	s.tb.Fatalf("gitlabjobstest: "+format, args...)
}

// setupErrors is the TB of a server without a test. It keeps the first error.
type setupErrors struct {
	mu    sync.Mutex
	first error
}

// Helper does nothing: there is no test.
func (e *setupErrors) Helper() {}

// Cleanup does nothing: the program closes the server.
func (e *setupErrors) Cleanup(func()) {}

// Fatalf keeps the error for [Server.Err] and returns.
func (e *setupErrors) Fatalf(format string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.first == nil {
		e.first = fmt.Errorf(format, args...)
	}
}

// lock locks the server, runs the events that are due, and returns the time.
func (s *Server) lock() time.Time {
	s.mu.Lock()
	now := time.Now()
	s.schedule.runDue(now)
	return now
}
