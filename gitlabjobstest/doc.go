// Package gitlabjobstest is a fake GitLab for tests: a server that answers
// GitLab's Jobs API, and behaves.
//
// A test says what there is in a few lines, and leaves out what it does not
// care about:
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
// # What it does
//
// Jobs change as GitLab changes them: cancel, retry, erase and play act, are
// refused where GitLab refuses them, and show in every later answer. The test
// plays the runner, as above, or gives a job a [Script] with a clock. Lists
// have pages of both kinds, logs grow, tokens may do what they may. What GitLab
// says word for word, the fake says word for word.
//
// [Server.Fault] lets things go wrong, and [Server.Down] all of them at once.
// [Server.Requests] tells what was asked, [Server.Count] how often an action took
// effect. An [Option] makes the server an older one, limits its rate, keeps its
// logs elsewhere, or lets it take itself for another host. A log may be of any
// size ([JobSpec].LogSize) without being held.
//
// # In virtual time
//
// [NewMemoryServer] makes a server without a socket. It runs within
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
// # What it leaves out
//
// Stages do not wait for each other: what is created stays so until a test
// calls [Job.Enqueue] or [Bridge.Start]. Protected branches, environments and variables restrict
// nobody. A pipeline has no routes of its own beyond the lists of its jobs.
package gitlabjobstest
