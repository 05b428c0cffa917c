#!/bin/sh
# Builds a Node application of about 450 MB in four versions, each installed
# afresh, as a CI job does it:
#
#   v1       as in package.json
#   v1-again v1 built again: only times differ
#   v2       one small dependency more recent (lodash)
#   v3       a large one (next, with its native addon) and zod
#
# usage: build.sh DIR
# writes DIR/<version>.tar, each what `docker save` gives. It needs npm and a
# Docker engine; what is in DIR already is kept.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)

# build VERSION [PACKAGE@VERSION...]
build() {
	version=$1
	shift
	[ -e "$out/$version.tar" ] && return
	app=$out/$version
	rm -rf "$app"
	mkdir "$app"
	cp "$here/package.json" "$here/server.js" "$here/Dockerfile" "$app"
	[ -e "$out/package-lock.json" ] && cp "$out/package-lock.json" "$app"
	(
		cd "$app"
		npm install --package-lock-only --ignore-scripts --no-audit --no-fund --save-exact "$@"
		npm ci --ignore-scripts --no-audit --no-fund
	)
	[ -e "$out/package-lock.json" ] || cp "$app/package-lock.json" "$out"
	DOCKER_BUILDKIT=0 docker build --quiet --no-cache --tag "shipkit-nodeapp:$version" "$app"
	docker save --output "$out/$version.tar.part" "shipkit-nodeapp:$version"
	docker rmi "shipkit-nodeapp:$version"
	mv "$out/$version.tar.part" "$out/$version.tar"
	rm -rf "$app"
}

build v1
build v1-again
build v2 lodash@4.17.21
build v3 next@14.2.4 zod@3.24.1
