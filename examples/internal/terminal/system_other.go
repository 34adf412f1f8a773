//go:build !unix && !windows

package terminal

import "os"

func obeysCodes(*os.File) bool { return true }

func resized() <-chan os.Signal { return nil }
