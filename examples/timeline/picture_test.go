package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"flag"
	"fmt"
	"hash/crc32"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var pictureMode = flag.String("picture", "", "write docs/timeline.png, or check that it shows the current page: `MODE` is write or check")

const picture = "../../docs/timeline.png"

// TestThePicture writes or checks the picture in the README. .ci/timeline-picture runs it. The bytes of a picture depend on the
// browser, so the test does not compare them. The picture contains the hash of its page, and the test compares that.
func TestThePicture(t *testing.T) { //nolint:paralleltest // One browser at a time.
	if *pictureMode == "" {
		t.Skip("run .ci/timeline-picture, to write the picture or to check it")
	}
	page, err := drawHTML(demoTimeline(t))
	require.NoError(t, err)
	hash := fmt.Sprintf("%x", sha256.Sum256(page))
	if *pictureMode == "write" {
		s := newTestBrowser(t)
		s.show("demo.html", "light", 1280, 1400)
		s.window(1280, int(s.box("#legend").Bottom)+8)
		s.frames()
		s.mouse(".row.failed .run", "mouseMoved")
		require.Contains(t, s.tip().Text, "licenses")
		s.assertQuiet(t)
		require.NoError(t, os.WriteFile(picture, withText(s.screenshot(), "Page", hash), 0o644))
	}
	kept, err := os.ReadFile(picture)
	require.NoError(t, err)
	assert.Less(t, len(kept), 250<<10, "the picture is too large for a README")
	assert.Equal(t, hash, textOf(kept, "Page"), "docs/timeline.png does not show the current page: run .ci/timeline-picture write, and check it")
}

// A PNG is a signature of 8 bytes and a list of chunks. A chunk has the length of its data, a type of 4 letters, the data and a
// checksum.
const pngStart = 8

// withText adds a tEXt chunk to a PNG after its first chunk.
func withText(image []byte, key, text string) []byte {
	body := []byte("tEXt" + key + "\x00" + text)
	chunk := binary.BigEndian.AppendUint32(nil, uint32(len(body)-4))
	chunk = append(chunk, body...)
	chunk = binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(body))
	first := pngStart + 12 + int(binary.BigEndian.Uint32(image[pngStart:]))
	return append(append(bytes.Clone(image[:first]), chunk...), image[first:]...)
}

// textOf returns the text of a PNG's tEXt chunk, or "" if there is none.
func textOf(image []byte, key string) string {
	for at := pngStart; at+12 <= len(image); {
		size := int(binary.BigEndian.Uint32(image[at:]))
		if at+12+size > len(image) {
			return ""
		}
		data := image[at+8 : at+8+size]
		if text, found := bytes.CutPrefix(data, []byte(key+"\x00")); found && string(image[at+4:at+8]) == "tEXt" {
			return string(text)
		}
		at += 12 + size
	}
	return ""
}

func TestTheTextInAPictureCanBeRead(t *testing.T) {
	t.Parallel()
	image, err := hex.DecodeString("89504e470d0a1a0a0000000d4948445200000001000000010806000000" + "1f15c4890000000049454e44ae426082")
	require.NoError(t, err)
	assert.Empty(t, textOf(image, "Page"))
	assert.Equal(t, "abc", textOf(withText(image, "Page", "abc"), "Page"))
	assert.Empty(t, textOf(withText(image, "Page", "abc"), "Pag"))
}
