package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// chromium is a browser with one page. Tests control it with the DevTools protocol over a
// pipe: JSON messages that end in a zero byte.
type chromium struct {
	t       *testing.T
	w       io.Writer
	session string

	mu      sync.Mutex
	last    int
	answers map[int]chan answer
	events  []event
	arrived chan struct{} // Closed and replaced at each event.

	held int // The pressed mouse buttons.
}

type answer struct {
	Result json.RawMessage
	Error  *struct{ Message string }
}

type event struct {
	Method string
	Params json.RawMessage
}

// startChromium starts a browser. It skips the test if none is installed.
func startChromium(t *testing.T) *chromium {
	t.Helper()
	if os.Getenv("GITLABJOBS_BROWSER") == "" {
		t.Skip("it starts a browser, which takes a while: set GITLABJOBS_BROWSER=1")
	}
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("no chromium, chromium-browser or google-chrome in $PATH: install it to look at the pictures, on Debian with apt-get install chromium")
	}
	toBrowser, w, err := os.Pipe()
	require.NoError(t, err)
	r, fromBrowser, err := os.Pipe()
	require.NoError(t, err)
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), path, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic",
		"--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-breakpad",
		"--hide-scrollbars", "--force-color-profile=srgb", "--user-data-dir="+t.TempDir(), "--remote-debugging-pipe", "about:blank")
	cmd.ExtraFiles = []*os.File{toBrowser, fromBrowser} // File descriptors 3 and 4.
	require.NoError(t, cmd.Start())
	require.NoError(t, toBrowser.Close())
	require.NoError(t, fromBrowser.Close())

	c := &chromium{t: t, w: w, answers: make(map[int]chan answer), arrived: make(chan struct{})}
	read := make(chan struct{})
	go func() {
		defer close(read)
		c.read(r)
	}()
	t.Cleanup(func() {
		kill := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		defer kill.Stop()
		fmt.Fprintf(w, `{"id":%d,"method":"Browser.close"}`+"\x00", 1<<30)
		_ = cmd.Wait()
		_, _ = w.Close(), r.Close()
		<-read
	})

	var target struct{ TargetID string }
	c.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	c.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	c.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		c.call(domain+".enable", nil, nil)
	}
	return c
}

func (c *chromium) read(r io.Reader) {
	in := bufio.NewReader(r)
	for {
		data, err := in.ReadBytes(0)
		c.mu.Lock()
		if err != nil {
			for _, waiting := range c.answers {
				close(waiting)
			}
			c.answers = nil
			c.mu.Unlock()
			return
		}
		var message struct {
			ID int
			answer
			event
		}
		switch err := json.Unmarshal(bytes.TrimSuffix(data, []byte{0}), &message); {
		case err != nil:
		case message.ID != 0:
			if waiting := c.answers[message.ID]; waiting != nil {
				delete(c.answers, message.ID)
				waiting <- message.answer
			}
		default:
			c.events = append(c.events, message.event)
			close(c.arrived)
			c.arrived = make(chan struct{})
		}
		c.mu.Unlock()
	}
}

// call calls a method and waits for its response.
func (c *chromium) call(method string, params map[string]any, result any) {
	c.t.Helper()
	if params == nil {
		params = map[string]any{}
	}
	waiting := make(chan answer, 1)
	c.mu.Lock()
	require.NotNil(c.t, c.answers, "the browser is gone")
	c.last++
	id := c.last
	c.answers[id] = waiting
	c.mu.Unlock()
	message := map[string]any{"id": id, "method": method, "params": params}
	if c.session != "" {
		message["sessionId"] = c.session
	}
	data, err := json.Marshal(message)
	require.NoError(c.t, err)
	_, err = c.w.Write(append(data, 0))
	require.NoError(c.t, err)
	select {
	case a, ok := <-waiting:
		require.True(c.t, ok, "%s: the browser is gone", method)
		if a.Error != nil {
			require.Fail(c.t, method, a.Error.Message)
		}
		if result != nil {
			require.NoError(c.t, json.Unmarshal(a.Result, result))
		}
	case <-time.After(30 * time.Second):
		require.Fail(c.t, "no answer", method)
	}
}

