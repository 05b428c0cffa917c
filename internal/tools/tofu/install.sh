#!/usr/bin/env bash
# Installs OpenTofu where no terraform and no tofu is on the PATH: the tests of
# the terraform backend run one of them. It takes minutes to compile.
set -euo pipefail
cd "$(dirname "$0")"
command -v terraform >/dev/null || command -v tofu >/dev/null && exit 0
echo "tools: installing tofu v1.12.6"
CGO_ENABLED=0 GOFLAGS= go build -o "$BIN/tofu" github.com/opentofu/opentofu/cmd/tofu
