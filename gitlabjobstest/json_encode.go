package gitlabjobstest

import (
	"cmp"
	"encoding/json"
	"strconv"
)

// encode encodes the value of a response as encoding/json does. It uses a faster
// encoder for jobs, because tests read lists of jobs most often.
func encode(v any) ([]byte, error) {
	switch v := v.(type) {
	case *wireJob:
		return v.encode(nil)
	case wireJobs:
		const jobSize = 4 << 10 // More than most jobs need.
		out := append(make([]byte, 0, len(v)*jobSize+2), '[')
		for i, w := range v {
			if i > 0 {
				out = append(out, ',')
			}
			var err error
			if out, err = w.encode(out); err != nil {
				return nil, err
			}
		}
		return append(out, ']'), nil
	default:
		return json.Marshal(v)
	}
}

// encode appends the JSON of the job. The keys are in the order of the type's
// fields.
func (w *wireJob) encode(to []byte) ([]byte, error) {
	o := &object{out: to}
	o.basic(&w.wireBasic)
	if w.ArtifactsFile != nil {
		o.value("artifacts_file", w.ArtifactsFile)
	}
	o.artifacts("artifacts", w.Artifacts)
	if w.Runner == nil {
		o.null("runner")
	} else {
		o.raw("runner", w.Runner.encoded)
	}
	if w.RunnerManager == nil {
		o.null("runner_manager")
	} else {
		o.raw("runner_manager", w.RunnerManager.encoded)
	}
	o.textOrNull("artifacts_expire_at", w.ArtifactsExpireAt)
	o.boolean("archived", w.Archived)
	if len(w.TagList) == 0 {
		o.raw("tag_list", []byte("[]"))
	} else {
		o.value("tag_list", w.TagList)
	}
	return o.end()
}

func (o *object) basic(w *wireBasic) {
	o.number("id", w.ID)
	o.text("status", w.Status)
	o.text("stage", w.Stage)
	o.text("name", w.Name)
	o.text("ref", w.Ref)
	o.boolean("tag", w.Tag)
	o.floatOrNull("coverage", w.Coverage)
	o.boolean("allow_failure", w.AllowFailure)
	o.text("created_at", w.CreatedAt)
	o.textOrNull("started_at", w.StartedAt)
	o.textOrNull("finished_at", w.FinishedAt)
	o.textOrNull("erased_at", w.ErasedAt)
	o.floatOrNull("duration", w.Duration)
	o.floatOrNull("queued_duration", w.QueuedDuration)
	if w.User == nil {
		o.null("user")
	} else {
		o.raw("user", w.User.encoded)
	}
	if w.Commit == nil {
		o.null("commit")
	} else {
		o.raw("commit", w.Commit.encoded)
	}
	if w.Pipeline != nil {
		o.pipeline("pipeline", w.Pipeline)
	}
	if w.FailureReason != "" {
		o.text("failure_reason", w.FailureReason)
	}
	o.text("web_url", w.WebURL)
	o.key("project")
	in := &object{out: o.out}
	in.boolean("ci_job_token_scope_enabled", w.Project.CIJobTokenScopeEnabled)
	o.inner(in)
}

func (o *object) pipeline(key string, w *wirePipeline) {
	o.key(key)
	in := &object{out: o.out}
	in.number("id", w.ID)
	in.number("iid", w.IID)
	in.number("project_id", w.ProjectID)
	in.text("sha", w.SHA)
	in.text("ref", w.Ref)
	in.text("status", w.Status)
	in.text("source", w.Source)
	in.text("created_at", w.CreatedAt)
	in.text("updated_at", w.UpdatedAt)
	in.text("web_url", w.WebURL)
	o.inner(in)
}

func (o *object) artifacts(key string, all []wireArtifact) {
	o.key(key)
	o.out = append(o.out, '[')
	for i, a := range all {
		if i > 0 {
			o.out = append(o.out, ',')
		}
		in := &object{out: o.out}
		in.text("file_type", a.FileType)
		in.number("size", a.Size)
		in.text("filename", a.Filename)
		in.textOrNull("file_format", a.FileFormat)
		o.inner(in)
	}
	o.out = append(o.out, ']')
}

// object is a JSON object that is being encoded.
type object struct {
	out   []byte
	begun bool  // The object has its opening brace.
	err   error // The first error.
}

func (o *object) key(k string) {
	c := byte(',')
	if !o.begun {
		o.begun, c = true, '{'
	}
	o.out = append(o.out, c, '"')
	o.out = append(o.out, k...)
	o.out = append(o.out, '"', ':')
}

func (o *object) end() ([]byte, error) { return append(o.out, '}'), o.err }

// inner ends a nested object and continues after it.
func (o *object) inner(in *object) {
	o.out = append(in.out, '}')
	o.err = cmp.Or(o.err, in.err)
}

func (o *object) raw(k string, encoded []byte) {
	o.key(k)
	o.out = append(o.out, encoded...)
}

func (o *object) null(k string) {
	o.key(k)
	o.out = append(o.out, "null"...)
}

// value encodes a value of any type.
func (o *object) value(k string, v any) {
	encoded, err := json.Marshal(v)
	o.err = cmp.Or(o.err, err)
	o.raw(k, encoded)
}

func (o *object) number(k string, n int64) {
	o.key(k)
	o.out = strconv.AppendInt(o.out, n, 10)
}

func (o *object) boolean(k string, b bool) {
	o.key(k)
	o.out = strconv.AppendBool(o.out, b)
}

func (o *object) floatOrNull(k string, f *float64) {
	switch {
	case f == nil:
		o.null(k)
	case *f == 0 || *f >= 1e-6 && *f < 1e21:
		o.key(k)
		o.out = strconv.AppendFloat(o.out, *f, 'f', -1, 64)
	default: // With an exponent.
		o.value(k, *f)
	}
}

func (o *object) textOrNull(k string, s *string) {
	if s == nil {
		o.null(k)
		return
	}
	o.text(k, *s)
}

func (o *object) text(k, s string) {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			o.value(k, s)
			return
		}
	}
	o.key(k)
	o.out = append(o.out, '"')
	o.out = append(o.out, s...)
	o.out = append(o.out, '"')
}

// encoded encodes a value that many responses contain. The types of these values
// cannot fail to encode.
func encoded(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return []byte("null")
	}
	return b
}
