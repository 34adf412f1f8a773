package gitlabjobs

import "example.com/gitlabjobs/internal/jsonobject"

// The types below marshal to the keys that GitLab sends. They preserve the difference
// between null, absent and zero.

// object records the JSON object that a value was decoded from: its keys, its null values,
// and values that are not in a field.
type object struct{ record }

// record is an alias, so that the embedded field is not exported.
type record = jsonobject.Object

// Extra returns the JSON value of a response key that is not stored in a field of the
// struct. This is the case if this version of the package does not know the key, or if the
// value does not fit the type of the field. For any other key, it returns false. Callers
// must not modify the value.
func (o object) Extra(name string) ([]byte, bool) { return o.record.Extra(name) }

// MarshalJSON implements [encoding/json.Marshaler].
func (j Job) MarshalJSON() ([]byte, error) { return jsonobject.Marshal(&j) }

// UnmarshalJSON implements [encoding/json.Unmarshaler].
func (j *Job) UnmarshalJSON(data []byte) error { return jsonobject.Unmarshal(data, j) }

// MarshalJSON implements [encoding/json.Marshaler].
func (b Bridge) MarshalJSON() ([]byte, error) { return jsonobject.Marshal(&b) }

// UnmarshalJSON implements [encoding/json.Unmarshaler].
func (b *Bridge) UnmarshalJSON(data []byte) error { return jsonobject.Unmarshal(data, b) }

// MarshalJSON implements [encoding/json.Marshaler].
func (p Pipeline) MarshalJSON() ([]byte, error) { return jsonobject.Marshal(&p) }

// UnmarshalJSON implements [encoding/json.Unmarshaler].
func (p *Pipeline) UnmarshalJSON(data []byte) error { return jsonobject.Unmarshal(data, p) }

// MarshalJSON implements [encoding/json.Marshaler].
func (c Commit) MarshalJSON() ([]byte, error) { return jsonobject.Marshal(&c) }

// UnmarshalJSON implements [encoding/json.Unmarshaler].
func (c *Commit) UnmarshalJSON(data []byte) error { return jsonobject.Unmarshal(data, c) }

// MarshalJSON implements [encoding/json.Marshaler].
func (u User) MarshalJSON() ([]byte, error) { return jsonobject.Marshal(&u) }

// UnmarshalJSON implements [encoding/json.Unmarshaler].
func (u *User) UnmarshalJSON(data []byte) error { return jsonobject.Unmarshal(data, u) }

// MarshalJSON implements [encoding/json.Marshaler].
func (r Runner) MarshalJSON() ([]byte, error) { return jsonobject.Marshal(&r) }

// UnmarshalJSON implements [encoding/json.Unmarshaler].
func (r *Runner) UnmarshalJSON(data []byte) error { return jsonobject.Unmarshal(data, r) }

// MarshalJSON implements [encoding/json.Marshaler].
func (r RunnerManager) MarshalJSON() ([]byte, error) { return jsonobject.Marshal(&r) }

// UnmarshalJSON implements [encoding/json.Unmarshaler].
func (r *RunnerManager) UnmarshalJSON(data []byte) error { return jsonobject.Unmarshal(data, r) }

// MarshalJSON implements [encoding/json.Marshaler].
func (j JobProject) MarshalJSON() ([]byte, error) { return jsonobject.Marshal(&j) }

// UnmarshalJSON implements [encoding/json.Unmarshaler].
func (j *JobProject) UnmarshalJSON(data []byte) error { return jsonobject.Unmarshal(data, j) }

// MarshalJSON implements [encoding/json.Marshaler].
func (a ArtifactsFile) MarshalJSON() ([]byte, error) { return jsonobject.Marshal(&a) }

// UnmarshalJSON implements [encoding/json.Unmarshaler].
func (a *ArtifactsFile) UnmarshalJSON(data []byte) error { return jsonobject.Unmarshal(data, a) }

// MarshalJSON implements [encoding/json.Marshaler].
func (a Artifact) MarshalJSON() ([]byte, error) { return jsonobject.Marshal(&a) }

// UnmarshalJSON implements [encoding/json.Unmarshaler].
func (a *Artifact) UnmarshalJSON(data []byte) error { return jsonobject.Unmarshal(data, a) }

// MarshalJSON implements [encoding/json.Marshaler].
func (a AllowedAgents) MarshalJSON() ([]byte, error) { return jsonobject.Marshal(&a) }

// UnmarshalJSON implements [encoding/json.Unmarshaler].
func (a *AllowedAgents) UnmarshalJSON(data []byte) error { return jsonobject.Unmarshal(data, a) }

// MarshalJSON implements [encoding/json.Marshaler].
func (a AllowedAgent) MarshalJSON() ([]byte, error) { return jsonobject.Marshal(&a) }

// UnmarshalJSON implements [encoding/json.Unmarshaler].
func (a *AllowedAgent) UnmarshalJSON(data []byte) error { return jsonobject.Unmarshal(data, a) }

// MarshalJSON implements [encoding/json.Marshaler].
func (a AgentJob) MarshalJSON() ([]byte, error) { return jsonobject.Marshal(&a) }

// UnmarshalJSON implements [encoding/json.Unmarshaler].
func (a *AgentJob) UnmarshalJSON(data []byte) error { return jsonobject.Unmarshal(data, a) }

// MarshalJSON implements [encoding/json.Marshaler].
func (a AgentProject) MarshalJSON() ([]byte, error) { return jsonobject.Marshal(&a) }

// UnmarshalJSON implements [encoding/json.Unmarshaler].
func (a *AgentProject) UnmarshalJSON(data []byte) error { return jsonobject.Unmarshal(data, a) }

// MarshalJSON implements [encoding/json.Marshaler].
func (a AgentGroup) MarshalJSON() ([]byte, error) { return jsonobject.Marshal(&a) }

// UnmarshalJSON implements [encoding/json.Unmarshaler].
func (a *AgentGroup) UnmarshalJSON(data []byte) error { return jsonobject.Unmarshal(data, a) }

// MarshalJSON implements [encoding/json.Marshaler].
func (j JobEnvironment) MarshalJSON() ([]byte, error) { return jsonobject.Marshal(&j) }

// UnmarshalJSON implements [encoding/json.Unmarshaler].
func (j *JobEnvironment) UnmarshalJSON(data []byte) error { return jsonobject.Unmarshal(data, j) }
