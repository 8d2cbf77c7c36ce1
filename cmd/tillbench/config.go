package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tilld/tilld/agent/pos/posclient"
	"github.com/tilld/tilld/agent/terminal/authority"
	"github.com/tilld/tilld/agent/wallet/wallettest"
)

// configure writes tilld's configuration and the point of sale's end of it.
func (s *shop) configure(contracts []wallettest.Contract, scale int) error {
	ports, err := freePorts(2)
	if err != nil {
		return err
	}
	cert, key := filepath.Join(s.dir, "pos.crt"), filepath.Join(s.dir, "pos.key")
	roots, err := s.certify(cert, key)
	if err != nil {
		return err
	}
	var c strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&c, format+"\n", args...) }
	line("environment = \"test\"\nstate = %q\nlog = \"text\"\n", s.state)
	line("[terminal]\nmodel = %q\nserial = %q\nkeys = %q", poiModel, poiSerial, filepath.Join(s.dir, "keys.toml"))
	line("language = \"en\"\nlocation = \"+31.23/+121.47\"\nnetwork_license = \"P3100\"\nstore_id = \"S-1\"\nstore_name = \"Bench\"")
	line("clock = \"system\"\nclock_scale = %d\nceiling = \"5000.00\"\n", scale)
	line("[pos]\nlisten = %q\ncertificate = %q\nkey = %q\nplain = true\n", ports[0], cert, key)
	line("[display]\nlisten = %q\n", ports[1])
	line("[control]\nsocket = %q\n", filepath.Join(s.dir, "s"))
	line("[[scanner]]\nname = \"bench\"\ndriver = \"serial\"\nport = %q\nbaud = 115200\nprotocol = \"line\"\naim = true\nterminator = \"crlf\"\n", s.pty.Path())
	for i, w := range contracts {
		line("[[contract]]\nslot = %d\nname = %q\nwallet = %q\nschemes = %s\ncurrencies = %s", i+1, w.Name, w.Wallet, list(w.Schemes), list(w.Currencies))
		line("endpoint = %q\nca_file = %q\nkey_id = %q\nkey_file = %q\nwallet_keys = %s", w.Endpoint, w.CAFile, w.KeyID, w.KeyFile, list([]string{w.WalletKeyFile}))
		line("[contract.%s]", w.Wallet)
		for _, k := range sortedKeys(w.Settings) {
			line("%s = %q", k, w.Settings[k])
		}
		line("")
	}
	if err := os.WriteFile(s.config, []byte(c.String()), 0o600); err != nil {
		return fmt.Errorf("write tilld's configuration: %w", err)
	}
	s.pages = "http://" + ports[1]
	s.posURL = "https://" + ports[0] + "/nexo"
	s.pos, err = posclient.New(posclient.Options{URL: s.posURL, SaleID: saleID, POIID: poiModel + "-" + poiSerial, Roots: roots})
	return err
}

// list writes a TOML list of strings.
func list(items []string) string {
	quoted := make([]string, len(items))
	for i, s := range items {
		quoted[i] = fmt.Sprintf("%q", s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

func sortedKeys(m map[string]string) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// freePorts finds n different addresses on the loopback that nobody listens on.
func freePorts(n int) ([]string, error) {
	var found []string
	for range n {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer ln.Close() // all are held until all are found, so that they differ
		found = append(found, ln.Addr().String())
	}
	return found, nil
}

// certify makes a shop's authority and the till's certificate, and returns whom a point of
// sale trusts.
func (s *shop) certify(certFile, keyFile string) (*x509.CertPool, error) {
	dir := filepath.Join(s.dir, "authority")
	if err := authority.Create(dir, authority.Options{Shop: "tillbench"}); err != nil {
		return nil, err
	}
	cert, key, err := authority.Issue(dir, authority.Leaf{Model: poiModel, Serial: poiSerial, Environment: "test"})
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(certFile, cert, 0o644); err != nil {
		return nil, err
	}
	if err := os.WriteFile(keyFile, key, 0o600); err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(filepath.Join(dir, authority.CertFile))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return nil, errors.New("the shop's authority cannot be read back")
	}
	return roots, nil
}
