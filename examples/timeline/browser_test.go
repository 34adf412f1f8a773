package main

import (
	"bytes"
	_ "embed"
	"flag"
	"image/png"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Tests that start a browser run with GITLABJOBS_BROWSER=1; the check by axe-core needs GITLABJOBS_AXE too: see .ci/axe.

var (
	//go:embed testdata/measure.js
	measureJS string

	shots = flag.String("shots", "", "keep all screenshots in this `directory`")
)

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
		"demo": demoTimeline(t), "hostile": hostileTimeline(), "large": largeTimeline(300), "huge": largeTimeline(2000), "seconds": smallTimeline(5), "hours": smallTimeline(36000),
		"empty": after(0, nil), "one": after(30, nodes(job(1, "build", "success", 1, 3, 20))),
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

// look opens a page in a window of a size, in a scheme.
func (s *studio) look(name, scheme string, width, height int) {
	s.t.Helper()
	s.media(scheme, "screen")
	s.window(width, height)
	s.open(s.url + "/" + name)
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
	if *shots == "" {
		return
	}
	shot := s.screenshot()
	_, err := png.Decode(bytes.NewReader(shot))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(*shots, name+".png"), shot, 0o644))
}

func TestTheDrawingsLookRightInABrowser(t *testing.T) { //nolint:paralleltest // One browser at a time.
	s := newStudio(t)
	for _, name := range []string{"demo", "hostile", "large", "seconds", "hours", "empty"} {
		for scheme, color := range map[string]string{"light": "rgb(255, 255, 255)", "dark": "rgb(18, 22, 28)"} {
			if name == "large" && scheme == "light" {
				continue // It takes its time, and differs in nothing else.
			}
			t.Run(name+" "+scheme, func(t *testing.T) {
				s.t = t
				s.look(name+".svg", scheme, 1200, 1000)
				var m measured
				var height float64
				s.evaluate(`document.querySelector("svg.timeline").height.baseVal.value`, &height)
				s.window(1200, int(math.Ceil(height))+40)
				s.evaluate(measureJS, &m)
				assert.Empty(t, m.Problems)
				assert.InDelta(t, 1200, m.Width, 0.5)
				assert.InDelta(t, height, m.Height, 0.5)
				assert.Equal(t, color, m.Page)
				if name != "empty" {
					assert.NotZero(t, m.Bars)
				}
				s.quiet(t)
				s.keep(t, name+"-svg-"+scheme)
			})
		}
	}
	s.t = t
}
