// Package target finds out what an example is to look at: a project of yours, or of
// a GitLab that is embedded in the example.
package target

import (
	"errors"
	"fmt"
	"strconv"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

// Target is what an example looks at.
type Target struct {
	Client  *gitlabjobs.Client
	Project gitlabjobs.Project
	ID      int64 // Of a job or a pipeline, where the example takes one.
	Demo    bool  // It is a GitLab that is embedded in the example.

	server *gitlabjobstest.Server
}

// Demo sets up the embedded GitLab, and says what there is to look at.
type Demo func(*gitlabjobstest.Server) (project string, id int64)

// Open connects to the GitLab of GITLAB_URL and GITLAB_TOKEN, for the project, and
// where an id is named the id, that args give; or, without any of them, to a demo.
func Open(getenv func(string) string, args []string, id string, demo Demo) (*Target, error) {
	url, token := getenv("GITLAB_URL"), getenv("GITLAB_TOKEN")
	wanted := 1
	if id != "" {
		wanted = 2
	}
	switch {
	case len(args) == wanted && url != "" && token != "":
		t := &Target{Project: gitlabjobs.Project(args[0])}
		var err error
		if id != "" {
			if t.ID, err = strconv.ParseInt(args[1], 10, 64); err != nil {
				return nil, fmt.Errorf("%q is no %s id: give its number", args[1], id)
			}
		}
		t.Client, err = gitlabjobs.NewClient(url, gitlabjobs.PrivateToken(token))
		return t, err
	case len(args) == 0 && url == "" && token == "":
		return openDemo(demo)
	case id != "":
		return nil, fmt.Errorf("set GITLAB_URL and GITLAB_TOKEN and give a project, such as group/app, and a %s id; or none of them", id)
	default:
		return nil, errors.New("set GITLAB_URL and GITLAB_TOKEN and give a project, such as group/app; or none of them")
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

// Close ends the connections, and the demo if it is one.
func (t *Target) Close() {
	t.Client.CloseIdleConnections()
	if t.server != nil {
		t.server.Close()
	}
}
