package gitlabjobs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"unicode"
)

// Do calls any endpoint of GitLab's REST API. Use it for endpoints that have no method in
// this package. Authentication, retries, redirects, limits and errors are the same as for
// the other methods.
//
// route is a template such as "/projects/:id/pipelines/:pipeline_id". Each placeholder is
// replaced by the next element of args, which Do escapes: pass "v1/2", not "v1%2F2". A
// placeholder directly after /projects/ is validated as a [Project].
//
// in is the input of the request, or nil. For GET, HEAD and DELETE it is encoded as the
// query: use a struct with url tags, or [url.Values]. For other methods it is encoded as
// the body by encoding/json: use [json.RawMessage] for JSON that is already encoded. Do
// cannot upload files.
//
// out receives the response body. If out is nil, the body is discarded. If out is an
// [io.Writer], the body is copied to it as it arrives, without a size limit. Otherwise out
// must be a pointer, and encoding/json decodes the body into it. For a pointer, an empty
// body is an error unless the status is 204.
//
// GET and HEAD are retried as [RetryPolicy] describes for reads. Other methods are retried
// only if the request was not processed, and fail with [ErrOutcomeUnknown] if it may have
// been processed. If out is an io.Writer, Do does not retry after it has received the
// response header. If the response breaks off, the error contains the number of bytes that
// were written. Errors of the writer are returned unchanged.
func (c *Client) Do(ctx context.Context, method, route string, args []string, in, out any, ro ...RequestOption) error {
	r, err := newRequest(method, route, args, in)
	if err == nil {
		err = checkOut(method, out)
	}
	if c.empty() {
		return errNoClient
	}
	if err != nil {
		return c.redactArguments(fmt.Errorf("gitlabjobs: %s %s: %w", line(method), line(route), err), ro)
	}
	if w, ok := out.(io.Writer); ok {
		return download(ctx, c, r, w, ro)
	}
	_, err = exchange(ctx, c, r, ro, func(resp *http.Response, body []byte) (*struct{}, error) {
		switch {
		case out == nil || resp.StatusCode == http.StatusNoContent:
			return nil, nil
		case len(bytes.TrimSpace(body)) == 0:
			return nil, errors.New("the body is empty")
		default:
			return nil, json.Unmarshal(body, out)
		}
	})
	return err
}

var doMethods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
}

// newRequest returns the request of a call by [Client.Do].
func newRequest(method, route string, args []string, in any) (request, error) {
	r := request{method: method, route: route, repeatable: isRead(method)}
	if !slices.Contains(doMethods, method) {
		return r, fmt.Errorf("%q is not a method of GitLab's API: use one of %s", method, strings.Join(doMethods, ", "))
	}
	names, err := placeholders(route)
	switch {
	case err != nil:
		return r, err
	case len(args) != len(names):
		return r, fmt.Errorf("%d arguments for a route with %d placeholders: pass one for each of %q", len(args), len(names), names)
	}
	for i, arg := range args {
		if i == 0 && strings.HasPrefix(route, "/projects/:") {
			r.args = append(r.args, Project(arg))
		} else {
			r.args = append(r.args, text(arg))
		}
	}
	if in == nil {
		return r, nil
	}
	if r.repeatable || method == http.MethodDelete {
		r.query = in
		return r, checkQuery(method, in)
	}
	switch in.(type) {
	case io.Reader, []byte, string:
		return r, fmt.Errorf("in is a %T: use a value that encoding/json encodes, or json.RawMessage for encoded JSON", in)
	}
	if v := reflect.ValueOf(in); v.Kind() == reflect.Pointer && v.IsNil() {
		return r, nil
	}
	body, err := json.Marshal(in)
	if err != nil {
		return r, fmt.Errorf("encoding the request body: %w", err)
	}
	r.body = json.RawMessage(body)
	return r, nil
}

