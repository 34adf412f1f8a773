// Package gitlabjobstest provides a fake GitLab server for tests. It responds
// to requests of the Jobs API as GitLab does.
//
// A test sets up only the state that it needs. Everything else has defaults:
//
//	func TestDeploy(t *testing.T) {
//		srv := gitlabjobstest.NewServer(t)
//		app := srv.AddProject("group/app")
//		job := app.AddPipeline().AddJob(gitlabjobstest.JobSpec{
//			Name: "deploy", Status: gitlabjobs.StatusManual,
//		})
//
//		client := srv.Client(srv.Tokens.Maintainer)
//		_, err := client.Jobs.Play(t.Context(), app.ByID(), job.ID(), nil)
//		// ...
//		job.Start()
//		job.AppendLog("deploying\n")
//		job.Succeed()
//	}
//
// # Features
//
// The server accepts or refuses cancel, retry, erase and play as GitLab does,
// with GitLab's error messages. Later responses show the new state. A test acts
// as the runner, as above, or gives jobs a [Script] that runs by the clock. Lists
// support offset and keyset pagination, logs grow, and tokens have the
// permissions that GitLab gives them.
//
// [Server.Fault] makes requests fail, and [Server.Down] takes the server off the
// network. [Server.Requests] returns the requests that the server has received,
// and [Server.Count] returns how often an action took effect. [Server.Handle]
// adds routes that the Jobs API does not have. An [Option] makes the server
// behave like an older version, limits its request rate, stores its logs on
// another host, or changes its external URL. A log can be larger than memory
// ([JobSpec].LogSize).
//
// The package's tests compare the fake with recorded responses of GitLab's own
// code. The repository's CONTRIBUTING.md describes how to compare it with a
// GitLab server.
//
// # Virtual time
//
// [NewMemoryServer] returns a server without a socket. Use it with
// testing/synctest, where a script of ten minutes needs no real time:
//
//	synctest.Test(t, func(t *testing.T) {
//		srv := gitlabjobstest.NewMemoryServer(t)
//		job := srv.AddProject("group/app").AddPipeline().
//			AddJob(gitlabjobstest.JobSpec{Script: &gitlabjobstest.Script{
//				Pending: 2 * time.Second, Lines: 1200, Every: 500 * time.Millisecond,
//			}})
//		time.Sleep(11 * time.Minute)
//		// job.Status() is success, and job.Log() has 1200 lines.
//	})
//
// # Limitations
//
// The server does not run stages in order: a created job or bridge stays created
// until a test calls [Job.Enqueue] or [Bridge.Start]. The server does not have
// protected branches, protected environments or protected variables. Of the
// Pipelines API, it has only the route for a single pipeline.
package gitlabjobstest
