package screentest

import (
	"os"
	"path/filepath"
)

// Picture compares what is on a screen with a picture in docs. With GITLABJOBS_PICTURES=write
// in the environment it writes the picture instead.
func (s *Screen) Picture(name, title string) {
	s.tb.Helper()
	path := filepath.Join("..", "..", "docs", name)
	picture := s.SVG(title)
	if os.Getenv("GITLABJOBS_PICTURES") == "write" {
		if err := os.WriteFile(path, []byte(picture), 0o644); err != nil { //nolint:gosec // A picture to show around.
			s.tb.Fatal(err)
		}
		return
	}
	saved, err := os.ReadFile(path) //nolint:gosec // A test names it.
	if err != nil {
		s.tb.Fatal(err)
	}
	if string(saved) != picture {
		s.tb.Errorf("docs/%s is not what the demo shows: run .ci/pictures. The demo shows:\n%s", name, s)
	}
}
