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

// Tests that need a browser are skipped unless GITLABJOBS_BROWSER=1. The accessibility test also needs GITLABJOBS_AXE: see .ci/axe.

var (
	//go:embed testdata/measure.js
	measureJS string

	shots = flag.String("shots", "", "save all screenshots in this `directory`")
)

// measured is the result of measure.js.
type measured struct {
	Width, Height, Contrast float64
	Texts, Bars             int
	Page                    string
	Problems                []string
}

// testBrowser is a browser and a server with the pages to test.
type testBrowser struct {
	*chromium
	url   string
	pages map[string][]byte
}

func newTestBrowser(t *testing.T) *testBrowser {
	s := &testBrowser{chromium: startChromium(t), pages: make(map[string][]byte)}
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

// show opens a page in a window of the given size and color scheme.
func (s *testBrowser) show(name, scheme string, width, height int) {
	s.t.Helper()
	s.media(scheme, "screen")
	s.window(width, height)
	s.open(s.url + "/" + name)
}

// assertQuiet asserts that a page has loaded no other resources and logged no errors.
func (s *testBrowser) assertQuiet(t *testing.T) {
	t.Helper()
	for _, kind := range []string{"Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Network.loadingFailed"} {
		assert.Empty(t, s.eventsOf(kind), kind)
	}
	for _, request := range s.eventsOf("Network.requestWillBeSent") {
		if !strings.Contains(request, `"url":"data:`) {
			assert.Contains(t, request, `"url":"`+s.url, "the page loaded another URL")
		}
	}
}

// saveScreenshot saves a screenshot for manual inspection.
func (s *testBrowser) saveScreenshot(t *testing.T, name string) {
	t.Helper()
	if *shots == "" {
		return
	}
	shot := s.screenshot()
	_, err := png.Decode(bytes.NewReader(shot))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(*shots, name+".png"), shot, 0o644))
}

func TestTheLayoutOfTheDrawingsInABrowser(t *testing.T) { //nolint:paralleltest // One browser at a time.
	s := newTestBrowser(t)
	for _, name := range []string{"demo", "hostile", "large", "seconds", "hours", "empty"} {
		for scheme, color := range map[string]string{"light": "rgb(255, 255, 255)", "dark": "rgb(18, 22, 28)"} {
			if name == "large" && scheme == "light" {
				continue // Slow, and tests nothing new.
			}
			t.Run(name+" "+scheme, func(t *testing.T) {
				s.t = t
				s.show(name+".svg", scheme, 1200, 1000)
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
				s.assertQuiet(t)
				s.saveScreenshot(t, name+"-svg-"+scheme)
			})
		}
	}
	s.t = t
}
