#!/bin/bash
# kernel.sh arm64|armhf CACHE: fetches the newest Debian kernel of an architecture from the
# archive this machine already uses, and unpacks it below CACHE. The machine's own packages,
# sources and architectures are left as they are. The last line is the folder.
set -euo pipefail
arch=$1 cache=$2
case $arch in
arm64) meta=linux-image-arm64 ;;
armhf) meta=linux-image-armmp ;;
*) echo "kernel.sh: no kernel is known for $arch" >&2; exit 2 ;;
esac
fail() {
	echo "kernel.sh: $1" >&2
	echo "hint: $2" >&2
	exit 1
}
for tool in apt-get apt-cache dpkg-deb; do
	command -v $tool >/dev/null || fail "no $tool: kernels are fetched on Debian alone" \
		"unpack a linux-image package of $arch below $cache by hand with \"dpkg-deb -x\" elsewhere"
done
. /etc/os-release
# A release's first kernel is old by the time it is used; its backports have the one that
# boards run.
suites=${TILLD_BOARD_SUITE:-$VERSION_CODENAME-backports $VERSION_CODENAME}
archive=${TILLD_BOARD_ARCHIVE:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
	grep -v -e security -e backports | grep -m1 debian)} || fail "this machine uses no Debian archive" "name one in TILLD_BOARD_ARCHIVE"

state=$cache/apt-$arch
mkdir -p "$state"/{lists/partial,archives/partial}
: >"$state/status"
apt=(-o APT::Architecture="$arch" -o APT::Architectures::="$arch" -o Dir::State="$state" -o Dir::State::lists="$state/lists"
	-o Dir::State::status="$state/status" -o Dir::Cache="$state" -o Dir::Cache::archives="$state/archives"
	-o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferencesparts=/dev/null
	-o APT::Sandbox::User=root -o Debug::NoLocking=1 -o Acquire::Languages=none -o Acquire::Retries=3)
package=
for suite in $suites; do
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $archive $suite main" >"$state/sources.list"
	apt-get "${apt[@]}" update -qq >&2 || continue
	package=$(apt-cache "${apt[@]}" show "$meta" 2>/dev/null | sed -n 's/^Depends:.*\(linux-image-[^ ,]*\).*/\1/p' | head -1)
	[ -z "$package" ] || break
done
[ -n "$package" ] || fail "the archive has no $meta in $suites" "name the suite in TILLD_BOARD_SUITE"
if [ ! -d "$cache/$package" ]; then
	work=$(mktemp -d "$cache/fetch.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	(cd "$work" && apt-get "${apt[@]}" download -qq "$package" >&2 && dpkg-deb -x ./*.deb tree)
	mv "$work/tree" "$cache/$package"
fi
rm -rf "$state"
echo "$cache/$package"
