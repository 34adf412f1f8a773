package main

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// element is an element of a drawing.
type element struct {
	name  string
	attrs map[string]string
	text  string // Without the text of child elements.
	in    *element
}

func (e *element) has(class string) bool {
	for c := range strings.FieldsSeq(e.attrs["class"]) {
		if c == class {
			return true
		}
	}
	return false
}

// parse parses a drawing as strict XML.
func parse(t *testing.T, svg []byte) []*element {
	t.Helper()
	var all []*element
	var at *element
	d := xml.NewDecoder(strings.NewReader(string(svg)))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		switch token := token.(type) {
		case xml.StartElement:
			at = &element{name: token.Name.Local, attrs: make(map[string]string), in: at}
			for _, a := range token.Attr {
				at.attrs[a.Name.Local] = a.Value
			}
			all = append(all, at)
		case xml.EndElement:
			at = at.in
		case xml.CharData:
			if at != nil {
				at.text += string(token)
			}
		}
	}
}

func TestTheDrawingShowsEachAttemptOnce(t *testing.T) {
	t.Parallel()
	tl := demoTimeline(t)
	counts := make(map[string]int)
	titles := make(map[string]int)
	for _, e := range parse(t, drawSVG(tl)) {
		for c := range strings.FieldsSeq(e.attrs["class"]) {
			counts[c]++
		}
		if e.name == "title" && e.in.has("job") {
			titles[strings.SplitN(e.text, "\n", 2)[0]]++
		}
	}
	assert.Equal(t, 25, counts["job"], "22 jobs, an attempt before one, and 2 bridges")
	assert.Equal(t, 2, titles["integration"])
	assert.Len(t, titles, 24)
	assert.Equal(t, 1, counts["older"])
	assert.Equal(t, 2, counts["card"])
	assert.Equal(t, 4, counts["band"])
	assert.Equal(t, 20, counts["run"]-2, "two of them are in the legend")
	assert.Equal(t, []string{"compile", "integration", "integration", "image", "roll out", "plan", "apply staging", "smoke"}, pathOf(tl))
}

func TestTheDrawingIsTheSameEachTime(t *testing.T) {
	t.Parallel()
	first := string(drawSVG(demoTimeline(t)))
	assert.Equal(t, first, string(drawSVG(demoTimeline(t))))
}

func TestUntrustedTextIsEscapedInTheDrawing(t *testing.T) {
	t.Parallel()
	svg := drawSVG(hostileTimeline())
	known := map[string]bool{
		"svg": true, "title": true, "style": true, "defs": true, "symbol": true, "path": true, "rect": true,
		"circle": true, "line": true, "g": true, "use": true, "text": true, "tspan": true,
	}
	shown := make(map[string]bool)
	for _, e := range parse(t, svg) {
		require.True(t, known[e.name], e.name)
		for name, value := range e.attrs {
			assert.False(t, strings.HasPrefix(name, "on"), name)
			if name == "href" {
				assert.True(t, strings.HasPrefix(value, "#sign-"), value)
			}
		}
		if e.name == "title" && e.in.has("job") {
			lines := strings.Split(e.text, "\n")
			shown[lines[0]] = true
			statuses := 0
			for _, line := range lines[1:] {
				if strings.HasPrefix(line, "Status: ") {
					statuses++
				}
			}
			assert.Equal(t, 1, statuses, "a name adds no lines")
		}
		if e.name == "text" {
			assert.Less(t, len([]rune(e.text)), 200)
		}
	}
	for _, name := range []string{hostileNames[0], hostileNames[1], hostileNames[2], strings.Repeat("W", 200), "(no name)", "line Status: success Link: https://example.org/"} {
		assert.True(t, shown[name], name)
	}
	assert.NotContains(t, string(svg), "<script")
	assert.NotContains(t, string(svg), "\u202e")
}

func TestTimelinesOfAnyDurationFit(t *testing.T) {
	t.Parallel()
	for name, tl := range map[string]*timeline{
		"an instant": smallTimeline(0), "5 s": smallTimeline(5), "10 h": smallTimeline(36000), "100 days": smallTimeline(100 * 86400),
		"300 rows": largeTimeline(300), "60 rows": largeTimeline(60), "demo": demoTimeline(t),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := parse(t, drawSVG(tl))
			height := number(t, all[0].attrs["height"])
			ticks := 0
			for _, e := range all {
				if e.has("tick") {
					ticks++
				}
				if e.name != "rect" {
					continue
				}
				x, y, w, h := number(t, e.attrs["x"]), number(t, e.attrs["y"]), number(t, e.attrs["width"]), number(t, e.attrs["height"])
				assert.GreaterOrEqual(t, w, 0.0)
				assert.GreaterOrEqual(t, min(x, y), 0.0)
				assert.LessOrEqual(t, x+w, width)
				assert.LessOrEqual(t, y+h, height)
			}
			assert.GreaterOrEqual(t, ticks, 3)
			assert.LessOrEqual(t, ticks, 2*11)
		})
	}
}

