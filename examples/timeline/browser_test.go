package main

import (
	"bytes"
	_ "embed"
	"flag"
	"fmt"
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

var (
	//go:embed testdata/measure.js
	measureJS string

	update = flag.Bool("update", false, "write the README's picture, docs/timeline.png")
	shots  = flag.String("shots", "", "keep all screenshots in this `directory`")
)

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
		"empty": newTimeline("group/app", 1, nil, noon),
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

func TestThePicturesLookRightInABrowser(t *testing.T) { //nolint:paralleltest // One browser is enough for two cores.
	if testing.Short() {
		t.Skip("it starts a browser")
	}
	s := newStudio(t)
	for _, name := range []string{"demo", "hostile", "large", "seconds", "hours", "empty"} {
		for _, kind := range []string{"html", "svg"} {
			for scheme, colour := range map[string]string{"light": "rgb(255, 255, 255)", "dark": "rgb(18, 22, 28)"} {
				if name == "large" && (kind == "html") != (scheme == "light") {
					continue // It takes its time, and the drawing is the same.
				}
				t.Run(name+" "+kind+" "+scheme, func(t *testing.T) {
					s.t = t
					s.media(scheme, "screen")
					s.window(1200, 1000)
					s.open(s.url + "/" + name + "." + kind)
					var m measured
					var height float64
					s.evaluate(`document.querySelector("svg.timeline").height.baseVal.value`, &height)
					s.window(1200, int(math.Ceil(height))+40)
					s.evaluate(measureJS, &m)
					assert.Empty(t, m.Problems)
					assert.InDelta(t, 1200, m.Width, 0.5)
					assert.InDelta(t, height, m.Height, 0.5)
					assert.Equal(t, colour, m.Page)
					if name != "empty" {
						assert.NotZero(t, m.Bars)
					}
					s.quiet(t)
					s.keep(t, name+"-"+kind+"-"+scheme)
				})
			}
		}
	}
	t.Run("tooltips", func(t *testing.T) { s.t = t; s.testTooltips(t) })
	t.Run("scheme", func(t *testing.T) { s.t = t; s.testScheme(t) })
	t.Run("a narrow window", func(t *testing.T) { s.t = t; s.testNarrow(t) })
	t.Run("without JavaScript", func(t *testing.T) { s.t = t; s.testNoScript(t) })
	t.Run("the README's picture", func(t *testing.T) { s.t = t; s.testPicture(t) })
	s.t = t
}

// tip is what the tooltip shows, and whether that is all in the window.
type tip struct {
	Hidden, Inside bool
	Text           string
}

func (s *studio) tip() (it tip) {
	s.t.Helper()
	s.evaluate(`(() => { const tip = document.getElementById("tip"), b = tip.getBoundingClientRect();
		return {hidden: tip.hidden, text: tip.innerText, inside: b.left >= 0 && b.top >= 0 && b.right <= innerWidth && b.bottom <= innerHeight}; })()`, &it)
	return it
}

func (s *studio) testTooltips(t *testing.T) {
	s.media("light", "screen")
	s.window(1200, 1140)
	s.open(s.url + "/demo.html")
	assert.True(t, s.tip().Hidden)

	s.mouse(".job.failed:not(.older) .run", "mouseMoved")
	it := s.tip()
	assert.False(t, it.Hidden)
	assert.True(t, it.Inside)
	for _, part := range []string{"licences", "failed (script_failure)", "scan", "4712 of group/app", "17s", "1m 17s", "2026-03-02 09:31:43 UTC", "linux-small-1", "https://gitlab.example.com/group/app/-/jobs/"} {
		assert.Contains(t, it.Text, part)
	}
	s.mouse("#scheme", "mouseMoved")
	assert.True(t, s.tip().Hidden, "it goes as the mouse leaves")

	var jobs int
	s.evaluate(`document.querySelectorAll(".job").forEach((job, i) => job.id = "job" + i), document.querySelectorAll(".job").length`, &jobs)
	assert.Equal(t, 25, jobs)
	for i := range jobs {
		s.mouse(fmt.Sprintf("#job%d .hit", i), "mouseMoved")
		it := s.tip()
		assert.False(t, it.Hidden, i)
		assert.True(t, it.Inside, it.Text)
	}

	// By the keyboard: the switch comes first, and then the jobs in their order.
	s.open(s.url + "/demo.html")
	s.key("Tab")
	assert.True(t, s.tip().Hidden)
	s.key("Tab")
	assert.Contains(t, s.tip().Text, "compile")
	assert.False(t, s.tip().Hidden)
	s.key("Escape")
	assert.True(t, s.tip().Hidden)

	// A name that is not to be trusted is a text here too.
	s.open(s.url + "/hostile.html")
	s.evaluate(`document.querySelectorAll(".job").forEach((job, i) => job.id = "job" + i), document.querySelectorAll(".job").length`, &jobs)
	for i := range jobs {
		s.mouse(fmt.Sprintf("#job%d .hit", i), "mouseMoved")
		assert.True(t, s.tip().Inside, s.tip().Text)
	}
	var pwned bool
	s.evaluate(`"pwned" in window`, &pwned)
	assert.False(t, pwned)
	s.quiet(t)
}

func (s *studio) testScheme(t *testing.T) {
	const colours = `[getComputedStyle(document.body).backgroundColor, document.getElementById("scheme").textContent]`
	light, dark := []string{"rgb(255, 255, 255)", "Dark scheme"}, []string{"rgb(18, 22, 28)", "Light scheme"}
	for _, tc := range []struct {
		system       string
		first, after []string
	}{{"light", light, dark}, {"dark", dark, light}} {
		s.media(tc.system, "screen")
		s.open(s.url + "/demo.html")
		var got []string
		for _, want := range [][]string{tc.first, tc.after, tc.first} {
			s.evaluate(colours, &got)
			assert.Equal(t, want, got)
			s.mouse("#scheme", "mousePressed", "mouseReleased")
		}
	}
	s.media("dark", "print")
	var got []string
	s.evaluate(colours, &got)
	assert.Equal(t, light[0], got[0], "paper is light")
}

func (s *studio) testNarrow(t *testing.T) {
	s.media("light", "screen")
	s.window(480, 800)
	s.open(s.url + "/demo.html")
	var sizes []float64
	s.evaluate(`[document.documentElement.scrollWidth, document.querySelector("svg.timeline").getBoundingClientRect().width, document.getElementById("scroll").scrollWidth]`, &sizes)
	assert.Equal(t, []float64{480, 1200, 1200}, sizes, "the drawing scrolls, and not the page")
	s.mouse(".job .hit", "mouseMoved")
	assert.True(t, s.tip().Inside)
	s.keep(t, "narrow")
}

func (s *studio) testNoScript(t *testing.T) {
	s.call("Emulation.setScriptExecutionDisabled", map[string]any{"value": true}, nil)
	defer s.call("Emulation.setScriptExecutionDisabled", map[string]any{"value": false}, nil)
	s.media("dark", "screen")
	s.window(1200, 1140)
	s.open(s.url + "/demo.html")
	var m measured
	s.evaluate(measureJS, &m)
	assert.Empty(t, m.Problems)
	assert.Equal(t, "rgb(18, 22, 28)", m.Page)
	var titles []float64
	s.evaluate(`[document.querySelectorAll(".job > title").length, document.getElementById("scheme").getBoundingClientRect().width]`, &titles)
	assert.Equal(t, []float64{25, 0}, titles, "the browser's own tooltips are there, and a switch that would do nothing is not")
}

func (s *studio) testPicture(t *testing.T) {
	s.media("light", "screen")
	s.window(1200, 1000)
	s.open(s.url + "/demo.html")
	var height float64
	s.evaluate(`document.documentElement.scrollHeight`, &height)
	s.window(1200, int(height))
	s.mouse(".job.failed:not(.older) .run", "mouseMoved")
	require.Contains(t, s.tip().Text, "licences")
	shot := s.screenshot()
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(picture), 0o755))
		require.NoError(t, os.WriteFile(picture, shot, 0o644))
	}
	assert.Less(t, len(shot), 200<<10)
	now, err := png.DecodeConfig(bytes.NewReader(shot))
	require.NoError(t, err)
	kept, err := os.ReadFile(picture)
	require.NoError(t, err, "make it with go test ./examples/timeline -update")
	then, err := png.DecodeConfig(bytes.NewReader(kept))
	require.NoError(t, err)
	assert.Equal(t, [2]int{then.Width, then.Height}, [2]int{now.Width, now.Height}, "the kept picture is another one: make it with go test ./examples/timeline -update")
}
