package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	ourModule   = "example.com/gitlabjobs"
	theirModule = "gitlab.com/gitlab-org/api/client-go/v2"
	benchModule = ourModule + "/bench"
)

// weigh measures builds with each library, with the go command and /usr/bin/time.
func weigh(short bool) (rows []row, err error) {
	dir, err := os.MkdirTemp("", "weight")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	runs := 5
	if short {
		runs = 1
	}
	listers, err := weighListers(dir, runs)
	if err != nil {
		return nil, err
	}
	fakes, err := weighFakes(dir, runs)
	return append(listers, fakes...), err
}

// build is a go command that compiles. It runs with a copy of a cache that contains
// everything that is not measured.
type build struct {
	primed string
	args   []string
}

// run returns the duration of a build and the memory of its largest process.
func (b build) run(cache string) (took, memory float64, err error) {
	if err := os.RemoveAll(cache); err != nil {
		return 0, 0, err
	}
	if err := os.CopyFS(cache, os.DirFS(b.primed)); err != nil {
		return 0, 0, err
	}
	report := cache + ".time"
	cmd := command(cache, "/usr/bin/time", append([]string{"-f", "%M", "-o", report, "go"}, b.args...)...)
	start := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, 0, fmt.Errorf("%v: %w\n%s", cmd.Args, err, out)
	}
	took = float64(time.Since(start))
	text, err := os.ReadFile(report)
	if err != nil {
		return 0, 0, err
	}
	kib, err := strconv.ParseFloat(strings.TrimSpace(string(text)), 64)
	return took, kib * 1024, err
}

func command(cache, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "GOCACHE="+cache, "GOFLAGS=", "GOWORK=off")
	return cmd
}

func output(cache, name string, args ...string) (string, error) {
	cmd := command(cache, name, args...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%v: %w\n%s", cmd.Args, err, out)
	}
	return string(out), nil
}

// prime fills a cache with compiled packages.
func prime(cache string, packages []string) error {
	_, err := output(cache, "go", append([]string{"build"}, packages...)...)
	return err
}

// primeTest fills a cache with packages that are compiled and, because go test also vets,
// vetted. It compiles a test that imports them, in place of another test.
func primeTest(dir, cache, test string, packages []string) error {
	var imports strings.Builder
	imports.WriteString("package deploy\n")
	for _, p := range packages {
		if !slices.Contains(strings.Split(p, "/"), "internal") {
			fmt.Fprintf(&imports, "import _ %q\n", p)
		}
	}
	where, err := output(cache, "go", "list", "-f", "{{.Dir}}", test)
	if err != nil {
		return err
	}
	source, overlay := filepath.Join(dir, "prime_test.go"), filepath.Join(dir, "overlay.json")
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(strings.TrimSpace(where), "deploy_test.go"): source}})
	if err != nil {
		return err
	}
	if err := errors.Join(os.WriteFile(source, []byte(imports.String()), 0o600), os.WriteFile(overlay, replace, 0o600)); err != nil {
		return err
	}
	_, err = output(cache, "go", "test", "-c", "-overlay", overlay, "-o", filepath.Join(dir, "prime.test"), test)
	return err
}

// standard returns the packages of the standard library on which others depend.
func standard(cache string, test bool, packages ...string) ([]string, error) {
	args := []string{"list", "-deps", "-f", "{{if .Standard}}{{.ImportPath}}{{end}}"}
	if test {
		args = append(args, "-test")
	}
	out, err := output(cache, "go", append(args, packages...)...)
	var found []string
	for p := range strings.FieldsSeq(out) {
		if p != "unsafe" && !strings.HasPrefix(p, "vendor/") {
			found = append(found, p)
		}
	}
	return found, err
}

// alternate measures builds alternately.
func alternate(dir string, runs int, builds ...build) (times, memories [][]float64, err error) {
	times, memories = make([][]float64, len(builds)), make([][]float64, len(builds))
	for range runs {
		for i, b := range builds {
			t, m, err := b.run(filepath.Join(dir, "cache"))
			if err != nil {
				return nil, nil, err
			}
			times[i], memories[i] = append(times[i], t), append(memories[i], m)
		}
	}
	return times, memories, nil
}

