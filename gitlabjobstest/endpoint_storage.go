package gitlabjobstest

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	memoryStorageHost = "storage.test"
	storagePath       = "/gitlab-artifacts/"
	storageExpires    = 10 * time.Minute
	storageTime       = "20060102T150405Z"
)

// storageHost returns the host of the storage. With a socket it is another name
// for the server's address, so that clients treat it as another host.
func (s *Server) storageHost() string {
	if !s.socket {
		return memoryStorageHost
	}
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(s.URL, "http://"))
	return "localhost:" + port
}

// isStorage reports whether the client sent a request to the storage.
func (s *Server) isStorage(r *http.Request) bool {
	return s.cfg.storage && cmp.Or(r.Host, r.URL.Host) == s.storageHost()
}

// redirectToStorage redirects the client to the job's log in the storage.
func (c *call) redirectToStorage(j *Job) *response {
	path := fmt.Sprintf("%s%s/%d/job.log", storagePath, sha(fmt.Sprint("project ", j.pipeline.project.id)), j.id)
	date := c.now.UTC().Format(storageTime)
	query := url.Values{
		"X-Amz-Algorithm":     {"AWS4-HMAC-SHA256"},
		"X-Amz-Credential":    {"AKIAFAKE/" + date[:8] + "/us-east-1/s3/aws4_request"},
		"X-Amz-Date":          {date},
		"X-Amz-Expires":       {strconv.Itoa(int(storageExpires / time.Second))},
		"X-Amz-SignedHeaders": {"host"},
		"X-Amz-Signature":     {signature(path, date)},
	}
	scheme := cmp.Or(c.req.URL.Scheme, "http") // In memory the request has the client's scheme.
	location := scheme + "://" + c.srv.storageHost() + path + "?" + query.Encode()
	resp := testBody(http.StatusFound, "This resource has been moved temporarily to "+location+".")
	resp.header.Set("Content-Type", "text/plain")
	resp.header.Set("Location", location)
	return resp
}

func signature(path, date string) string { return sha("key of the storage" + path + date) }

// serveStorage responds as the storage does: it accepts only signed URLs, and
// refuses requests that contain a token.
func (c *call) serveStorage() *response {
	if c.hasToken() {
		return storageError(http.StatusBadRequest, "InvalidArgument", "Only one auth mechanism allowed")
	}
	q := c.query
	at, err := time.Parse(storageTime, q.Get("X-Amz-Date"))
	if err != nil || q.Get("X-Amz-Signature") != signature(c.req.URL.Path, q.Get("X-Amz-Date")) {
		return storageError(http.StatusForbidden, "SignatureDoesNotMatch", "The signature does not match the one calculated")
	}
	if c.now.After(at.Add(storageExpires)) {
		return storageError(http.StatusForbidden, "AccessDenied", "Request has expired")
	}
	parts := strings.Split(strings.TrimPrefix(c.req.URL.Path, storagePath), "/")
	id, err := strconv.ParseInt(parts[min(1, len(parts)-1)], 10, 64)
	j := c.srv.world.jobs[id]
	if err != nil || j == nil || j.logSize(c.now) == 0 {
		return storageError(http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
	}
	if c.req.Method != http.MethodGet && c.req.Method != http.MethodHead {
		return storageError(http.StatusMethodNotAllowed, "MethodNotAllowed", "The method is not allowed against this resource.")
	}
	return j.logResponse(j.content(c.now))
}

// hasToken reports whether the request contains a GitLab token.
func (c *call) hasToken() bool {
	for _, name := range []string{"Authorization", "Private-Token", "Job-Token", "Deploy-Token"} {
		if c.req.Header.Get(name) != "" {
			return true
		}
	}
	if slices.ContainsFunc([]string{"private_token", "job_token", "access_token"}, c.query.Has) {
		return true
	}
	// The client may have sent a token under another name.
	for secret := range c.srv.world.tokens {
		if c.containsToken(secret) {
			return true
		}
	}
	return c.containsToken(jobTokenPrefix)
}

// containsToken reports whether a header or the query contains the token.
func (c *call) containsToken(secret string) bool {
	encoded := base64.StdEncoding.EncodeToString([]byte(secret))
	if strings.Contains(c.req.URL.RawQuery, url.QueryEscape(secret)) {
		return true
	}
	for _, values := range c.req.Header {
		for _, v := range values {
			if strings.Contains(v, secret) || strings.Contains(v, encoded) {
				return true
			}
		}
	}
	return false
}

func storageError(status int, code, message string) *response {
	resp := testBody(status, `<?xml version="1.0" encoding="UTF-8"?>`+"\n<Error><Code>"+code+"</Code><Message>"+message+"</Message></Error>")
	resp.header.Set("Content-Type", "application/xml")
	return resp
}
