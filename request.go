package gitlabjobs

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/go-querystring/query"

	"example.com/gitlabjobs/internal/jsonobject"
	"example.com/gitlabjobs/internal/transport"
)

// request describes the request of a service method.
type request struct {
	method     string
	route      string    // GitLab's template of the path.
	args       []pathArg // The arguments for the placeholders of route, in order.
	query      any       // A struct for go-querystring, url.Values, or nil.
	body       any       // Sent as JSON; nil for no body.
	repeatable bool      // It is safe to send the request twice.
	stream     bool      // The response is a stream, not JSON.
}

// isRead reports whether requests with a method change nothing on the server.
func isRead(method string) bool { return method == http.MethodGet || method == http.MethodHead }

func get(route string, query any, args ...pathArg) request {
	return request{method: http.MethodGet, route: route, args: args, query: query, repeatable: true}
}

// post returns a write that must not be repeated.
func post(route string, body any, args ...pathArg) request {
	return request{method: http.MethodPost, route: route, args: args, body: body}
}

var (
	errNoClient  = errors.New("gitlabjobs: the client is empty: create it with NewClient")
	errNoContext = errors.New("gitlabjobs: the context is nil: use context.Background()")
)

// RouteFromContext returns the route of the call that a request belongs to, in GitLab's
// notation: "/projects/:id/jobs/:job_id". An [http.RoundTripper] that counts or traces
// requests can call it with the context of the request. The result is a label that is the
// same for all jobs. If ctx is not the context of a request of a [Client], it returns "".
func RouteFromContext(ctx context.Context) string { return transport.RouteFromContext(ctx) }

// fetch makes a call whose response is one JSON object. An object without an ID is an
// error: it is something else, such as a message.
func fetch[T any](ctx context.Context, client *Client, r request, ro []RequestOption) (*T, error) {
	return exchange(ctx, client, r, ro, func(_ *http.Response, body []byte) (*T, error) {
		v, err := jsonobject.Decode[T](body)
		if err != nil {
			return nil, err
		}
		if v, ok := any(v).(interface{ key() int64 }); ok && v.key() == 0 {
			return nil, errors.New("the JSON object has no ID")
		}
		return v, nil
	})
}

// list makes a call whose response is a page of JSON objects.
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

// exchange makes a call and decodes its response.
func exchange[T any](ctx context.Context, client *Client, r request, ro []RequestOption, decode func(*http.Response, []byte) (*T, error)) (*T, error) {
	c, resp, err := send(ctx, client, r, ro) //nolint:bodyclose // The attempt has read and closed the body.
	if err != nil {
		return nil, err
	}
	defer c.Free()
	v, err := decode(resp, c.ResponseBody())
	if err != nil {
		return nil, unusable(c, resp, err)
	}
	return v, nil
}

// send makes a call. If it returns no error, the response has a 2xx status.
func send(ctx context.Context, client *Client, r request, ro []RequestOption) (*transport.Call, *http.Response, error) {
	switch {
	case client.empty():
		return nil, nil, errNoClient
	case ctx == nil:
		return nil, nil, errNoContext
	}
	rc, err := newRequestConfig(ro)
	if rc.response != nil {
		*rc.response = Response{}
	}
	var built transport.Request
	if err == nil {
		built, err = build(client, r, rc)
	}
	c := client.transport.NewCall(built)
	if err == nil {
		err = c.Prepare(ctx)
	}
	if err == nil {
		err = contextError(ctx)
	}
	if err != nil {
		err = fmt.Errorf("gitlabjobs: %s %s: %w", r.method, cmp.Or(c.Path, r.route), err)
		return nil, nil, client.redactArguments(err, ro)
	}
	resp, err := c.Send() //nolint:contextcheck // Prepare has the context.
	if rc.response != nil {
		rc.response.Attempts = c.Attempts
		if err == nil {
			rc.response.StatusCode = resp.StatusCode
			rc.response.Header = c.Secrets.RedactHeader(resp.Header)
			rc.response.RequestID = requestID(resp, c.Secrets)
		}
	}
	switch {
	case err != nil:
		err = newSendError(ctx, c, err)
	case !transport.IsSuccess(resp.StatusCode):
		err = newStatusError(c, resp)
	default:
		return c, resp, nil
	}
	c.Free()
	return nil, nil, err
}

