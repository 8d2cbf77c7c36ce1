#!/bin/bash
# The queue on 32 bits: its tests under 386, the one that fills, closes, reopens and counts
# under arm as well, and the proof that both tests have teeth: without the repair they fail
# and the queue refuses to open. What this machine cannot run itself runs under QEMU.
set -euo pipefail
cd "$(dirname "$0")/../.."

repaired=-modfile=build/go32.mod
teeth='TestSelfTest|TestFillCloseReopenCount'
refusal="allocator is not patched"
out=$PWD/build/test32
mkdir -p "$out"

# emulator ARCH: what a binary of ARCH is started with here; nothing where it runs as it is.
emulator() {
	case $(uname -m)-$1 in
	x86_64-386 | i?86-386 | armv7l-arm) ;;
	*-386) echo qemu-i386-static ;;
	*-arm) echo qemu-arm-static ;;
	esac
}

compile() { # compile ARCH FILE [FLAG]
	CGO_ENABLED=0 GOOS=linux GOARCH=$1 GOARM=7 GOFLAGS= go test -c -trimpath ${3:-} -o "$out/$2" ./agent/queue
}

run() { # run ARCH FILE FLAG...: in the package's folder, as go test does
	local arch=$1 file=$2
	shift 2
	(cd agent/queue && exec $(emulator "$arch") "$out/$file" -test.timeout=5m "$@")
}

echo "-- 386, repaired: the whole package"
compile 386 queue-386.test $repaired
run 386 queue-386.test -test.short

echo "-- arm, repaired: self-test; fill, close, reopen, count"
compile arm queue-arm.test $repaired
run arm queue-arm.test -test.v -test.run "^($teeth)\$"

for arch in 386 arm; do
	echo "-- $arch, not repaired: must fail, and the queue must refuse to open"
	compile $arch queue-$arch-stock.test
	for t in ${teeth/|/ }; do
		log=$out/$arch-$t.log
		if run $arch queue-$arch-stock.test -test.v -test.run "^$t\$" >"$log" 2>&1; then
			cat "$log"
			echo "$t passed under $arch without the repair: it proves nothing" >&2
			exit 1
		fi
		if ! grep -q -- "--- FAIL: $t" "$log" || ! grep -q "$refusal" "$log"; then
			cat "$log"
			echo "$t failed under $arch without the repair, but not because the queue refused to open" >&2
			exit 1
		fi
		echo "$t: fails as it must: $(grep -m1 "$refusal" "$log" | sed 's/^ *//')"
	done
done
