package gitlabjobstest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"

	"example.com/gitlabjobs"
)

// readParameters reads the parameters of the query and the body. If both have a
// parameter, it uses the value in the body.
func (c *call) readParameters(body []byte) *response {
	var ok bool
	if c.params, ok = parseParameters(c.req.URL.RawQuery); !ok {
		return errorResponse(http.StatusBadRequest, "query params contains conflicting types")
	}
	c.repeated = maps.Clone(c.params)
	if len(body) == 0 {
		return nil
	}
	kind, media, _ := mime.ParseMediaType(c.req.Header.Get("Content-Type"))
	switch kind {
	case "application/json":
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		var v any
		err := d.Decode(&v)
		if _, more := d.Token(); err != nil || more != io.EOF {
			return errorResponse(http.StatusBadRequest, "\nProblem:\n  message body does not match declared format\nResolution:\n  "+
				"when specifying application/json as content-type, you must pass valid application/json in the request's 'body' ")
		}
		// GitLab accepts JSON that is not an object, and ignores it.
		if object, isObject := nested(v).(parameters); isObject {
			maps.Copy(c.params, object)
		}
	case "application/x-www-form-urlencoded":
		form, ok := parseParameters(string(body))
		if !ok {
			return errorResponse(http.StatusBadRequest, "query params contains conflicting types")
		}
		maps.Copy(c.params, form)
	case "multipart/form-data":
		form, ok := parseMultipart(body, media["boundary"])
		if !ok {
			return errorResponse(http.StatusBadRequest, "query params contains conflicting types")
		}
		maps.Copy(c.params, form)
	default:
		return errorResponse(http.StatusUnsupportedMediaType, fmt.Sprintf("The provided content-type '%s' is not supported.", kind))
	}
	return nil
}

// parseMultipart parses the fields and files of a multipart form.
func parseMultipart(body []byte, boundary string) (parameters, bool) {
	p := parameters{}
	parts := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return p, true
		}
		if err != nil {
			return nil, false
		}
		value, err := io.ReadAll(part)
		if err != nil || !p.add(part.FormName(), string(value)) {
			return nil, false
		}
	}
}

// nested converts decoded JSON to parameters.
func nested(v any) any {
	switch v := v.(type) {
	case map[string]any:
		p := make(parameters, len(v))
		for k, value := range v {
			p[k] = nested(value)
		}
		return p
	case []any:
		for i, value := range v {
			v[i] = nested(value)
		}
		return v
	default:
		return v
	}
}

func invalidParameter(name string) *response {
	return errorResponse(http.StatusBadRequest, name+" is invalid")
}

// addParamError records an invalid parameter. GitLab reports all invalid
// parameters in one response.
func (c *call) addParamError(text string) { c.paramErrors = append(c.paramErrors, text) }

// paramErrorResponse returns the response to the recorded invalid parameters. It
// returns nil if there are none.
func (c *call) paramErrorResponse() *response {
	if len(c.paramErrors) == 0 {
		return nil
	}
	return errorResponse(http.StatusBadRequest, strings.Join(c.paramErrors, ", "))
}

// param returns a parameter that must not be a list or an object. It returns an
// empty string if the parameter is missing or null.
func (c *call) param(name string) string {
	v, ok := scalar(c.params[name])
	if !ok {
		c.addParamError(name + " is invalid")
	}
	return v
}

// scalar converts a value to a string. It returns false if the value is a list or
// an object.
func scalar(v any) (s string, ok bool) {
	switch v := v.(type) {
	case nil:
		return "", true
	case parameters, []any:
		return "", false
	default:
		return fmt.Sprint(v), true
	}
}

// boolean returns a boolean parameter in any of the spellings that GitLab
// accepts.
func (c *call) boolean(name string) bool {
	v, ok := scalar(c.params[name])
	switch {
	case !ok:
	case v == "":
		return false
	default:
		switch strings.ToLower(v) {
		case "true", "t", "yes", "y", "1", "on":
			return true
		case "false", "f", "no", "n", "0", "off":
			return false
		}
	}
	c.addParamError(name + " is invalid")
	return false
}

