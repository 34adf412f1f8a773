// Package transport sends HTTP requests with retries, rate limits and safe redirects. It
// does not overload a server that has problems, and does not send credentials to other
// servers.
//
// A [Call] is one request. It is sent in one or more attempts. Its result is the last
// response, with any status, or an error. The files with mechanisms:
//
//   - attempt.go limits the duration of an attempt and the size of its response, and reads
//     the response.
//   - trace.go records the progress of an attempt, so that a write is not sent twice.
//   - retry.go decides after each attempt whether to retry, and wait.go computes the wait
//     before the retry.
//   - budget.go stops the retries of a route whose requests keep failing.
//   - gate.go delays requests that a rate limit of the server would refuse.
//   - redirect.go decides which redirects are followed, and removes credentials from
//     requests to another origin: another scheme, host or port.
//   - secrets.go collects the credentials of a request, and redact.go removes them from
//     texts.
//   - log.go logs each attempt.
//
// The package contains GitLab's names for tokens and rate limits, but does not depend on
// the rest of its API.
package transport

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// Config configures a [Client]. All fields are required unless their comments say otherwise.
type Config struct {
	HTTPClient     *http.Client   // Its transport, cookie jar and CheckRedirect are used. Nil for a new connection pool.
	RootCAs        *x509.CertPool // The certificates to trust. Nil for those of the system. Ignored if HTTPClient is set.
	Policy         Policy
	AttemptTimeout time.Duration
	MaxBody        int64        // The maximum size in bytes of a response that is read into memory.
	UserAgent      string       // The User-Agent header, unless a request has another one. Empty for none.
	Logger         *slog.Logger // Nil for no log.

	// Message returns the message in the body of a 429, for [LimitError]. Secrets are
	// already removed from the body.
	Message func(body []byte) string
}

// Client sends calls. All calls of a client share its connections, its retry budget and its
// record of rate limits. It is safe for concurrent use.
type Client struct {
	config Config
	http   *http.Client
	budget retryBudget
	gates  gates
}

// New returns a client. It copies the HTTPClient of the config and does not modify it.
func New(config Config) *Client {
	return &Client{config: config, http: newHTTPClient(config), gates: gates{seed: maphash.MakeSeed()}}
}

// CloseIdleConnections closes connections that are idle.
func (c *Client) CloseIdleConnections() {
	if t, ok := c.http.Transport.(*attemptTransport); ok {
		(&http.Client{Transport: t.next}).CloseIdleConnections()
	}
}

// Backoff returns a random wait after n failed attempts.
func (c *Client) Backoff(n int) time.Duration { return c.config.Policy.backoff(n) }

// Request describes the request of a [Call].
type Request struct {
	Method string
	URL    string
	Route  string      // The template of the path. Calls of a route share a retry budget.
	Path   string      // The path to show in logs and errors.
	Header http.Header // Not modified. The values are not secret, except those of headers that always contain a credential.
	Body   []byte      // JSON. Nil for none.

	Authorize  func(*http.Request) error // Adds the credentials. All values that it adds are secret.
	CallHeader http.Header               // Replaces headers of Header and Authorize. Not modified.

	OtherAuth    bool // Authorize adds other credentials than the client's, so the client's rate limits do not apply.
	Repeatable   bool // It is safe to send the request twice. Otherwise it is retried only if it provably did not arrive.
	Stream       bool // The response need not be JSON. The caller reads and closes the body if the status is 2xx.
	NoRetryOn500 bool // A response with status 500 is not retried.
	MaxAttempts  int  // 0 for that of the policy.
	Attempts     int  // The number of attempts so far. It can begin with the attempts of an earlier call.
}

// reads reports whether the request changes nothing on the server.
func (r *Request) reads() bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }

// Call is the state of a request that is being sent. The contexts of its attempts contain
// the Call, so that every layer of net/http can access it. A Call is sent once, by one
// goroutine. After Prepare, Route and Path have no secrets.
type Call struct {
	Request
	Secrets Secrets // The secrets of the request.

	Unknown         bool   // The server may have executed the request, which is a write. Undefined after a success.
	RedirectRefused string // The reason why a redirect was not followed, or empty.
	RedirectedTo    string // The scheme and host of another server that a redirect led to. It received no credentials.

	client *Client
	http   *retryablehttp.Request
	added  []param       // The query parameters that Authorize added.
	buffer *bytes.Buffer // The body of the response, unless it is a stream.

	credential uint64      // The credential in the keys of the gates.
	gates      [2]*gate    // The gates at which the current attempt counts as in flight.
	limit      *LimitError // The error if a gate refused the call.

	begin        time.Time     // The start of the current attempt, or the earliest start of the next one.
	attemptTrace *attemptTrace // The progress of the current attempt.
	wait         time.Duration // The wait before the next attempt.
}

