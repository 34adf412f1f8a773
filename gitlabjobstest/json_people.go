package gitlabjobstest

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

func newWireUser(external string, id int64, username, name string, created time.Time) *wireUser {
	u := &wireUser{
		ID: id, Username: username, Name: name, State: "active",
		AvatarURL: fmt.Sprintf("%s/uploads/-/system/user/avatar/%d/avatar.png", external, id),
		WebURL:    external + "/" + username,
		CreatedAt: iso(created),
	}
	u.encoded = encoded(u)
	return u
}

func newWireCommit(projectURL string, spec PipelineSpec, at time.Time) *wireCommit {
	name := spec.User.wire.Name
	email := spec.User.wire.Username + "@example.com"
	title := cmp.Or(spec.CommitTitle, `Add "jobs" & <stages>`)
	// GitLab sends these times in the time zone of the commit.
	date := at.In(time.FixedZone("", 2*60*60)).Format("2006-01-02T15:04:05.000-07:00")
	c := &wireCommit{
		ID: spec.SHA, ShortID: spec.SHA[:8], ParentIDs: []string{sha("parent of " + spec.SHA)},
		Title: firstLine(title), Message: strings.TrimSpace(title) + "\n",
		AuthorName: name, AuthorEmail: email, CommitterName: name, CommitterEmail: email,
		CreatedAt: date, AuthoredDate: date, CommittedDate: date,
		Trailers: map[string]string{}, ExtendedTrailers: map[string][]string{},
		WebURL: projectURL + "/-/commit/" + spec.SHA,
	}
	for i, key := range sortedKeys(spec.CommitTrailers) {
		values := spec.CommitTrailers[key]
		if len(values) == 0 {
			continue
		}
		if i == 0 {
			c.Message += "\n"
		}
		for _, v := range values {
			c.Message += key + ": " + v + "\n"
		}
		c.Trailers[key], c.ExtendedTrailers[key] = values[len(values)-1], append([]string(nil), values...)
	}
	c.encoded = encoded(c)
	return c
}

func newWireRunner(id int64, spec RunnerSpec, now time.Time) (*wireRunner, *wireRunnerManager) {
	created := iso(now.Add(-14 * 24 * time.Hour))
	r := &wireRunner{
		ID: id, Description: spec.Description, Active: true, IsShared: spec.Type == "instance_type",
		RunnerType: spec.Type, Name: "gitlab-runner", Online: true, CreatedAt: created,
		Status: "online", JobExecutionStatus: "idle",
	}
	m := &wireRunnerManager{
		ID: id + 20, SystemID: fmt.Sprintf("s_%04x", id), Version: "17.9.0", Revision: "abcd1234",
		Platform: "linux", Architecture: "amd64", CreatedAt: created, ContactedAt: iso(now),
		IPAddress: "127.0.0.1", Status: "online", JobExecutionStatus: "idle",
	}
	r.encoded, m.encoded = encoded(r), encoded(m)
	return r, m
}
