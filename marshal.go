package gitlabjobs

// The types below marshal to the keys that GitLab sends and keep null, absent
// and zero apart, with this package as with encoding/json.

// MarshalJSON implements [encoding/json.Marshaler].
func (j Job) MarshalJSON() ([]byte, error) { return marshalObject(&j) }

// UnmarshalJSON implements [encoding/json.Unmarshaler].
func (j *Job) UnmarshalJSON(data []byte) error { return unmarshalObject(data, j) }

// MarshalJSON implements [encoding/json.Marshaler].
func (b Bridge) MarshalJSON() ([]byte, error) { return marshalObject(&b) }

// UnmarshalJSON implements [encoding/json.Unmarshaler].
func (b *Bridge) UnmarshalJSON(data []byte) error { return unmarshalObject(data, b) }

// MarshalJSON implements [encoding/json.Marshaler].
func (p Pipeline) MarshalJSON() ([]byte, error) { return marshalObject(&p) }

// UnmarshalJSON implements [encoding/json.Unmarshaler].
func (p *Pipeline) UnmarshalJSON(data []byte) error { return unmarshalObject(data, p) }

// MarshalJSON implements [encoding/json.Marshaler].
func (c Commit) MarshalJSON() ([]byte, error) { return marshalObject(&c) }

// UnmarshalJSON implements [encoding/json.Unmarshaler].
func (c *Commit) UnmarshalJSON(data []byte) error { return unmarshalObject(data, c) }

// MarshalJSON implements [encoding/json.Marshaler].
func (u User) MarshalJSON() ([]byte, error) { return marshalObject(&u) }

// UnmarshalJSON implements [encoding/json.Unmarshaler].
func (u *User) UnmarshalJSON(data []byte) error { return unmarshalObject(data, u) }

// MarshalJSON implements [encoding/json.Marshaler].
func (r Runner) MarshalJSON() ([]byte, error) { return marshalObject(&r) }

// UnmarshalJSON implements [encoding/json.Unmarshaler].
func (r *Runner) UnmarshalJSON(data []byte) error { return unmarshalObject(data, r) }

// MarshalJSON implements [encoding/json.Marshaler].
func (r RunnerManager) MarshalJSON() ([]byte, error) { return marshalObject(&r) }

// UnmarshalJSON implements [encoding/json.Unmarshaler].
func (r *RunnerManager) UnmarshalJSON(data []byte) error { return unmarshalObject(data, r) }

// MarshalJSON implements [encoding/json.Marshaler].
func (j JobProject) MarshalJSON() ([]byte, error) { return marshalObject(&j) }

// UnmarshalJSON implements [encoding/json.Unmarshaler].
func (j *JobProject) UnmarshalJSON(data []byte) error { return unmarshalObject(data, j) }

// MarshalJSON implements [encoding/json.Marshaler].
func (a ArtifactsFile) MarshalJSON() ([]byte, error) { return marshalObject(&a) }

// UnmarshalJSON implements [encoding/json.Unmarshaler].
func (a *ArtifactsFile) UnmarshalJSON(data []byte) error { return unmarshalObject(data, a) }

// MarshalJSON implements [encoding/json.Marshaler].
func (a Artifact) MarshalJSON() ([]byte, error) { return marshalObject(&a) }

// UnmarshalJSON implements [encoding/json.Unmarshaler].
func (a *Artifact) UnmarshalJSON(data []byte) error { return unmarshalObject(data, a) }

// MarshalJSON implements [encoding/json.Marshaler].
func (a AllowedAgents) MarshalJSON() ([]byte, error) { return marshalObject(&a) }

// UnmarshalJSON implements [encoding/json.Unmarshaler].
func (a *AllowedAgents) UnmarshalJSON(data []byte) error { return unmarshalObject(data, a) }

// MarshalJSON implements [encoding/json.Marshaler].
func (a AllowedAgent) MarshalJSON() ([]byte, error) { return marshalObject(&a) }

// UnmarshalJSON implements [encoding/json.Unmarshaler].
func (a *AllowedAgent) UnmarshalJSON(data []byte) error { return unmarshalObject(data, a) }

// MarshalJSON implements [encoding/json.Marshaler].
func (a AgentJob) MarshalJSON() ([]byte, error) { return marshalObject(&a) }

// UnmarshalJSON implements [encoding/json.Unmarshaler].
func (a *AgentJob) UnmarshalJSON(data []byte) error { return unmarshalObject(data, a) }

// MarshalJSON implements [encoding/json.Marshaler].
func (a AgentProject) MarshalJSON() ([]byte, error) { return marshalObject(&a) }

// UnmarshalJSON implements [encoding/json.Unmarshaler].
func (a *AgentProject) UnmarshalJSON(data []byte) error { return unmarshalObject(data, a) }

// MarshalJSON implements [encoding/json.Marshaler].
func (a AgentGroup) MarshalJSON() ([]byte, error) { return marshalObject(&a) }

// UnmarshalJSON implements [encoding/json.Unmarshaler].
func (a *AgentGroup) UnmarshalJSON(data []byte) error { return unmarshalObject(data, a) }

// MarshalJSON implements [encoding/json.Marshaler].
func (j JobEnvironment) MarshalJSON() ([]byte, error) { return marshalObject(&j) }

// UnmarshalJSON implements [encoding/json.Unmarshaler].
func (j *JobEnvironment) UnmarshalJSON(data []byte) error { return unmarshalObject(data, j) }
