package screentest

import (
	"os"
	"path/filepath"
)

// Picture compares the screen with a picture in docs. If the environment variable
// GITLABJOBS_PICTURES is "write", it writes the picture instead.
func (s *Screen) Picture(name, title string) {
	s.tb.Helper()
	path := filepath.Join("..", "..", "docs", name)
	picture := s.SVG(title)
	if os.Getenv("GITLABJOBS_PICTURES") == "write" {
		if err := os.WriteFile(path, []byte(picture), 0o644); err != nil { //nolint:gosec // The picture is public.
			s.tb.Fatal(err)
		}
		return
	}
	saved, err := os.ReadFile(path) //nolint:gosec // A test names it.
	if err != nil {
		s.tb.Fatal(err)
	}
	if string(saved) != picture {
		s.tb.Errorf("docs/%s does not match the demo: run .ci/pictures. The demo shows:\n%s", name, s)
	}
}
