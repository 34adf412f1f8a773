package screentest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Tmux is a program that runs in a real terminal.
type Tmux struct {
	tb     testing.TB
	socket string
}

// program is the environment variable that names the program for the test binary to run in
// tmux.
const program = "SCREENTEST_PROGRAM"

// Main is for TestMain. In tmux, it runs one of the programs; otherwise it runs the tests.
func Main(m *testing.M, programs map[string]func() int) {
	if run := programs[os.Getenv(program)]; run != nil {
		os.Exit(run())
	}
	os.Exit(m.Run())
}

// StartTmux runs a program of [Main] in a terminal of the given size. It skips the test if
// tmux is not installed. After the program has ended, the last row has its exit code.
func StartTmux(tb testing.TB, columns, rows int, name string) *Tmux {
	tb.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		tb.Skip("tmux is not installed")
	}
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "tmux") //nolint:usetesting // A socket's path must be short.
	if err != nil {
		tb.Fatal(err)
	}
	t := &Tmux{tb: tb, socket: filepath.Join(dir, "socket")}
	tb.Cleanup(func() {
		_ = t.command("kill-server").Run() // The server may have ended.
		_ = os.RemoveAll(dir)
	})
	t.run("-f", "/dev/null", "new-session", "-d", "-x", fmt.Sprint(columns), "-y", fmt.Sprint(rows),
		fmt.Sprintf("%s='%s' '%s'; printf 'exit code %%d' $?; read -r forever", program, name, self))
	return t
}

func (t *Tmux) command(args ...string) *exec.Cmd {
	cmd := exec.Command("tmux", append([]string{"-u", "-S", t.socket}, args...)...) //nolint:gosec,noctx // The command ends at once, and the tests name the programs.
	cmd.Env = append(os.Environ(), "TERM=xterm-256color", "NO_COLOR=", "LC_ALL=C.UTF-8")
	return cmd
}

func (t *Tmux) run(args ...string) string {
	t.tb.Helper()
	out, err := t.command(args...).CombinedOutput()
	if err != nil {
		t.tb.Fatalf("tmux %s: %v: %s", args, err, out)
	}
	return string(out)
}

// Modes tells whether the terminal shows its alternate screen and its cursor, and wraps lines.
func (t *Tmux) Modes() string {
	t.tb.Helper()
	return strings.TrimSpace(t.run("display-message", "-p", "screen #{alternate_on}, cursor #{cursor_flag}, wrap #{wrap_flag}"))
}

// Resize changes the size of the terminal.
func (t *Tmux) Resize(columns, rows int) {
	t.tb.Helper()
	t.run("resize-window", "-x", fmt.Sprint(columns), "-y", fmt.Sprint(rows))
}

// Interrupt types Ctrl-C.
func (t *Tmux) Interrupt() {
	t.tb.Helper()
	t.run("send-keys", "C-c")
}

// Until waits until wanted returns true for the rows on the screen. It returns the rows
// without the empty ones at the end.
func (t *Tmux) Until(wanted func(rows []string) bool) []string {
	t.tb.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		rows := strings.Split(strings.TrimRight(t.run("capture-pane", "-p"), "\n"), "\n")
		if wanted(rows) {
			return rows
		}
		if time.Now().After(deadline) {
			t.tb.Fatalf("timed out waiting for the expected screen; the screen is:\n%s", strings.Join(rows, "\n"))
		}
		<-time.After(20 * time.Millisecond)
	}
}

// Styled returns the text on the screen with control codes for the colors.
func (t *Tmux) Styled() string {
	t.tb.Helper()
	return t.run("capture-pane", "-p", "-e")
}