// open opens a page and waits until it is loaded. It discards earlier events.
func (c *chromium) open(url string) {
	c.t.Helper()
	c.mu.Lock()
	c.events = nil
	c.mu.Unlock()
	var to struct{ ErrorText string }
	c.call("Page.navigate", map[string]any{"url": url}, &to)
	require.Empty(c.t, to.ErrorText)
	deadline := time.After(30 * time.Second)
	for {
		c.mu.Lock()
		arrived := c.arrived
		c.mu.Unlock()
		if len(c.eventsOf("Page.loadEventFired")) > 0 {
			return
		}
		select {
		case <-arrived:
		case <-deadline:
			require.Fail(c.t, "the page does not load", url)
		}
	}
}

// eventsOf returns the parameters of the events of a kind since the page was opened.
func (c *chromium) eventsOf(method string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []string
	for _, e := range c.events {
		if e.Method == method {
			all = append(all, string(e.Params))
		}
	}
	return all
}

// evaluate evaluates an expression in the page.
func (c *chromium) evaluate(expression string, result any) {
	c.t.Helper()
	var out struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails json.RawMessage
	}
	c.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}, &out)
	require.Empty(c.t, string(out.ExceptionDetails), expression)
	require.NoError(c.t, json.Unmarshal(out.Result.Value, result), expression)
}

// media sets the color scheme of the system and the medium.
func (c *chromium) media(scheme, medium string) {
	c.t.Helper()
	c.call("Emulation.setEmulatedMedia", map[string]any{
		"media": medium, "features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}},
	}, nil)
}

func (c *chromium) window(width, height int) {
	c.t.Helper()
	c.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false}, nil)
}

// mouse sends a mouse event, such as mouseMoved, to the center of an element.
func (c *chromium) mouse(selector string, kinds ...string) {
	c.t.Helper()
	var at struct{ X, Y float64 }
	c.evaluate(fmt.Sprintf(`(() => { const b = document.querySelector(%q).getBoundingClientRect(); return {x: b.x + b.width / 2, y: b.y + b.height / 2}; })()`, selector), &at)
	c.mouseAt(at.X, at.Y, kinds...)
}

// mouseAt sends mouse events to a point of the window.
func (c *chromium) mouseAt(x, y float64, kinds ...string) {
	c.t.Helper()
	for _, kind := range kinds {
		params := map[string]any{"type": kind, "x": x, "y": y}
		if kind == "mouseMoved" {
			params["buttons"] = c.held
		} else {
			c.held = 0
			if kind == "mousePressed" {
				c.held = 1
			}
			params["button"], params["clickCount"] = "left", 1
		}
		c.call("Input.dispatchMouseEvent", params, nil)
	}
}

// wheel sends a wheel event at a point, with or without Ctrl.
func (c *chromium) wheel(x, y, delta float64, ctrl bool) {
	c.t.Helper()
	params := map[string]any{"type": "mouseWheel", "x": x, "y": y, "deltaX": 0, "deltaY": delta}
	if ctrl {
		params["modifiers"] = 2
	}
	c.call("Input.dispatchMouseEvent", params, nil)
}

// key presses and releases a key: a character or a named key, optionally with the prefix "Shift+".
func (c *chromium) key(name string) {
	c.t.Helper()
	codes := map[string]int{"Tab": 9, "Enter": 13, "Escape": 27, "PageUp": 33, "PageDown": 34, "End": 35, "Home": 36, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
	params := map[string]any{"type": "rawKeyDown"}
	if rest, found := strings.CutPrefix(name, "Shift+"); found {
		name, params["modifiers"] = rest, 8
	}
	params["key"], params["code"], params["windowsVirtualKeyCode"] = name, name, codes[name]
	if codes[name] == 0 {
		params["type"], params["text"] = "keyDown", name
		delete(params, "code")
		delete(params, "windowsVirtualKeyCode")
	}
	c.call("Input.dispatchKeyEvent", params, nil)
	params["type"] = "keyUp"
	delete(params, "text")
	c.call("Input.dispatchKeyEvent", params, nil)
}

// screenshot returns the content of the window as a PNG.
func (c *chromium) screenshot() []byte {
	c.t.Helper()
	var shot struct{ Data []byte }
	c.call("Page.captureScreenshot", map[string]any{"format": "png", "optimizeForSpeed": false}, &shot)
	return shot.Data
}
