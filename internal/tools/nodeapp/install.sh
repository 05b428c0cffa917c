#!/usr/bin/env bash
# Installs the packages of a small Node application in two versions, which
# tests push one after the other. They depend on nothing, so that their
# versions are all that there is to pin.
set -euo pipefail
declare -A packages=(
  [old]='lodash@4.17.20 ms@2.1.2 left-pad@1.3.0'
  [new]='lodash@4.17.21 ms@2.1.2 uuid@9.0.1'
)
for version in "${!packages[@]}"; do
  dir=$BIN/nodeapp/$version
  [[ -e $dir/installed && $(< "$dir/installed") == "${packages[$version]}" ]] && continue
  echo "tools: installing ${packages[$version]}"
  rm -rf "$dir"
  mkdir -p "$dir"
  # shellcheck disable=SC2086 # a list of words
  npm install --prefix "$dir" --no-audit --no-fund --no-update-notifier --ignore-scripts --save-exact --silent ${packages[$version]}
  echo "${packages[$version]}" > "$dir/installed"
done
