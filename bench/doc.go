// Package bench compares gitlabjobs with the official client,
// gitlab.com/gitlab-org/api/client-go/v2. It is a separate module, so that the official
// client is not a dependency of the library.
//
// The comparison runs both libraries alternately in one process, against one server on
// the loopback interface, and prints a Markdown table of ratios. From this directory:
//
//	go run ./compare            # calls: about two minutes on an idle machine
//	go run ./compare -weight    # also builds: about ten minutes more
//	go run ./compare -short     # only checks that it runs
//
// To measure or profile one library:
//
//	go test -run '^$' -bench . -benchmem
//	go test -run '^$' -bench 'Page/ours' -cpuprofile cpu.out && go tool pprof -top cpu.out
//
// BENCHMARKS.md in the root of the repository explains the figures and has those of the
// last run.
//
// # Packages
//
//   - internal/fixture generates the responses and serves them.
//   - compare is the program above. It starts a second process as the server, so that the
//     measurements do not include the server.
//   - lister/ours and lister/theirs are the same program, written with each library. The
//     comparison builds them.
//   - faketest/ours and faketest/theirs are the same test, written with gitlabjobstest and
//     with the official client's mocks.
//   - The tests in this directory check that the fake server also serves the official
//     client, and compile docs/migrating.md.
package bench
