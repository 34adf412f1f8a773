package gitlabjobs

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"

	"example.com/gitlabjobs/internal/transport"
)

// Client sends requests to one GitLab server. Create it with [NewClient] or
// [NewClientFromCI]. It is safe for concurrent use.
type Client struct {
	Jobs     *JobsService
	Bridges  *BridgesService
	JobToken *JobTokenService

	transport     *transport.Client
	baseURL       string // Up to and including /api/v4.
	authorize     func(*http.Request) error
	tokenAuth     tokenAuth // The Auth, if this package implements it.
	retry         RetryPolicy
	header        http.Header // Sent with every request.
	logger        *slog.Logger
	byteRanges    *byteRanges    // Whether the server supports byte ranges of logs.
	bridgesRoutes *bridgesRoutes // Which routes the server has for bridges.
}

// NewClient returns a client for the GitLab server at baseURL, such as
// "https://gitlab.example.com", with or without "/api/v4" at its end. auth adds the
// credentials to requests: see [PrivateToken], [BearerToken], [JobToken], [JobTokenParam]
// and [NoAuth]. NewClient sends no request.
func NewClient(baseURL string, auth Auth, opts ...ClientOption) (*Client, error) {
	base, err := parseBaseURL(baseURL)
	if err != nil {
		return nil, fmt.Errorf("gitlabjobs: base URL: %w", err)
	}
	if err := checkAuth(auth); err != nil {
		return nil, err
	}
	cfg := config{
		retry:     defaultRetryPolicy,
		userAgent: defaultUserAgent,
		maxBody:   defaultMaxBody,
	}
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt(&cfg); err != nil {
			return nil, fmt.Errorf("gitlabjobs: %w", err)
		}
	}
	if cfg.attemptTimeout == 0 {
		cfg.attemptTimeout = defaultAttemptTimeout
		if cfg.httpClient != nil && cfg.httpClient.Timeout > 0 {
			cfg.attemptTimeout = cfg.httpClient.Timeout
		}
	}
	var roots *x509.CertPool
	if cfg.caFile != "" && cfg.httpClient == nil {
		if roots, err = certificates(cfg.caFile); err != nil {
			return nil, err
		}
	}
	c := &Client{
		transport: transport.New(transport.Config{
			HTTPClient:     cfg.httpClient,
			RootCAs:        roots,
			Policy:         transport.Policy(cfg.retry),
			AttemptTimeout: cfg.attemptTimeout,
			MaxBody:        cfg.maxBody,
			UserAgent:      cfg.userAgent,
			Logger:         cfg.logger,
			Message: func(body []byte) string {
				message, _ := readMessage(body)
				return message
			},
		}),
		baseURL:       base,
		authorize:     auth.Authorize, // A method value, because fmt would print the fields of auth.
		retry:         cfg.retry,
		header:        cfg.header,
		logger:        cfg.logger,
		byteRanges:    new(byteRanges),
		bridgesRoutes: new(bridgesRoutes),
	}
	c.tokenAuth, _ = auth.(tokenAuth)
	c.Jobs = &JobsService{client: c}
	c.Bridges = &BridgesService{client: c}
	c.JobToken = &JobTokenService{client: c}
	return c, nil
}

// NewClientFromCI returns a client for use in a CI job. It uses the GitLab server of
// $CI_API_V4_URL and the token of the job, $CI_JOB_TOKEN. If $CI_SERVER_TLS_CA_FILE is set,
// the client also trusts the certificates in that file, unless [WithHTTPClient] is used.
func NewClientFromCI(opts ...ClientOption) (*Client, error) {
	base, token := os.Getenv("CI_API_V4_URL"), os.Getenv("CI_JOB_TOKEN")
	if base == "" || token == "" {
		return nil, errors.New("gitlabjobs: CI_API_V4_URL or CI_JOB_TOKEN is not set: outside of a CI job, use NewClient")
	}
	trustCA := func(c *config) error {
		c.caFile = os.Getenv("CI_SERVER_TLS_CA_FILE")
		return nil
	}
	return NewClient(base, JobToken(token), append([]ClientOption{trustCA}, opts...)...)
}

