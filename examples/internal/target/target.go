// Package target parses the arguments of the examples and provides a client for a GitLab
// server. Without arguments, the server is embedded in the program and has a demo.
package target

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

// Command describes a program and its arguments.
type Command struct {
	Name  string        // The name of the program.
	Does  string        // The description of the program, a sentence.
	ID    string        // "job" or "pipeline", if the second argument is an ID. Empty if there is no second argument.
	Flags *flag.FlagSet // The flags of the program, or nil.
	Notes string        // The end of the help text.
	Demo  Demo
}

// Demo adds a project to the embedded GitLab server. It returns the path of the project and
// the ID of the job or pipeline.
type Demo func(*gitlabjobstest.Server) (project string, id int64)

// Target is the project, job or pipeline that the arguments name.
type Target struct {
	Client  *gitlabjobs.Client
	Project gitlabjobs.Project
	ID      int64 // The ID of the job or the pipeline, if the program has one as an argument.
	Demo    bool  // The server is the embedded one.

	server *gitlabjobstest.Server
}

// Open parses the arguments and returns a client for the server in the environment. Without
// arguments, it ignores the environment, starts the demo and writes a note to w. For -h, it
// writes the help text to w and returns [flag.ErrHelp].
func (c Command) Open(w io.Writer, getenv func(string) string, args []string) (*Target, error) {
	args, err := c.parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		c.help(w)
		return nil, err
	case err != nil:
		return nil, err
	case len(args) == 0:
		fmt.Fprintf(w, "This is a demo with a GitLab server embedded in this program. To use your own server, see %s -h.\n", c.Name)
		return openDemo(c.Demo)
	}
	url, token := getenv("GITLAB_URL"), getenv("GITLAB_TOKEN")
	var missing []string
	if c.ID != "" && len(args) == 1 {
		missing = append(missing, "the "+c.ID+" ID, after the project")
	}
	if url == "" {
		missing = append(missing, "GITLAB_URL in the environment")
	}
	if token == "" {
		missing = append(missing, "GITLAB_TOKEN in the environment")
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("missing: %s: see %s -h, or run it without arguments for a demo", strings.Join(missing, "; "), c.Name)
	}
	t := &Target{Project: gitlabjobs.Project(args[0])}
	if c.ID != "" {
		if t.ID, err = strconv.ParseInt(args[1], 10, 64); err != nil || t.ID <= 0 {
			return nil, fmt.Errorf("%q is not a %s ID: use the number at the end of the %[2]s's URL", args[1], c.ID)
		}
	}
	t.Client, err = gitlabjobs.NewClient(url, gitlabjobs.PrivateToken(token))
	return t, err
}

// parse parses the flags, which may be anywhere, and returns the other arguments.
func (c Command) parse(args []string) (rest []string, err error) {
	flags := c.flags()
	flags.Usage = func() {} // The caller reports errors.
	flags.SetOutput(io.Discard)
	for {
		if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
			return nil, err
		} else if err != nil {
			return nil, fmt.Errorf("%w: see %s -h for the flags", err, c.Name)
		}
		if args = flags.Args(); len(args) == 0 {
			break
		}
		rest, args = append(rest, args[0]), args[1:]
	}
	limit, expected := 1, "a project"
	if c.ID != "" {
		limit, expected = 2, "a project and a "+c.ID+" ID"
	}
	if len(rest) > limit {
		return nil, fmt.Errorf("unexpected argument %q: pass %s: see %s -h", rest[limit], expected, c.Name)
	}
	return rest, nil
}

func (c Command) flags() *flag.FlagSet {
	if c.Flags != nil {
		return c.Flags
	}
	return flag.NewFlagSet(c.Name, flag.ContinueOnError)
}

func (c Command) help(w io.Writer) {
	flags, demo, args := c.flags(), c.Name, " PROJECT"
	flags.VisitAll(func(*flag.Flag) { demo = c.Name + " [flags]" })
	what, id := "a project", ""
	if c.ID != "" {
		what, id = "a "+c.ID, strings.ToUpper(c.ID)
		args += " " + id
	}
	fmt.Fprintf(w, "%s\n\nUsage:\n", c.Does)
	fmt.Fprintf(w, "  %-*s  a demo with a GitLab server embedded in this program\n", len(demo+args), demo)
	fmt.Fprintf(w, "  %s%s  %s of your GitLab server\n\nArguments:\n", demo, args, what)
	fmt.Fprintln(w, "  PROJECT       the project's full path or its ID, such as group/app or 42")
	if id != "" {
		fmt.Fprintf(w, "  %-12s  the %s's ID, the number at the end of its URL\n", id, c.ID)
	}
	fmt.Fprintln(w, "\nEnvironment:\n  GITLAB_URL    the URL of your GitLab server, such as https://gitlab.example.com")
	fmt.Fprintln(w, "  GITLAB_TOKEN  an access token with the scope read_api and access to the project's jobs")
	if demo != c.Name {
		fmt.Fprintln(w, "\nFlags:")
		flags.SetOutput(w)
		flags.PrintDefaults()
	}
	if c.Notes != "" {
		fmt.Fprintf(w, "\n%s", c.Notes)
	}
}

func openDemo(demo Demo) (*Target, error) {
	srv, err := gitlabjobstest.Start()
	if err != nil {
		return nil, err
	}
	t := &Target{Demo: true, server: srv, Client: srv.Client(srv.Tokens.Developer)}
	project, id := demo(srv)
	t.Project, t.ID = gitlabjobs.Project(project), id
	if err := srv.Err(); err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

// Close closes the connections and the embedded server, if any.
func (t *Target) Close() {
	t.Client.CloseIdleConnections()
	if t.server != nil {
		t.server.Close()
	}
}
