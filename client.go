package gitlabjobs

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"os"
	"strings"

	"example.com/gitlabjobs/internal/transport"
)

// Client talks to one GitLab instance. It is made by [NewClient] or
// [NewClientFromCI], is safe for concurrent use, and does not change.
type Client struct {
	Jobs     *JobsService
	Bridges  *BridgesService
	JobToken *JobTokenService

	transport     *transport.Client
	baseURL       string // Up to and including /api/v4.
	authorize     func(*http.Request) error
	tokenAuth     tokenAuth // The Auth, if it is one of this package's.
	retry         RetryPolicy
	header        http.Header // Of every request.
	logger        *slog.Logger
	byteRanges    *byteRanges    // What is known of the server's logs,
	bridgesRoutes *bridgesRoutes // and of its lists of bridges.
}

// NewClient returns a client for the GitLab at baseURL, such as
// "https://gitlab.example.com", with or without "/api/v4" at its end. auth says
// who is asking: see [PrivateToken], [BearerToken], [JobToken], [JobTokenParam]
// and [NoAuth]. Nothing is sent.
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
	header := http.Header{"User-Agent": {cfg.userAgent}}
	maps.Copy(header, cfg.header)
	c := &Client{
		transport: transport.New(transport.Config{
			HTTPClient:     cfg.httpClient,
			RootCAs:        roots,
			Policy:         transport.Policy(cfg.retry),
			AttemptTimeout: cfg.attemptTimeout,
			MaxBody:        cfg.maxBody,
			Logger:         cfg.logger,
			Message: func(body []byte) string {
				message, _ := readMessage(body)
				return message
			},
		}),
		baseURL:       base,
		authorize:     auth.Authorize, // A method value, so that no fmt verb prints what auth holds.
		retry:         cfg.retry,
		header:        header,
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

// NewClientFromCI returns a client for use within a CI job: for the GitLab of
// $CI_API_V4_URL, with the job's own token, $CI_JOB_TOKEN. If $CI_SERVER_TLS_CA_FILE
// is set, the client also trusts the certificates in that file, unless
// [WithHTTPClient] is given.
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

// certificates returns those of the system and those of a PEM file.
func certificates(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file) //nolint:gosec // The runner sets it.
	if err != nil {
		return nil, fmt.Errorf("gitlabjobs: CI_SERVER_TLS_CA_FILE: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("gitlabjobs: the system's certificates: %w", err)
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("gitlabjobs: CI_SERVER_TLS_CA_FILE: %s holds no certificate in PEM format", file)
	}
	return pool, nil
}

// empty reports whether the client was not made by NewClient.
func (c *Client) empty() bool { return c == nil || c.transport == nil }

// The client of a service, or nil if it was not made by NewClient. Of an empty Client
// the services themselves are nil.

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

// CloseIdleConnections closes the connections that the client keeps open for
// its next calls. They close by themselves after a while.
func (c *Client) CloseIdleConnections() {
	if !c.empty() {
		c.transport.CloseIdleConnections()
	}
}

var errZone = errors.New("its host has an IPv6 zone, which means something on one machine only: write an address without a zone, or a host name")

// parseBaseURL returns where GitLab's API begins. Its errors do not repeat the
// URL, which may hold a password.
func parseBaseURL(s string) (string, error) {
	const example = "https://gitlab.example.com"
	if s == "" {
		return "", fmt.Errorf("it is empty: write it as in %s", example)
	}
	if !strings.Contains(s, "://") {
		return "", fmt.Errorf("it has no scheme: write https:// before the host, as in %s", example)
	}
	u, err := url.Parse(s)
	switch {
	case err != nil && strings.Contains(s, "[") && strings.Contains(s, "%"):
		return "", errZone
	case err != nil:
		return "", fmt.Errorf("it is not a URL: write it as in %s", example)
	case u.Scheme != "http" && u.Scheme != "https":
		return "", fmt.Errorf("its scheme is neither https nor http: write it as in %s", example)
	case u.User != nil:
		return "", fmt.Errorf("it holds a user name or a password: leave them out, and give a token as PrivateToken(token)")
	case u.Hostname() == "":
		return "", fmt.Errorf("it has no host: write it as in %s", example)
	case strings.Contains(s, "?"):
		return "", fmt.Errorf("it has a query: leave out the question mark and what follows")
	case strings.Contains(s, "#"):
		return "", fmt.Errorf("it has a fragment: leave out the # and what follows")
	case strings.Contains(u.Hostname(), "%"):
		return "", errZone
	case strings.HasSuffix(u.Host, ":"):
		return "", fmt.Errorf("it has a colon without a port: write it as in %s", example)
	}
	root := strings.TrimRight(u.EscapedPath(), "/")
	if strings.Contains(root+"/", "/api/graphql/") {
		return "", fmt.Errorf("it is the address of the GraphQL API: leave out /api/graphql, since the client adds /api/v4")
	}
	root = strings.TrimSuffix(strings.TrimSuffix(root, "/api/v4"), "/api")
	if root != "" {
		for part := range strings.SplitSeq(root[1:], "/") {
			if part == "" || part == "." || part == ".." {
				return "", fmt.Errorf("its path has an empty part, or one of dots: write it as in %s", example)
			}
		}
	}
	if strings.Contains(root, "/api/v") {
		return "", fmt.Errorf("its path goes on after /api/v4, or is of another version: leave out /api and what follows")
	}
	return u.Scheme + "://" + u.Host + root + "/api/v4", nil
}