func number(t *testing.T, s string) float64 {
	t.Helper()
	if s == "" {
		return 0
	}
	f, err := strconv.ParseFloat(s, 64)
	require.NoError(t, err)
	require.False(t, math.IsNaN(f) || math.IsInf(f, 0))
	return f
}

func TestTicksAreRoundTimes(t *testing.T) {
	t.Parallel()
	for span, want := range map[time.Duration]string{
		time.Second:              "+200ms +400ms +600ms +800ms +1s",
		5 * time.Second:          "+1s +2s +3s +4s +5s",
		43 * time.Second:         "+5s +10s +15s +20s +25s +30s +35s +40s",
		3 * time.Minute:          "+30s +1m +1m 30s +2m +2m 30s +3m",
		9 * time.Minute:          "+1m +2m +3m +4m +5m +6m +7m +8m +9m",
		2 * time.Hour:            "+15m +30m +45m +1h +1h 15m +1h 30m +1h 45m +2h",
		10 * time.Hour:           "+2h +4h +6h +8h +10h",
		3 * 24 * time.Hour:       "+12h +1d +1d 12h +2d +2d 12h +3d",
		100 * 24 * time.Hour:     "+16d +32d +48d +64d +80d +96d",
		time.Duration(1<<63 - 1): "",
	} {
		ticks := scale{span: span}.ticks(9)
		assert.LessOrEqual(t, len(ticks), 9)
		var labels []string
		for _, d := range ticks {
			labels = append(labels, "+"+tick(d))
		}
		if want != "" {
			assert.Equal(t, want, strings.Join(labels, " "))
		}
	}
}

func TestDurationsAreShort(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 0: "0s", 420 * time.Millisecond: "0.4s", 5 * time.Second: "5s", 72 * time.Second: "1m 12s", 59600 * time.Millisecond: "1m",
		time.Hour: "1h", time.Hour + 5*time.Minute + 3*time.Second: "1h 5m", 75 * time.Hour: "3d 3h", time.Hour + 5*time.Second: "1h",
	} {
		assert.Equal(t, want, short(d))
	}
}

func TestALongTextEndsInAnEllipsis(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "short", fit("short", 12, 100))
	for _, s := range []string{strings.Repeat("a", 200), strings.Repeat("W", 200), strings.Repeat("é", 200), strings.Repeat("🎉", 200)} {
		short := fit(s, 12, 100)
		assert.True(t, strings.HasSuffix(short, "…"))
		assert.LessOrEqual(t, widthOf(short, 12), 100.0)
		assert.Greater(t, widthOf(short, 12), 80.0)
	}
	assert.Equal(t, "…", fit("abc", 12, 0))
	assert.Equal(t, "👩‍💻…", fit("👩‍💻👩‍💻👩‍💻", 10, 55), "an emoji of three code points is not cut")
	assert.Equal(t, "👍🏽…", fit("👍🏽👍🏽", 10, 50), "the skin tone is kept")
	assert.Equal(t, "é…", fit("ééééé", 10, 23), "the accent is kept")
}

// contrast returns the WCAG contrast of two colors such as #12ab9f.
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	light := func(s string) float64 {
		var rgb [3]int
		_, err := fmt.Sscanf(s, "#%02x%02x%02x", &rgb[0], &rgb[1], &rgb[2])
		require.NoError(t, err)
		sum := 0.0
		for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
			v := float64(rgb[i]) / 255
			if v <= 0.04045 {
				v /= 12.92
			} else {
				v = math.Pow((v+0.055)/1.055, 2.4)
			}
			sum += weight * v
		}
		return sum + 0.05
	}
	x, y := light(a), light(b)
	return max(x, y) / min(x, y)
}

func TestTextHasEnoughContrastInBothSchemes(t *testing.T) {
	t.Parallel()
	colors := make(map[string]color)
	for _, c := range palette {
		colors[c.name] = c
	}
	check := func(text, ground string) {
		assert.GreaterOrEqual(t, contrast(t, colors[text].light, colors[ground].light), 4.5, "%s on %s, light", text, ground)
		assert.GreaterOrEqual(t, contrast(t, colors[text].dark, colors[ground].dark), 4.5, "%s on %s, dark", text, ground)
	}
	for _, ground := range []string{"page", "band", "card"} {
		for _, text := range []string{"ink", "soft", "path"} {
			check(text, ground)
		}
		for _, l := range looks {
			check(l.class+"-ink", ground)
		}
	}
	for _, l := range looks {
		check(l.class+"-on", l.class)
	}
}
