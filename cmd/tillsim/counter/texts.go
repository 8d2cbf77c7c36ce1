package counter

// Every word of the page stands in one table per language, and in every table the same
// keys: page.WORD, code.KIND, fault.NAME, palm.KIND or INSTRUMENT.
var texts = map[string]map[string]string{"zh": textsZh, "en": textsEn, "ja": textsJa}

// say returns the text of key in lang, or the key itself: a gap must be seen, not hidden.
func say(lang, key string) string {
	if t, ok := texts[lang][key]; ok {
		return t
	}
	return key
}

// label is the text of a word that a rig names, or other where the page has none.
func label(lang, group, word, other string) string {
	if t, ok := texts[lang][group+word]; ok {
		return t
	}
	return other
}
