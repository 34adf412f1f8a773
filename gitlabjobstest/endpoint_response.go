package gitlabjobstest

import (
	"fmt"
	"hash/crc32"
	"net/http"
	"strings"

	"example.com/gitlabjobs/gitlabjobstest/internal/delivery"
)

// response is a response before it is delivered.
type response struct {
	status   int
	header   http.Header
	value    any      // If it is not nil, finish encodes it as the body.
	body     []byte   // The encoded body.
	log      *content // Replaces body if the body is a log with a generated part.
	etag     string   // If it is empty, finish computes the entity tag from the body.
	delivery delivery.Options

	handler http.Handler // If it is not nil, it writes the response. It is called while the server is not locked.
}

// content returns the body.
func (resp *response) content() content {
	if resp.log != nil {
		return *resp.log
	}
	return content{stored: resp.body}
}

// setBody replaces the body.
func (resp *response) setBody(body []byte) {
	resp.body, resp.log = body, nil
}

func jsonResponse(status int, value any) *response {
	return &response{status: status, header: http.Header{}, value: value}
}

// messageResponse returns an error as most endpoints send it.
func messageResponse(status int, text string) *response {
	return jsonResponse(status, map[string]string{"message": text})
}

// errorResponse returns an error as GitLab's API framework sends it, for example
// for an invalid parameter.
func errorResponse(status int, text string) *response {
	return jsonResponse(status, map[string]string{"error": text})
}

func testBody(status int, body string) *response {
	return &response{status: status, header: http.Header{}, body: []byte(body)}
}

// finish encodes the response and sets the headers that depend on the body.
func (resp *response) finish(r *http.Request) {
	if resp.value != nil {
		body, err := encode(resp.value)
		if err != nil {
			resp.status, body = http.StatusInternalServerError, []byte(`{"message":"500 Internal Server Error"}`)
		}
		resp.body, resp.value = body, nil
		resp.header.Set("Content-Type", "application/json")
	}
	if resp.status/100 != 2 || resp.content().size() == 0 || r.Method == http.MethodHead {
		return
	}
	etag := resp.etag
	if etag == "" {
		// GitLab uses SHA-256, which would take a tenth of the time of tests that read lists.
		sum := crc32.Checksum(resp.body, crc32.MakeTable(crc32.Castagnoli))
		etag = fmt.Sprintf(`W/"%08x%08x%016x"`, sum, crc32.ChecksumIEEE(resp.body), len(resp.body))
	}
	resp.setDefault("Etag", etag)
	etag = resp.header.Get("Etag")
	if resp.status == http.StatusOK && matchesETag(r, etag) {
		resp.status = http.StatusNotModified
		resp.setBody(nil)
		resp.header.Del("Content-Type")
		resp.header.Del("Content-Length")
	}
}

func matchesETag(r *http.Request, etag string) bool {
	if r.Method != http.MethodGet {
		return false
	}
	for _, v := range r.Header.Values("If-None-Match") {
		for candidate := range strings.SplitSeq(v, ",") {
			if candidate = strings.TrimSpace(candidate); candidate == etag || candidate == "*" || "W/"+candidate == etag {
				return true
			}
		}
	}
	return false
}

// deliverable converts the response to a response of package delivery.
func (resp *response) deliverable(id string) *delivery.Response {
	if resp.header == nil {
		resp.header = http.Header{}
	}
	resp.header.Set("X-Request-Id", id)
	return &delivery.Response{Status: resp.status, Header: resp.header, Body: resp.content(), Options: resp.delivery}
}

// setCommonHeaders sets the headers that every response of GitLab's application
// has.
func (resp *response) setCommonHeaders(id string) {
	resp.setDefault("X-Content-Type-Options", "nosniff")
	resp.setDefault("X-Frame-Options", "SAMEORIGIN")
	resp.setDefault("X-Runtime", "0.010000")
	resp.setDefault("Content-Security-Policy", "default-src 'none'")
	resp.setDefault("X-Gitlab-Meta", `{"correlation_id":"`+id+`","version":"1"}`)
	resp.setDefault("Vary", "Origin")
	cache := "no-cache"
	if resp.header.Get("Etag") != "" {
		cache = "max-age=0, private, must-revalidate"
	}
	resp.setDefault("Cache-Control", cache)
}

// setDefault sets a header, unless the handler of an added route has set it.
func (resp *response) setDefault(name, value string) {
	if _, set := resp.header[name]; set && resp.handler != nil {
		return
	}
	resp.header.Set(name, value)
}
