#!/bin/sh
# Fails and names the files that gofmt would change. Only our own files: build/ holds other
# people's modules.
set -eu
found=$(find . \( -path ./build -o -path ./bin -o -name node_modules -o -name .git \) -prune -o -name '*.go' -print0 |
	xargs -0 gofmt -l)
if [ -n "$found" ]; then
	echo "not formatted:" >&2
	echo "$found" >&2
	echo "hint: gofmt -w $(echo "$found" | tr '\n' ' ')" >&2
	exit 1
fi
