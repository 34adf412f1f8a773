// Package target reads the arguments of the examples, and connects to what they name: a
// project of yours or, without arguments, a demo on a GitLab that is embedded in the
// program.
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
	Name  string        // Of the program.
	Does  string        // What the program does, as a sentence.
	ID    string        // "job" or "pipeline": what the second argument is the ID of. Empty: there is no second argument.
	Flags *flag.FlagSet // The program's own flags. Nil if it has none.
	Notes string        // What -h says at the end.
	Demo  Demo
}

// Demo fills the embedded GitLab, and returns what there is to look at.
type Demo func(*gitlabjobstest.Server) (project string, id int64)

// Target is what a program looks at.
type Target struct {
	Client  *gitlabjobs.Client
	Project gitlabjobs.Project
	ID      int64 // Of the job or the pipeline, if the program takes one.
	Demo    bool  // It is on the embedded GitLab.

	server *gitlabjobstest.Server
}

// Open parses the arguments and connects to what they name. Without arguments that is the
// demo, whatever is in the environment, and a line on w says so. For -h it writes help to
// w and returns [flag.ErrHelp].
func (c Command) Open(w io.Writer, getenv func(string) string, args []string) (*Target, error) {
	args, err := c.parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		c.help(w)
		return nil, err
	case err != nil:
		return nil, err
	case len(args) == 0:
		fmt.Fprintf(w, "A demo, on a GitLab embedded in this program. For your own: %s -h\n", c.Name)
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
		return nil, fmt.Errorf("missing: %s: %s -h explains each; without arguments there is a demo", strings.Join(missing, "; "), c.Name)
	}
	t := &Target{Project: gitlabjobs.Project(args[0])}
	if c.ID != "" {
		if t.ID, err = strconv.ParseInt(args[1], 10, 64); err != nil || t.ID <= 0 {
			return nil, fmt.Errorf("%q is no %s ID: use the number at the end of the %[2]s's address", args[1], c.ID)
		}
	}
	t.Client, err = gitlabjobs.NewClient(url, gitlabjobs.PrivateToken(token))
	return t, err
}

// parse parses the flags, which may be anywhere, and returns the other arguments.
func (c Command) parse(args []string) (rest []string, err error) {
	flags := c.flags()
	flags.Usage = func() {} // The caller tells.
	flags.SetOutput(io.Discard)
	for {
		if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
			return nil, err
		} else if err != nil {
			return nil, fmt.Errorf("%w: %s -h lists the flags", err, c.Name)
		}
		if args = flags.Args(); len(args) == 0 {
			break
		}
		rest, args = append(rest, args[0]), args[1:]
	}
	most, takes := 1, "a project"
	if c.ID != "" {
		most, takes = 2, "a project and a "+c.ID+" ID"
	}
	if len(rest) > most {
		return nil, fmt.Errorf("unexpected argument %q: the arguments are %s: %s -h explains them", rest[most], takes, c.Name)
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
	fmt.Fprintf(w, "  %-*s  a demo, on a GitLab embedded in this program\n", len(demo+args), demo)
	fmt.Fprintf(w, "  %s%s  %s of your GitLab\n\nArguments:\n", demo, args, what)
	fmt.Fprintln(w, "  PROJECT       the project's full path or its ID, such as group/app or 42")
	if id != "" {
		fmt.Fprintf(w, "  %-12s  the %s's ID, the number at the end of its address\n", id, c.ID)
	}
	fmt.Fprintln(w, "\nEnvironment:\n  GITLAB_URL    the address of your GitLab, such as https://gitlab.example.com")
	fmt.Fprintln(w, "  GITLAB_TOKEN  an access token with the scope read_api, of somebody who may see the project's jobs")
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

// Close ends the connections, and the embedded GitLab if there is one.
func (t *Target) Close() {
	t.Client.CloseIdleConnections()
	if t.server != nil {
		t.server.Close()
	}
}
