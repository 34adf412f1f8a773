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
			c.addParamError("byte_offset does not have a valid value")
		}
		limit = c.integer("byte_limit", whole)
		if given := c.param("byte_limit"); given != "" && (limit < 1 || limit > maxByteLimit) && len(c.paramErrors) == 0 {
			c.addParamError("byte_limit does not have a valid value")
		}
		if errResp := c.paramErrorResponse(); errResp != nil {
			return errResp
		}
	}
	if errResp := c.requireRead(); errResp != nil {
		return errResp
	}
	j, errResp := c.findJob(false)
	if errResp != nil {
		return errResp
	}
	log := j.content(c.now)
	if c.srv.cfg.missingLogIs404 && log.size() == 0 {
		return messageResponse(http.StatusNotFound, "404 Not found")
	}
	if c.srv.cfg.storage && log.size() > 0 {
		return c.redirectToStorage(j)
	}
	resp := j.logResponse(log.cut(offset, limit))
	resp.header.Set("Content-Disposition", `infile; filename="`+strconv.FormatInt(j.id, 10)+`.log"`)
	return resp
}

// logResponse returns a response with a log or a part of it.
func (j *Job) logResponse(log content) *response {
	resp := &response{status: http.StatusOK, header: http.Header{"Content-Type": {"text/plain"}}}
	if log.generated == 0 {
		resp.body = slices.Clip(log.stored)
		return resp
	}
	resp.log = &log
	// The entity tag does not depend on the bytes, because generating all of them
	// takes too long.
	seed := fmt.Sprint("log ", j.id, log.offset, log.generated, len(log.stored), j.started.UnixNano())
	resp.etag = `W/"` + sha(seed)[:32] + `"`
	return resp
}
