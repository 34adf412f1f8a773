package gitlabjobs

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"example.com/gitlabjobs/internal/transport"
)

// ClientOption configures a [Client].
type ClientOption func(*config) error

// RequestOption configures one call, or stores information about its response.
type RequestOption func(*requestConfig) error

// config has the settings of all options of a client.
type config struct {
	httpClient     *http.Client
	caFile         string // A PEM file with certificates to trust in addition to those of the system. Ignored if httpClient is set.
	retry          RetryPolicy
	userAgent      string
	header         http.Header
	logger         *slog.Logger
	attemptTimeout time.Duration
	maxBody        int64
}

const (
	defaultUserAgent      = "gitlabjobs"
	defaultAttemptTimeout = 30 * time.Second
	defaultMaxBody        = 64 << 20
)

// WithHTTPClient makes the client send its requests with the transport and the cookie jar
// of hc. The client calls hc.CheckRedirect for redirects that this package allows. If
// hc.Timeout is set, it is the default of [WithAttemptTimeout]. hc is copied and never
// modified. Without this option, each client has its own connection pool.
//
// The default transport pings silent HTTP/2 connections. If the network has dropped a
// connection, the transport replaces it within about the time of one attempt. To get the
// same with your own [http.Transport], set SendPingTimeout and PingTimeout in its HTTP2
// field, for example to 7 and 23 seconds. If a RoundTripper does not support
// net/http/httptrace, the client cannot detect that a request was repeated. Such a
// RoundTripper may send a request more often than [RetryPolicy] allows.
func WithHTTPClient(hc *http.Client) ClientOption {
	return func(c *config) error {
		if hc == nil {
			return errors.New("WithHTTPClient: the client is nil: omit the option to use the default client")
		}
		c.httpClient = hc
		return nil
	}
}

// WithRetry sets how often a failed request is retried, and how long the client waits
// between attempts. Zero fields of policy have their defaults.
func WithRetry(policy RetryPolicy) ClientOption {
	return func(c *config) (err error) {
		c.retry, err = policy.withDefaults()
		return err
	}
}

// WithUserAgent sets the User-Agent header. The default is "gitlabjobs".
func WithUserAgent(userAgent string) ClientOption {
	return func(c *config) error {
		c.userAgent = userAgent
		return transport.CheckHeader("WithUserAgent", "User-Agent", userAgent)
	}
}

// WithDefaultHeader sets a header on every request. It replaces the value that the client
// sends by default. The rules of [WithHeader] apply. The credentials of an [Auth], and
// WithHeader for a single call, override it.
func WithDefaultHeader(key, value string) ClientOption {
	return func(c *config) error {
		return setHeader(&c.header, "WithDefaultHeader", key, value)
	}
}

// WithLogger logs each attempt of a request at level Debug. If a call gives up, or waits
// for more than 10 seconds, it also logs a record at level Warn. The records have the
// method, route, path, status, attempt, wait and request ID. Tokens, queries and bodies are
// never logged. Without this option, or if logger is nil, nothing is logged.
func WithLogger(logger *slog.Logger) ClientOption {
	return func(c *config) error {
		c.logger = logger
		return nil
	}
}

// WithAttemptTimeout limits the duration of each attempt of a request, from dialing to the
// last byte of the response. For streams, which are logs and the bodies that [Client.Do]
// writes to an io.Writer, it limits the time until the response header arrives, and then
// the duration of each read of the body. The default is 30 seconds. The context limits the
// whole call, with all attempts and waits.
func WithAttemptTimeout(d time.Duration) ClientOption {
	return func(c *config) error {
		if d <= 0 {
			return fmt.Errorf("WithAttemptTimeout is %v: use a positive duration", d)
		}
		c.attemptTimeout = d
		return nil
	}
}

