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

// storageHost is the host of the logs. With a socket it is another name for the
// server's address, which makes it another host for clients.
func (s *Server) storageHost() string {
	if !s.socket {
		return memoryStorageHost
	}
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(s.URL, "http://"))
	return "localhost:" + port
}

// isStorage reports whether a request is for the storage of the logs.
func (s *Server) isStorage(r *http.Request) bool {
	return s.cfg.storage && cmp.Or(r.Host, r.URL.Host) == s.storageHost()
}

// toStorage redirects the client to the job's log.
func (c *call) redirectToStorage(j *Job) *response {
	path := fmt.Sprintf("%s%s/%d/job.log", storagePath, sha(fmt.Sprint("project ", j.pipeline.project.id)), j.id)
	when := c.now.UTC().Format(storageTime)
	query := url.Values{
		"X-Amz-Algorithm":     {"AWS4-HMAC-SHA256"},
		"X-Amz-Credential":    {"AKIAFAKE/" + when[:8] + "/us-east-1/s3/aws4_request"},
		"X-Amz-Date":          {when},
		"X-Amz-Expires":       {strconv.Itoa(int(storageExpires / time.Second))},
		"X-Amz-SignedHeaders": {"host"},
		"X-Amz-Signature":     {signature(path, when)},
	}
	scheme := cmp.Or(c.req.URL.Scheme, "http") // In memory the client may use another one.
	to := scheme + "://" + c.srv.storageHost() + path + "?" + query.Encode()
	resp := textResponse(http.StatusFound, "This resource has been moved temporarily to "+to+".")
	resp.header.Set("Content-Type", "text/plain")
	resp.header.Set("Location", to)
	return resp
}

func signature(path, when string) string { return sha("key of the storage" + path + when) }

// fromStorage responds like the storage: only to a signed URL, and not to
// requests that carry a token.
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

// showsToken reports whether a request carries a token of GitLab.
func (c *call) hasToken() bool {
	for _, name := range []string{"Authorization", "Private-Token", "Job-Token", "Deploy-Token"} {
		if c.req.Header.Get(name) != "" {
			return true
		}
	}
	if slices.ContainsFunc([]string{"private_token", "job_token", "access_token"}, c.query.Has) {
		return true
	}
	// A token under another name is a token too.
	for secret := range c.srv.world.tokens {
		if c.containsToken(secret) {
			return true
		}
	}
	return c.containsToken(jobTokenPrefix)
}

// carries reports whether a header or the query contains a token.
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

func storageError(status int, code, problem string) *response {
	resp := textResponse(status, `<?xml version="1.0" encoding="UTF-8"?>`+"\n<Error><Code>"+code+"</Code><Message>"+problem+"</Message></Error>")
	resp.header.Set("Content-Type", "application/xml")
	return resp
}
