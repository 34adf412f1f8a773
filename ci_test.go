package gitlabjobs_test

import (
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

// A runner passes the certificate authority of GitLab to its jobs, if it is a private one.
func TestNewClientFromCITrustsTheRunnersCertificateAuthority(t *testing.T) {
	var proto string
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		proto = req.Proto
		_, _ = io.WriteString(w, oneJob)
	}))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // The failed handshakes are expected.
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	t.Setenv("CI_API_V4_URL", srv.URL+"/api/v4")
	t.Setenv("CI_JOB_TOKEN", testToken)
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	certificate := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}))
	get := func(opts ...gitlabjobs.ClientOption) error {
		client, err := gitlabjobs.NewClientFromCI(append(opts, oneAttempt())...)
		if err != nil {
			return err
		}
		defer client.CloseIdleConnections()
		_, err = client.JobToken.Job(t.Context())
		return err
	}

	t.Setenv("CI_SERVER_TLS_CA_FILE", "")
	require.ErrorContains(t, get(), "certificate")

	t.Setenv("CI_SERVER_TLS_CA_FILE", write("ca.pem", "# GitLab\n"+certificate))
	require.NoError(t, get())
	assert.Equal(t, "HTTP/2.0", proto)
	require.ErrorContains(t, get(gitlabjobs.WithHTTPClient(&http.Client{Transport: http.DefaultTransport})), "certificate")

	// The program's default transport is not changed.
	resp, err := http.Get(srv.URL) //nolint:noctx // It fails before it sends anything.
	if err == nil {
		resp.Body.Close()
	}
	require.ErrorContains(t, err, "certificate")

	for path, want := range map[string]string{
		filepath.Join(dir, "missing.pem"):       "CI_SERVER_TLS_CA_FILE: open",
		write("empty.pem", ""):                  "contains no certificate in PEM format",
		write("der.pem", certificate[30:]):      "contains no certificate in PEM format",
		write("key.pem", "-----BEGIN X-----\n"): "contains no certificate in PEM format",
	} {
		t.Setenv("CI_SERVER_TLS_CA_FILE", path)
		_, err := gitlabjobs.NewClientFromCI()
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, path)

		// It is not used either if the caller's HTTP client does not use it.
		require.NoError(t, get(gitlabjobs.WithHTTPClient(srv.Client())))
	}
}
