package archtest

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
)

// marks are what no tracked file may hold. The patterns are put together so that this file
// does not hold them itself.
var marks = []struct {
	what    string
	pattern *regexp.Regexp
}{
	{"a path of one machine", regexp.MustCompile(`(?:^|[^A-Za-z0-9_.~)}-])/(?:wo` + `rk|ro` + `ot)/`)},
	{"a mark of unfinished work", regexp.MustCompile(`\b(?:TO` + `DO|FIX` + `ME)\b`)},
	{"the host of a package registry", regexp.MustCompile(`registry\.npm` + `js\.org|proxy\.gol` + `ang\.org|deb\.deb` + `ian\.org`)},
}

// TextBreaches says what a tracked file holds that it may not, one line each. Files with a
// zero byte are pictures and the like, and are not read.
func TextBreaches(name string, content []byte) []string {
	if bytes.IndexByte(content, 0) >= 0 {
		return nil
	}
	var found []string
	for i, line := range strings.Split(string(content), "\n") {
		for _, m := range marks {
			if hit := m.pattern.FindString(line); hit != "" {
				found = append(found, fmt.Sprintf("%s:%d: %q: %s", name, i+1, strings.TrimSpace(hit), m.what))
			}
		}
	}
	return found
}
