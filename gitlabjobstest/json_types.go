package gitlabjobstest

import "strings"

// The types in this file define the JSON that GitLab sends, with the keys in
// GitLab's order. They are separate from the types of package gitlabjobs, so that
// tests with the fake find errors in those types.

type wireBasic struct {
	ID             int64         `json:"id"`
	Status         string        `json:"status"`
	Stage          string        `json:"stage"`
	Name           string        `json:"name"`
	Ref            string        `json:"ref"`
	Tag            bool          `json:"tag"`
	Coverage       *float64      `json:"coverage"`
	AllowFailure   bool          `json:"allow_failure"`
	CreatedAt      string        `json:"created_at"`
	StartedAt      *string       `json:"started_at"`
	FinishedAt     *string       `json:"finished_at"`
	ErasedAt       *string       `json:"erased_at"`
	Duration       *float64      `json:"duration"`
	QueuedDuration *float64      `json:"queued_duration"`
	User           *wireUser     `json:"user"`
	Commit         *wireCommit   `json:"commit"`
	Pipeline       *wirePipeline `json:"pipeline,omitempty"`
	FailureReason  string        `json:"failure_reason,omitempty"`
	WebURL         string        `json:"web_url"`
	Project        wireProject   `json:"project"`
}

type wireJob struct {
	wireBasic

	ArtifactsFile     *wireFile          `json:"artifacts_file,omitempty"`
	Artifacts         []wireArtifact     `json:"artifacts"`
	Runner            *wireRunner        `json:"runner"`
	RunnerManager     *wireRunnerManager `json:"runner_manager"`
	ArtifactsExpireAt *string            `json:"artifacts_expire_at"`
	Archived          bool               `json:"archived"`
	TagList           []string           `json:"tag_list"`
}

type wireJobs []*wireJob

type wireBridge struct {
	wireBasic

	DownstreamPipeline *wirePipeline `json:"downstream_pipeline"`
}

// wireBridgeJob is a bridge as GitLab sends it in the response to retry.
type wireBridgeJob struct {
	wireBasic

	Artifacts         []wireArtifact `json:"artifacts"`
	Runner            *wireRunner    `json:"runner"`
	ArtifactsExpireAt *string        `json:"artifacts_expire_at"`
	Archived          bool           `json:"archived"`
	TagList           []string       `json:"tag_list"`
}

type wirePipeline struct {
	ID        int64  `json:"id"`
	IID       int64  `json:"iid"`
	ProjectID int64  `json:"project_id"`
	SHA       string `json:"sha"`
	Ref       string `json:"ref"`
	Status    string `json:"status"`
	Source    string `json:"source"`
	CreatedAt string `json:"created_at"`
	UpdatedAt string `json:"updated_at"`
	WebURL    string `json:"web_url"`
}

// wireFullPipeline is a pipeline as GitLab sends it in the response to a request
// for a single pipeline.
type wireFullPipeline struct {
	wirePipeline

	BeforeSHA      string             `json:"before_sha"`
	Tag            bool               `json:"tag"`
	YAMLErrors     *string            `json:"yaml_errors"`
	User           wireBasicUser      `json:"user"`
	StartedAt      *string            `json:"started_at"`
	FinishedAt     *string            `json:"finished_at"`
	CommittedAt    *string            `json:"committed_at"`
	Duration       *int64             `json:"duration"`
	QueuedDuration *int64             `json:"queued_duration"`
	Coverage       *string            `json:"coverage"`
	DetailedStatus wireDetailedStatus `json:"detailed_status"`
	Archived       bool               `json:"archived"`
	Name           *string            `json:"name"`
}

type wireBasicUser struct {
	ID          int64   `json:"id"`
	Username    string  `json:"username"`
	PublicEmail *string `json:"public_email"`
	Name        string  `json:"name"`
	State       string  `json:"state"`
	Locked      bool    `json:"locked"`
	AvatarURL   string  `json:"avatar_url"`
	WebURL      string  `json:"web_url"`
}

type wireDetailedStatus struct {
	Icon         string  `json:"icon"`
	Text         string  `json:"text"`
	Label        string  `json:"label"`
	Group        string  `json:"group"`
	Tooltip      string  `json:"tooltip"`
	HasDetails   bool    `json:"has_details"`
	DetailsPath  string  `json:"details_path"`
	Illustration *string `json:"illustration"`
	Favicon      string  `json:"favicon"`
}

type wireProject struct {
	CIJobTokenScopeEnabled bool `json:"ci_job_token_scope_enabled"`
}

type wireFile struct {
	Filename string `json:"filename"`
	Size     int64  `json:"size"`
}

