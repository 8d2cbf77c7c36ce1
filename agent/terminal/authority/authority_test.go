package authority

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func made(t *testing.T, o Options) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "shop")
	if o.Shop == "" {
		o.Shop = "Corner shop"
	}
	if err := Create(dir, o); err != nil {
		t.Fatal(err)
	}
	return dir
}

var good = Leaf{Model: "TILLD", Serial: "000158000000000", Environment: "test"}

func TestCertificateNames(t *testing.T) {
	raw, err := os.ReadFile("testdata/names.json")
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		Vectors []struct {
			Name   string
			Input  struct{ CN, Environment string }
			Expect struct {
				Node bool `json:"node_sdk"`
				Java bool `json:"java_sdk"`
			}
		}
	}
	if err := json.Unmarshal(raw, &all); err != nil || len(all.Vectors) == 0 {
		t.Fatalf("%d vectors, %v", len(all.Vectors), err)
	}
	for _, v := range all.Vectors {
		t.Run(v.Name, func(t *testing.T) {
			if got := NodeAccepts(v.Input.CN); got != v.Expect.Node {
				t.Errorf("Node: %v", got)
			}
			if got := JavaAccepts(v.Input.CN, v.Input.Environment); got != v.Expect.Java {
				t.Errorf("Java: %v", got)
			}
		})
	}
}

