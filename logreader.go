package gitlabjobs

import (
	"context"
	"errors"
	"hash/crc32"
	"hash/maphash"
	"io"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"
)

// logReader reads a log from one response, or from as many as needed.
type logReader struct {
	logHistory

	ctx      context.Context
	cancel   context.CancelFunc
	source   logSource
	sticky   error // The error that every further Read returns.
	failures int   // The number of responses that broke off since the last byte was received.

	mu     sync.Mutex // Protects body and closed, because Close can be called during a Read.
	body   io.ReadCloser
	closed bool

	limit int64 // The offset at which the selected part ends; -1 for the end of the log.

	whole     bool  // The response is the whole log, so its end is the end of the log.
	newBytes  int64 // The number of bytes of the response that were not read before.
	size      int64 // The number of bytes of the response.
	requested int64 // The byte_limit of the request; 0 for none.
	largest   int64 // The size of the largest earlier response.

	follow bool   // The log grows: its end is temporary, and reopen continues from there.
	etag   string // Of the whole log, if it was read to its end.
}

// The size of the blocks of a logHistory. At least two blocks are requested again, to check
// that the log is unchanged. FollowTrace does this often, so it uses smaller blocks.
const (
	traceBlock  = 512
	followBlock = 128
)

func newLogReader(ctx context.Context, source logSource, o TraceOptions) (*logReader, error) {
	switch {
	case source.jobs.owner() == nil:
		return nil, errNoClient
	case ctx == nil:
		return nil, errNoContext
	}
	r := &logReader{source: source, logHistory: newLogHistory(o.Offset, traceBlock), limit: -1}
	if end := o.Offset + o.Limit; o.Limit > 0 && end > 0 { // If the sum overflows, the end is beyond any log.
		r.limit = end
	}
	r.ctx, r.cancel = context.WithCancel(ctx)
	if err := r.open(); err != nil {
		r.cancel()
		return nil, err
	}
	r.source = source.later()
	return r, nil
}

// newLogFollower returns a reader of a log that grows. It is at the end of the log:
// reopen requests more.
func newLogFollower(ctx context.Context, source logSource, offset int64) *logReader {
	r := &logReader{
		source: source.later(), logHistory: newLogHistory(offset, followBlock), limit: -1,
		body: http.NoBody, sticky: io.EOF, follow: true,
	}
	r.ctx, r.cancel = context.WithCancel(ctx)
	return r
}

// Read reads the log, from as many responses as needed.
func (r *logReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for r.sticky == nil {
		if r.limit >= 0 {
			if r.next == r.limit {
				return 0, r.stop(io.EOF)
			}
			p = p[:min(int64(len(p)), r.limit-r.next)]
		}
		if r.isClosed() {
			return 0, r.stop(os.ErrClosed)
		}
		n, err := r.body.Read(p)
		r.consume(p[:n])
		if err != nil {
			err = r.resume(err)
		}
		if err != nil {
			_ = r.stop(err) // The next Read returns it.
		}
		if n > 0 {
			return n, nil
		}
	}
	return 0, r.sticky
}

// WriteTo makes io.Copy read larger pieces than it would otherwise.
func (r *logReader) WriteTo(w io.Writer) (n int64, err error) {
	p := make([]byte, 64<<10)
	for {
		got, err := r.Read(p)
		if got > 0 {
			wrote, writeErr := w.Write(p[:got])
			n += int64(wrote)
			if writeErr == nil && wrote < got {
				writeErr = io.ErrShortWrite
			}
			if writeErr != nil {
				return n, writeErr
			}
		}
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

func (r *logReader) consume(p []byte) {
	if len(p) == 0 {
		return
	}
	r.failures = 0
	r.newBytes += int64(len(p))
	r.size += int64(len(p))
	r.add(p)
}

// resume requests the rest after a response has ended with err. It returns io.EOF at the
// end of the log.
func (r *logReader) resume(err error) error {
	r.body.Close()
	switch {
	case errors.Is(err, io.EOF):
		if r.isLast() {
			return io.EOF
		}
		return r.open()
	case r.ctx.Err() != nil || errors.Is(err, ErrTraceChanged):
		return err
	}
	if err := r.wait(err); err != nil {
		return err
	}
	return r.open()
}

// isLast reports whether the response that has ended was the last one. A response that is
// as long as requested is not the last. Some servers have a lower limit, so that all
// responses but the last have the same size. A response that is shorter than an earlier one
// is then the last. A response of less than 16 KiB is also the last. Otherwise reading a
// log that is being written might not end.
func (r *logReader) isLast() bool {
	const small = 16 << 10
	largest := r.largest
	r.largest = max(largest, r.size)
	switch {
	case r.whole || r.newBytes == 0 || r.next == r.limit:
		return true
	case r.requested > 0 && r.size >= r.requested:
		return false
	default:
		return r.follow || r.size < max(largest, small)
	}
}

// stop makes every further Read return err.
func (r *logReader) stop(err error) error {
	var responseErr *Error
	var callErr *callError
	switch {
	case errors.Is(err, io.EOF):
	case r.isClosed():
		err = os.ErrClosed
	case errors.As(err, &responseErr), errors.As(err, &callErr):
	case r.ctx.Err() != nil:
		err = newCallError(http.MethodGet, *r.source.path, contextError(r.ctx), false)
	default:
		failure := newCallError(http.MethodGet, *r.source.path, err, false)
		failure.temporary = !errors.Is(err, ErrTraceChanged)
		err = failure
	}
	r.sticky = err
	return err
}

func (r *logReader) isClosed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

// Close closes the log and interrupts a Read that waits.
func (r *logReader) Close() error {
	r.cancel()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	r.closed = true
	return r.body.Close()
}

// sleep waits for d. If the context ends first, it returns the error of the context.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return contextError(ctx)
	case <-timer.C:
		return nil
	}
}

