package image

import (
	"fmt"
	"path"
	"strings"
)

// maxPath bounds paths and link targets, as PATH_MAX of Linux does.
const maxPath = 4096

// comparePaths orders paths as a walk meets them: a directory, all that is
// below it, then its next sibling. So the slash sorts before any other byte.
func comparePaths(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		switch {
		case a[i] == b[i]:
			continue
		case a[i] == '/':
			return -1
		case b[i] == '/':
			return 1
		case a[i] < b[i]:
			return -1
		default:
			return 1
		}
	}
	return len(a) - len(b)
}

// below tells whether p is inside dir, at any depth. The root is "".
func below(p, dir string) bool {
	if dir == "" {
		return p != ""
	}
	return len(p) > len(dir) && p[len(dir)] == '/' && p[:len(dir)] == dir
}

// parent returns the directory that holds p; "" is the root.
func parent(p string) string {
	return p[:max(strings.LastIndexByte(p, '/'), 0)]
}

// cleanPath returns the path that an archive means by name; "" is the root.
func cleanPath(name string) (string, error) {
	if len(name) > maxPath {
		return "", fmt.Errorf("path %.60q… is %d bytes long, at most %d are allowed", name, len(name), maxPath)
	}
	if strings.IndexByte(name, 0) >= 0 {
		return "", fmt.Errorf("path %q holds a zero byte", name)
	}
	// Clean drops every ".." of a rooted path, so look before it is rooted.
	clean := path.Clean(strings.TrimLeft(name, "/"))
	switch {
	case clean == "." || clean == "/":
		return "", nil
	case clean == ".." || strings.HasPrefix(clean, "../"):
		return "", fmt.Errorf("path %q leads out of the image", name)
	}
	return clean, nil
}

// validPath tells whether p is a path as cleanPath returns it, beside "".
func validPath(p string) bool {
	clean, err := cleanPath(p)
	return err == nil && clean == p && p != ""
}

// The names by which layers remove files of lower layers.
const (
	whiteoutPrefix = ".wh."
	whiteoutMeta   = ".wh..wh."
	whiteoutOpaque = ".wh..wh..opq"
)

// parseWhiteout tells which path a layer's entry removes, and how: Whiteout,
// Opaque, 0 for an ordinary entry. What AUFS left over is to be skipped.
func parseWhiteout(p string) (target string, kind Type, skip bool, err error) {
	dir, base := parent(p), path.Base(p)
	switch {
	case base == whiteoutOpaque:
		return dir, Opaque, false, nil
	case strings.HasPrefix(base, whiteoutMeta), strings.HasPrefix(p, whiteoutMeta):
		return "", 0, true, nil
	case !strings.HasPrefix(base, whiteoutPrefix):
		return "", 0, false, nil
	}
	name := strings.TrimPrefix(base, whiteoutPrefix)
	if name == "" || name == "." || name == ".." {
		return "", 0, false, fmt.Errorf("whiteout %q names no file", p)
	}
	return path.Join(dir, name), Whiteout, false, nil
}

// whiteoutName returns the archive name of the whiteout of p.
func whiteoutName(p string) string {
	return path.Join(parent(p), whiteoutPrefix+path.Base(p))
}
