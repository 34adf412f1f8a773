package gitlabjobs

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"
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
		return checkHeader("WithUserAgent", "User-Agent", userAgent)
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
	if err := checkHeader(option, key, value); err != nil {
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

// checkHeader refuses what net/http would refuse only when sending. The value is
// in no error: it may be a token.
func checkHeader(option, key, value string) error {
	const punctuation = "!#$%&'*+-.^_`|~"
	for _, r := range key {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		if !letter && !strings.ContainsRune(punctuation, r) {
			return fmt.Errorf("%s: %q is not a header's name", option, key)
		}
	}
	if key == "" {
		return fmt.Errorf("%s: the header's name is empty", option)
	}
	switch http.CanonicalHeaderKey(key) {
	case "Content-Length", "Transfer-Encoding", "Accept-Encoding":
		return fmt.Errorf("%s: %s is net/http's to set: leave it out", option, key)
	case "Idempotency-Key", "X-Idempotency-Key":
		// To net/http a leave to send a write again; GitLab's Jobs API knows no such key.
		return fmt.Errorf("%s: %s would let a write be sent twice: leave it out", option, key)
	}
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return fmt.Errorf("%s: the value of %s holds a control character", option, key)
		}
	}
	return nil
}
