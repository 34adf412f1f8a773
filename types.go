package gitlabjobs

import "time"

// Job is a CI job as GitLab describes it.
//
// A field that the server did not send, or sent as null, has its zero value: nil for
// pointers, the zero [time.Time] for times. A Job that came from a server marshals back
// to the same JSON keys, with null for the fields that were null.
//
// Commit, User, Pipeline, Project, Runner and RunnerManager may be shared with other jobs
// of the same response, because GitLab repeats them in each job. Treat them as read-only:
// copy them before you change them.
//
// Do not embed Job in a struct that you marshal: the struct would inherit MarshalJSON,
// which leaves out the struct's own fields. Use a named field instead.
type Job struct {
	object

	ID           int64  `json:"id"`
	Status       Status `json:"status"`
	Stage        string `json:"stage"`
	Name         string `json:"name"`
	Ref          string `json:"ref"`
	Tag          bool   `json:"tag"` // Ref is a tag, not a branch.
	AllowFailure bool   `json:"allow_failure"`
	WebURL       string `json:"web_url"`
	Archived     bool   `json:"archived"` // Too old to be retried or played; it can still be canceled and erased.

	Coverage       *float64 `json:"coverage"`        // Percent. nil if none was reported.
	Duration       *float64 `json:"duration"`        // Seconds; grows while the job runs. nil if not started.
	QueuedDuration *float64 `json:"queued_duration"` // Seconds. nil if not queued yet.

	CreatedAt         time.Time `json:"created_at"`
	StartedAt         time.Time `json:"started_at"`
	FinishedAt        time.Time `json:"finished_at"`
	ErasedAt          time.Time `json:"erased_at"`
	ArtifactsExpireAt time.Time `json:"artifacts_expire_at"`

	FailureReason FailureReason `json:"failure_reason,omitzero"` // Empty unless the job failed.
	TagList       []string      `json:"tag_list"`                // The runner tags that the job requires.
	Source        string        `json:"source,omitzero"`         // The event that started the job. Few servers send it.
	DownloadURL   string        `json:"download_url,omitzero"`   // Few servers send it.

	Commit        *Commit        `json:"commit"`
	User          *User          `json:"user"`
	Pipeline      *Pipeline      `json:"pipeline"`
	Runner        *Runner        `json:"runner"`                  // nil if no runner has picked up the job.
	RunnerManager *RunnerManager `json:"runner_manager,omitzero"` // The machine on which Runner ran the job.
	Project       *JobProject    `json:"project,omitzero"`
	ArtifactsFile *ArtifactsFile `json:"artifacts_file,omitzero"` // nil if the job has no artifacts archive.
	Artifacts     []Artifact     `json:"artifacts"`
}

// Bridge is a job that triggers a pipeline, in its own project or in another one. It has
// the basic fields of a [Job], with the same rules for missing values and shared objects.
type Bridge struct {
	object

	ID           int64  `json:"id"`
	Status       Status `json:"status"`
	Stage        string `json:"stage"`
	Name         string `json:"name"`
	Ref          string `json:"ref"`
	Tag          bool   `json:"tag"`
	AllowFailure bool   `json:"allow_failure"`
	WebURL       string `json:"web_url"`

	Coverage       *float64 `json:"coverage"`
	Duration       *float64 `json:"duration"`        // Seconds. nil if not started.
	QueuedDuration *float64 `json:"queued_duration"` // Seconds. nil if not queued yet.

	CreatedAt  time.Time `json:"created_at"`
	StartedAt  time.Time `json:"started_at"`
	FinishedAt time.Time `json:"finished_at"`
	ErasedAt   time.Time `json:"erased_at"`

	FailureReason FailureReason `json:"failure_reason,omitzero"` // Empty unless the bridge failed.

	Commit             *Commit     `json:"commit"`
	User               *User       `json:"user"`
	Pipeline           *Pipeline   `json:"pipeline"` // The pipeline that the bridge belongs to.
	Project            *JobProject `json:"project,omitzero"`
	DownstreamPipeline *Pipeline   `json:"downstream_pipeline"` // nil if it has not been created.
}