type wireArtifact struct {
	FileType   string  `json:"file_type"`
	Size       int64   `json:"size"`
	Filename   string  `json:"filename"`
	FileFormat *string `json:"file_format"`
}

type wireUser struct {
	ID              int64   `json:"id"`
	Username        string  `json:"username"`
	PublicEmail     *string `json:"public_email"`
	Name            string  `json:"name"`
	State           string  `json:"state"`
	Locked          bool    `json:"locked"`
	AvatarURL       string  `json:"avatar_url"`
	WebURL          string  `json:"web_url"`
	CreatedAt       string  `json:"created_at"`
	Bio             string  `json:"bio"`
	Location        string  `json:"location"`
	LinkedIn        string  `json:"linkedin"`
	Twitter         string  `json:"twitter"`
	Discord         string  `json:"discord"`
	WebsiteURL      string  `json:"website_url"`
	GitHub          string  `json:"github"`
	JobTitle        string  `json:"job_title"`
	Pronouns        *string `json:"pronouns"`
	Organization    string  `json:"organization"`
	Bot             bool    `json:"bot"`
	WorkInformation *string `json:"work_information"`
	Followers       int     `json:"followers"`
	Following       int     `json:"following"`
	LocalTime       *string `json:"local_time"`

	encoded []byte // The other fields as JSON.
}

type wireCommit struct {
	ID               string              `json:"id"`
	ShortID          string              `json:"short_id"`
	CreatedAt        string              `json:"created_at"`
	ParentIDs        []string            `json:"parent_ids"`
	Title            string              `json:"title"`
	Message          string              `json:"message"`
	AuthorName       string              `json:"author_name"`
	AuthorEmail      string              `json:"author_email"`
	AuthoredDate     string              `json:"authored_date"`
	CommitterName    string              `json:"committer_name"`
	CommitterEmail   string              `json:"committer_email"`
	CommittedDate    string              `json:"committed_date"`
	Trailers         map[string]string   `json:"trailers"`
	ExtendedTrailers map[string][]string `json:"extended_trailers"`
	WebURL           string              `json:"web_url"`

	encoded []byte // The other fields as JSON.
}

type wireRunner struct {
	ID                 int64   `json:"id"`
	Description        string  `json:"description"`
	IPAddress          *string `json:"ip_address"`
	Active             bool    `json:"active"`
	Paused             bool    `json:"paused"`
	IsShared           bool    `json:"is_shared"`
	RunnerType         string  `json:"runner_type"`
	Name               string  `json:"name"`
	Online             bool    `json:"online"`
	CreatedAt          string  `json:"created_at"`
	Status             string  `json:"status"`
	JobExecutionStatus string  `json:"job_execution_status"`

	encoded []byte // The other fields as JSON.
}

type wireRunnerManager struct {
	ID                 int64  `json:"id"`
	SystemID           string `json:"system_id"`
	Version            string `json:"version"`
	Revision           string `json:"revision"`
	Platform           string `json:"platform"`
	Architecture       string `json:"architecture"`
	CreatedAt          string `json:"created_at"`
	ContactedAt        string `json:"contacted_at"`
	IPAddress          string `json:"ip_address"`
	Status             string `json:"status"`
	JobExecutionStatus string `json:"job_execution_status"`

	encoded []byte // The other fields as JSON.
}

type wireID struct {
	ID int64 `json:"id"`
}

type wireAllowedAgents struct {
	AllowedAgents []wireAgent      `json:"allowed_agents"`
	Job           wireID           `json:"job"`
	Pipeline      wireID           `json:"pipeline"`
	Project       wireAgentProject `json:"project"`
	User          wireAgentUser    `json:"user"`
	Environment   *wireEnvironment `json:"environment,omitempty"`
}

type wireAgent struct {
	ID            int64             `json:"id"`
	ConfigProject wireConfigProject `json:"config_project"`
	Configuration map[string]any    `json:"configuration"`
}

type wireConfigProject struct {
	ID                int64   `json:"id"`
	Description       *string `json:"description"`
	Name              string  `json:"name"`
	NameWithNamespace string  `json:"name_with_namespace"`
	Path              string  `json:"path"`
	PathWithNamespace string  `json:"path_with_namespace"`
	CreatedAt         string  `json:"created_at"`
}

type wireAgentProject struct {
	ID     int64    `json:"id"`
	Groups []wireID `json:"groups"`
}

type wireAgentUser struct {
	ID             int64    `json:"id"`
	Username       string   `json:"username"`
	RolesInProject []string `json:"roles_in_project"`
}

type wireEnvironment struct {
	Tier string `json:"tier"`
	Slug string `json:"slug"`
}

// firstLine returns the first line of a text.
func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
