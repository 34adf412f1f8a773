// Lister prints a project's jobs, with gitlabjobs.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"example.com/gitlabjobs"
)

func main() {
	client, err := gitlabjobs.NewClient(os.Getenv("GITLAB_URL"), gitlabjobs.PrivateToken(os.Getenv("GITLAB_TOKEN")))
	if err != nil {
		log.Fatal(err)
	}
	for job, err := range client.Jobs.AllByProject(context.Background(), gitlabjobs.Project(os.Getenv("GITLAB_PROJECT")), nil) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(job.ID, job.Status, job.Name)
	}
}
