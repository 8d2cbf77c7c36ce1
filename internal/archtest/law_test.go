package archtest

import (
	"slices"
	"strings"
	"testing"
)

// TestLaws holds the module to the import law and to the laws about statements.
func TestLaws(t *testing.T) {
	list, err := List("./...")
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range Breaches(list) {
		t.Error(b)
	}
	read := 0
	for _, p := range list {
		if !p.Own() {
			continue
		}
		s, err := Parse(p)
		if err != nil {
			t.Fatal(err)
		}
		read += len(s.Files)
		for _, b := range s.Breaches() {
			t.Error(b)
		}
	}
	if read < 20 {
		t.Errorf("only %d files of ours were read: the list of packages is not this module's", read)
	}
}

// made is a package with what it imports; paths that start with "./" are ours.
func made(path string, imports ...string) Package {
	p := Package{ImportPath: full(path)}
	for _, i := range imports {
		p.Imports = append(p.Imports, full(i))
	}
	p.Deps = p.Imports
	return p
}

// full makes a path of ours from "./agent".
func full(path string) string {
	if strings.HasPrefix(path, "./") {
		return Module + path[1:]
	}
	return path
}

// lawful is a small module that breaks nothing.
func lawful() []Package {
	return []Package{
		made("./internal/secret", "crypto/subtle", "fmt", "log/slog"),
		made("./internal/board", "syscall", "./internal/secret"),
		made("./drivers", "context", "./internal/secret"),
		made("./drivers/sense", "./internal/secret"),
		made("./drivers/v4l2", "syscall", "./drivers", "./drivers/sense"),
		made("./drivers/serialport", "os", "github.com/tarm/serial", "./drivers"),
		made("./drivers/driverstest", "os", "./drivers"),
		made("./scanner", "./drivers", "./internal/secret"),
		made("./scanner/paycode", "./internal/secret"),
		made("./scanner/line", "./scanner"),
		made("./biometric", "./internal/secret"),
		made("./biometric/palm", "./biometric", "./drivers/sense"),
		made("./agent", "net/http", "./agent/sale", "./agent/queue", "./scanner", "./scanner/paycode", "./biometric"),
		made("./agent/sale", "math/big", "time", "./internal/secret"),
		made("./agent/queue", "github.com/dgraph-io/badger/v4", "os", "./agent/sale"),
		made("./agent/wallet/alipay", "net/http", "./agent/sale", "./agent/wallet"),
		made("./agent/wallet/wallettest", "net/http/httptest", "./agent/sale"),
		made("./cmd/tilld", "os", "./agent", "./drivers/v4l2", "./drivers/sense", "./biometric/palm"),
		made("./cmd/tillsim", "./cmd/tillsim/counter", "./drivers/driverstest", "./agent/wallet/wallettest"),
	}
}

func TestLawfulModule(t *testing.T) {
	for _, b := range Breaches(lawful()) {
		t.Error(b)
	}
}

// TestEachBreachIsNoticed adds one import to the lawful module and expects the law by name.
func TestEachBreachIsNoticed(t *testing.T) {
	noticed := map[string]bool{}
	for _, c := range []struct{ law, from, to string }{
		{"internal", "./internal/board", "./agent/sale"},
		{"internal", "./internal/board", "./drivers"},
		{"drivers-scanner", "./drivers", "./scanner"},
		{"drivers-scanner", "./drivers", "./drivers/sense"},
		{"drivers-scanner", "./scanner", "./drivers/serialport"},
		{"drivers-scanner", "./scanner/paycode", "./agent/sale"},
		{"device", "./drivers/serialport", "./agent"},
		{"device", "./drivers/v4l2", "./biometric/palm"},
		{"biometric", "./biometric", "./drivers"},
		{"biometric", "./biometric/palm", "./drivers/v4l2"},
		{"biometric", "./biometric/palm", "./agent/provider"},
		{"frames", "./agent", "./drivers/sense"},
		{"frames", "./scanner", "./drivers/sense"},
		{"frames", "./biometric", "./drivers/sense"},
		{"agent", "./agent", "./drivers"},
		{"agent", "./agent/pos", "./scanner/line"},
		{"agent", "./agent/pos", "./biometric/palm"},
		{"agent", "./agent/wallet/wallettest", "./drivers/driverstest"},
		{"privacy", "./agent", "./drivers/v4l2"},
		{"privacy", "./agent/display", "./drivers/sense"},
		{"privacy", "./agent/provider", "./biometric/palm"},
		{"blind", "./biometric/palm", "net/http"},
		{"blind", "./biometric/palm", "os"},
		{"blind", "./drivers/v4l2", "log/slog"},
		{"blind", "./drivers/sense", "image/png"},
		{"pure", "./agent/sale", "os"},
		{"pure", "./agent/sale", "crypto/rand"},
		{"pure", "./agent/sale", "sync"},
		{"pure", "./agent/sale", "./internal/disk"},
		{"pure", "./agent/sale", "github.com/pelletier/go-toml/v2"},
		{"wallets", "./agent/wallet/alipay", "./agent"},
		{"badger", "./agent", "github.com/dgraph-io/badger/v4"},
		{"badger", "./cmd/tillbench", "github.com/dgraph-io/ristretto/v2/z"},
		{"serial", "./scanner", "github.com/tarm/serial"},
		{"serial", "./cmd/tilld", "periph.io/x/host/v3"},
		{"periph", "./drivers/gpio", "periph.io/x/host/v3"},
		{"periph", "./drivers/gpio", "periph.io/x/host/v3/rpi"},
		{"profiler", "./agent/display", "expvar"},
		{"profiler", "./cmd/tillsim", "net/http/pprof"},
		{"cmd", "./agent", "./cmd/tilld/internal/config"},
		{"daemon", "./cmd/tilld", "./agent/wallet/wallettest"},
		{"daemon", "./cmd/tilld", "./drivers/driverstest"},
		{"daemon", "./cmd/tilld", "testing"},
		{"daemon", "./cmd/tilld", "net/http/pprof"},
		{"daemon", "./cmd/tilld", "./internal/peer"},
		{"daemon", "./cmd/tilld", "./internal/board/device"},
		{"daemon", "./cmd/tilld", "./drivers/v4l2/record"},
	} {
		found := Breaches(with(lawful(), made(c.from, c.to)))
		if !slices.ContainsFunc(found, func(b string) bool { return strings.HasPrefix(b, c.law+": ") }) {
			t.Errorf("%s imports %s: want a breach of %q, found %q", c.from, c.to, c.law, found)
		}
		noticed[c.law] = true
	}
	for _, law := range Laws {
		if !noticed[law.Name] {
			t.Errorf("no case breaks the law %q", law.Name)
		}
	}
}

// with adds the imports of p to the package of that name, or p itself.
func with(list []Package, p Package) []Package {
	for i := range list {
		if list[i].ImportPath == p.ImportPath {
			list[i].Imports = slices.Concat(list[i].Imports, p.Imports)
			list[i].Deps = list[i].Imports
			return list
		}
	}
	return append(list, p)
}

// TestPrivacyIsTransitive breaks the promise two imports away, where no single import of a
// package of agent shows it.
func TestPrivacyIsTransitive(t *testing.T) {
	list := lawful()
	for i := range list {
		if list[i].ImportPath == full("./agent") {
			list[i].Deps = append(list[i].Deps, full("./drivers/sense"))
		}
	}
	found := Breaches(list)
	if len(found) != 1 || !strings.HasPrefix(found[0], "privacy: ") {
		t.Errorf("a frame two imports below agent: found %q, want one breach of privacy", found)
	}
}
