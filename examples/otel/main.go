// Otel traces the requests of a client with OpenTelemetry and prints one line for each
// span. Run it in its directory, since it is a separate module: only programs that use
// OpenTelemetry should depend on it.
//
//	go run .                                                              # a GitLab server embedded in this program
//	GITLAB_URL=https://gitlab.example.com GITLAB_TOKEN=... go run . group/app
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

func main() {
	if err := run(context.Background(), os.Stdout, os.Getenv, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "otel:", err)
		os.Exit(1)
	}
}

// newClient returns a client that creates a span for each request.
func newClient(url string, auth gitlabjobs.Auth) (*gitlabjobs.Client, error) {
	// Name spans by their route: a name with the path would differ for every job.
	transport := otelhttp.NewTransport(http.DefaultTransport, otelhttp.WithSpanNameFormatter(func(_ string, req *http.Request) string {
		return req.Method + " " + gitlabjobs.RouteFromContext(req.Context())
	}))
	return gitlabjobs.NewClient(url, auth, gitlabjobs.WithHTTPClient(&http.Client{Transport: transport}))
}

func run(ctx context.Context, w io.Writer, getenv func(string) string, args []string) error {
	url, token := getenv("GITLAB_URL"), getenv("GITLAB_TOKEN")
	project := gitlabjobs.Project("group/app")
	switch {
	case url != "" && token != "" && len(args) == 1:
		project = gitlabjobs.Project(args[0])
	case url == "" && token == "" && len(args) == 0:
		srv, err := gitlabjobstest.Start()
		if err != nil {
			return err
		}
		defer srv.Close()
		srv.AddProject("group/app").AddPipeline().AddJob(gitlabjobstest.JobSpec{Log: "compiling\n"})
		url, token = srv.URL, srv.Tokens.Reporter
		fmt.Fprintln(w, "GITLAB_URL and GITLAB_TOKEN are not set: using a GitLab server embedded in this program.")
	default:
		return errors.New("set GITLAB_URL and GITLAB_TOKEN and pass one project, such as group/app, or none of them for a demo")
	}

	// A program that sends its spans to a collector sets an OTLP exporter here.
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(printer{w}))
	defer func() { _ = provider.Shutdown(ctx) }()
	otel.SetTracerProvider(provider)

	client, err := newClient(url, gitlabjobs.PrivateToken(token))
	if err != nil {
		return err
	}
	return readNewestLog(ctx, w, client, project)
}

// readNewestLog sends one request for the newest job of a project and one for its log.
func readNewestLog(ctx context.Context, w io.Writer, client *gitlabjobs.Client, project gitlabjobs.Project) error {
	page, err := client.Jobs.ListByProject(ctx, project, &gitlabjobs.ListJobsOptions{
		ListOptions: gitlabjobs.ListOptions{PerPage: 1},
	})
	if err != nil || len(page.Items) == 0 {
		return err
	}
	log, err := client.Jobs.Trace(ctx, project, page.Items[0].ID, nil)
	if err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, log)
	_ = log.Close() // Ends the span of the request.
	fmt.Fprintf(w, "read %d bytes of the log of job %d\n", n, page.Items[0].ID)
	return err
}

// printer prints finished spans.
type printer struct{ w io.Writer }

// ExportSpans implements sdktrace.SpanExporter.
func (p printer) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	for _, span := range spans {
		fmt.Fprintf(p.w, "span: %s, %v\n", span.Name(), span.EndTime().Sub(span.StartTime()).Round(time.Microsecond))
	}
	return nil
}

// Shutdown implements sdktrace.SpanExporter.
func (printer) Shutdown(context.Context) error { return nil }
