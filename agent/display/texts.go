package display

// Every word of the pages stands in one table per language, and in every table the same
// keys:
//
//	screen.KIND, screen.KIND.detail   the customer's screen
//	reason.WORD, reason.any.KIND      why: a sale.Ending, a paycode reason, a cause of closing
//	scheme.NAME                       wallets
//	state.STATE                       attempts, on the console
//	guide.WORD                        biometric.Guidance
//	page.WORD                         everything around them
var texts = map[string]map[string]string{"zh": textsZh, "en": textsEn, "ja": textsJa}

// say returns the text of key in lang, or the key itself: a gap must be seen, not hidden.
func say(lang, key string) string {
	if t, ok := texts[lang][key]; ok {
		return t
	}
	return key
}

func known(key string) bool { _, ok := textsEn[key]; return ok }
