package gitlabjobs

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/go-querystring/query"
	"github.com/hashicorp/go-retryablehttp"

	"example.com/gitlabjobs/internal/jsonobject"
)

// request is what a service method asks for.
type request struct {
	method string
	route  string    // GitLab's template of the path.
	args   []pathArg // What stands for the placeholders of route, in order.
	query  any       // A struct for go-querystring, url.Values, or nil.
	body   any       // To be sent as JSON, or nil for no body.
	class  retryClass
	stream bool // The answer is a stream, not JSON.
}

// reads reports whether the request changes nothing on the server.
func (r request) reads() bool { return r.method == http.MethodGet || r.method == http.MethodHead }

func get(route string, query any, args ...pathArg) request {
	return request{method: http.MethodGet, route: route, args: args, query: query}
}

// post is a write that must not be repeated.
func post(route string, body any, args ...pathArg) request {
	return request{method: http.MethodPost, route: route, args: args, body: body, class: onceOnly}
}

// call is a request on its way. It travels in the context, so that every layer
// below sees it.
type call struct {
	request
	client *Client

	path       string    // The route with its arguments, escaped. No credential is in it,
	label      string    // nor in this, which is the route as errors and logs show it.
	credential uint64    // Whose rate limits apply: see gateKey.
	gates      [2]*gate  // Where the current attempt counts as in flight.
	refusal    *Error    // Of a gate.
	resume     time.Time // Nothing is sent before.

	attempts int
	limit    int           // Of attempts.
	once500  bool          // A 500 is not retried.
	begun    time.Time     // The current attempt.
	wait     time.Duration // Before the next attempt.
	unknown  bool          // A write that may have happened.
	refused  string        // Why a redirect was not followed.
	wire     *wire         // Of the current attempt.
	left     string        // The host of a redirect, to which no credentials were sent.
	secrets  secrets
	added    []param       // What Auth added to the query.
	buffer   *bytes.Buffer // Of the answer, unless it is a stream.
}

var (
	errNoClient  = errors.New("gitlabjobs: the client is empty: make one with NewClient")
	errNoContext = errors.New("gitlabjobs: the context is nil: give context.Background()")
)

type callKey struct{}

