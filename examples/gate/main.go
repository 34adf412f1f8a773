// Gate waits for a pipeline and the pipelines that it triggers. It exits with 0 if GitLab
// reports success for all of them, so that a deployment can follow:
//
//	GITLAB_URL=https://gitlab.example.com GITLAB_TOKEN=... go run ./examples/gate group/app 4711 && ./deploy
//
// Other exit codes are 1 if a pipeline did not succeed, 2 for an error, 3 if a manual job
// blocks the pipeline, and 130 after an interrupt.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"time"

	"example.com/gitlabjobs"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code, reason := gate(ctx, os.Args[1:])
	stop()
	fmt.Println(reason)
	os.Exit(code)
}

func gate(ctx context.Context, args []string) (code int, reason string) {
	if len(args) != 2 {
		return 2, "usage: gate <project> <pipeline ID>"
	}
	id, err := strconv.ParseInt(args[1], 10, 64)
	if err != nil {
		return 2, fmt.Sprintf("the pipeline ID is %q: use a number", args[1])
	}
	client, err := gitlabjobs.NewClient(os.Getenv("GITLAB_URL"), gitlabjobs.PrivateToken(os.Getenv("GITLAB_TOKEN")))
	if err != nil {
		return 2, err.Error()
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Hour)
	defer cancel()
	pipeline, err := client.Jobs.WaitPipeline(ctx, gitlabjobs.Project(args[0]), id, &gitlabjobs.WaitOptions{
		Downstream: true, // Include child pipelines, even if the parent does not depend on them.
	})
	switch {
	case errors.Is(err, gitlabjobs.ErrBlocked):
		return 3, err.Error() // The pipeline waits for a manual job.
	case errors.Is(err, context.Canceled):
		return 130, "interrupted"
	case err != nil:
		return 2, err.Error() // For example, an outage of more than 15 minutes, or the timeout of 2 hours.
	case !pipeline.Succeeded():
		return 1, fmt.Sprintf("the pipeline, or one that it triggered, did not succeed: the pipeline is %s", pipeline.Status)
	default:
		return 0, "success"
	}
}
