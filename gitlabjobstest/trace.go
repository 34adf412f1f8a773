package gitlabjobstest

import (
	"net/http"
	"strconv"
)

// maxByteLimit is how much of a log byte_limit may ask for.
const maxByteLimit = 512_000

// trace answers with a job's log, or with a part of it.
func (c *call) trace() *answer {
	offset, limit := int64(0), int64(-1)
	if !c.srv.cfg.older {
		var refused *answer
		if offset, refused = c.integer("byte_offset", 0); refused != nil {
			return refused
		}
		if offset < 0 {
			return failure(http.StatusBadRequest, "byte_offset does not have a valid value")
		}
		const whole = -1
		if limit, refused = c.integer("byte_limit", whole); refused != nil {
			return refused
		}
		if v, said := c.param("byte_limit"); said && v != "" && (limit < 1 || limit > maxByteLimit) {
			return failure(http.StatusBadRequest, "byte_limit does not have a valid value")
		}
	}
	if refused := c.readable(); refused != nil {
		return refused
	}
	j, refused := c.job(false)
	if refused != nil {
		return refused
	}
	log := j.logAt(c.now)
	if c.srv.cfg.noLogIs404 && len(log) == 0 {
		return message(http.StatusNotFound, "404 Not found")
	}
	log = log[min(offset, int64(len(log))):]
	if limit >= 0 {
		log = log[:min(limit, int64(len(log)))]
	}
	// The capacity goes too: a fault that adds to a body must not write to the
	// log behind it.
	a := &answer{status: http.StatusOK, header: http.Header{}, body: log[:len(log):len(log)]}
	a.header.Set("Content-Type", "text/plain")
	a.header.Set("Content-Disposition", `infile; filename="`+strconv.FormatInt(j.id, 10)+`.log"`)
	return a
}
