// Otel is a client whose requests are traced by OpenTelemetry. It is a module of its
// own, so that only those who want OpenTelemetry depend on it.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"

	"example.com/gitlabjobs"
)

func newClient(url string, auth gitlabjobs.Auth) (*gitlabjobs.Client, error) {
	// One span name for all jobs: a path would be one for each.
	transport := otelhttp.NewTransport(http.DefaultTransport, otelhttp.WithSpanNameFormatter(func(_ string, req *http.Request) string {
		return req.Method + " " + gitlabjobs.RouteFromContext(req.Context())
	}))
	return gitlabjobs.NewClient(url, auth, gitlabjobs.WithHTTPClient(&http.Client{Transport: transport}))
}

func main() {
	client, err := newClient(os.Getenv("GITLAB_URL"), gitlabjobs.PrivateToken(os.Getenv("GITLAB_TOKEN")))
	if err == nil {
		_, err = client.JobToken.Job(context.Background())
	}
	fmt.Println(err)
}
