package localweb

import (
	"net/http"
	"slices"
)

// Language is the language of a page: ?lang= when it is one of have, else first, else the
// first of have. The browser's own languages are not asked: the shop decides, and whoever
// stands there presses a button.
func Language(r *http.Request, have []string, first string) string {
	if l := r.URL.Query().Get("lang"); slices.Contains(have, l) {
		return l
	}
	if slices.Contains(have, first) {
		return first
	}
	return have[0]
}
