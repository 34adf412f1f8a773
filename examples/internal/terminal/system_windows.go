package terminal

import (
	"os"
	"syscall"
)

// enableCodes enables control codes in the console, and reports whether it supports them.
// Consoles before Windows 10 do not.
func enableCodes(f *os.File) bool {
	const virtualTerminal = 4
	var mode uint32
	if syscall.GetConsoleMode(syscall.Handle(f.Fd()), &mode) != nil {
		return false
	}
	set := syscall.NewLazyDLL("kernel32.dll").NewProc("SetConsoleMode")
	ok, _, _ := set.Call(f.Fd(), uintptr(mode|virtualTerminal))
	return ok != 0
}

func resized() <-chan os.Signal { return nil }
