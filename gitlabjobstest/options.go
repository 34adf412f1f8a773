package gitlabjobstest

import (
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Option changes how a [Server] responds.
type Option func(*Server)

type config struct {
	externalURL      string
	older            bool
	newer            bool
	missingLogIs404  bool
	storage          bool
	keepAlive        bool
	jobsPerMinute    int
	throttle         int
	throttlePeriod   time.Duration
	hideRateLimits   bool
	withoutPipelines bool
	problem          string // What is wrong with the options, if anything.
}

// WithExternalURL sets the URL that the server is configured with. It is used
// in Link, in the Location of a moved project and in each web_url. Behind a
// proxy, that URL often has another host than the one that clients use.
func WithExternalURL(rawURL string) Option {
	return func(s *Server) {
		u, err := url.Parse(rawURL)
		if err != nil || u.Scheme == "" || u.Host == "" {
			s.cfg.problem = fmt.Sprintf("WithExternalURL(%q): use a scheme and a host, such as https://gitlab.example.com", rawURL)
			return
		}
		s.cfg.externalURL = strings.TrimSuffix(rawURL, "/")
	}
}

// OlderServer makes the server respond like one from before 15.9: no keyset
// pagination, no byte_offset and byte_limit (both are ignored), 404 for
// trigger_jobs, coverage as a string, and only the fields that GitLab's older
// document has.
func OlderServer() Option {
	return func(s *Server) { s.cfg.older = true }
}

// NewerServer makes the server respond like one that has dropped the bridges
// list: it is 404, and trigger_jobs replaces it.
func NewerServer() Option {
	return func(s *Server) { s.cfg.newer = true }
}

// MissingTraceNotFound makes a missing log a 404, as older servers and some
// object storages do. By default it is 200 with zero bytes.
func MissingTraceNotFound() Option {
	return func(s *Server) { s.cfg.missingLogIs404 = true }
}

// LogsInStorage keeps the logs in an object storage: the response for a log is
// a 302 to a signed URL on another host, which is valid for 10 minutes. The
// storage sends the whole log, and responds with 400 to a request that carries
// a token. In memory its host is storage.test. With a socket it is localhost at
// the port of the server, whose own URL has 127.0.0.1.
func LogsInStorage() Option {
	return func(s *Server) { s.cfg.storage = true }
}

// JobsRateLimit limits how many requests a minute each user may send to the
// list of project jobs. GitLab's default is 600, the fake has no limit by
// default. Beyond it the response is a 429 in JSON, without a header that tells
// how long to wait.
func JobsRateLimit(perMinute int) Option {
	return func(s *Server) {
		if perMinute < 1 {
			s.cfg.problem = fmt.Sprintf("JobsRateLimit(%d): use at least 1 request a minute", perMinute)
			return
		}
		s.cfg.jobsPerMinute = perMinute
	}
}

// Throttle limits how many requests each user may send in a period. Every
// response then has RateLimit headers. Beyond the limit it is a 429 in plain
// text with Retry-After.
func Throttle(requests int, period time.Duration) Option {
	return func(s *Server) {
		if requests < 1 || period < time.Second {
			s.cfg.problem = fmt.Sprintf("Throttle(%d, %v): use at least 1 request and 1s", requests, period)
			return
		}
		s.cfg.throttle, s.cfg.throttlePeriod = requests, period
	}
}

// WithoutRateLimitHeaders leaves the RateLimit headers out of the responses of
// a server with [Throttle]. Only Retry-After in a 429 tells how long to wait.
func WithoutRateLimitHeaders() Option {
	return func(s *Server) { s.cfg.hideRateLimits = true }
}

// WithoutPipelineObjects leaves the pipeline out of jobs and bridges, as the
// oldest servers do.
func WithoutPipelineObjects() Option {
	return func(s *Server) { s.cfg.withoutPipelines = true }
}

// KeepAlive lets a connection to a server with a socket carry more than one
// request. By default each request has a connection of its own, because
// net/http by itself repeats a GET whose reused connection breaks, so that a
// [Fault] that resets connections would strike twice or go unnoticed.
func KeepAlive() Option {
	return func(s *Server) { s.cfg.keepAlive = true }
}