// Pipeline is the pipeline of a job, or the one that a bridge triggered. IID, ProjectID,
// Source, CreatedAt, UpdatedAt and WebURL are zero if an older server does not send them.
type Pipeline struct {
	object `jsonobject:"shared"`

	ID        int64     `json:"id"`
	IID       int64     `json:"iid,omitzero"` // The number of the pipeline within the project.
	ProjectID int64     `json:"project_id,omitzero"`
	SHA       string    `json:"sha"`
	Ref       string    `json:"ref"`
	Status    Status    `json:"status"`
	Source    string    `json:"source,omitzero"` // push, web, schedule, parent_pipeline, ...
	CreatedAt time.Time `json:"created_at,omitzero"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`
	WebURL    string    `json:"web_url,omitzero"`
}

// Commit is the commit that a job ran for.
type Commit struct {
	object `jsonobject:"shared"`

	ID               string              `json:"id"`
	ShortID          string              `json:"short_id"`
	Title            string              `json:"title"`
	Message          string              `json:"message"`
	AuthorName       string              `json:"author_name"`
	AuthorEmail      string              `json:"author_email"`
	AuthoredDate     time.Time           `json:"authored_date,omitzero"`
	CommitterName    string              `json:"committer_name,omitzero"`
	CommitterEmail   string              `json:"committer_email,omitzero"`
	CommittedDate    time.Time           `json:"committed_date,omitzero"`
	CreatedAt        time.Time           `json:"created_at"`
	ParentIDs        []string            `json:"parent_ids,omitzero"`
	Trailers         map[string]string   `json:"trailers,omitzero"`
	ExtendedTrailers map[string][]string `json:"extended_trailers,omitzero"` // All values of trailers that are repeated.
	WebURL           string              `json:"web_url,omitzero"`
}

// User is the user who started a job. Optional fields are pointers, which are nil if the
// server sent null or did not send the field.
type User struct {
	object `jsonobject:"shared"`

	ID              int64     `json:"id"`
	Username        string    `json:"username"`
	Name            string    `json:"name"`
	State           string    `json:"state"` // active, blocked, ...
	Locked          bool      `json:"locked,omitzero"`
	AvatarURL       *string   `json:"avatar_url"`
	WebURL          string    `json:"web_url"`
	CreatedAt       time.Time `json:"created_at,omitzero"`
	Bio             *string   `json:"bio,omitzero"`
	Location        *string   `json:"location,omitzero"`
	PublicEmail     *string   `json:"public_email,omitzero"`
	Skype           *string   `json:"skype,omitzero"`
	LinkedIn        *string   `json:"linkedin,omitzero"`
	Twitter         *string   `json:"twitter,omitzero"`
	Discord         *string   `json:"discord,omitzero"`
	GitHub          *string   `json:"github,omitzero"`
	WebsiteURL      *string   `json:"website_url,omitzero"`
	Organization    *string   `json:"organization,omitzero"`
	JobTitle        *string   `json:"job_title,omitzero"`
	Pronouns        *string   `json:"pronouns,omitzero"`
	Bot             bool      `json:"bot,omitzero"`
	WorkInformation *string   `json:"work_information,omitzero"`
	Followers       *int64    `json:"followers,omitzero"`
	Following       *int64    `json:"following,omitzero"`
	LocalTime       *string   `json:"local_time,omitzero"`
	RolesInProject  []string  `json:"roles_in_project,omitzero"` // Only in [AllowedAgents].
}

// Runner is the runner that picked up a job.
type Runner struct {
	object `jsonobject:"shared"`

	ID                 int64     `json:"id"`
	Description        string    `json:"description"`
	IPAddress          string    `json:"ip_address,omitzero"`
	Active             bool      `json:"active"`
	Paused             bool      `json:"paused"`
	IsShared           bool      `json:"is_shared"`
	RunnerType         string    `json:"runner_type,omitzero"` // instance_type, group_type or project_type.
	Name               string    `json:"name"`
	Online             *bool     `json:"online"` // nil if it has never contacted GitLab.
	Status             string    `json:"status"` // online, offline, stale or never_contacted.
	CreatedAt          time.Time `json:"created_at,omitzero"`
	CreatedBy          *User     `json:"created_by,omitzero"`
	JobExecutionStatus string    `json:"job_execution_status,omitzero"` // idle or active.
}

