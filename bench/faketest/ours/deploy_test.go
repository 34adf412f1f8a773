package deploy

import (
	"testing"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

func TestPlay(t *testing.T) {
	srv := gitlabjobstest.NewServer(t)
	app := srv.AddProject("group/app")
	job := app.AddPipeline(gitlabjobstest.PipelineSpec{}).AddJob(gitlabjobstest.JobSpec{Status: gitlabjobs.StatusManual})
	played, err := srv.Client(srv.Tokens.Maintainer).Jobs.Play(t.Context(), app.ByID(), job.ID(), nil)
	if err != nil || played.Status != gitlabjobs.StatusPending {
		t.Fatal(played, err)
	}
}
