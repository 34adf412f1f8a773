package gitlabjobstest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"sort"
	"strconv"
	"strings"

	"example.com/gitlabjobs"
)

// readBody reads the parameters in a request's body.
func (c *call) readBody(body []byte) *answer {
	if len(body) == 0 {
		return nil
	}
	kind, _, _ := mime.ParseMediaType(c.req.Header.Get("Content-Type"))
	switch kind {
	case "application/json":
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		err := d.Decode(&c.body)
		if _, more := d.Token(); err != nil || more != io.EOF {
			return failure(http.StatusBadRequest, "The request body is no JSON object")
		}
	case "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return failure(http.StatusBadRequest, "The request body is no form")
		}
		maps.Copy(c.query, form)
	default:
		return failure(http.StatusUnsupportedMediaType, fmt.Sprintf("The provided content-type '%s' is not supported.", kind))
	}
	return nil
}

func invalid(name string) *answer { return failure(http.StatusBadRequest, name+" is invalid") }

// param returns a parameter that is a single value, from body or query.
func (c *call) param(name string) (string, bool) {
	if v, ok := c.body[name]; ok {
		if v == nil {
			return "", false
		}
		return fmt.Sprint(v), true
	}
	v := c.query[name]
	if len(v) == 0 {
		return "", false
	}
	return v[len(v)-1], true
}

func (c *call) boolean(name string, otherwise bool) (bool, *answer) {
	v, ok := c.param(name)
	if !ok || v == "" {
		return otherwise, nil
	}
	switch strings.ToLower(v) {
	case "true", "t", "1", "on":
		return true, nil
	case "false", "f", "0", "off":
		return false, nil
	}
	return false, invalid(name)
}

func (c *call) integer(name string, otherwise int64) (int64, *answer) {
	v, ok := c.param(name)
	if !ok || v == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		return 0, invalid(name)
	}
	return n, nil
}

// scope returns the statuses that are asked for; none means all.
func (c *call) scope() ([]gitlabjobs.Status, *answer) {
	asked := c.query["scope[]"]
	if one := c.query["scope"]; len(one) > 0 {
		asked = one[len(one)-1:]
		// The server takes the one for a list of one, and shows it so in Link.
		c.query["scope[]"] = asked
		delete(c.query, "scope")
	}
	var statuses []gitlabjobs.Status
	for _, v := range asked {
		if !known(gitlabjobs.Status(v)) {
			return nil, failure(http.StatusBadRequest, "scope does not have a valid value")
		}
		statuses = append(statuses, gitlabjobs.Status(v))
	}
	return statuses, nil
}

// object returns a parameter that is an object in a JSON body.
func (c *call) object(name string) (map[string]any, *answer) {
	v := c.body[name]
	if v == nil {
		return nil, nil
	}
	o, ok := v.(map[string]any)
	if !ok {
		return nil, invalid(name)
	}
	return plainNumbers(o), nil
}

// plainNumbers gives a test the numbers that encoding/json gives by itself.
func plainNumbers(o map[string]any) map[string]any {
	plain := make(map[string]any, len(o))
	for k, v := range o {
		if n, ok := v.(json.Number); ok {
			if f, err := n.Float64(); err == nil {
				v = f
			}
		}
		plain[k] = v
	}
	return plain
}

// variables returns the variables that a job is played with.
func (c *call) variables() (map[string]string, *answer) {
	const name = "job_variables_attributes"
	v := c.body[name]
	if v == nil {
		return nil, nil
	}
	list, ok := v.([]any)
	if !ok {
		return nil, invalid(name)
	}
	set := make(map[string]string, len(list))
	var wrong []string
	for i, item := range list {
		o, ok := item.(map[string]any)
		if !ok {
			return nil, invalid(name)
		}
		for _, key := range []string{"key", "value"} {
			switch s, isString := o[key].(string); {
			case o[key] == nil:
				wrong = append(wrong, fmt.Sprintf("%s[%d][%s] is missing", name, i, key))
			case !isString:
				wrong = append(wrong, fmt.Sprintf("%s[%d][%s] is invalid", name, i, key))
			case key == "key" && s == "":
				wrong = append(wrong, fmt.Sprintf("%s[%d][%s] is empty", name, i, key))
			}
		}
		key, _ := o["key"].(string)
		set[key], _ = o["value"].(string)
	}
	if len(wrong) > 0 {
		return nil, failure(http.StatusBadRequest, strings.Join(wrong, ", "))
	}
	return set, nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
