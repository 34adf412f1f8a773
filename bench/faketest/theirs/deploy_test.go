package deploy

import (
	"testing"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
	gitlabtesting "gitlab.com/gitlab-org/api/client-go/v2/testing"
)

func TestPlay(t *testing.T) {
	client := gitlabtesting.NewTestClient(t)
	client.MockJobs.EXPECT().PlayJob(7, int64(1), nil).Return(&gitlab.Job{Status: "pending"}, nil, nil)
	played, _, err := client.Jobs.PlayJob(7, 1, nil)
	if err != nil || played.Status != "pending" {
		t.Fatal(played, err)
	}
}
