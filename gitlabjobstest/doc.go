// Package gitlabjobstest is a fake GitLab server for tests. It responds to
// requests of the Jobs API as GitLab does.
//
// A test describes what it needs in a few lines. Everything else has defaults:
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
// Jobs change as in GitLab: cancel, retry, erase and play take effect or are
// refused as GitLab refuses them, and later responses show it. A test acts as
// the runner, as above, or gives jobs a [Script] that runs by the clock. Lists
// have both kinds of pagination, logs grow, and tokens have the permissions that
// GitLab gives them. Error messages are GitLab's own.
//
// [Server.Fault] makes requests fail, and [Server.Down] takes the server off the
// network. [Server.Requests] returns the requests so far, and [Server.Count]
// tells how often an action took effect. [Server.Handle] adds routes for the rest
// of a program. An [Option] makes the server an older one, limits its request
// rate, stores its logs elsewhere, or gives it another external URL. Logs may be
// of any size ([JobSpec].LogSize) without being in memory.
//
// The fake is compared with recorded responses of GitLab's own code. The
// repository's CONTRIBUTING.md tells how to compare it with a GitLab server.
//
// # Virtual time
//
// [NewMemoryServer] returns a server without a socket. It works inside
// testing/synctest, where ten minutes of a script pass at once:
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
// Stages do not wait for each other: a created job stays created until a test
// calls [Job.Enqueue] or [Bridge.Start]. Protected branches, environments and
// variables restrict nobody. The only other route of the Pipelines API is that
// of a single pipeline.
package gitlabjobstest
