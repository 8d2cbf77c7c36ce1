#!/bin/bash
# Two builds of the same sources in two folders, with two build caches, give the same bytes.
# ARCHES names the targets; arm takes the way of the repaired module.
set -euo pipefail
cd "$(dirname "$0")/../.."
arches=${ARCHES:-arm}

work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
first=$work/a second=$work/another/much-longer/folder
mkdir -p "$first" "$second"

copy() { # the files as they are here, without what was built
	tar -c --exclude=./bin --exclude=./build --exclude=./.git --exclude=node_modules . | tar -x -C "$1"
}
copy "$first"
copy "$second"
for arch in $arches; do
	make --no-print-directory -C "$first" build GOARCH="$arch" VERSION=repro
	GOCACHE=$work/cache make --no-print-directory -C "$second" build GOARCH="$arch" VERSION=repro
	for program in tilld tillsim tillbench; do
		cmp "$first/bin/linux-$arch/$program" "$second/bin/linux-$arch/$program"
		sha256sum "$first/bin/linux-$arch/$program" | sed "s|$first/||"
	done
done
