package gitlabjobstest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"example.com/gitlabjobs/gitlabjobstest/internal/delivery"
)

// Effect is what a [Fault] does to a request.
type Effect struct {
	make    func() effect
	problem string
}

type effect struct {
	refuse  bool                     // The connection is refused.
	respond func(*Server) *response  // Replaces the response. The request has no effect.
	change  func(*Server, *response) // Changes the response, after the request has taken effect.
}

func (e effect) replacement(s *Server) *response {
	if e.respond == nil {
		return nil
	}
	return e.respond(s)
}

func (e effect) applyTo(s *Server, resp *response) {
	if e.change != nil {
		e.change(s, resp)
	}
}

func newEffect(e effect) Effect { return Effect{make: func() effect { return e }} }

func replaceResponse(f func(*Server) *response) Effect { return newEffect(effect{respond: f}) }

func changeResponse(f func(*response)) Effect {
	return newEffect(effect{change: func(_ *Server, resp *response) { f(resp) }})
}

// Refuse refuses the connection. A server with a socket resets it before it
// reads the request.
func Refuse() Effect {
	return newEffect(effect{refuse: true, respond: resetResponse})
}

func resetResponse(*Server) *response { return &response{delivery: delivery.Options{Reset: true}} }

// ResetBefore resets the connection before the request takes effect.
func ResetBefore() Effect { return newEffect(effect{respond: resetResponse}) }

// ResetAfter resets the connection after the request has taken effect, so that
// the client does not learn of it.
func ResetAfter() Effect {
	return newEffect(effect{change: func(_ *Server, resp *response) { resp.delivery.Reset = true }})
}

// Hang never responds. The request has no effect and ends when its client gives
// up.
func Hang() Effect {
	return replaceResponse(func(*Server) *response { return &response{delivery: delivery.Options{Hang: true}} })
}

// HangAfter lets the request take effect and never responds.
func HangAfter() Effect { return changeResponse(func(resp *response) { resp.delivery.Hang = true }) }

// DelayAnswer lets the request take effect at once and responds later.
func DelayAnswer(d time.Duration) Effect {
	return changeResponse(func(resp *response) { resp.delivery.Delay = d })
}

// CutBody closes the connection after a number of bytes of the body.
func CutBody(after int64) Effect {
	if after < 0 {
		return Effect{problem: fmt.Sprintf("CutBody(%d): use 0 or more bytes", after)}
	}
	return newEffect(effect{change: func(_ *Server, resp *response) {
		if !resp.delivery.Endless && after < resp.content().size() {
			resp.delivery.Cut, resp.delivery.CutAfter = true, after
		}
	}})
}

// SlowBody sends the body in chunks of n bytes, with a pause before each.
func SlowBody(n int, pause time.Duration) Effect {
	if n < 1 || pause <= 0 {
		return Effect{problem: fmt.Sprintf("SlowBody(%d, %v): use 1 byte or more, and a pause above 0", n, pause)}
	}
	return changeResponse(func(resp *response) { resp.delivery.Chunk, resp.delivery.Pause = n, pause })
}

// EndlessBody responds with a log that does not end, or for JSON with white
// space that does not end.
func EndlessBody() Effect {
	return changeResponse(func(resp *response) {
		line := "and so on\n"
		if resp.header.Get("Content-Type") == "application/json" {
			line = "         \n"
		}
		resp.delivery.Endless = true
		resp.setBody(bytes.Repeat([]byte(line), 4<<10))
	})
}

// EmptyBody lets the request take effect and responds with 200 and no body.
func EmptyBody() Effect {
	return changeResponse(func(resp *response) {
		resp.status = http.StatusOK
		resp.setBody(nil)
		resp.header.Del("Etag")
	})
}

// Answer responds with the given status, headers and body. The request has no
// effect.
func Answer(status int, header http.Header, body string) Effect {
	if status < 200 || status > 599 {
		return Effect{problem: fmt.Sprintf("Answer(%d): use a status from 200 to 599", status)}
	}
	return replaceResponse(func(*Server) *response { return customResponse(status, header, body) })
}

// AnswerAfter is [Answer] for a request that has taken effect, as when a proxy
// gives up on a server that does not.
func AnswerAfter(status int, header http.Header, body string) Effect {
	if status < 200 || status > 599 {
		return Effect{problem: fmt.Sprintf("AnswerAfter(%d): use a status from 200 to 599", status)}
	}
	return changeResponse(func(resp *response) { *resp = *customResponse(status, header, body) })
}

func customResponse(status int, header http.Header, body string) *response {
	resp := textResponse(status, body)
	for k, v := range header {
		for _, one := range v {
			resp.header.Add(k, one)
		}
	}
	return resp
}

// BadGateway responds with a proxy's 502, in HTML.
func BadGateway() Effect {
	return Answer(http.StatusBadGateway, http.Header{"Content-Type": {"text/html"}},
		"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"+
			"<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n")
}