// logHistory describes the part of a log that was read, without storing it. After a
// reconnect, the reader requests the end of that part again, and compares it to check that
// the log is unchanged.
//
// The comparison proves little if the same bytes also occur earlier, as in progress bars
// and repeated lines. The history therefore has hashes of blocks of the part at regular
// intervals. The end is so long that every earlier occurrence of it would contain one of
// these blocks. If the end contains no block whose offset differs from its own position, it
// occurs only once. The number of hashes is limited: in a long log, the intervals and the
// end are longer.
type logHistory struct {
	begin, next int64  // The offsets of the part that was read.
	sum         uint32 // The checksum of the part.

	size, spacing int64    // A block of size bytes begins every spacing bytes.
	blocks        []uint64 // The hashes of the complete blocks.
	hash          maphash.Hash
	marks         []logMark // The beginnings of the last blocks.
}

// logMark is an offset in a log, and the checksum of the bytes that were read before it.
type logMark struct {
	offset int64
	sum    uint32
}

const (
	maxBlocks = 8192

	// Enough to find a mark that is spacing+size before the end, even if the spacing has
	// just doubled.
	maxMarks = 6

	// If at most smallEnd bytes were read, all of them are compared.
	smallEnd = 1 << 10
)

func newLogHistory(begin, blockSize int64) logHistory {
	return logHistory{begin: begin, next: begin, size: blockSize, spacing: blockSize}
}

// castagnoli returns the table of a polynomial that processors support in hardware. The
// standard library creates the table only once.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// add records the bytes that were read next.
func (h *logHistory) add(p []byte) {
	start := h.next
	for rest := p; len(rest) > 0; {
		at := (h.next - h.begin) % h.spacing
		if at == 0 {
			h.mark()
		}
		inBlock, left := at < h.size, h.spacing-at
		if inBlock {
			left = h.size - at
		}
		piece := rest[:min(left, int64(len(rest)))]
		rest = rest[len(piece):]
		h.next += int64(len(piece))
		if inBlock {
			h.hash.Write(piece)
			if int64(len(piece)) == left {
				h.addBlock()
			}
		}
	}
	// Few long checksums are faster than one for each piece.
	from := start
	for i := range h.marks {
		if m := &h.marks[i]; m.offset >= start {
			h.sum = crc32.Update(h.sum, castagnoli(), p[from-start:m.offset-start])
			m.sum, from = h.sum, m.offset
		}
	}
	h.sum = crc32.Update(h.sum, castagnoli(), p[from-start:])
}

// mark adds a mark at the next byte. The caller sets its checksum.
func (h *logHistory) mark() {
	if len(h.marks) == maxMarks {
		h.marks = slices.Delete(h.marks, 0, 1)
	}
	h.marks = append(h.marks, logMark{offset: h.next})
}

func (h *logHistory) addBlock() {
	h.blocks = append(h.blocks, h.hash.Sum64())
	h.hash.Reset()
	if len(h.blocks) == maxBlocks {
		for i := range maxBlocks / 2 {
			h.blocks[i] = h.blocks[2*i]
		}
		h.blocks = h.blocks[:maxBlocks/2]
		h.spacing *= 2
	}
}

// compareFrom returns the mark from which on the log is requested again and compared.
func (h *logHistory) compareFrom() logMark {
	if h.next-h.begin > smallEnd {
		for _, mark := range slices.Backward(h.marks) {
			if h.next-mark.offset >= h.spacing+h.size {
				return mark
			}
		}
	}
	return logMark{offset: h.begin}
}

// matches reports whether the bytes of r are the same as the part from the mark on. They
// are unique if they do not also occur earlier, which proves that the log is unchanged. An
// error is a read error of r other than io.EOF.
func (h *logHistory) matches(r io.Reader, mark logMark) (same, unique bool, err error) {
	c := endChecker{history: h, sum: mark.sum, offset: mark.offset}
	if mark.offset > h.begin {
		c.blocks = make(map[uint64]int64, len(h.blocks))
		for i, hash := range h.blocks {
			offset := h.begin + int64(i)*h.spacing
			if _, twice := c.blocks[hash]; twice {
				offset = -1
			}
			c.blocks[hash] = offset
		}
	}
	_, err = io.CopyN(&c, r, h.next-mark.offset)
	if errors.Is(err, io.EOF) {
		return false, false, nil
	}
	return err == nil && c.sum == h.sum, !c.repeated, err
}

// endChecker computes the checksum of an end, and searches it for blocks of the history.
type endChecker struct {
	history  *logHistory
	sum      uint32
	blocks   map[uint64]int64 // The offset of each block; -1 if there are several equal blocks.
	offset   int64            // The offset of rest in the log.
	rest     []byte           // Shorter than a block.
	repeated bool
}

func (c *endChecker) Write(p []byte) (int, error) {
	c.sum = crc32.Update(c.sum, castagnoli(), p)
	if c.blocks == nil || c.repeated {
		return len(p), nil
	}
	c.rest = append(c.rest, p...)
	size := int(c.history.size)
	for ; len(c.rest) >= size; c.rest = c.rest[1:] {
		offset, found := c.blocks[maphash.Bytes(c.history.hash.Seed(), c.rest[:size])]
		if found && offset != c.offset {
			c.repeated = true
			break
		}
		c.offset++
	}
	return len(p), nil
}
