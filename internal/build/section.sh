# Sourced by the scripts here: section "title" command... prints a title, runs the command
# and says how long it took. A failing command ends the script.

section() {
	local title=$1 begun=$SECONDS
	shift
	printf '\n== %s\n' "$title"
	if ! "$@"; then
		printf '== %s: FAILED after %d s\n' "$title" $((SECONDS - begun)) >&2
		exit 1
	fi
	printf '== %s: ok, %d s\n' "$title" $((SECONDS - begun))
}
