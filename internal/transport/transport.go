// Package transport sends HTTP requests to a server that may be down, slow or busy, without harming it and without
// showing its credentials to anybody else.
//
// A [Call] is one request. It is sent in one or more attempts, and its outcome is the last response, whatever the
// status, or an error. One mechanism stands in each file:
//
//   - attempt.go limits an attempt in time and its response in size, and reads the response.
//   - wire.go finds out how far an attempt came, so that a write is not sent twice.
//   - retry.go decides after each attempt whether another one follows, and wait.go when.
//   - budget.go stops the retries of a route whose requests keep failing.
//   - gate.go holds back requests that a rate limit of the server would refuse.
//   - redirect.go decides which redirects are followed, and removes credentials before another host is asked.
//   - secrets.go collects the credentials of a request, and redact.go removes them from texts.
//   - log.go writes a line for each attempt.
//
// The package knows how GitLab names tokens and rate limits, and nothing else of its API.
package transport

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// Config is how a [Client] works. All fields have to be set unless they say otherwise.
type Config struct {
	HTTPClient     *http.Client   // Whose transport, cookie jar and CheckRedirect are used; nil for a connection pool of its own.
	RootCAs        *x509.CertPool // Trusted by that pool; nil for the certificates of the system. Ignored with an HTTPClient.
	Policy         Policy
	AttemptTimeout time.Duration
	MaxBody        int64        // Size in bytes of the largest response that is held in memory.
	Logger         *slog.Logger // Nil for no log.

	// Message returns what a server says in the body of a 429, for [LimitError]. The body has no secret.
	Message func(body []byte) string
}

// Client sends calls. Calls of one client share its connections, its retry budget and
// what it knows of rate limits. It is safe for concurrent use.
type Client struct {
	config Config
	http   *http.Client
	budget *retryBudget
	gates  *gates
}

// New returns a client. The HTTPClient of the config is copied, never changed.
func New(config Config) *Client {
	return &Client{config: config, http: newHTTPClient(config), budget: newRetryBudget(), gates: newGates()}
}

// CloseIdleConnections closes the connections that are kept open for further calls.
func (c *Client) CloseIdleConnections() {
	if t, ok := c.http.Transport.(*attemptTransport); ok {
		(&http.Client{Transport: t.next}).CloseIdleConnections()
	}
}

// Backoff returns a random wait before the attempt that follows n failed ones.
func (c *Client) Backoff(n int) time.Duration { return c.config.Policy.backoff(n) }

// Request is what a [Call] sends.
type Request struct {
	Method      string
	URL         string
	Route       string      // The template of the path. Calls of a route share a retry budget.
	Path        string      // The path as logs and errors show it.
	Header      http.Header // Not changed. Its values are no secrets, except for headers that always hold one.
	Accept      string      // The Accept header, unless Header has one; empty for none.
	ContentType string      // The same for Content-Type.
	Body        []byte      // Nil for none.

	Authorize  func(*http.Request) error // Adds the credentials. All that it adds is secret.
	OtherAuth  bool                      // Authorize is not the one of most calls: their rate limits do not apply.
	CallHeader http.Header               // Replaces what Header and Authorize set. Not changed.

	Repeatable  bool // Sending it twice does no harm. Otherwise it is retried only if it provably did not arrive.
	Stream      bool // The body of a successful response is left to the caller, who closes it.
	Once500     bool // A response with status 500 is not retried.
	MaxAttempts int  // 0 for the policy's.
	Attempts    int  // Number of attempts so far. A call may begin with those of an earlier one.
}

// reads reports whether the request changes nothing on the server.
func (r *Request) reads() bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }

// Call is a request on its way. It is in the context of its attempts, where each layer
// of net/http finds it. It is sent once, by one goroutine. After Prepare, neither Route
// nor Path has a secret.
type Call struct {
	Request
	Secrets Secrets // Of the request.

	Unknown bool   // It is a write that may have happened. Of no meaning after a success.
	Refused string // Why a redirect was not followed; empty if none was refused.
	Left    string // Scheme and host of another server that a redirect led to. It got no credentials.

	client *Client
	http   *retryablehttp.Request
	added  []param       // What Authorize added to the query.
	buffer *bytes.Buffer // The body of the response, unless it is a stream.

	credential uint64      // Whose rate limits apply: see gateKey.
	gates      [2]*gate    // Where the current attempt counts as in flight.
	limit      *LimitError // Of a gate.

	begun  time.Time     // When the current attempt began.
	wire   *wire         // Of the current attempt.
	wait   time.Duration // Before the next attempt.
	resume time.Time     // Nothing is sent before.
}

type callKey struct{}

func callFrom(ctx context.Context) *Call {
	c, _ := ctx.Value(callKey{}).(*Call)
	return c
}

// RouteFromContext returns the route of the call whose attempt has the context, or "".
func RouteFromContext(ctx context.Context) string {
	if c := callFrom(ctx); c != nil {
		return c.Route
	}
	return ""
}

// NewCall returns a call that is yet to be prepared and sent.
func (c *Client) NewCall(r Request) *Call { return &Call{Request: r, client: c} }

// Prepare checks the request and has it authorized. Nothing is sent.
func (c *Call) Prepare(ctx context.Context) error {
	var body any // Untyped: a nil []byte would be a body, for whose first byte net/http waits in a goroutine.
	if c.Body != nil {
		body = c.Body
	}
	req, err := retryablehttp.NewRequestWithContext(context.WithValue(ctx, callKey{}, c), c.Method, c.URL, body)
	if err != nil {
		return errors.New("invalid method or URL") // The error of net/http repeats the URL.
	}
	c.http = req
	if c.Accept != "" {
		req.Header.Set("Accept", c.Accept)
	}
	if c.ContentType != "" {
		req.Header.Set("Content-Type", c.ContentType)
	}
	for key, values := range c.Header {
		req.Header[key] = slices.Clone(values)
	}
	query := req.URL.RawQuery
	if err := c.Authorize(req.Request); err != nil {
		return fmt.Errorf("authorize: %w", err)
	}
	c.collectSecrets(req.Request, query)
	c.credential = c.client.gates.credential(c, query)
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

// Send sends a request that was prepared, in as many attempts as it takes, and returns
// the last response, whatever its status. Its body is [Call.ResponseBody], except for the one of a
// successful stream. An error is a [*FaultError] or a [*LimitError].
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
		loop.PrepareRetry = func(again *http.Request) error {
			again.Header = header.Clone() // Without the cookies that the jar has added.
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

// ResponseBody returns the body of the last response, unless it is a stream: of an
// error at most [MaxErrorBody]. It is valid until Free.
func (c *Call) ResponseBody() []byte {
	if c.buffer == nil {
		return nil
	}
	return c.buffer.Bytes()
}

// Free lets other calls use the memory of the response's body.
func (c *Call) Free() {
	if c.buffer != nil && c.buffer.Cap() <= maxPooledBody {
		c.buffer.Reset()
		bodies.Put(c.buffer)
	}
	c.buffer = nil
}