func built(figure string, unit func(float64) string, values [][]float64, atMost float64) row {
	r := row{figure: figure, unit: unit, atMost: atMost}
	var spreads [2]float64
	r.ours, spreads[0] = center(values[0])
	r.theirs, spreads[1] = center(values[1])
	r.spread = max(spreads[0], spreads[1])
	return r
}

func weighListers(dir string, runs int) ([]row, error) {
	primed := filepath.Join(dir, "std")
	ours, theirs := benchModule+"/lister/ours", benchModule+"/lister/theirs"
	std, err := standard(primed, false, ours, theirs)
	if err != nil {
		return nil, err
	}
	if err := prime(primed, std); err != nil {
		return nil, err
	}
	binaries := []string{filepath.Join(dir, "ours"), filepath.Join(dir, "theirs")}
	lister := func(binary, pkg string) build {
		return build{primed, []string{"build", "-ldflags=-s -w", "-o", binary, pkg}}
	}
	times, memories, err := alternate(dir, runs, lister(binaries[0], ours), lister(binaries[1], theirs))
	if err != nil {
		return nil, err
	}
	rows := []row{
		built("build a lister, standard library cached: time", duration, times, 0.35),
		built("build a lister: memory of the largest process", size, memories, 0.30),
	}
	one := func(figure string, unit func(float64) string, atMost float64, f func(binary string) (float64, error)) error {
		r := row{figure: figure, unit: unit, atMost: atMost}
		if r.ours, err = f(binaries[0]); err != nil {
			return err
		}
		r.theirs, err = f(binaries[1])
		rows = append(rows, r)
		return err
	}
	return rows, errors.Join(
		one("the lister's binary, stripped", size, 0.85, fileSize),
		one("modules linked into it", count, 0, func(binary string) (float64, error) {
			out, err := output(primed, "go", "version", "-m", binary)
			return float64(strings.Count(out, "\tdep\t")), err
		}),
		one("initialization of its packages: time", duration, 0, func(binary string) (float64, error) { return initTime(runs*4+1, binary) }),
	)
}

func fileSize(path string) (float64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return float64(info.Size()), nil
}

// initTime returns the sum of the initialization times that the runtime reports for the
// packages of a program. The program then ends at once, because its base URL is invalid.
func initTime(runs int, binary string) (float64, error) {
	var sums []float64
	for range runs {
		cmd := exec.Command(binary)
		cmd.Env = []string{"GODEBUG=inittrace=1", "GITLAB_URL=none"}
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			return 0, err
		}
		sum := 0.0
		for line := range strings.Lines(string(out)) {
			// init net/http @0.99 ms, 0.036 ms clock, 4568 bytes, 26 allocs
			parts := strings.Split(line, ", ")
			if !strings.HasPrefix(line, "init ") || len(parts) < 2 {
				continue
			}
			ms, err := strconv.ParseFloat(strings.TrimSuffix(parts[1], " ms clock"), 64)
			if err != nil {
				return 0, fmt.Errorf("inittrace: %q", line)
			}
			sum += ms * 1e6
		}
		sums = append(sums, sum)
	}
	median, _ := center(sums)
	return median, nil
}

// weighFakes measures the compilation of a test with the fake server, and of one with
// mocks, if the library itself has been compiled before.
func weighFakes(dir string, runs int) ([]row, error) {
	sides := []struct{ name, test, module string }{
		{"ours", benchModule + "/faketest/ours", ourModule},
		{"theirs", benchModule + "/faketest/theirs", theirModule},
	}
	var builds []build
	for _, s := range sides {
		primed := filepath.Join(dir, "library-"+s.name)
		std, err := standard(primed, true, s.test)
		if err != nil {
			return nil, err
		}
		if err := primeTest(dir, primed, s.test, append(std, s.module)); err != nil {
			return nil, err
		}
		builds = append(builds, build{primed, []string{"test", "-c", "-o", filepath.Join(dir, s.name+".test"), s.test}})
	}
	times, memories, err := alternate(dir, min(runs, 3), builds...)
	if err != nil {
		return nil, err
	}
	return []row{
		built("compile a test with a fake or mocks, library cached: time", duration, times, 0.15),
		built("compile a test with a fake or mocks: memory of the largest process", size, memories, 0.20),
	}, nil
}
