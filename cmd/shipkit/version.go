package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// Version and commit are set by the release build (-ldflags -X); another build
// tells what Go recorded.
var version, commit string

// versionText says what this binary was built from:
// shipkit v1.2.3, commit 3f2a91c0d4e5, go1.26.0 linux/amd64.
func versionText() string {
	v, c := version, commit
	if info, ok := debug.ReadBuildInfo(); ok && c == "" {
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				c = setting.Value
			}
		}
	}
	if v == "" {
		v = "development"
	}
	if c == "" {
		c = "unknown"
	}
	return fmt.Sprintf("shipkit %s, commit %.12s, %s %s/%s", v, c, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
