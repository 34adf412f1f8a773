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

func (e effect) instead(s *Server) *response {
	if e.respond == nil {
		return nil
	}
	return e.respond(s)
}

func (e effect) alter(s *Server, a *response) {
	if e.change != nil {
		e.change(s, a)
	}
}

func does(e effect) Effect { return Effect{make: func() effect { return e }} }

func respondsWith(f func(*Server) *response) Effect { return does(effect{respond: f}) }

func changes(f func(*response)) Effect {
	return does(effect{change: func(_ *Server, a *response) { f(a) }})
}

// Refuse refuses the connection. A server with a socket resets it before it
// reads the request.
func Refuse() Effect {
	return does(effect{refuse: true, respond: resetResponse})
}

func resetResponse(*Server) *response { return &response{how: delivery.Manner{Reset: true}} }

// ResetBefore resets the connection before the request takes effect.
func ResetBefore() Effect { return does(effect{respond: resetResponse}) }

// ResetAfter resets the connection after the request has taken effect, so that
// the client does not learn of it.
func ResetAfter() Effect {
	return does(effect{change: func(_ *Server, a *response) { a.how.Reset = true }})
}

// Hang never responds. The request has no effect and ends when its client gives
// up.
func Hang() Effect {
	return respondsWith(func(*Server) *response { return &response{how: delivery.Manner{Hang: true}} })
}

// HangAfter lets the request take effect and never responds.
func HangAfter() Effect { return changes(func(a *response) { a.how.Hang = true }) }

// DelayAnswer lets the request take effect at once and responds later.
func DelayAnswer(d time.Duration) Effect { return changes(func(a *response) { a.how.Delay = d }) }

// CutBody closes the connection after a number of bytes of the body.
func CutBody(after int64) Effect {
	if after < 0 {
		return Effect{problem: fmt.Sprintf("CutBody(%d): use 0 or more bytes", after)}
	}
	return does(effect{change: func(_ *Server, a *response) {
		if !a.how.Endless && after < a.content().size() {
			a.how.Cut, a.how.CutAfter = true, after
		}
	}})
}

// SlowBody sends the body in chunks of n bytes, with a pause before each.
func SlowBody(n int, pause time.Duration) Effect {
	if n < 1 || pause <= 0 {
		return Effect{problem: fmt.Sprintf("SlowBody(%d, %v): use 1 byte or more, and a pause above 0", n, pause)}
	}
	return changes(func(a *response) { a.how.Chunk, a.how.Pause = n, pause })
}

// EndlessBody responds with a log that does not end, or for JSON with white
// space that does not end.
func EndlessBody() Effect {
	return changes(func(a *response) {
		line := "and so on\n"
		if a.header.Get("Content-Type") == "application/json" {
			line = "         \n"
		}
		a.how.Endless = true
		a.hold(bytes.Repeat([]byte(line), 4<<10))
	})
}

// EmptyBody lets the request take effect and responds with 200 and no body.
func EmptyBody() Effect {
	return changes(func(a *response) {
		a.status = http.StatusOK
		a.hold(nil)
		a.header.Del("Etag")
	})
}

// Answer responds with the given status, headers and body. The request has no
// effect.
func Answer(status int, header http.Header, body string) Effect {
	if status < 200 || status > 599 {
		return Effect{problem: fmt.Sprintf("Answer(%d): use a status from 200 to 599", status)}
	}
	return respondsWith(func(*Server) *response { return customResponse(status, header, body) })
}

// AnswerAfter is [Answer] for a request that has taken effect, as when a proxy
// gives up on a server that does not.
func AnswerAfter(status int, header http.Header, body string) Effect {
	if status < 200 || status > 599 {
		return Effect{problem: fmt.Sprintf("AnswerAfter(%d): use a status from 200 to 599", status)}
	}
	return changes(func(a *response) { *a = *customResponse(status, header, body) })
}

func customResponse(status int, header http.Header, body string) *response {
	a := text(status, body)
	for k, v := range header {
		for _, one := range v {
			a.header.Add(k, one)
		}
	}
	return a
}

// BadGateway responds with a proxy's 502, in HTML.
func BadGateway() Effect {
	return Answer(http.StatusBadGateway, http.Header{"Content-Type": {"text/html"}},
		"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"+
			"<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n")
}

// InternalError responds with GitLab's 500.
func InternalError() Effect {
	return respondsWith(func(*Server) *response {
		return finished(message(http.StatusInternalServerError, "500 Internal Server Error"))
	})
}

// Unavailable responds with a 503. A duration above 0 is sent as Retry-After,
// in seconds.
func Unavailable(retryAfter time.Duration) Effect {
	return respondsWith(func(*Server) *response {
		a := finished(message(http.StatusServiceUnavailable, "503 Service Unavailable"))
		if retryAfter > 0 {
			a.header.Set("Retry-After", seconds(retryAfter))
		}
		return a
	})
}

// Conflict responds with the 409 that GitLab sends if another request holds the
// job.
func Conflict() Effect {
	return respondsWith(func(*Server) *response {
		return finished(message(http.StatusConflict, "409 Conflict: Resource lock"))
	})
}

// finished encodes a response that does not come from an endpoint.
func finished(a *response) *response {
	a.finish(&http.Request{})
	return a
}

// TooManyRequests responds with a 429 that does not tell how long to wait.
func TooManyRequests() Effect { return tooMany(func(http.Header) {}) }

// TooManyRequestsFor responds with a 429 and Retry-After in seconds.
func TooManyRequestsFor(d time.Duration) Effect {
	return tooMany(func(h http.Header) { h.Set("Retry-After", seconds(d)) })
}

// TooManyRequestsUntil responds with a 429 and Retry-After as a date, d after
// the response.
func TooManyRequestsUntil(d time.Duration) Effect {
	return tooMany(func(h http.Header) { h.Set("Retry-After", time.Now().Add(d).UTC().Format(http.TimeFormat)) })
}

// TooManyRequestsReset responds with a 429 and only RateLimit-Reset: the Unix
// time d after the response.
func TooManyRequestsReset(d time.Duration) Effect {
	return tooMany(func(h http.Header) { h.Set("Ratelimit-Reset", itoa(time.Now().Add(d).Unix())) })
}

func tooMany(say func(http.Header)) Effect {
	return respondsWith(func(*Server) *response {
		a := finished(appLimit())
		say(a.header)
		return a
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
	return changes(func(a *response) {
		if a.status/100 == 2 && a.header.Get("Content-Type") == "application/json" {
			a.rewrite(func(body []byte) []byte { return setField(body, key, value) })
		}
	})
}

// Rewrite changes the body of the response after the request has taken effect.
// A log with a JobSpec.LogSize is not changed, since it may be too large.
func Rewrite(f func(body []byte) []byte) Effect {
	if f == nil {
		return Effect{problem: "Rewrite(nil): pass a function"}
	}
	return changes(func(a *response) { a.rewrite(f) })
}

func (a *response) rewrite(f func(body []byte) []byte) {
	if a.log == nil {
		a.body = f(bytes.Clone(a.body))
		a.header.Del("Etag")
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