// InternalError responds with GitLab's 500.
func InternalError() Effect {
	return replaceResponse(func(*Server) *response {
		return finishedResponse(messageResponse(http.StatusInternalServerError, "500 Internal Server Error"))
	})
}

// Unavailable responds with a 503. A duration above 0 is sent as Retry-After,
// in seconds.
func Unavailable(retryAfter time.Duration) Effect {
	return replaceResponse(func(*Server) *response {
		resp := finishedResponse(messageResponse(http.StatusServiceUnavailable, "503 Service Unavailable"))
		if retryAfter > 0 {
			resp.header.Set("Retry-After", seconds(retryAfter))
		}
		return resp
	})
}

// Conflict responds with the 409 that GitLab sends if another request holds the
// job.
func Conflict() Effect {
	return replaceResponse(func(*Server) *response {
		return finishedResponse(messageResponse(http.StatusConflict, "409 Conflict: Resource lock"))
	})
}

// finished encodes a response that does not come from an endpoint.
func finishedResponse(resp *response) *response {
	resp.finish(&http.Request{})
	return resp
}

// TooManyRequests responds with a 429 that does not tell how long to wait.
func TooManyRequests() Effect { return tooManyRequests(func(http.Header) {}) }

// TooManyRequestsFor responds with a 429 and Retry-After in seconds.
func TooManyRequestsFor(d time.Duration) Effect {
	return tooManyRequests(func(h http.Header) { h.Set("Retry-After", seconds(d)) })
}

// TooManyRequestsUntil responds with a 429 and Retry-After as a date, d after
// the response.
func TooManyRequestsUntil(d time.Duration) Effect {
	return tooManyRequests(func(h http.Header) { h.Set("Retry-After", time.Now().Add(d).UTC().Format(http.TimeFormat)) })
}

// TooManyRequestsReset responds with a 429 and only RateLimit-Reset: the Unix
// time d after the response.
func TooManyRequestsReset(d time.Duration) Effect {
	return tooManyRequests(func(h http.Header) { h.Set("Ratelimit-Reset", itoa(time.Now().Add(d).Unix())) })
}

func tooManyRequests(setHeader func(http.Header)) Effect {
	return replaceResponse(func(*Server) *response {
		resp := finishedResponse(rateLimited())
		setHeader(resp.header)
		return resp
	})
}

// seconds rounds up, so that a client that waits as long is not too early.
func seconds(d time.Duration) string { return itoa(int64((d + time.Second - 1) / time.Second)) }

// Redirect responds with a redirect. A location without a host is on the server
// itself.
func Redirect(status int, location string) Effect {
	if status < 300 || status > 399 || location == "" {
		return Effect{problem: "Redirect(" + strconv.Itoa(status) + "): use a status from 300 to 399 and a location"}
	}
	return Answer(status, http.Header{"Location": {location}}, "")
}

// MalformedJSON responds with a body that is not valid JSON.
func MalformedJSON() Effect {
	return Rewrite(func(body []byte) []byte { return append([]byte("{,"), body...) })
}

// TruncatedJSON responds with the first n bytes of the body, as if they were
// all.
func TruncatedJSON(n int) Effect {
	if n < 0 {
		return Effect{problem: fmt.Sprintf("TruncatedJSON(%d): use 0 or more bytes", n)}
	}
	return Rewrite(func(body []byte) []byte { return body[:min(n, len(body))] })
}

// UnknownStatus gives each job of the response a status that GitLab does not
// have yet.
func UnknownStatus(status string) Effect { return SetField("status", status) }

// SetField sets a key in each object of the response, whether GitLab has the
// key or not. Responses that are not a success in JSON are not changed.
func SetField(key string, value any) Effect {
	return changeResponse(func(resp *response) {
		if resp.status/100 == 2 && resp.header.Get("Content-Type") == "application/json" {
			resp.rewrite(func(body []byte) []byte { return setField(body, key, value) })
		}
	})
}

// Rewrite changes the body of the response after the request has taken effect.
// A log with a JobSpec.LogSize is not changed, since it may be too large.
func Rewrite(f func(body []byte) []byte) Effect {
	if f == nil {
		return Effect{problem: "Rewrite(nil): pass a function"}
	}
	return changeResponse(func(resp *response) { resp.rewrite(f) })
}

func (resp *response) rewrite(f func(body []byte) []byte) {
	if resp.log == nil {
		resp.body = f(bytes.Clone(resp.body))
		resp.header.Del("Etag")
	}
}

func setField(body []byte, key string, value any) []byte {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber() // IDs do not fit into a float64.
	var v any
	if d.Decode(&v) != nil {
		return body
	}
	objects, ok := v.([]any)
	if !ok {
		objects = []any{v}
	}
	for _, o := range objects {
		if m, ok := o.(map[string]any); ok {
			m[key] = value
		}
	}
	changed, err := json.Marshal(v)
	if err != nil {
		return body
	}
	return changed
}
