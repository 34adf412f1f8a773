// Exporter serves metrics of a project's jobs to Prometheus: the number of finished jobs,
// their durations, their waiting times and their failure reasons, by project and stage.
//
//	GITLAB_URL=https://gitlab.example.com GITLAB_TOKEN=... go run . -state exporter.json group/app group/other
//
// Without the variables and a project, it serves a demo from a GitLab server embedded in
// this program. It is a separate module, since only programs that use Prometheus should
// depend on it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/examples/internal/target"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Stdout, os.Getenv, os.Args[1:])
	stop()
	if err != nil {
		log.Fatal("exporter: ", err)
	}
}

// settings are the flags of the exporter.
type settings struct {
	listen, state  string
	interval, save time.Duration
}

func parse(args []string) (s settings, projects []string, err error) {
	flags := flag.NewFlagSet("exporter", flag.ContinueOnError)
	flags.StringVar(&s.listen, "listen", "127.0.0.1:9168", "the `address` that serves /metrics")
	flags.StringVar(&s.state, "state", "exporter.json", "the `file` with the counters and the states of the watches")
	flags.DurationVar(&s.interval, "interval", 0, "the shortest time between two polls; 0 for 5s")
	flags.DurationVar(&s.save, "save", time.Second, "how often the file is written and the metrics are updated")
	if err := flags.Parse(args); err != nil {
		return s, nil, err
	}
	if s.interval < 0 || s.save <= 0 {
		return s, nil, errors.New("-interval must not be negative, and -save must be positive")
	}
	return s, flags.Args(), nil
}

func run(ctx context.Context, w io.Writer, getenv func(string) string, args []string) error {
	s, names, err := parse(args)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	t, err := target.Command{Name: "exporter", Demo: demo(ctx)}.Open(w, getenv, names[:min(len(names), 1)])
	if err != nil {
		return err
	}
	defer t.Close()
	projects := []gitlabjobs.Project{t.Project}
	for _, name := range names[min(len(names), 1):] {
		projects = append(projects, gitlabjobs.Project(name))
	}
	if t.Demo {
		dir, err := os.MkdirTemp("", "exporter")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		s.state, s.interval = filepath.Join(dir, "state.json"), time.Second
	}
	e, err := open(s.state, projects)
	if err != nil {
		return err
	}
	return serve(ctx, w, t.Client, e, s)
}

// serve watches the projects and serves their metrics until the context ends or a watch
// returns an error.
func serve(ctx context.Context, w io.Writer, client *gitlabjobs.Client, e *exporter, s settings) error {
	registry := prometheus.NewRegistry()
	registry.MustRegister(e)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", s.listen)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "serving http://%s/metrics\n", listener.Addr())

	parent := ctx
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	var tasks tasks
	tasks.run(cancel, func() error { return server.Serve(listener) })
	tasks.run(cancel, func() error { return e.saveEvery(ctx, s.save) })
	for project := range e.live.Projects {
		tasks.run(cancel, func() error { return e.watch(ctx, client, project, s.interval) })
	}
	<-ctx.Done()
	_ = server.Close()
	tasks.wait()
	if err := e.save(); err != nil {
		return err
	}
	if parent.Err() != nil {
		return nil
	}
	return context.Cause(ctx)
}

// watch counts the events of a project.
func (e *exporter) watch(ctx context.Context, client *gitlabjobs.Client, project gitlabjobs.Project, interval time.Duration) error {
	opts := &gitlabjobs.WatchOptions{Since: e.since(project), MinInterval: interval}
	if interval > 0 {
		opts.MaxInterval = max(interval, min(6*interval, 30*time.Second))
	}
	for event, err := range client.Jobs.Watch(ctx, project, opts) {
		if err != nil {
			return err
		}
		e.record(project, event)
	}
	return nil
}
