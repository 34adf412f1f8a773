package transport

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
)

// Secrets are the credentials of a request, in lower case. They are found in texts in any
// case.
type Secrets []string

// minSecret is the minimum length of a secret. A shorter value may be an ordinary word, and
// removing it everywhere would make texts unreadable.
const minSecret = 8

// AddRequest adds all header values and query parameters of a request.
func (s *Secrets) AddRequest(req *http.Request) {
	s.addHeaders(req.Header, func(string, string) bool { return true })
	for _, p := range params(req.URL.RawQuery) {
		s.add(p.value)
	}
}

// AddHeader adds the values of the headers that always contain a credential.
func (s *Secrets) AddHeader(header http.Header) {
	s.addHeaders(header, func(key, _ string) bool { return isCredential(key) })
}

// collectSecrets sets the secrets of the call after Authorize has added them to req. query
// is the query of the URL before that.
func (c *Call) collectSecrets(req *http.Request, query string) {
	c.added = addedParams(query, req.URL.RawQuery)
	for _, p := range c.added {
		c.Secrets.add(p.value)
	}
	c.Secrets.addHeaders(req.Header, func(key, value string) bool {
		isGiven := value == jsonType || value == c.Header.Get(key) || value == c.client.config.UserAgent
		return !isGiven || isCredential(key)
	})
	c.Secrets.AddHeader(c.CallHeader)
	if jar := c.client.http.Jar; jar != nil {
		for _, cookie := range jar.Cookies(req.URL) {
			c.Secrets.add(cookie.Value)
		}
	}
}

// add adds one secret.
func (s *Secrets) add(value string) {
	if value = lowerASCII(value); len(value) < minSecret || slices.Contains(*s, value) {
		return
	}
	*s = append(*s, value)
	if strings.Contains(value, " ") {
		s.add(strings.ReplaceAll(value, " ", "+")) // As a query escapes it.
	}
}

// addHeaders adds the header values for which isSecret returns true, and the credentials
// within these values.
func (s *Secrets) addHeaders(header http.Header, isSecret func(key, value string) bool) {
	for key, values := range header {
		for _, value := range values {
			if !isSecret(key, value) {
				continue
			}
			s.add(value)
			if key == "Cookie" {
				for cookie := range strings.SplitSeq(value, ";") {
					_, value, _ := strings.Cut(cookie, "=")
					s.add(strings.Trim(value, ` "`))
				}
			}
			scheme, credential, _ := strings.Cut(value, " ")
			s.add(credential)
			if strings.EqualFold(scheme, "Basic") {
				s.addBasic(credential)
			}
		}
	}
}

// addBasic adds the credential of HTTP basic authentication, its decoded form, and the
// password in it, or the user name if the password is empty.
func (s *Secrets) addBasic(credential string) {
	credential = strings.TrimRight(credential, "=")
	s.add(credential)
	text, err := base64.RawStdEncoding.DecodeString(credential)
	if err != nil {
		return
	}
	s.add(string(text))
	user, password, _ := strings.Cut(string(text), ":")
	if password == "" {
		password = user
	}
	s.add(password)
}