func callFrom(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// RouteFromContext returns the route of the call that a request belongs to, as
// GitLab writes it: "/projects/:id/jobs/:job_id". An [http.RoundTripper] that
// counts or traces requests finds it in the request's context, and has one label
// for all jobs. It is empty for any other context.
func RouteFromContext(ctx context.Context) string {
	if c := callFrom(ctx); c != nil {
		return c.label
	}
	return ""
}

// fetch makes a call whose answer is one JSON object. One without an id is
// something else, such as a message.
func fetch[T any](ctx context.Context, client *Client, r request, ro []RequestOption) (*T, error) {
	return exchange(ctx, client, r, ro, func(_ *http.Response, body []byte) (*T, error) {
		v, err := jsonobject.Decode[T](body)
		if err != nil {
			return nil, err
		}
		if v, ok := any(v).(interface{ key() int64 }); ok && v.key() == 0 {
			return nil, errors.New("a JSON object without the id that was expected")
		}
		return v, nil
	})
}

// list makes a call whose answer is a page of JSON objects.
func list[T any](ctx context.Context, client *Client, r request, ro []RequestOption, checks ...func(*Page[T]) error) (*Page[T], error) {
	return exchange(ctx, client, r, ro, func(resp *http.Response, body []byte) (*Page[T], error) {
		items, err := jsonobject.DecodeList[T](body)
		if err != nil {
			return nil, err
		}
		page, err := newPage(resp.Header, items)
		for _, check := range checks {
			if err == nil {
				err = check(page)
			}
		}
		if err != nil {
			return nil, err
		}
		return page, nil
	})
}

// exchange makes a call and decodes its answer.
func exchange[T any](ctx context.Context, client *Client, r request, ro []RequestOption, decode func(*http.Response, []byte) (*T, error)) (*T, error) {
	c, resp, err := send(ctx, client, r, ro) //nolint:bodyclose // It was read and closed with the attempt.
	if err != nil {
		return nil, err
	}
	defer c.free()
	v, err := decode(resp, c.answer())
	if err != nil {
		return nil, c.unusable(resp, err)
	}
	return v, nil
}

// send makes a call, with as many attempts as it takes. Without an error, the
// answer is a success.
func send(ctx context.Context, client *Client, r request, ro []RequestOption) (*call, *http.Response, error) {
	c := &call{request: r, client: client}
	rc, req, err := c.prepare(ctx, ro)
	if rc != nil && rc.response != nil {
		*rc.response = Response{}
	}
	switch {
	case errors.Is(err, errNoClient), errors.Is(err, errNoContext):
		return nil, nil, err
	case err != nil:
		err = fmt.Errorf("gitlabjobs: %s %s: %w", r.method, cmp.Or(c.path, r.route), err)
		return nil, nil, client.redactArguments(err, ro)
	}
	loop := retryablehttp.Client{
		HTTPClient:   client.http,
		RetryMax:     client.retry.MaxAttempts,
		CheckRetry:   c.checkRetry,
		Backoff:      noBackoff,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	if client.http.Jar != nil {
		header := req.Header.Clone()
		loop.PrepareRetry = func(again *http.Request) error {
			again.Header = header.Clone() // Without the cookies that the jar has added.
			return nil
		}
	}
	c.limit = cmp.Or(rc.attempts, client.retry.MaxAttempts)
	c.attempts, c.once500 = rc.made, rc.once500
	defer client.gates.leave(c, nil)
	var resp *http.Response
	if err = c.start(ctx); err == nil {
		resp, err = loop.Do(req)
	}
	if err != nil || !isSuccess(resp.StatusCode) {
		defer c.free()
	}
	if rc.response != nil {
		rc.response.Attempts = c.attempts
		if err == nil {
			rc.response.StatusCode = resp.StatusCode
			rc.response.Header = c.secrets.redactHeader(resp.Header)
			rc.response.RequestID = requestID(resp, c.secrets)
		}
	}
	if c.refusal != nil {
		return nil, nil, c.refusal
	}
	if err != nil {
		if ctx.Err() != nil {
			err = contextError(ctx)
		}
		failure := newCallError(c.method, c.path, c.secrets.redactError(err), c.unknown)
		failure.temporary = ctx.Err() == nil && temporaryFault(err)
		return nil, nil, failure
	}
	if !isSuccess(resp.StatusCode) {
		return nil, nil, c.failed(resp)
	}
	return c, resp, nil
}

// prepare checks all that was given, before anything is sent, and builds the
// request.
func (c *call) prepare(ctx context.Context, ro []RequestOption) (*requestConfig, *retryablehttp.Request, error) {
	if c.client.empty() {
		return nil, nil, errNoClient
	}
	if ctx == nil {
		return nil, nil, errNoContext
	}
	rc := new(requestConfig)
	for _, option := range ro {
		if option == nil {
			continue
		}
		if err := option(rc); err != nil {
			return rc, nil, err
		}
	}
	target, err := c.url()
	if err != nil {
		return rc, nil, err
	}
	var body any // Untyped: a nil []byte would be a body, for whose first byte net/http waits in a goroutine.
	if c.body != nil {
		if body, err = encodeBody(c.body); err != nil {
			return rc, nil, err
		}
	}
	req, err := retryablehttp.NewRequestWithContext(context.WithValue(ctx, callKey{}, c), c.method, target, body)
	if err != nil {
		return rc, nil, errors.New("it makes no request")
	}
	req.Header.Set("User-Agent", c.client.userAgent)
	if !c.stream {
		req.Header.Set("Accept", "application/json")
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for key, values := range c.client.header {
		req.Header[key] = slices.Clone(values)
	}
	authorize := c.client.authorize
	if rc.auth != nil {
		authorize = rc.auth.Authorize
	}
	query := req.URL.RawQuery
	if err := authorize(req.Request); err != nil {
		return rc, nil, fmt.Errorf("authorize: %w", err)
	}
	c.added = addedParams(query, req.URL.RawQuery)
	for _, p := range c.added {
		c.secrets.add(p.value)
	}
	c.secrets.addHeaders(req.Header, func(key, value string) bool {
		given := value == c.client.userAgent || value == "application/json" || value == c.client.header.Get(key)
		return !given || isCredential(key, value)
	})
	c.credential = c.client.gates.credential(rc, req.Request, query)
	maps.Copy(req.Header, rc.header)
	if host := cmp.Or(rc.header.Get("Host"), c.client.header.Get("Host")); host != "" {
		req.Host = host
	}
	c.secrets.addHeaders(rc.header, isCredential)
	if jar := c.client.http.Jar; jar != nil {
		for _, cookie := range jar.Cookies(req.URL) {
			c.secrets.add(cookie.Value)
		}
	}
	c.path, c.label = c.secrets.redact(c.path), c.secrets.redact(c.route)
	for key, values := range req.Header {
		for _, value := range values {
			if err := checkHeader("the request", key, value); err != nil {
				return rc, nil, err
			}
		}
	}
	return rc, req, contextError(ctx)
}

func encodeBody(v any) ([]byte, error) {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("the request's body: %w", err)
	}
	return bytes.TrimSuffix(body.Bytes(), []byte("\n")), nil
}

// url fills in the route and the query.
func (c *call) url() (string, error) {
	var b strings.Builder
	b.Grow(len(c.route) + 32)
	args := c.args
	for segment := range strings.SplitSeq(strings.TrimPrefix(c.route, "/"), "/") {
		b.WriteByte('/')
		if name, ok := strings.CutPrefix(segment, ":"); ok {
			escaped, err := args[0].escape(name)
			if err != nil {
				return "", err
			}
			segment, args = escaped, args[1:]
		}
		b.WriteString(segment)
	}
	c.path = b.String()
	target := c.client.baseURL + c.path
	if c.query == nil {
		return target, nil
	}
	values, ok := c.query.(url.Values)
	if !ok {
		var err error
		if values, err = query.Values(c.query); err != nil {
			return "", fmt.Errorf("the query: %w", err)
		}
	}
	if len(values) > 0 {
		target += "?" + values.Encode()
	}
	return target, nil
}

// failed makes the error of an answer that is not a success.
func (c *call) failed(resp *http.Response) *Error {
	e := newError(c.method, c.label, c.path, resp, c.answer(), c.secrets)
	e.unknown = c.unknown
	if resp.StatusCode >= 300 && resp.StatusCode <= 399 && resp.StatusCode != http.StatusNotModified {
		e.Message = fmt.Sprintf("%d redirect%s, not followed", resp.StatusCode, c.destination(resp))
		if c.refused != "" {
			e.Message += ": " + c.refused
		}
	} else if resp.StatusCode == http.StatusSwitchingProtocols {
		e.Message += ": the server, or a proxy, switched to a protocol that was not requested"
	} else if c.left != "" {
		e.Message += ", after a redirect to " + line(c.secrets.redact(c.left)) + ", which gets no credentials: if it is the same GitLab, make it the client's base URL"
	}
	return e
}

// destination says where a redirect leads, without the query, which may be signed.
func (c *call) destination(resp *http.Response) string {
	u, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || u.Host+u.Path == "" {
		return ""
	}
	return " to " + line(c.secrets.redact((&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()))
}

// unusable makes the error of a success that is none: an empty body, a page of
// a proxy, JSON of another kind.
func (c *call) unusable(resp *http.Response, cause error) *Error {
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil {
		kind = "no content type"
	}
	e := newError(c.method, c.label, c.path, resp, c.answer()[:min(len(c.answer()), maxErrorBody)], c.secrets)
	e.Message = line(c.secrets.redact(fmt.Sprintf("the answer can't be used (%s): %v", kind, cause)))
	e.Details = nil
	e.cause = c.secrets.redactError(cause)
	e.unknown = !c.reads()
	e.page = c.reads() && (kind == "text/html" || strings.HasPrefix(http.DetectContentType(c.answer()), "text/html"))
	return e
}

// contextError returns why a context ended: its error and its cause. It is nil for one
// that has not ended.
func contextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	switch {
	case err == nil || cause == nil || cause == err: //nolint:errorlint // The same error, which would be shown twice.
		return err
	case errors.Is(cause, err):
		return cause
	default:
		return fmt.Errorf("%w: %w", err, cause)
	}
}

// valueOf returns the options that p points to, or their zero value.
func valueOf[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func optionsError(name string, err error) error {
	return fmt.Errorf("gitlabjobs: %s: %w", name, err)
}