type callKey struct{}

func callFrom(ctx context.Context) *Call {
	c, _ := ctx.Value(callKey{}).(*Call)
	return c
}

// RouteFromContext returns the route of the call in the context, or "" if there is none.
func RouteFromContext(ctx context.Context) string {
	if c := callFrom(ctx); c != nil {
		return c.Route
	}
	return ""
}

// NewCall returns a call. The caller must call Prepare and then Send.
func (c *Client) NewCall(r Request) *Call { return &Call{Request: r, client: c} }

const jsonType = "application/json"

// Prepare validates the request and calls its Authorize. It sends nothing.
func (c *Call) Prepare(ctx context.Context) error {
	var body any // An untyped nil: net/http would start a goroutine to read a body that is a nil []byte.
	if c.Body != nil {
		body = c.Body
	}
	req, err := retryablehttp.NewRequestWithContext(context.WithValue(ctx, callKey{}, c), c.Method, c.URL, body)
	if err != nil {
		return errors.New("invalid method or URL") // The error of net/http contains the URL.
	}
	c.http = req
	req.Header.Set("User-Agent", c.client.config.UserAgent)
	if !c.Stream {
		req.Header.Set("Accept", jsonType)
	}
	if c.Body != nil {
		req.Header.Set("Content-Type", jsonType)
	}
	for key, values := range c.Header {
		req.Header[key] = slices.Clone(values)
	}
	query := req.URL.RawQuery
	if err := c.Authorize(req.Request); err != nil {
		return fmt.Errorf("authorize: %w", err)
	}
	c.collectSecrets(req.Request, query)
	c.credential = c.client.gates.credentialKey(c, query)
	maps.Copy(req.Header, c.CallHeader)
	if host := cmp.Or(c.CallHeader.Get("Host"), c.Header.Get("Host")); host != "" {
		req.Host = host
	}
	c.Path, c.Route = c.Secrets.Redact(c.Path), c.Secrets.Redact(c.Route)
	for key, values := range req.Header {
		for _, value := range values {
			if err := CheckHeader("the request", key, value); err != nil {
				return err
			}
		}
	}
	return nil
}

// Send sends a prepared request in one or more attempts, and returns the last response,
// with any status. [Call.ResponseBody] returns its body, unless it is a stream with a 2xx
// status. An error is a [*FaultError] or a [*LimitError].
func (c *Call) Send() (*http.Response, error) {
	loop := retryablehttp.Client{
		HTTPClient:   c.client.http,
		RetryMax:     c.maxAttempts(),
		CheckRetry:   c.checkRetry,
		Backoff:      noBackoff,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	if c.client.http.Jar != nil {
		header := c.http.Header.Clone()
		loop.PrepareRetry = func(req *http.Request) error {
			req.Header = header.Clone() // Removes the cookies that the jar added to the last attempt.
			return nil
		}
	}
	ctx := c.http.Context()
	defer c.client.gates.leave(c, nil)
	var resp *http.Response
	err := c.start(ctx)
	if err == nil {
		resp, err = loop.Do(c.http)
	}
	switch {
	case c.limit != nil:
		return nil, c.limit
	case err != nil:
		return nil, &FaultError{Err: c.Secrets.RedactError(err), Temporary: ctx.Err() == nil && temporaryFault(err)}
	default:
		return resp, nil
	}
}

func (c *Call) maxAttempts() int { return cmp.Or(c.MaxAttempts, c.client.config.Policy.MaxAttempts) }

// ResponseBody returns the body of the last response, or nil if it is a stream. The body of
// a response that is not 2xx is truncated to [MaxErrorBody]. The slice is valid until Free
// is called.
func (c *Call) ResponseBody() []byte {
	if c.buffer == nil {
		return nil
	}
	return c.buffer.Bytes()
}

// Free releases the buffer of the response body for use by other calls.
func (c *Call) Free() {
	if c.buffer != nil && c.buffer.Cap() <= maxPooledBody {
		c.buffer.Reset()
		bufferPool.Put(c.buffer)
	}
	c.buffer = nil
}
