// Compare runs gitlabjobs and the official client alternately in one process, against one
// server on the loopback interface, and prints a Markdown table. It fails only if something
// does not run, not if a figure misses its target.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	serve := flag.Bool("serve", false, "be the server (for internal use)")
	short := flag.Bool("short", false, "only check that it runs: the figures are meaningless")
	weight := flag.Bool("weight", false, "also measure builds")
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
		rows = heavy // Measured first, while this process is small, and printed last.
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