// RunnerManager is the machine on which a runner ran a job.
type RunnerManager struct {
	object `jsonobject:"shared"`

	ID                 int64     `json:"id"`
	SystemID           string    `json:"system_id"`
	Version            string    `json:"version"`
	Revision           string    `json:"revision"`
	Platform           string    `json:"platform"`
	Architecture       string    `json:"architecture"`
	CreatedAt          time.Time `json:"created_at"`
	ContactedAt        time.Time `json:"contacted_at"`
	IPAddress          string    `json:"ip_address"`
	Status             string    `json:"status"`
	JobExecutionStatus string    `json:"job_execution_status,omitzero"`
}

// JobProject has the fields of a job's project that GitLab sends with the job.
type JobProject struct {
	object `jsonobject:"shared"`

	CIJobTokenScopeEnabled bool `json:"ci_job_token_scope_enabled"`
}

// ArtifactsFile is the archive of a job's artifacts.
type ArtifactsFile struct {
	object

	Filename string `json:"filename"`
	Size     int64  `json:"size"` // Bytes.
}

// Artifact is a file that belongs to a job: an archive, its metadata, the log, or a
// report.
type Artifact struct {
	object

	FileType   string `json:"file_type"` // archive, metadata, trace, junit, ...
	Size       int64  `json:"size"`      // Bytes.
	Filename   string `json:"filename"`
	FileFormat string `json:"file_format"` // raw, zip or gzip; empty if null.
}

// AllowedAgents are the agents for Kubernetes that a job may use, with the job, its
// pipeline, project, user and environment.
type AllowedAgents struct {
	object

	AllowedAgents []AllowedAgent  `json:"allowed_agents"`
	Job           *AgentJob       `json:"job"`
	Pipeline      *Pipeline       `json:"pipeline"`
	Project       *AgentProject   `json:"project"`
	User          *User           `json:"user"`
	Environment   *JobEnvironment `json:"environment,omitzero"` // nil if the job has no environment.
}

// AllowedAgent is an agent for Kubernetes that a job may use.
type AllowedAgent struct {
	object

	ID            int64          `json:"id"`
	ConfigProject *AgentProject  `json:"config_project"`
	Configuration map[string]any `json:"configuration,omitzero"` // The configuration of the agent for the job.
}

// AgentJob is the job in [AllowedAgents]. Newer servers send only its ID.
type AgentJob struct {
	object

	ID          int64  `json:"id"`
	Name        string `json:"name,omitzero"`
	Stage       string `json:"stage,omitzero"`
	ProjectID   int64  `json:"project_id,omitzero"`
	ProjectName string `json:"project_name,omitzero"`
}

// AgentProject is a project in [AllowedAgents]: the project of the job, or the project that
// configures an agent. Newer servers send only ID and Groups of the project of the job.
type AgentProject struct {
	object

	ID                int64        `json:"id"`
	Description       *string      `json:"description,omitzero"`
	Name              string       `json:"name,omitzero"`
	NameWithNamespace string       `json:"name_with_namespace,omitzero"`
	Path              string       `json:"path,omitzero"`
	PathWithNamespace string       `json:"path_with_namespace,omitzero"`
	CreatedAt         time.Time    `json:"created_at,omitzero"`
	Groups            []AgentGroup `json:"groups,omitzero"` // The groups above the project.
}

// AgentGroup is a group in [AllowedAgents].
type AgentGroup struct {
	object

	ID int64 `json:"id"`
}

// JobEnvironment is the environment that a job deploys to.
type JobEnvironment struct {
	object

	Slug string `json:"slug"`
	Tier string `json:"tier"` // production, staging, testing, development or other.
}

// The ID that identifies an object. It is 0 for JSON of another kind.

func (j *Job) key() int64    { return j.ID }
func (b *Bridge) key() int64 { return b.ID }

func (a *AllowedAgents) key() int64 {
	if a.Job == nil {
		return 0
	}
	return a.Job.ID
}
