package gitlabjobstest

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
)

// maxByteLimit is the maximum of byte_limit.
const maxByteLimit = 512_000

// trace responds with a job's log or a part of it.
func (c *call) trace() *response {
	const whole = -1
	offset, limit := int64(0), int64(whole)
	if !c.srv.cfg.older {
		offset = c.integer("byte_offset", 0)
		if offset < 0 {
			c.refuse("byte_offset does not have a valid value")
		}
		limit = c.integer("byte_limit", whole)
		if given := c.param("byte_limit"); given != "" && (limit < 1 || limit > maxByteLimit) && len(c.refused) == 0 {
			c.refuse("byte_limit does not have a valid value")
		}
		if refused := c.refusedParameters(); refused != nil {
			return refused
		}
	}
	if refused := c.readable(); refused != nil {
		return refused
	}
	j, refused := c.job(false)
	if refused != nil {
		return refused
	}
	log := j.content(c.now)
	if c.srv.cfg.noLogIs404 && log.size() == 0 {
		return message(http.StatusNotFound, "404 Not found")
	}
	if c.srv.cfg.storage && log.size() > 0 {
		return c.toStorage(j)
	}
	a := j.logResponse(log.cut(offset, limit))
	a.header.Set("Content-Disposition", `infile; filename="`+strconv.FormatInt(j.id, 10)+`.log"`)
	return a
}

// logResponse responds with a log or a part of it.
func (j *Job) logResponse(log content) *response {
	a := &response{status: http.StatusOK, header: http.Header{"Content-Type": {"text/plain"}}}
	if log.made == 0 {
		a.body = slices.Clip(log.held)
		return a
	}
	a.log = &log
	// The tag is not computed from the bytes: generating all of them takes too
	// long.
	of := fmt.Sprint("log ", j.id, log.from, log.made, len(log.held), j.started.UnixNano())
	a.tag = `W/"` + sha(of)[:32] + `"`
	return a
}
