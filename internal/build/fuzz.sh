#!/bin/bash
# Fuzzes every codec and parser of scanners, devices and templates: one line a target. COUNT is the
# number of executions of each (10000000x) or a time (30s), ONLY a part of the names.
set -uo pipefail
cd "$(dirname "$0")/../.."
count=${COUNT:-30s}
failed=0
for pkg in $(go list ./scanner/... ./drivers/... ./biometric/... ./internal/dump); do
	for name in $(go test -list '^Fuzz' "$pkg" | grep '^Fuzz'); do
		case "$pkg.$name" in *"${ONLY:-}"*) ;; *) continue ;; esac
		out=$(go test -run '^$' -fuzz "^$name\$" -fuzztime "$count" "$pkg" 2>&1) && verdict=ok || { verdict=FAILED; failed=1; }
		execs=$(grep -o 'execs: [0-9]*' <<<"$out" | tail -1)
		elapsed=$(grep -o 'elapsed: [0-9a-z.]*' <<<"$out" | tail -1)
		printf '%-60s %-18s %-16s %s\n' "${pkg#*tilld/tilld/}.$name" "${execs#execs: } times" "${elapsed#elapsed: }" "$verdict"
		[ $verdict = ok ] || echo "$out" | tail -20
	done
done
exit $failed
