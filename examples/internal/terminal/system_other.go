//go:build !unix && !windows

package terminal

import "os"

func enableCodes(*os.File) bool { return true }

func resized() <-chan os.Signal { return nil }
