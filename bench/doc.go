// Package bench measures gitlabjobs beside the official client,
// gitlab.com/gitlab-org/api/client-go/v2, on the same work. It is a module of its
// own, so that the official client is no dependency of the library.
//
// The comparison runs both libraries by turns in one process, against one server
// on the loopback interface, and prints a Markdown table of ratios. From this
// directory:
//
//	go run ./compare            # calls: about four minutes
//	go run ./compare -weight    # what the libraries weigh, too: about fifteen minutes
//	go run ./compare -short     # whether it runs at all: some seconds
//
// The benchmarks are for work on one side:
//
//	go test -run '^$' -bench . -benchmem
//	go test -run '^$' -bench 'Page/ours' -cpuprofile cpu.out && go tool pprof -top cpu.out
//
// What the figures mean, and those of the last run, are in BENCHMARKS.md at the
// root of the repository.
//
// # The parts
//
//   - internal/fixture makes what the server sends, and is the server.
//   - compare is the program above. It starts itself a second time as the server, so
//     that nothing the server does counts.
//   - lister/ours and lister/theirs are one program, written with each library: the
//     weight is measured on them.
//   - faketest/ours and faketest/theirs are one test, written with gitlabjobstest and
//     with the official client's mocks.
package bench