// certificates returns the certificates of the system and of a PEM file.
func certificates(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file) //nolint:gosec // The runner sets it.
	if err != nil {
		return nil, fmt.Errorf("gitlabjobs: CI_SERVER_TLS_CA_FILE: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("gitlabjobs: reading the certificates of the system: %w", err)
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("gitlabjobs: CI_SERVER_TLS_CA_FILE: %s contains no certificate in PEM format", file)
	}
	return pool, nil
}

// empty reports whether the client was not created by NewClient.
func (c *Client) empty() bool { return c == nil || c.transport == nil }

// The owner methods return the client of a service, or nil if it was not created by
// NewClient. The services of an empty Client are nil.

func (s *JobsService) owner() *Client {
	if s == nil {
		return nil
	}
	return s.client
}

func (s *BridgesService) owner() *Client {
	if s == nil {
		return nil
	}
	return s.client
}

func (s *JobTokenService) owner() *Client {
	if s == nil {
		return nil
	}
	return s.client
}

// CloseIdleConnections closes connections that are idle. Calling it is optional: idle
// connections are closed automatically after some time.
func (c *Client) CloseIdleConnections() {
	if !c.empty() {
		c.transport.CloseIdleConnections()
	}
}

var errZone = errors.New("its host has an IPv6 zone, which is valid on one machine only: use an address without a zone, or a host name")

// parseBaseURL returns the URL of the API, which ends with /api/v4. Its errors do not
// contain the URL, because it may contain a password.
func parseBaseURL(s string) (string, error) {
	const example = "https://gitlab.example.com"
	if s == "" {
		return "", fmt.Errorf("it is empty: use a URL such as %s", example)
	}
	if !strings.Contains(s, "://") {
		return "", fmt.Errorf("it has no scheme: use a URL such as %s", example)
	}
	u, err := url.Parse(s)
	switch {
	case err != nil && strings.Contains(s, "[") && strings.Contains(s, "%"):
		return "", errZone
	case err != nil:
		return "", fmt.Errorf("it is not a valid URL: use a URL such as %s", example)
	case u.Scheme != "http" && u.Scheme != "https":
		return "", fmt.Errorf("its scheme is neither https nor http: use a URL such as %s", example)
	case u.User != nil:
		return "", fmt.Errorf("it contains a user name or a password: remove them, and use PrivateToken(token)")
	case u.Hostname() == "":
		return "", fmt.Errorf("it has no host: use a URL such as %s", example)
	case strings.Contains(s, "?"):
		return "", fmt.Errorf("it has a query: remove the question mark and everything after it")
	case strings.Contains(s, "#"):
		return "", fmt.Errorf("it has a fragment: remove the # and everything after it")
	case strings.Contains(u.Hostname(), "%"):
		return "", errZone
	case strings.HasSuffix(u.Host, ":"):
		return "", fmt.Errorf("it has a colon without a port: use a URL such as %s", example)
	}
	root := strings.TrimRight(u.EscapedPath(), "/")
	if strings.Contains(root+"/", "/api/graphql/") {
		return "", fmt.Errorf("it is the URL of the GraphQL API: remove /api/graphql, because the client adds /api/v4")
	}
	root = strings.TrimSuffix(strings.TrimSuffix(root, "/api/v4"), "/api")
	if root != "" {
		for part := range strings.SplitSeq(root[1:], "/") {
			if part == "" || part == "." || part == ".." {
				return "", fmt.Errorf("its path has an empty segment, \".\" or \"..\": use a URL such as %s", example)
			}
		}
	}
	if strings.Contains(root, "/api/v") {
		return "", fmt.Errorf("its path continues after /api/v4, or has another API version: remove /api and everything after it")
	}
	return u.Scheme + "://" + u.Host + root + "/api/v4", nil
}
