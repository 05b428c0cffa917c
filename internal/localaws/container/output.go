package container

import "strings"

// maxOutput bounds what is kept of a command's output, in bytes.
const maxOutput = 4096

// limited keeps the first bytes that are written to it.
type limited struct{ b strings.Builder }

func (l *limited) Write(p []byte) (int, error) {
	if room := maxOutput - l.b.Len(); room > 0 {
		l.b.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func (l *limited) String() string { return l.b.String() }

func trimNewline(line string) string {
	return strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
}
