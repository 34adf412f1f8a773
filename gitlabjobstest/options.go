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
	problem          string // Describes an invalid option. Empty if all are valid.
}

// WithExternalURL sets the URL that the server is configured with. The server
// uses it in Link, in the Location of a moved project and in each web_url. If
// GitLab is behind a proxy, this URL often has another host than the URL that
// clients use.
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

// OlderServer makes the server respond like GitLab before version 15.9: it has
// no keyset pagination, ignores byte_offset and byte_limit, responds to
// trigger_jobs with 404, and sends coverage as a string. Its responses have only
// the fields that GitLab documented then.
func OlderServer() Option {
	return func(s *Server) { s.cfg.older = true }
}

// NewerServer makes the server respond like a GitLab version that no longer has the route
// bridges. The server responds to that route with 404; use the route trigger_jobs instead.
func NewerServer() Option {
	return func(s *Server) { s.cfg.newer = true }
}

// MissingTraceNotFound makes the server respond with 404 if a job has no log, as
// older servers and some object storages do. By default the response is 200 with
// an empty body.
func MissingTraceNotFound() Option {
	return func(s *Server) { s.cfg.missingLogIs404 = true }
}

// LogsInStorage keeps the logs in an object storage: the server responds to a request for a
// log with a 302 to a signed URL on another host, which is valid for 10 minutes. The
// storage always sends the whole log. It responds with 400 to a request that contains a
// token. In memory the storage's host is storage.test. With a socket, the storage's host is
// localhost, with the same port as the server. It differs from the host of the server's
// URL, which is 127.0.0.1.
func LogsInStorage() Option {
	return func(s *Server) { s.cfg.storage = true }
}

// JobsRateLimit limits how many requests per minute each user may send to the
// list of project jobs. GitLab's default is 600. By default the fake has no
// limit. If a user exceeds the limit, the response is a 429 in JSON, without a
// header that says how long to wait.
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
// response then has RateLimit headers. If a user exceeds the limit, the response
// is a 429 in plain text with Retry-After.
func Throttle(requests int, period time.Duration) Option {
	return func(s *Server) {
		if requests < 1 || period < time.Second {
			s.cfg.problem = fmt.Sprintf("Throttle(%d, %v): use at least 1 request and 1s", requests, period)
			return
		}
		s.cfg.throttle, s.cfg.throttlePeriod = requests, period
	}
}

// WithoutRateLimitHeaders omits the RateLimit headers from the responses of a
// server with [Throttle]. Only Retry-After in a 429 says how long to wait.
func WithoutRateLimitHeaders() Option {
	return func(s *Server) { s.cfg.hideRateLimits = true }
}

// WithoutPipelineObjects omits the pipeline from jobs and bridges, as the oldest
// servers do.
func WithoutPipelineObjects() Option {
	return func(s *Server) { s.cfg.withoutPipelines = true }
}

// KeepAlive lets clients reuse connections to a server with a socket. By default
// each request has a new connection, because net/http retries a GET when a
// reused connection breaks. A [Fault] that resets connections would then apply
// twice, or the client would not see it.
func KeepAlive() Option {
	return func(s *Server) { s.cfg.keepAlive = true }
}
