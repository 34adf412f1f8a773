// Gate waits for a pipeline and for those that it triggers, and exits with 0 if GitLab
// calls them a success, so that a deployment can follow:
//
//	GITLAB_URL=https://gitlab.example.com GITLAB_TOKEN=... go run ./examples/gate group/app 4711 && ./deploy
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
	code, why := gate(ctx, os.Args[1:])
	stop()
	fmt.Println(why)
	os.Exit(code)
}

func gate(ctx context.Context, args []string) (code int, why string) {
	if len(args) != 2 {
		return 2, "usage: gate <project> <pipeline ID>"
	}
	id, err := strconv.ParseInt(args[1], 10, 64)
	if err != nil {
		return 2, "the pipeline ID is not a number: " + args[1]
	}
	client, err := gitlabjobs.NewClient(os.Getenv("GITLAB_URL"), gitlabjobs.PrivateToken(os.Getenv("GITLAB_TOKEN")))
	if err != nil {
		return 2, err.Error()
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Hour)
	defer cancel()
	pipeline, err := client.Jobs.WaitPipeline(ctx, gitlabjobs.Project(args[0]), id, &gitlabjobs.WaitOptions{
		Downstream: true, // Child pipelines count, even if their bridges do not wait for them.
	})
	switch {
	case errors.Is(err, gitlabjobs.ErrBlocked):
		return 3, err.Error() // A manual job has to be played first.
	case errors.Is(err, context.Canceled):
		return 130, "interrupted"
	case err != nil:
		return 2, err.Error() // Also after an outage of more than 15 minutes, and after 2 hours.
	case !pipeline.Succeeded():
		return 1, fmt.Sprintf("the pipeline, or one below it, did not succeed: %s", pipeline.Status)
	default:
		return 0, "success"
	}
}
