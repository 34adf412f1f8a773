package gitlabjobs_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

// rotatingToken authenticates with a token that expires, such as an OAuth 2.0 access
// token. It renews the token a minute before the token expires.
type rotatingToken struct {
	renew func(context.Context) (token string, expires time.Time, err error)

	mu      sync.Mutex // The client calls Authorize from several goroutines.
	token   string
	expires time.Time
}

// Authorize implements gitlabjobs.Auth. The client calls it before the first attempt of
// each call, so it can renew the token.
func (r *rotatingToken) Authorize(req *http.Request) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Until(r.expires) < time.Minute {
		token, expires, err := r.renew(req.Context())
		if err != nil {
			return fmt.Errorf("renewing the token: %w", err)
		}
		r.token, r.expires = token, expires
	}
	req.Header.Set("Authorization", "Bearer "+r.token)
	return nil
}

// Your own type can implement Auth. This type renews a token that expires.
func ExampleAuth() {
	srv, err := gitlabjobstest.Start() // A fake GitLab server with a job.
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()
	srv.AddProject("group/app").AddPipeline().AddJob(gitlabjobstest.JobSpec{ID: 1, Name: "build"})
	ctx := context.Background()

	auth := &rotatingToken{renew: func(context.Context) (string, time.Time, error) {
		fmt.Println("renewing") // Here a program requests a token from its identity provider.
		return srv.Tokens.Reporter, time.Now().Add(2 * time.Hour), nil
	}}
	client, err := gitlabjobs.NewClient(srv.URL, auth)
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 2 {
		job, err := client.Jobs.Get(ctx, "group/app", 1)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(job.Name)
	}
	// Output:
	// renewing
	// build
	// build
}