func TestKeysAreTheOwnersAlone(t *testing.T) {
	dir := made(t, Options{})
	info, err := os.Stat(filepath.Join(dir, KeyFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	if err := os.Chmod(filepath.Join(dir, KeyFile), 0o640); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Issue(dir, good); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key that a group can read: %v", err)
	}
}

func TestAnAuthorityIsNeverReplaced(t *testing.T) {
	dir := made(t, Options{})
	before, _ := os.ReadFile(filepath.Join(dir, KeyFile))
	if err := Create(dir, Options{Shop: "x"}); err == nil {
		t.Fatal("created twice")
	}
	after, _ := os.ReadFile(filepath.Join(dir, KeyFile))
	if string(before) != string(after) || len(before) == 0 {
		t.Fatal("the key changed")
	}
}

func TestIssue(t *testing.T) {
	dir := made(t, Options{})
	leaf := good
	leaf.Hosts, leaf.IPs = nil, []net.IP{net.IPv4(127, 0, 0, 7), net.IPv4(192, 168, 1, 20)}
	certPEM, keyPEM, err := Issue(dir, leaf)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tls.X509KeyPair(certPEM, keyPEM); err != nil {
		t.Fatal(err)
	}
	r, err := Inspect(certPEM, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if r.CommonName != "TILLD-000158000000000.test.terminal.adyen.com" || r.Environment != "test" || len(r.Problems) != 0 {
		t.Errorf("report %+v", r)
	}
	for _, name := range []string{"localhost", "127.0.0.1", "127.0.0.7", "192.168.1.20", r.CommonName} {
		if !strings.Contains(" "+strings.Join(r.Names, " ")+" ", " "+name+" ") {
			t.Errorf("%s is not among %v", name, r.Names)
		}
	}
	if !JavaAccepts(r.CommonName, "test") || JavaAccepts(r.CommonName, "live") {
		t.Error("the Java SDK's check")
	}
}

func TestNameConstraintsHold(t *testing.T) {
	dir := made(t, Options{})
	for _, l := range []Leaf{
		{Hosts: []string{"bank.example"}},
		{Hosts: []string{"checkout.adyen.com"}},
		{IPs: []net.IP{net.IPv4(8, 8, 8, 8)}},
	} {
		l.Model, l.Serial, l.Environment = good.Model, good.Serial, good.Environment
		if _, _, err := Issue(dir, l); err == nil || !strings.Contains(err.Error(), "hint") {
			t.Errorf("%v %v: %v", l.Hosts, l.IPs, err)
		}
	}
	wider := made(t, Options{Domains: []string{"shop.example"}, Networks: []net.IPNet{*cidr("203.0.113.0/24")}})
	l := good
	l.Hosts, l.IPs = []string{"till1.shop.example"}, []net.IP{net.IPv4(203, 0, 113, 9)}
	if _, _, err := Issue(wider, l); err != nil {
		t.Error(err)
	}
	l.IPs = []net.IP{net.IPv4(192, 168, 1, 1)}
	if _, _, err := Issue(wider, l); err == nil {
		t.Error("a network that was not listed")
	}
}

func TestIssueRefuses(t *testing.T) {
	dir := made(t, Options{})
	for name, l := range map[string]Leaf{
		"model too short":     {Model: "P4", Serial: good.Serial, Environment: "live"},
		"serial with letters": {Model: "TILLD", Serial: "SN1234567", Environment: "live"},
		"serial too short":    {Model: "TILLD", Serial: "12345678", Environment: "live"},
		"serial too long":     {Model: "TILLD", Serial: "1234567890123456", Environment: "live"},
		"no environment":      {Model: "TILLD", Serial: good.Serial},
		"negative life":       {Model: "TILLD", Serial: good.Serial, Environment: "live", Valid: -1},
	} {
		if c, k, err := Issue(dir, l); err == nil || c != nil || k != nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, _, err := Issue(t.TempDir(), good); err == nil || !strings.Contains(err.Error(), "hint") {
		t.Errorf("no authority: %v", err)
	}
}

func TestLeafEndsWithItsAuthority(t *testing.T) {
	dir := made(t, Options{Valid: 40 * day})
	certPEM, _, err := Issue(dir, good)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Inspect(certPEM, time.Now())
	if err != nil || time.Until(r.NotAfter) > 40*day {
		t.Fatalf("%v, %v", r.NotAfter, err)
	}
}

func TestInspectFindsProblems(t *testing.T) {
	dir := made(t, Options{})
	certPEM, _, err := Issue(dir, good)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for _, c := range []struct {
		name string
		at   time.Time
		want string
	}{
		{"soon over", now.Add(DefaultLeafValid - 5*day), "it ends on"},
		{"over", now.Add(DefaultLeafValid + day), "it ended on"},
		{"not yet", now.Add(-2 * time.Hour), "valid from"},
	} {
		r, err := Inspect(certPEM, c.at)
		if err != nil || len(r.Problems) != 1 || !strings.Contains(r.Problems[0], c.want) {
			t.Errorf("%s: %v, %v", c.name, r.Problems, err)
		}
	}
	ca, err := os.ReadFile(filepath.Join(dir, CertFile))
	if err != nil {
		t.Fatal(err)
	}
	if r, err := Inspect(ca, now); err != nil || len(r.Problems) < 2 {
		t.Errorf("an authority's certificate: %v, %v", r.Problems, err)
	}
	if _, err := Inspect([]byte("no certificate"), now); err == nil {
		t.Error("no certificate: accepted")
	}
}

func TestFileNoticesARenewal(t *testing.T) { synctest.Test(t, testRenewal) }

func testRenewal(t *testing.T) {
	dir := made(t, Options{})
	crt, key := filepath.Join(dir, "pos.crt"), filepath.Join(dir, "pos.key")
	write := func(stamp time.Time) []byte {
		c, k, err := Issue(dir, good)
		if err != nil {
			t.Fatal(err)
		}
		for path, content := range map[string][]byte{crt: c, key: k} {
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(path, stamp, stamp); err != nil {
				t.Fatal(err)
			}
		}
		parsed, err := parseCert(c)
		if err != nil {
			t.Fatal(err)
		}
		return parsed.Raw
	}
	first := write(time.Unix(1000, 0))
	f, err := Open(crt, key)
	if err != nil {
		t.Fatal(err)
	}
	served := func() string {
		c, err := f.GetCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		return string(c.Certificate[0])
	}
	second := write(time.Unix(2000, 0))
	if served() != string(first) {
		t.Error("looked before its time")
	}
	time.Sleep(lookEvery)
	if served() != string(second) {
		t.Error("the new certificate is not served")
	}
	if err := os.WriteFile(key, []byte("half written"), 0o600); err != nil {
		t.Fatal(err)
	}
	time.Sleep(lookEvery)
	if served() != string(second) {
		t.Error("a broken pair replaced a good one")
	}
}

func TestVerifiesWithoutKeyUsageSurprises(t *testing.T) {
	dir := made(t, Options{})
	certPEM, _, err := Issue(dir, good)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := parseCert(certPEM)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(filepath.Join(dir, CertFile))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "localhost", KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}); err != nil {
		t.Error(err)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err == nil {
		t.Error("it serves as a client's certificate")
	}
}
