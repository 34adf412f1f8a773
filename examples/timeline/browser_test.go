package main

import (
	"bytes"
	"flag"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var shots = flag.String("shots", "", "keep all screenshots in this `directory`")

const picture = "../../docs/timeline.png"

// measured is what measure.js tells.
type measured struct {
	Width, Height, Contrast float64
	Texts, Bars             int
	Page                    string
	Problems                []string
}

// studio is a browser and a server with the pages that it looks at.
type studio struct {
	*chromium
	url   string
	pages map[string][]byte
}

func newStudio(t *testing.T) *studio {
	s := &studio{chromium: startChromium(t), pages: make(map[string][]byte)}
	for name, tl := range map[string]*timeline{
		"demo": demoTimeline(t), "hostile": hostileTimeline(), "large": largeTimeline(300), "seconds": smallTimeline(5), "hours": smallTimeline(36000),
		"empty": newTimeline("group/app", 1, nil, noon), "one": after(30, nodes(job(1, "build", "success", 1, 3, 20))), "huge": largeTimeline(2000),
	} {
		page, err := drawHTML(tl)
		require.NoError(t, err)
		s.pages["/"+name+".html"], s.pages["/"+name+".svg"] = page, drawSVG(tl)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page, ok := s.pages[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNoContent) // An SVG's favicon.
			return
		}
		w.Header().Set("Content-Type", map[string]string{".svg": "image/svg+xml", ".html": "text/html; charset=utf-8"}[filepath.Ext(r.URL.Path)])
		_, _ = w.Write(page)
	}))
	t.Cleanup(srv.Close)
	s.url = srv.URL
	return s
}

// quiet asserts that a page has loaded nothing but itself, and complained of nothing.
func (s *studio) quiet(t *testing.T) {
	t.Helper()
	for _, kind := range []string{"Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Network.loadingFailed"} {
		assert.Empty(t, s.seen(kind), kind)
	}
	for _, request := range s.seen("Network.requestWillBeSent") {
		if !strings.Contains(request, `"url":"data:`) {
			assert.Contains(t, request, `"url":"`+s.url, "loaded from elsewhere")
		}
	}
}

// keep keeps a screenshot for somebody to look at.
func (s *studio) keep(t *testing.T, name string) {
	t.Helper()
	shot := s.screenshot()
	_, err := png.Decode(bytes.NewReader(shot))
	require.NoError(t, err)
	if *shots != "" {
		require.NoError(t, os.WriteFile(filepath.Join(*shots, name+".png"), shot, 0o644))
	}
}
