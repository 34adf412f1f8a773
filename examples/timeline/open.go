package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
)

// opener returns the command that opens a file in the browser, without the file's name. $BROWSER overrides the default.
func opener(system, browser string) []string {
	switch {
	case browser != "":
		return []string{browser}
	case system == "windows":
		return []string{"rundll32", "url.dll,FileProtocolHandler"}
	case system == "darwin":
		return []string{"open"}
	default:
		return []string{"xdg-open"}
	}
}

// openBrowser opens a file in the browser.
func openBrowser(ctx context.Context, getenv func(string) string, file string) error {
	path, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	command := append(opener(runtime.GOOS, getenv("BROWSER")), path)
	if err := exec.CommandContext(ctx, command[0], command[1:]...).Run(); err != nil { //nolint:gosec // The user's own browser.
		return fmt.Errorf("open %s with %s: %w: open the file by hand, or set BROWSER to the command of your browser", path, command[0], err)
	}
	return nil
}
