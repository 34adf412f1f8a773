package gitlabjobstest

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"

	"example.com/gitlabjobs/gitlabjobstest/internal/delivery"
)

// response is a response before it is delivered.
type response struct {
	status int
	header http.Header
	value  any      // Encoded by finish if it is not nil.
	body   []byte   // Otherwise the encoded body.
	log    *content // Instead of body, if not all of it is stored.
	tag    string   // The entity tag, if it is not computed from the body.
	how    delivery.Manner

	handler http.Handler // Instead of status, value and body: called once the server is unlocked.
}

// content returns the body.
func (a *response) content() content {
	if a.log != nil {
		return *a.log
	}
	return content{held: a.body}
}

// hold replaces the body.
func (a *response) hold(body []byte) {
	a.body, a.log = body, nil
}

func reply(status int, value any) *response {
	return &response{status: status, header: http.Header{}, value: value}
}

// message returns an error response of most endpoints.
func message(status int, text string) *response {
	return reply(status, map[string]string{"message": text})
}

// failure returns an error response of parameter checks and of the API
// framework.
func failure(status int, text string) *response {
	return reply(status, map[string]string{"error": text})
}

func text(status int, body string) *response {
	return &response{status: status, header: http.Header{}, body: []byte(body)}
}

// finish encodes the response and sets the headers that depend on the body.
func (a *response) finish(r *http.Request) {
	if a.value != nil {
		body, err := encode(a.value)
		if err != nil {
			a.status, body = http.StatusInternalServerError, []byte(`{"message":"500 Internal Server Error"}`)
		}
		a.body, a.value = body, nil
		a.header.Set("Content-Type", "application/json")
	}
	if a.status/100 != 2 || a.content().size() == 0 || r.Method == http.MethodHead {
		return
	}
	tag := a.tag
	if tag == "" {
		sum := sha256.Sum256(a.body)
		tag = `W/"` + hex.EncodeToString(sum[:16]) + `"`
	}
	a.set("Etag", tag)
	tag = a.header.Get("Etag")
	if a.status == http.StatusOK && matches(r, tag) {
		a.status = http.StatusNotModified
		a.hold(nil)
		a.header.Del("Content-Type")
		a.header.Del("Content-Length")
	}
}

func matches(r *http.Request, tag string) bool {
	if r.Method != http.MethodGet {
		return false
	}
	for _, v := range r.Header.Values("If-None-Match") {
		for one := range strings.SplitSeq(v, ",") {
			if one = strings.TrimSpace(one); one == tag || one == "*" || "W/"+one == tag {
				return true
			}
		}
	}
	return false
}

// deliverable returns the response for delivery.
func (a *response) deliverable(id string) *delivery.Response {
	if a.header == nil {
		a.header = http.Header{}
	}
	a.header.Set("X-Request-Id", id)
	return &delivery.Response{Status: a.status, Header: a.header, Body: a.content(), Manner: a.how}
}

// secure sets the headers that every response of GitLab's application has.
func (a *response) secure(id string) {
	a.set("X-Content-Type-Options", "nosniff")
	a.set("X-Frame-Options", "SAMEORIGIN")
	a.set("X-Runtime", "0.010000")
	a.set("Content-Security-Policy", "default-src 'none'")
	a.set("X-Gitlab-Meta", `{"correlation_id":"`+id+`","version":"1"}`)
	a.set("Vary", "Origin")
	cache := "no-cache"
	if a.header.Get("Etag") != "" {
		cache = "max-age=0, private, must-revalidate"
	}
	a.set("Cache-Control", cache)
}

// set sets a header, unless the handler of an added route has set it.
func (a *response) set(name, value string) {
	if _, set := a.header[name]; set && a.handler != nil {
		return
	}
	a.header.Set(name, value)
}
