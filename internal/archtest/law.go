package archtest

import (
	"fmt"
	"slices"
	"strings"
)

// Law is one rule about who may import whom.
type Law struct {
	Name string
	// Text is the rule in words.
	Text string
	// Import reports whether a package of ours, named from the module's root, breaks the law
	// by importing the full path to; nil if the law is not about imports.
	Import func(from, to string) bool
	// Linked reports the same of anything that is linked with the package, however deep.
	Linked func(root, dep string) bool
}

// Laws are the import law.
var Laws = []Law{
	{
		Name: "internal",
		Text: "internal may be imported by all and imports only internal",
		Import: func(from, to string) bool {
			return under(from, "internal") && own(to) && !under(rel(to), "internal")
		},
	},
	{
		Name: "drivers-scanner",
		Text: "drivers itself imports only internal; scanner/... imports only internal, drivers itself and scanner/...",
		Import: func(from, to string) bool {
			to, is := rel(to), own(to)
			return is && from == "drivers" && !under(to, "internal") ||
				is && under(from, "scanner") && !under(to, "internal") && !under(to, "scanner") && to != "drivers"
		},
	},
	{
		Name: "device",
		Text: "a device package below drivers imports only internal, drivers/..., scanner/... and biometric itself",
		Import: func(from, to string) bool {
			to, is := rel(to), own(to)
			return is && below(from, "drivers") && !under(to, "internal") && !under(to, "drivers") &&
				!under(to, "scanner") && to != "biometric"
		},
	},
	{
		Name: "biometric",
		Text: "biometric itself imports only internal; biometric/<sub> imports no device model and no agent",
		Import: func(from, to string) bool {
			to, is := rel(to), own(to)
			return is && from == "biometric" && !under(to, "internal") ||
				is && below(from, "biometric") &&
					(below(to, "drivers") && to != "drivers/sense" || under(to, "agent") || under(to, "cmd"))
		},
	},
	{
		Name: "frames",
		Text: "drivers/sense is imported only by device packages, biometric/<sub> and the tables in cmd",
		Import: func(from, to string) bool {
			return to == Module+"/drivers/sense" &&
				!below(from, "drivers") && !below(from, "biometric") && !under(from, "cmd")
		},
	},
	{
		Name: "agent",
		Text: "agent/... imports of ours only agent/..., internal, and scanner, scanner/paycode, scanner/emvco and biometric themselves",
		Import: func(from, to string) bool {
			to, is := rel(to), own(to)
			allowed := []string{"scanner", "scanner/paycode", "scanner/emvco", "biometric"}
			return is && under(from, "agent") && !under(to, "agent") && !under(to, "internal") &&
				!slices.Contains(allowed, to)
		},
	},
	{
		Name: "privacy",
		Text: "nothing linked with agent/... is a device, drivers/sense or biometric/<sub>",
		Linked: func(root, dep string) bool {
			dep, is := rel(dep), own(dep)
			return is && under(root, "agent") && (below(dep, "drivers") || below(dep, "biometric"))
		},
	},
	{
		Name: "blind",
		Text: "biometric/..., drivers/v4l2 and drivers/sense import no net, os, log or image encoding",
		Import: func(from, to string) bool {
			if !under(from, "biometric") && !under(from, "drivers/v4l2") && !under(from, "drivers/sense") {
				return false
			}
			return under(to, "net") || under(to, "os") || under(to, "log") || below(to, "image") && to != "image/color" ||
				strings.HasPrefix(to, "golang.org/x/image")
		},
	},
	{
		Name: "pure",
		Text: "agent/sale imports nothing that does I/O: a closed list of standard packages, and internal/secret",
		Import: func(from, to string) bool {
			return from == "agent/sale" && to != Module+"/internal/secret" && !slices.Contains(purePackages, to)
		},
	},
	{
		Name: "wallets",
		Text: "wallets import agent/sale, not agent",
		Import: func(from, to string) bool {
			return below(from, "agent/wallet") && to == Module+"/agent"
		},
	},
	{
		Name: "badger",
		Text: "only agent/queue imports Badger",
		Import: func(from, to string) bool {
			return strings.HasPrefix(to, "github.com/dgraph-io/") && from != "agent/queue"
		},
	},
	{
		Name: "serial",
		Text: "only drivers/... imports tarm/serial and periph",
		Import: func(from, to string) bool {
			return (strings.HasPrefix(to, "github.com/tarm/") || strings.HasPrefix(to, "periph.io/")) &&
				!under(from, "drivers")
		},
	},
	{
		Name: "periph",
		Text: "of periph.io/x/host only gpioioctl is imported: its other drivers start at the same time, open files while gpioioctl closes others', and do not know every board",
		Import: func(from, to string) bool {
			return under(to, "periph.io/x/host/v3") && to != "periph.io/x/host/v3/gpioioctl"
		},
	},
	{
		Name: "profiler",
		Text: "nobody imports a profiler endpoint or expvar; Badger links expvar, whose page hangs on a mux that nobody serves",
		Import: func(from, to string) bool {
			return to == "net/http/pprof" || to == "expvar"
		},
	},
	{
		Name: "cmd",
		Text: "cmd is imported only by cmd",
		Import: func(from, to string) bool {
			return own(to) && under(rel(to), "cmd") && !under(from, "cmd")
		},
	},
	{
		Name: "daemon",
		Text: "tilld links no test double, no part of the virtual board, no test framework, no profiler endpoint and no recorder",
		Linked: func(root, dep string) bool {
			if root != "cmd/tilld" {
				return false
			}
			if own(dep) {
				last := dep[strings.LastIndex(dep, "/")+1:]
				return strings.HasSuffix(last, "test") || strings.HasSuffix(last, "sim") || under(rel(dep), "internal/peer") ||
					under(rel(dep), "internal/board") || under(rel(dep), "internal/archtest") || last == "record"
			}
			return slices.Contains([]string{"testing", "net/http/httptest", "net/http/pprof"}, dep) ||
				under(dep, "github.com/google/go-cmp") || under(dep, "github.com/rogpeppe/go-internal")
		},
	},
}

// purePackages neither read nor write anything and know no time of their own. time is here
// for its types and log/slog for LogValuer; ast.go bans their functions with effects.
var purePackages = []string{
	"bytes", "cmp", "crypto/hmac", "crypto/sha256", "crypto/subtle", "encoding", "encoding/base32",
	"encoding/base64", "encoding/binary", "encoding/hex", "encoding/json", "errors", "fmt", "iter",
	"log/slog", "maps", "math", "math/big", "math/bits", "regexp", "slices", "sort", "strconv", "strings",
	"time", "unicode", "unicode/utf8",
}

// Breaches applies the laws to a list of packages and says what breaks them, one line each,
// sorted.
func Breaches(list []Package) []string {
	var found []string
	for _, p := range list {
		if !p.Own() {
			continue
		}
		for _, law := range Laws {
			found = append(found, law.breaches(p)...)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func (l Law) breaches(p Package) (found []string) {
	from := rel(p.ImportPath)
	if l.Import != nil {
		for _, to := range p.Imports {
			if l.Import(from, to) {
				found = append(found, fmt.Sprintf("%s: %s imports %s: %s", l.Name, from, rel(to), l.Text))
			}
		}
	}
	if l.Linked != nil {
		for _, dep := range p.Deps {
			if l.Linked(from, dep) {
				found = append(found, fmt.Sprintf("%s: %s is linked with %s: %s", l.Name, from, rel(dep), l.Text))
			}
		}
	}
	return found
}
