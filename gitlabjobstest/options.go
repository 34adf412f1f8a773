package gitlabjobstest

import (
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Option changes how a [Server] answers.
type Option func(*Server)

type config struct {
	external     string
	older        bool
	newer        bool
	noLogIs404   bool
	storage      bool
	keepAlive    bool
	jobsPerMin   int
	throttle     int
	throttleTime time.Duration
	hideLimits   bool
	noPipeline   bool
	wrong        string // What no server can be like.
}

// WithExternalURL sets the URL that the server believes it has: it stands in
// Link, in the Location of a moved project and in each web_url. A GitLab behind
// a proxy often names another host than the one its clients talk to.
func WithExternalURL(rawURL string) Option {
	return func(s *Server) {
		u, err := url.Parse(rawURL)
		if err != nil || u.Scheme == "" || u.Host == "" {
			s.cfg.wrong = fmt.Sprintf("WithExternalURL(%q): use a scheme and a host, such as https://gitlab.example.com", rawURL)
			return
		}
		s.cfg.external = strings.TrimSuffix(rawURL, "/")
	}
}

// OlderServer makes the server one from before 15.9: no keyset pagination, no
// byte_offset and byte_limit (both ignored in silence), 404 for trigger_jobs,
// coverage as a string, and no more fields than GitLab's older document has.
func OlderServer() Option {
	return func(s *Server) { s.cfg.older = true }
}

// NewerServer makes the server one that has dropped the bridges list: 404, and
// trigger_jobs in its place.
func NewerServer() Option {
	return func(s *Server) { s.cfg.newer = true }
}

// MissingTraceNotFound makes the log of a job that has none a 404, as older
// servers and some object storages have it, where GitLab now answers 200 with
// zero bytes.
func MissingTraceNotFound() Option {
	return func(s *Server) { s.cfg.noLogIs404 = true }
}

// LogsInStorage keeps the logs in an object storage: the log of a job that has
// one is a 302 to another host, by a signed URL that lasts 10 minutes. The
// storage sends the whole log, and answers 400 to a request that carries a token
// there. In memory its host is storage.test; on a socket it is localhost at the
// server's own port, where the server's URL has 127.0.0.1.
func LogsInStorage() Option {
	return func(s *Server) { s.cfg.storage = true }
}

// JobsRateLimit lets a user list project jobs so many times a minute. GitLab's
// default is 600, the fake's none. Beyond it: 429 with JSON and no header that
// says how long to wait.
func JobsRateLimit(perMinute int) Option {
	return func(s *Server) {
		if perMinute < 1 {
			s.cfg.wrong = fmt.Sprintf("JobsRateLimit(%d): use at least 1 request a minute", perMinute)
			return
		}
		s.cfg.jobsPerMin = perMinute
	}
}

// Throttle lets a user send so many requests a period, of any kind. Each
// answer then has the RateLimit headers; beyond the limit it is a 429 in plain
// text with Retry-After too.
func Throttle(requests int, period time.Duration) Option {
	return func(s *Server) {
		if requests < 1 || period < time.Second {
			s.cfg.wrong = fmt.Sprintf("Throttle(%d, %v): use at least 1 request and 1s", requests, period)
			return
		}
		s.cfg.throttle, s.cfg.throttleTime = requests, period
	}
}

// WithoutRateLimitHeaders leaves the RateLimit headers out of the responses of
// a server with [Throttle]. Only Retry-After in a 429 tells how long to wait.
func WithoutRateLimitHeaders() Option {
	return func(s *Server) { s.cfg.hideLimits = true }
}

// WithoutPipelineObjects leaves the pipeline out of jobs and bridges, as the
// oldest servers do.
func WithoutPipelineObjects() Option {
	return func(s *Server) { s.cfg.noPipeline = true }
}

// KeepAlive lets a server on a socket answer more than one request by a
// connection. Beware of it where connections are reset: on one that it has used
// before, net/http sends a GET that got no answer a second time of itself, so
// that a [Fault] strikes twice or goes unseen.
func KeepAlive() Option {
	return func(s *Server) { s.cfg.keepAlive = true }
}