// WithMaxBody limits the size of response bodies that are read into memory, in bytes after
// decompression. The default is 64 MiB. It does not apply to streams: logs, and bodies that
// [Client.Do] writes to an io.Writer. In addition, a response that a method of a service
// decodes may contain at most 100,000 JSON objects, list elements, map entries and unknown
// fields in total. A larger response is an error.
func WithMaxBody(bytes int64) ClientOption {
	return func(c *config) error {
		if bytes <= 0 {
			return fmt.Errorf("WithMaxBody is %d: use a positive number of bytes", bytes)
		}
		c.maxBody = bytes
		return nil
	}
}

// requestConfig has the settings of all options of a call.
type requestConfig struct {
	header   http.Header
	auth     Auth
	response *Response
	attempts int // The maximum number of attempts; 0 for that of the client's RetryPolicy.

	// Used by lists only.
	made         int  // The number of attempts before the call.
	noRetryOn500 bool // Do not retry a response with status 500.
}

// noOptions is the configuration of a call without options. It must not be modified.
var noOptions requestConfig

// newRequestConfig applies the options up to the first invalid one, and returns the error
// of that option.
func newRequestConfig(ro []RequestOption) (*requestConfig, error) {
	if len(ro) == 0 {
		return &noOptions, nil
	}
	rc := new(requestConfig)
	for _, option := range ro {
		if option == nil {
			continue
		}
		if err := option(rc); err != nil {
			return rc, err
		}
	}
	return rc, nil
}

// validOptions applies the valid options and ignores the others. The call itself reports
// the error of an invalid option.
func validOptions(ro []RequestOption) *requestConfig {
	rc := new(requestConfig)
	for _, option := range ro {
		if option != nil {
			_ = option(rc)
		}
	}
	return rc
}

// responseOf returns the Response that was passed to WithResponse, or nil.
func responseOf(ro []RequestOption) *Response { return validOptions(ro).response }

// WithHeader sets a header of the request. It replaces the value that the client sends by
// default. After a redirect to another host, it is not sent unless it is known to be
// harmless, such as Accept. It is an error to set a header that net/http sets itself, or a
// header that makes net/http repeat writes.
func WithHeader(key, value string) RequestOption {
	return func(r *requestConfig) error {
		return setHeader(&r.header, "WithHeader", key, value)
	}
}

func setHeader(h *http.Header, option, key, value string) error {
	if err := transport.CheckHeader(option, key, value); err != nil {
		return err
	}
	if *h == nil {
		*h = make(http.Header)
	}
	h.Set(key, value)
	return nil
}

// WithAuth sets the credentials of the call. They replace those of the client.
func WithAuth(auth Auth) RequestOption {
	return func(r *requestConfig) error {
		r.auth = auth
		return checkAuth(auth)
	}
}

// WithResponse stores information about the response in *response when the call ends, even
// if it fails. An iterator stores it for each page.
func WithResponse(response *Response) RequestOption {
	return func(r *requestConfig) error {
		if response == nil {
			return errors.New("WithResponse: the response is nil: pass a pointer to a Response")
		}
		r.response = response
		return nil
	}
}

// Response describes the response of a call. StatusCode is 0 and Header is nil if no
// response was received.
type Response struct {
	StatusCode int
	Header     http.Header
	RequestID  string // GitLab's X-Request-Id, which identifies the request in its logs.
	Attempts   int    // Number of attempts, including those that failed to connect.
}