// placeholders returns the names of the placeholders in a route, with their colons.
func placeholders(route string) ([]string, error) {
	const example = `use a route such as "/projects/:id/pipelines/:pipeline_id"`
	switch {
	case strings.Contains(route, "://"):
		return nil, errors.New("the route contains a host: remove everything before the path; " + example)
	case !strings.HasPrefix(route, "/"):
		return nil, errors.New("the route does not begin with a slash: " + example)
	case strings.HasPrefix(route, "/api/"):
		return nil, errors.New("the route begins with /api, which the client adds: " + example)
	case strings.ContainsAny(route, "?#"):
		return nil, errors.New("the route contains a query or a fragment: remove it, and pass parameters in the argument in")
	}
	var names []string
	for segment := range strings.SplitSeq(route[1:], "/") {
		switch {
		case segment == "" || segment == "." || segment == "..":
			return nil, errors.New(`the route has an empty segment, "." or "..": ` + example)
		case segment == ":":
			return nil, errors.New("the route has a placeholder without a name: " + example)
		case strings.Contains(segment[1:], ":"):
			return nil, fmt.Errorf("the route's segment %q has a placeholder that is not a whole segment: use a placeholder for the whole segment", segment)
		case segment[0] == ':':
			names = append(names, segment)
		case url.PathEscape(segment) != segment:
			return nil, fmt.Errorf("the route's segment %q needs escaping: use a placeholder, and pass the text in args", segment)
		}
	}
	return names, nil
}

// text is an argument of a route that can be any text.
type text string

func (t text) escape(name string) (string, error) {
	s := string(t)
	switch {
	case s == "":
		return "", fmt.Errorf("%s is empty: pass a value for the placeholder in args", name)
	case strings.ContainsFunc(s, unicode.IsControl):
		return "", fmt.Errorf("%s is %q, which contains a control character: remove it", name, s)
	}
	for segment := range strings.SplitSeq(s, "/") {
		if segment == "." || segment == ".." {
			return "", fmt.Errorf(`%s is %q: remove the segments "." and "..", which change the path`, name, s)
		}
	}
	return url.PathEscape(s), nil
}

func checkQuery(method string, in any) error {
	t := reflect.TypeOf(in)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if _, ok := in.(url.Values); ok || t.Kind() == reflect.Struct {
		return nil
	}
	return fmt.Errorf("in is a %T: for %s, use a struct with url tags, or url.Values", in, method)
}

func checkOut(method string, out any) error {
	if out == nil {
		return nil
	}
	if method == http.MethodHead {
		return errors.New("a response to HEAD has no body: pass nil as out, and read the header with WithResponse")
	}
	v := reflect.ValueOf(out)
	if _, ok := out.(io.Writer); ok && (v.Kind() != reflect.Pointer || !v.IsNil()) {
		return nil
	}
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return fmt.Errorf("out is a %T, which cannot store a response: use a non-nil pointer, an io.Writer, or nil", out)
	}
	return nil
}

// download makes a call and copies the response body to w.
func download(ctx context.Context, client *Client, r request, w io.Writer, ro []RequestOption) error {
	r.stream = true
	c, resp, err := send(ctx, client, r, ro)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body := &bodyReader{Reader: resp.Body}
	written, err := io.Copy(w, body)
	if err == nil && body.err == nil && resp.ContentLength > written {
		body.err = io.ErrUnexpectedEOF
	}
	switch {
	case body.err == nil:
		return err // The error of the writer.
	case ctx.Err() != nil:
		body.err = contextError(ctx)
	}
	cause := fmt.Errorf("the response broke off after %d bytes were written: %w", written, c.Secrets.RedactError(body.err))
	failure := newCallError(c.Method, c.Path, cause, !isRead(c.Method))
	failure.temporary = ctx.Err() == nil
	return failure
}

// bodyReader records the error of a response body, to distinguish it from an error of the
// writer that the body is copied to.
type bodyReader struct {
	io.Reader
	err error
}

func (b *bodyReader) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}
