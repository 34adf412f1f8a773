// Compare runs gitlabjobs and the official client by turns, in one process, on one
// server on the loopback interface, and prints what it found as a Markdown table.
// It judges by ratios alone, and fails only if something did not run.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	serve := flag.Bool("serve", false, "be the server; for this program's own use")
	short := flag.Bool("short", false, "see whether it runs: the figures mean nothing")
	weight := flag.Bool("weight", false, "measure builds, too")
	flag.Parse()
	if err := run(*serve, *short, *weight); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func run(serve, short, weight bool) error {
	if serve {
		return serveUntilEOF()
	}
	var rows []row
	if weight {
		heavy, err := weigh(short)
		if err != nil {
			return err
		}
		rows = heavy // Measured first, while this process is small, and shown last.
	}
	url, stop, err := startServer()
	if err != nil {
		return err
	}
	defer stop()
	calls, err := compareCalls(url, short)
	if err != nil {
		return err
	}
	printTable(append(calls, rows...))
	return nil
}