// RetryPolicy sets how often a failed request is retried, and how long the client waits
// between attempts. The zero value of a field means its default.
//
// # Retried requests
//
// The client retries reads and Cancel (which is idempotent) after connection errors,
// attempt timeouts, and the status codes 408, 425, 429 and 5xx, except 501 and 505. Retry,
// Erase and Play are retried only if the request provably did not reach the server, or
// after a 429, because GitLab's rate limiter responds before the action runs. If such a
// write fails in any other way and may have taken effect, the error is [ErrOutcomeUnknown].
// This includes a 303, a 408, every 5xx and a response that cannot be read.
//
// If the requests of a route keep failing, the client stops retrying them, so that retries
// do not add to the server's load. Until requests of the route succeed again, each call
// makes one attempt. Other routes are not affected.
//
// # Waits between attempts
//
// If the response asks for a wait, in Retry-After or, for a 429, in RateLimit-Reset, the
// client waits for that time plus a random time. The random time prevents many callers from
// sending requests at once. It is at most a quarter of the wait, or MinWait if that is
// longer, and never more than 10 seconds. It becomes shorter with each attempt. A call that
// was refused several times is therefore sent before other calls that wait for the same
// limit, and is less likely to run out of attempts.
//
// If a 429 does not ask for a wait, the client waits for a random time between MaxWait/2
// and MaxWait. GitLab's limits of single endpoints do not ask for a wait, and count
// requests per minute.
//
// After all other failures, it waits for a random time between MinWait and a limit that
// doubles with each attempt, up to MaxWait.
//
// # Rate limits
//
// A rate limit applies to all calls with the same credentials. After a 429 with a wait, and
// after a response with RateLimit-Remaining: 0, the client sends none of these calls until
// the limit allows it. A 429 without a wait delays only the calls of its route. While the
// server sends RateLimit headers, at most RateLimit-Remaining requests are in flight. After
// a wait, the client sends one request first, and sends more when its response has arrived.
// Waiting does not count as an attempt.
//
// After a 429, a call fails without being sent if it would have to wait beyond the deadline
// of its context, or longer than MaxServerWait in a single wait. Its error is an [*Error]
// with status 429, whose RetryAfter is the remaining time. RateLimit-Remaining: 0
// never makes a call fail: if the wait would be too long, the client sends the request.
//
// # HTTP/2
//
// Over HTTP/2, net/http itself repeats a request after a GOAWAY or a reset of the request's
// stream. The client ends the attempt instead, and the attempt counts as failed. For reads,
// the client does this only over https, because GitLab does not support HTTP/2 over plain
// http. For a write the error is [ErrOutcomeUnknown], because net/http does not report
// whether the server has processed the request. The client uses net/http/httptrace for
// this: with a transport that does not support it, requests may be sent more often than
// this policy allows.
type RetryPolicy struct {
	MaxAttempts   int           // Maximum number of attempts, including the first. Default 5; 1 for no retries.
	MinWait       time.Duration // Minimum wait between two attempts. Default 200 ms.
	MaxWait       time.Duration // Maximum wait, unless the server asks for more. Default 30 s.
	MaxServerWait time.Duration // Longest wait that the server can ask for. If it asks for more, the call fails. Default 2 min.
}

var defaultRetryPolicy = RetryPolicy{
	MaxAttempts:   5,
	MinWait:       200 * time.Millisecond,
	MaxWait:       30 * time.Second,
	MaxServerWait: 2 * time.Minute,
}

func (p RetryPolicy) withDefaults() (RetryPolicy, error) {
	if p.MaxAttempts < 0 || p.MinWait < 0 || p.MaxWait < 0 || p.MaxServerWait < 0 {
		return p, fmt.Errorf("WithRetry: a field of %+v is negative: use 0 for the default, or MaxAttempts: 1 for no retries", p)
	}
	if p.MaxAttempts == 0 {
		p.MaxAttempts = defaultRetryPolicy.MaxAttempts
	}
	p.MinWait, p.MaxWait = intervals(p.MinWait, p.MaxWait, defaultRetryPolicy.MinWait, defaultRetryPolicy.MaxWait)
	if p.MaxServerWait == 0 {
		p.MaxServerWait = defaultRetryPolicy.MaxServerWait
	}
	if p.MinWait > p.MaxWait {
		return p, fmt.Errorf("WithRetry: MinWait %v is longer than MaxWait %v: set both, or leave one at 0", p.MinWait, p.MaxWait)
	}
	return p, nil
}

// intervals returns a minimum and a maximum wait with defaults for zero values. If only one
// of them is set, the default of the other is adjusted so that the minimum is not longer
// than the maximum.
func intervals(shortest, longest, defaultShortest, defaultLongest time.Duration) (time.Duration, time.Duration) {
	if shortest == 0 {
		shortest = defaultShortest
		if longest > 0 {
			shortest = min(shortest, longest)
		}
	}
	if longest == 0 {
		longest = max(defaultLongest, shortest)
	}
	return shortest, longest
}
