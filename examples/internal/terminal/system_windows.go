package terminal

import (
	"os"
	"syscall"
)

// obeysCodes makes the console obey control codes. Consoles before Windows 10 can't.
func obeysCodes(f *os.File) bool {
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
