package demo

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// photos is the size of what no release changes, in bytes.
const photos = 12_000_000

// repository is the sample app's, by path.
func repository(root string) (map[string]string, error) {
	files := map[string]string{
		"go.mod":            "module example.com/web\n\ngo 1.26\n",
		"public/photos.bin": noise(photos),
		"public/index.html": "<h1>Welcome</h1>\n",
	}
	for path, source := range map[string]string{
		"main.go":       "testdata/apps/web/main.go",
		"Dockerfile":    "testdata/demo/Dockerfile",
		".shipkit.yml":  "testdata/demo/.shipkit.yml",
		".dockerignore": "testdata/demo/.dockerignore",
	} {
		text, err := os.ReadFile(filepath.Join(root, filepath.Clean(source)))
		if err != nil {
			return nil, fmt.Errorf("read the sample app: %w", err)
		}
		files[path] = string(text)
	}
	return files, nil
}

// with is a repository after a commit.
func with(files map[string]string, path, text string) map[string]string {
	files = maps.Clone(files)
	files[path] = text
	return files
}

// broken is a Dockerfile whose program exits at once.
func broken(dockerfile string) string {
	return strings.Replace(dockerfile, "ENTRYPOINT", "ENV MODE=exit:3\nENTRYPOINT", 1)
}

// mistaken is a Dockerfile whose program tells a version of its own.
func mistaken(dockerfile string) string {
	return strings.Replace(dockerfile, "$BUILD_VERSION", "v0-forgotten", 1)
}

// noise does not compress, as photographs do not.
func noise(size int) string {
	text := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{}).Read(text) // never fails
	return string(text)
}
