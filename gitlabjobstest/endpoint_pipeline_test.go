package gitlabjobstest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

func TestPipelineMatchesGitLab(t *testing.T) {
	t.Parallel()
	runFacts(t, []fact{
		{"a pipeline has its status and its times", func(t *testing.T, w *fixture) {
			o := w.send(t, "GET "+w.pipeline, w.dev).expect(200).object()
			require.EqualValues(t, w.pl.ID(), o["id"])
			require.Equal(t, "running", o["status"])
			require.NotNil(t, o["started_at"])
			require.Nil(t, o["finished_at"])
			require.Equal(t, w.Users.Developer.Username(), o["user"].(map[string]any)["username"])
			require.Equal(t, "running", o["detailed_status"].(map[string]any)["group"])
		}},
		{"a pipeline without jobs is created, or as its YAML or its external checks have it", func(t *testing.T, w *fixture) {
			status := func(pl *Pipeline) any {
				return w.send(t, fmt.Sprintf("GET /projects/7/pipelines/%d", pl.ID()), w.dev).expect(200).object()["status"]
			}
			require.Equal(t, "created", status(w.app.AddPipeline()))
			require.Equal(t, "failed", status(w.app.AddPipeline(PipelineSpec{Status: gitlabjobs.StatusFailed})))
			external := w.app.AddPipeline(PipelineSpec{Status: gitlabjobs.StatusRunning})
			external.SetStatus(gitlabjobs.StatusSuccess)
			require.Equal(t, "success", status(external))
		}},
		{"a finished pipeline has a duration and a coverage", func(t *testing.T, w *fixture) {
			pl := w.app.AddPipeline()
			pl.AddJob(JobSpec{Coverage: 80})
			pl.AddJob(JobSpec{Coverage: 90})
			o := w.send(t, fmt.Sprintf("GET /projects/7/pipelines/%d", pl.ID()), w.dev).expect(200).object()
			require.Equal(t, "85.00", o["coverage"])
			require.EqualValues(t, 38, o["duration"])
			require.NotNil(t, o["finished_at"])
			require.Equal(t, "passed", o["detailed_status"].(map[string]any)["text"])
		}},
		{"job tokens are ignored: a private project's pipeline is 404", func(t *testing.T, w *fixture) {
			token := w.running.Token()
			w.send(t, "GET "+w.pipeline, "JOB-TOKEN: "+token).expect(404, noProject)
			w.send(t, "GET "+w.pipeline+"?job_token="+token).expect(404, noProject)
			w.send(t, "GET "+w.pipeline, "Authorization: Bearer "+token).expect(404, noProject)
			w.send(t, "GET "+w.openPipe, "JOB-TOKEN: "+token).expect(200)
		}},
		{"a public project's pipeline needs no token", func(t *testing.T, w *fixture) {
			w.send(t, "GET "+w.openPipe).expect(200)
			w.send(t, "GET "+w.pipeline).expect(404, noProject)
		}},
		{"guests may not read the pipelines of a private project", func(t *testing.T, w *fixture) {
			w.send(t, "GET "+w.pipeline, w.guest).expect(403, forbidden)
		}},
		{"no such pipeline is 404", func(t *testing.T, w *fixture) {
			w.send(t, "GET /projects/7/pipelines/999", w.dev).expect(404, notFound)
			w.send(t, fmt.Sprintf("GET /projects/8/pipelines/%d", w.pl.ID()), w.dev).expect(404, notFound)
		}},
		{"the oldest servers send jobs and bridges without a pipeline", func(t *testing.T, _ *fixture) {
			for name, opts := range map[string][]Option{
				"older": {OlderServer(), WithoutPipelineObjects()}, "current": {WithoutPipelineObjects()},
			} {
				w := newFixture(t, opts...)
				require.NotContains(t, w.send(t, "GET "+jobPath(w.done, ""), w.dev).expect(200).object(), "pipeline", name)
				for _, list := range []string{w.jobs, w.pipeline + "/jobs", w.pipeline + "/bridges"} {
					for _, o := range w.send(t, "GET "+list, w.dev).expect(200).objects() {
						require.NotContains(t, o, "pipeline", name)
					}
				}
				require.Equal(t, "running", w.send(t, "GET "+w.pipeline, w.dev).expect(200).object()["status"])
			}
		}},
	})
}
