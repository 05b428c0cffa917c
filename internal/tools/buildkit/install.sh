#!/usr/bin/env bash
# Installs buildkitd, buildx, and the tools that pushes are compared with.
# buildkitd comes from a module of its own: its go.mod excludes versions, which
# `go install package@version` refuses.
set -euo pipefail
cd "$(dirname "$0")"
export CGO_ENABLED=0 GOFLAGS= GOBIN=$BIN

[[ -e $BIN/buildkitd ]] || go build -o "$BIN/buildkitd" github.com/moby/buildkit/cmd/buildkitd

while read -r package version; do
  name=$(basename "$package")
  [[ $(go version -m "$BIN/$name" 2>/dev/null) == *"	$version"* ]] && continue
  echo "tools: installing $name $version"
  (cd / && go install "$package@$version")
done <<'END'
github.com/docker/buildx/cmd/buildx v0.37.0
github.com/google/go-containerregistry/cmd/crane v0.22.1
github.com/regclient/regclient/cmd/regctl v0.11.7
END
