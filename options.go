package gitlabjobs

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"example.com/gitlabjobs/internal/transport"
)

// ClientOption changes how a [Client] works.
type ClientOption func(*config) error

// RequestOption changes one call, or reports on it.
type RequestOption func(*requestConfig) error

// config is what the options of a client add up to.
type config struct {
	httpClient     *http.Client
	caFile         string // PEM certificates to trust besides those of the system; ignored with an httpClient.
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

// WithHTTPClient makes the client send its requests through hc: its transport,
// its cookie jar and, after this package's own rules, its CheckRedirect. Its
// Timeout, where set, is the default of [WithAttemptTimeout]. hc is copied, never
// changed. Without this option a client has a connection pool of its own.
//
// The library's own transport pings HTTP/2 connections that are silent, and so
// replaces one that the network dropped within about one attempt. For the same, set
// SendPingTimeout and PingTimeout in the HTTP2 field of your [http.Transport], for
// example to 7 and 23 seconds. A RoundTripper that does not report to
// net/http/httptrace may send a request more often than [RetryPolicy] says: the
// client cannot see that it does.
func WithHTTPClient(hc *http.Client) ClientOption {
	return func(c *config) error {
		if hc == nil {
			return errors.New("WithHTTPClient: the client is nil: leave the option out for the default")
		}
		c.httpClient = hc
		return nil
	}
}

// WithRetry changes how often, and how patiently, a failed request is tried
// again. A field that is zero keeps its default.
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

// WithDefaultHeader sets a header on every request of the client, in place of the
// client's own value. The rules of [WithHeader] apply. The credentials of an [Auth],
// and WithHeader for a single call, override it.
func WithDefaultHeader(key, value string) ClientOption {
	return func(c *config) error {
		return setHeader(&c.header, "WithDefaultHeader", key, value)
	}
}

// WithLogger logs a line for each attempt of a request, at level Debug, and one at
// level Warn if a call gives up or waits for more than 10 seconds:
// method, route, path, status, attempt, wait and request id. No token, no query and
// no body is logged. Without this option, or with nil, nothing is.
func WithLogger(logger *slog.Logger) ClientOption {
	return func(c *config) error {
		c.logger = logger
		return nil
	}
}

// WithAttemptTimeout limits the duration of each attempt of a request, from dialing to
// the last byte of the response. For a stream, which is a log or what [Client.Do] writes
// to an io.Writer, it applies up to the response's header, and then to each wait for more.
// The default is 30 seconds. The context limits the call as a whole, with all attempts
// and waits.
func WithAttemptTimeout(d time.Duration) ClientOption {
	return func(c *config) error {
		if d <= 0 {
			return fmt.Errorf("WithAttemptTimeout: %v is not a positive duration: a client always has a bound", d)
		}
		c.attemptTimeout = d
		return nil
	}
}

// WithMaxBody limits the size of responses that are held in memory, in bytes after
// decompression. The default is 64 MiB. It does not apply to streams: logs, and what
// [Client.Do] writes to an io.Writer.
func WithMaxBody(bytes int64) ClientOption {
	return func(c *config) error {
		if bytes <= 0 {
			return fmt.Errorf("WithMaxBody: %d is not a positive number of bytes", bytes)
		}
		c.maxBody = bytes
		return nil
	}
}

// requestConfig is what the options of a call add up to.
type requestConfig struct {
	header   http.Header
	auth     Auth
	response *Response
	attempts int // At most; 0 for the client's RetryPolicy.

	// For the pages of listings.
	made    int  // Attempts made before the call.
	once500 bool // Do not retry a 500.
}

// newRequestConfig returns what options add up to, and the error of the first that is
// invalid.
func newRequestConfig(ro []RequestOption) (*requestConfig, error) {
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

// validOptions returns what those options add up to that are valid. The call itself
// reports the error of another.
func validOptions(ro []RequestOption) *requestConfig {
	rc := new(requestConfig)
	for _, option := range ro {
		if option != nil {
			_ = option(rc)
		}
	}
	return rc
}

// responseOf returns the Response that WithResponse names among options, or nil.
func responseOf(ro []RequestOption) *Response { return validOptions(ro).response }

// WithHeader sets a header of the request, in place of the client's own value. Like
// every header that is not known to be harmless, it is not sent to another host after
// a redirect. Headers that net/http sets, and keys that would let it repeat a write,
// are errors.
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

// WithAuth makes the call with other credentials than the client's.
func WithAuth(auth Auth) RequestOption {
	return func(r *requestConfig) error {
		r.auth = auth
		return checkAuth(auth)
	}
}

// WithResponse fills in what the answer was, once the call has ended: with or
// without an error. An iterator fills it in for each page.
func WithResponse(response *Response) RequestOption {
	return func(r *requestConfig) error {
		if response == nil {
			return errors.New("WithResponse: the response is nil: give the address of one")
		}
		r.response = response
		return nil
	}
}

// Response is what is known of an answer besides its value. StatusCode is 0
// and Header nil where no answer came.
type Response struct {
	StatusCode int
	Header     http.Header
	RequestID  string // GitLab's X-Request-Id, to find the request in its logs.
	Attempts   int    // How often the request was sent, or tried to be.
}

// RetryPolicy sets how often a failed request is retried, and how long the client
// waits in between.
//
// Reads, and Cancel, which is idempotent, are retried after a connection error, an
// attempt that timed out, and the statuses 408, 425, 429 and 5xx except 501 and
// 505. Retry, Erase and Play are retried only if the request provably did not
// reach the server, or after a 429: GitLab's rate limiter responds before the
// action runs. Any other failure of a write that may have happened is
// [ErrOutcomeUnknown], including a 303, a 408, every 5xx and a response that can't
// be read.
//
// If the response says how long to wait, in Retry-After or, for a 429, in
// RateLimit-Reset, the client waits that long and a random time on top, up to a
// quarter of it but at most 10 seconds, so that many callers do not return at
// once. The random time is shorter after later attempts, so that a call does not use up its
// attempts while others wait for the same limit. After a 429 that does not say, as GitLab's limits of single endpoints
// don't, it waits for MaxWait/2 to MaxWait, since they count by the minute. After
// everything else it waits for a random time between MinWait and a bound that
// doubles with each attempt, up to MaxWait.
//
// A rate limit applies to all calls with the same credentials. After a 429 that says
// how long to wait, and after a response with RateLimit-Remaining: 0, the client
// sends none of them until then. A 429 that does not say so holds back the calls of
// its route. While the server sends RateLimit headers, no more requests are in
// flight than RateLimit-Remaining allows. After a wait, one request goes first and
// the others follow its response. Waiting does not count as an attempt. If a 429
// makes a call wait beyond its context's deadline, or for more than MaxServerWait at
// once, the call fails with an [*Error] of status 429 without being sent, and
// RetryAfter is the time that remains. RateLimit-Remaining: 0 fails no call: if the
// wait would be too long, the request is sent.
//
// A client whose requests of a route keep failing stops retrying them: it sends
// each of them once until one succeeds, so as not to multiply an outage. Other
// routes are not affected.
//
// Over HTTP/2, net/http repeats a request by itself after the server has reset its
// stream or sent GOAWAY. The client ends the attempt instead, which counts as a failed
// one; for a write that is [ErrOutcomeUnknown], because net/http does not tell whether
// the server had processed it. The client needs net/http/httptrace for that: with a
// transport that does not support it, requests may be sent more often than this policy
// says.
//
// The zero value of a field means its default.
type RetryPolicy struct {
	MaxAttempts   int           // Maximum number of attempts, the first included. Default 5; 1 for no retries.
	MinWait       time.Duration // Minimum wait between two attempts. Default 200 ms.
	MaxWait       time.Duration // Maximum wait, unless the server asks for more. Default 30 s.
	MaxServerWait time.Duration // Longest wait that a server can ask for. If it asks for more, the call fails. Default 2 min.
}

var defaultRetryPolicy = RetryPolicy{
	MaxAttempts:   5,
	MinWait:       200 * time.Millisecond,
	MaxWait:       30 * time.Second,
	MaxServerWait: 2 * time.Minute,
}

func (p RetryPolicy) withDefaults() (RetryPolicy, error) {
	if p.MaxAttempts < 0 || p.MinWait < 0 || p.MaxWait < 0 || p.MaxServerWait < 0 {
		return p, fmt.Errorf("WithRetry: a field of %+v is negative: 0 stands for the default, and MaxAttempts: 1 for no retries", p)
	}
	if p.MaxAttempts == 0 {
		p.MaxAttempts = defaultRetryPolicy.MaxAttempts
	}
	p.MinWait, p.MaxWait = intervals(p.MinWait, p.MaxWait, defaultRetryPolicy.MinWait, defaultRetryPolicy.MaxWait)
	if p.MaxServerWait == 0 {
		p.MaxServerWait = defaultRetryPolicy.MaxServerWait
	}
	if p.MinWait > p.MaxWait {
		return p, fmt.Errorf("WithRetry: MinWait %v is longer than MaxWait %v", p.MinWait, p.MaxWait)
	}
	return p, nil
}

// intervals fills in the defaults of a shortest and a longest wait. One that is
// given moves the other's default along.
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
