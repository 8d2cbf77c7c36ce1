#!/bin/bash
# Makes sure that the tests find what they need besides Go: as root on Debian by installing
# it, elsewhere by naming it. Nothing is installed that is there already. "install.sh board"
# is about what the virtual board needs.
set -euo pipefail

missing=()
need() { # need PACKAGES COMMAND...: the packages are missing when the command fails
	local packages=$1
	shift
	"$@" >/dev/null 2>&1 || missing+=($packages)
}
finds() { PATH=$PATH:/usr/sbin:/sbin command -v "$1"; }
compiles() { echo '#include <stdlib.h>' | gcc -E - ; }

if [ "${1:-}" = board ]; then
	need "qemu-system-arm" command -v qemu-system-aarch64
	need "qemu-system-arm" command -v qemu-system-arm
	need "swtpm" command -v swtpm                # the TPM of the board
	need "kmod" finds depmod
	need "e2fsprogs" finds mkfs.ext4
	need "xz-utils" command -v xz
else
	need "gcc libc6-dev" compiles                  # the race detector
	need "spin" command -v spin                     # the model of a payment
	need "nodejs" command -v node                  # an unmodified client of the POS interface
	need "npm" command -v npm
	need "chromium" command -v chromium            # the pages
	need "qemu-user-static" command -v qemu-arm-static # the queue on arm
	need "swtpm" command -v swtpm                   # the TPM of the tests
need "git" command -v git                      # the list of tracked files
fi

if [ ${#missing[@]} -eq 0 ]; then
	exit 0
fi
if [ "$(id -u)" = 0 ] && [ -e /etc/debian_version ] && command -v apt-get >/dev/null; then
	echo "installing: ${missing[*]}"
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -q
	apt-get install -y -q --no-install-recommends "${missing[@]}"
	exit 0
fi
echo "the tests need these Debian packages: ${missing[*]}" >&2
echo "hint: sudo apt-get install --no-install-recommends ${missing[*]}" >&2
exit 1
