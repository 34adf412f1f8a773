package gitlabjobstest

import "strconv"

// The types in this file define the JSON of an older GitLab. They have the keys
// that its documentation lists, and coverage is a string.

type olderBasic struct {
	Commit         *olderCommit   `json:"commit"`
	Coverage       *string        `json:"coverage"`
	AllowFailure   bool           `json:"allow_failure"`
	CreatedAt      string         `json:"created_at"`
	StartedAt      *string        `json:"started_at"`
	FinishedAt     *string        `json:"finished_at"`
	Duration       *float64       `json:"duration"`
	QueuedDuration *float64       `json:"queued_duration"`
	ID             int64          `json:"id"`
	Name           string         `json:"name"`
	Pipeline       *olderPipeline `json:"pipeline,omitempty"`
	Ref            string         `json:"ref"`
	Stage          string         `json:"stage"`
	Status         string         `json:"status"`
	FailureReason  string         `json:"failure_reason,omitempty"`
	Tag            bool           `json:"tag"`
	WebURL         string         `json:"web_url"`
	User           *olderUser     `json:"user"`
}

type olderJob struct {
	olderBasic

	ArtifactsFile     *wireFile      `json:"artifacts_file,omitempty"`
	Artifacts         []wireArtifact `json:"artifacts"`
	ArtifactsExpireAt *string        `json:"artifacts_expire_at"`
	TagList           []string       `json:"tag_list"`
	Runner            *olderRunner   `json:"runner"`
}

type olderBridge struct {
	olderBasic

	DownstreamPipeline *olderDownstream `json:"downstream_pipeline"`
}

type olderCommit struct {
	AuthorEmail string `json:"author_email"`
	AuthorName  string `json:"author_name"`
	CreatedAt   string `json:"created_at"`
	ID          string `json:"id"`
	Message     string `json:"message"`
	ShortID     string `json:"short_id"`
	Title       string `json:"title"`
}

type olderPipeline struct {
	ID        int64  `json:"id"`
	ProjectID int64  `json:"project_id"`
	Ref       string `json:"ref"`
	SHA       string `json:"sha"`
	Status    string `json:"status"`
}

type olderDownstream struct {
	ID        int64  `json:"id"`
	SHA       string `json:"sha"`
	Ref       string `json:"ref"`
	Status    string `json:"status"`
	CreatedAt string `json:"created_at"`
	UpdatedAt string `json:"updated_at"`
	WebURL    string `json:"web_url"`
}

type olderRunner struct {
	ID          int64  `json:"id"`
	Description string `json:"description"`
	Active      bool   `json:"active"`
	IsShared    bool   `json:"is_shared"`
	Name        string `json:"name"`
	Online      bool   `json:"online"`
	Status      string `json:"status"`
}

type olderUser struct {
	ID           int64  `json:"id"`
	Name         string `json:"name"`
	Username     string `json:"username"`
	State        string `json:"state"`
	AvatarURL    string `json:"avatar_url"`
	WebURL       string `json:"web_url"`
	CreatedAt    string `json:"created_at"`
	Bio          string `json:"bio"`
	Location     string `json:"location"`
	PublicEmail  string `json:"public_email"`
	Skype        string `json:"skype"`
	LinkedIn     string `json:"linkedin"`
	Twitter      string `json:"twitter"`
	WebsiteURL   string `json:"website_url"`
	Organization string `json:"organization"`
}

func (w *wireBasic) older() olderBasic {
	o := olderBasic{
		AllowFailure: w.AllowFailure, CreatedAt: w.CreatedAt, StartedAt: w.StartedAt, FinishedAt: w.FinishedAt,
		Duration: w.Duration, QueuedDuration: w.QueuedDuration, ID: w.ID, Name: w.Name, Ref: w.Ref, Stage: w.Stage,
		Status: w.Status, FailureReason: w.FailureReason, Tag: w.Tag, WebURL: w.WebURL,
	}
	if p := w.Pipeline; p != nil {
		o.Pipeline = &olderPipeline{p.ID, p.ProjectID, p.Ref, p.SHA, p.Status}
	}
	if w.Coverage != nil {
		c := strconv.FormatFloat(*w.Coverage, 'f', -1, 64)
		o.Coverage = &c
	}
	if c := w.Commit; c != nil {
		o.Commit = &olderCommit{c.AuthorEmail, c.AuthorName, c.CreatedAt, c.ID, c.Message, c.ShortID, c.Title}
	}
	if u := w.User; u != nil {
		o.User = &olderUser{
			ID: u.ID, Name: u.Name, Username: u.Username, State: u.State, AvatarURL: u.AvatarURL,
			WebURL: u.WebURL, CreatedAt: u.CreatedAt,
		}
	}
	return o
}

func (w *wireJob) older() olderJob {
	o := olderJob{
		olderBasic: w.wireBasic.older(), ArtifactsFile: w.ArtifactsFile, Artifacts: w.Artifacts,
		ArtifactsExpireAt: w.ArtifactsExpireAt, TagList: w.TagList,
	}
	if r := w.Runner; r != nil {
		o.Runner = &olderRunner{r.ID, r.Description, r.Active, r.IsShared, r.Name, r.Online, r.Status}
	}
	return o
}

func (w *wireBridge) older() olderBridge {
	o := olderBridge{olderBasic: w.wireBasic.older()}
	if p := w.DownstreamPipeline; p != nil {
		o.DownstreamPipeline = &olderDownstream{p.ID, p.SHA, p.Ref, p.Status, p.CreatedAt, p.UpdatedAt, p.WebURL}
	}
	return o
}