// build returns the transport request. On error, the path is set unless the path itself
// is invalid.
func build(client *Client, r request, rc *requestConfig) (built transport.Request, err error) {
	built = transport.Request{
		Method:       r.method,
		Route:        r.route,
		Header:       client.header,
		Authorize:    client.authorize,
		CallHeader:   rc.header,
		Repeatable:   r.repeatable,
		Stream:       r.stream,
		NoRetryOn500: rc.noRetryOn500,
		MaxAttempts:  rc.attempts,
		Attempts:     rc.made,
	}
	if rc.auth != nil {
		built.Authorize, built.OtherAuth = rc.auth.Authorize, true
	}
	built.URL, err = r.url(client.baseURL)
	if err != nil {
		return built, err
	}
	built.Path = built.URL[len(client.baseURL):]
	query, err := r.encodedQuery()
	if err != nil {
		return built, err
	}
	built.URL += query
	if r.body != nil {
		built.Body, err = encodeBody(r.body)
	}
	return built, err
}

func encodeBody(v any) ([]byte, error) {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encoding the request body: %w", err)
	}
	return bytes.TrimSuffix(body.Bytes(), []byte("\n")), nil
}

// url returns the URL without a query: the base URL and the route, with its arguments
// filled in.
func (r request) url(base string) (string, error) {
	var b strings.Builder
	b.Grow(len(base) + len(r.route) + 32)
	b.WriteString(base)
	args := r.args
	for segment := range strings.SplitSeq(strings.TrimPrefix(r.route, "/"), "/") {
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
	return b.String(), nil
}

// encodedQuery returns the query with its question mark, or "" if there is no query.
func (r request) encodedQuery() (string, error) {
	if r.query == nil {
		return "", nil
	}
	values, ok := r.query.(url.Values)
	if !ok {
		var err error
		if values, err = query.Values(r.query); err != nil {
			return "", fmt.Errorf("encoding the query: %w", err)
		}
	}
	if len(values) == 0 {
		return "", nil
	}
	return "?" + values.Encode(), nil
}

// newSendError returns the error of a call that got no response.
func newSendError(ctx context.Context, c *transport.Call, err error) error {
	if limit, ok := errors.AsType[*transport.LimitError](err); ok {
		return &Error{
			Method: c.Method, Route: c.Route, Path: c.Path, StatusCode: http.StatusTooManyRequests,
			Message: limit.Message, RetryAfter: limit.Remaining, unknown: c.Unknown,
		}
	}
	fault, ok := errors.AsType[*transport.FaultError](err)
	if ok {
		err = fault.Err
	}
	if ctx.Err() != nil {
		err = c.Secrets.RedactError(contextError(ctx))
	}
	e := newCallError(c.Method, c.Path, err, c.Unknown)
	e.temporary = ok && fault.Temporary
	return e
}

// newStatusError returns the error of a response whose status is not 2xx.
func newStatusError(c *transport.Call, resp *http.Response) *Error {
	e := newError(c, resp, c.ResponseBody())
	e.unknown = c.Unknown
	if resp.StatusCode >= 300 && resp.StatusCode <= 399 && resp.StatusCode != http.StatusNotModified {
		e.Message = fmt.Sprintf("%d redirect%s, not followed", resp.StatusCode, destination(c, resp))
		if c.RedirectRefused != "" {
			e.Message += ": " + c.RedirectRefused
		}
	} else if resp.StatusCode == http.StatusSwitchingProtocols {
		e.Message += ": the server, or a proxy, switched to a protocol that was not requested"
	} else if c.RedirectedTo != "" {
		e.Message += ", after a redirect to " + line(c.Secrets.Redact(c.RedirectedTo)) + ", which receives no credentials: if it is the same GitLab server, use it as the base URL of the client"
	}
	return e
}

// destination returns " to " and the target of a redirect. It omits the query, which may
// contain a signature.
func destination(c *transport.Call, resp *http.Response) string {
	u, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || u.Host+u.Path == "" {
		return ""
	}
	return " to " + line(c.Secrets.Redact((&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()))
}

// unusable returns the error of a response with a 2xx status that cannot be used, such as
// an empty body, the HTML page of a proxy or JSON of an unexpected type.
func unusable(c *transport.Call, resp *http.Response, cause error) *Error {
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil {
		kind = "no content type"
	}
	body := c.ResponseBody()
	e := newError(c, resp, body[:min(len(body), transport.MaxErrorBody)])
	e.Message = line(c.Secrets.Redact(fmt.Sprintf("the response cannot be used (%s): %v", kind, cause)))
	e.Details = nil
	e.cause = c.Secrets.RedactError(cause)
	e.unknown = !isRead(c.Method)
	e.page = isRead(c.Method) && (kind == "text/html" || strings.HasPrefix(http.DetectContentType(body), "text/html"))
	return e
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
