// Lister prints a project's jobs, with the official client.
package main

import (
	"fmt"
	"log"
	"os"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
)

func main() {
	client, err := gitlab.NewClient(os.Getenv("GITLAB_TOKEN"), gitlab.WithBaseURL(os.Getenv("GITLAB_URL")))
	if err != nil {
		log.Fatal(err)
	}
	opts := &gitlab.ListJobsOptions{ListOptions: gitlab.ListOptions{PerPage: 100, Pagination: "keyset"}}
	for job, err := range gitlab.Scan2(func(p gitlab.PaginationOptionFunc) ([]*gitlab.Job, *gitlab.Response, error) {
		return client.Jobs.ListProjectJobs(os.Getenv("GITLAB_PROJECT"), opts, p)
	}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(job.ID, job.Status, job.Name)
	}
}