// integer returns an integer parameter. If the number is too large, it returns
// the largest int64.
func (c *call) integer(name string, defaultValue int64) int64 {
	v, ok := scalar(c.params[name])
	v = strings.TrimSpace(v)
	switch {
	case ok && v == "":
		return defaultValue
	case !ok || !isInteger(v):
		c.addParamError(name + " is invalid")
		return defaultValue
	}
	n := int64(0)
	for _, d := range strings.TrimPrefix(v, "-") {
		if n > (math.MaxInt64-9)/10 {
			n = math.MaxInt64
			break
		}
		n = n*10 + int64(d-'0')
	}
	if strings.HasPrefix(v, "-") {
		return -n
	}
	return n
}

// scope returns the requested statuses. If there are none, all jobs are
// requested. Only the list of a project's jobs accepts the statuses as an object.
func (c *call) scope() []gitlabjobs.Status {
	v, ok := c.params["scope"]
	if !ok || v == nil {
		return nil
	}
	_, ofPipeline := c.vars["pipeline_id"]
	var requested []any
	switch v := v.(type) {
	case []any:
		requested = v
	case parameters:
		if requested = []any{"unknown"}; !ofPipeline {
			requested = nil
			for _, k := range sortedKeys(v) {
				requested = append(requested, v[k])
			}
		}
	default:
		requested = []any{v}
	}
	c.repeated["scope"] = requested
	var statuses []gitlabjobs.Status
	nested, unknown := false, false
	for _, status := range requested {
		s, isScalar := scalar(status)
		nested = nested || !isScalar
		unknown = unknown || !knownStatus(gitlabjobs.Status(s))
		statuses = append(statuses, gitlabjobs.Status(s))
	}
	if nested {
		c.addParamError("scope is invalid")
	}
	if unknown {
		c.addParamError("scope does not have a valid value")
	}
	return statuses
}

// object returns a parameter that is an object.
func (c *call) object(name string) map[string]any {
	v := c.params[name]
	if v == nil || v == "" {
		return nil
	}
	o, ok := v.(parameters)
	if !ok {
		c.addParamError(name + " is invalid")
		return nil
	}
	plain, _ := plainValue(o).(map[string]any)
	return plain
}

// plainValue converts a value to the types that encoding/json uses for any.
func plainValue(v any) any {
	switch v := v.(type) {
	case json.Number:
		if f, err := v.Float64(); err == nil {
			return f
		}
		return v.String()
	case parameters:
		plain := make(map[string]any, len(v))
		for k, value := range v {
			plain[k] = plainValue(value)
		}
		return plain
	case []any:
		plain := make([]any, len(v))
		for i, value := range v {
			plain[i] = plainValue(value)
		}
		return plain
	default:
		return v
	}
}

// playVariable is a variable that a job is played with.
type playVariable struct{ key, value string }

// variablesParam returns the variables that a job is played with.
func (c *call) variablesParam() []playVariable {
	const name = "job_variables_attributes"
	v := c.params[name]
	if v == nil || v == "" {
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		c.addParamError(name + " is invalid")
		return nil
	}
	variables := make([]playVariable, len(list))
	for i, item := range list {
		o, _ := item.(parameters)
		field := func(key string) string {
			v, ok := o[key]
			if !ok {
				c.addParamError(fmt.Sprintf("%s[%d][%s] is missing", name, i, key))
				return ""
			}
			s, ok := scalar(v)
			if !ok {
				c.addParamError(fmt.Sprintf("%s[%d][%s] is invalid", name, i, key))
			}
			return s
		}
		variables[i] = playVariable{strings.Trim(field("key"), " \t\n\v\f\r"), field("value")}
	}
	return variables
}
