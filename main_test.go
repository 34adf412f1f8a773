package gitlabjobs_test

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"
)

// TestMain fails if the tests leak a goroutine of a request.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)            // A fifth of the tests' time would be garbage collection.
	_ = flag.Set("test.parallel", "8") // Some tests wait for the network. The flag of the command overrides it.
	code := m.Run()
	if t, ok := http.DefaultTransport.(*http.Transport); ok {
		t.CloseIdleConnections()
	}
	if left := goroutinesLeft(); code == 0 && left != "" {
		fmt.Fprintf(os.Stderr, "goroutines are left behind:\n%s\n", left)
		code = 1
	}
	os.Exit(code)
}

// goroutinesLeft waits for goroutines that are about to end.
func goroutinesLeft() string {
	var left []string
	for range 100 {
		left = left[:0]
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		for stack := range strings.SplitSeq(string(stacks), "\n\n") {
			if strings.Contains(stack, "net/http") || strings.Contains(stack, "gitlabjobs.") {
				left = append(left, stack)
			}
		}
		if len(left) == 0 {
			return ""
		}
		time.Sleep(20 * time.Millisecond) // Real time. No test waits for it.
	}
	return strings.Join(left, "\n\n")
}
