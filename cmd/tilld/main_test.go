package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/agent/terminal/authority"
	"github.com/tilld/tilld/agent/wallet/wallettest"
	"github.com/tilld/tilld/drivers/driverstest"
)

func TestMain(m *testing.M) {
	if handled, code := queue.ProbeMain(os.Args[1:]); handled {
		os.Exit(code)
	}
	testscript.Main(m, map[string]func(){"tilld": main})
}

const testSerial = "000158000000000"

// shop is a folder with everything a till needs, wallets to talk to and a scanner.
type shop struct {
	t         *testing.T
	dir       string
	world     *wallettest.World
	pty       *driverstest.Pty
	text      string // the configuration
	contracts []wallettest.Contract
}

// newShop makes one for the test environment, with clock tables a hundred times as fast, and
// with contracts at the wallets that every world has and at those of also.
func newShop(t *testing.T, also ...string) *shop {
	t.Helper()
	// A socket's path is short, and so must its folder be.
	dir, err := os.MkdirTemp("", "tilld")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &shop{t: t, dir: dir}
	if s.world, err = wallettest.NewWorld(wallettest.Options{ClockScale: 100, Also: also}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.world.Close() })
	if s.pty, err = driverstest.OpenPty(s.path("scanner")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.pty.Close() })
	writeShop(t, dir)
	contracts, err := s.world.Write(dir)
	if err != nil {
		t.Fatal(err)
	}
	s.contracts = contracts
	s.text = shopText(dir, 100, contracts)
	s.write(s.text)
	return s
}

// writeShop makes the certificate of the nexo interface.
func writeShop(t testing.TB, dir string) {
	t.Helper()
	ca := filepath.Join(dir, "ca")
	if err := authority.Create(ca, authority.Options{Shop: "Corner shop"}); err != nil {
		t.Fatal(err)
	}
	cert, key, err := authority.Issue(ca, authority.Leaf{Model: "TILLD", Serial: testSerial, Environment: "test"})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"pos.crt": cert, "pos.key": key} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func shopText(dir string, scale int, contracts []wallettest.Contract) string {
	var b strings.Builder
	fmt.Fprintf(&b, `environment = "test"
state = "%[1]s/state"
log = "json"
[terminal]
model = "TILLD"
serial = "%[2]s"
keys = "%[1]s/keys.toml"
location = "+31.23/+121.47"
clock = "system"
clock_scale = %[3]d
ceiling = "5000.00"
code_wait = "20s"
board_serial = "test-board"
[pos]
listen = "127.0.0.1:0"
certificate = "%[1]s/pos.crt"
key = "%[1]s/pos.key"
plain = true
[display]
listen = "127.0.0.1:0"
[control]
socket = "%[1]s/tilld.sock"
[[scanner]]
name = "counter"
port = "%[1]s/scanner"
aim = true
`, dir, testSerial, scale)
	for i, c := range contracts {
		fmt.Fprintf(&b, `[[contract]]
slot = %d
name = %q
wallet = %q
schemes = %s
currencies = ["CNY"]
endpoint = %q
ca_file = %q
key_id = %q
key_file = %q
offer = %t
`, i+1, c.Name, c.Wallet, list(c.Schemes), c.Endpoint, c.CAFile, c.KeyID, c.KeyFile, c.Offers)
		if len(c.WalletKeyPEM) > 0 {
			fmt.Fprintf(&b, "wallet_keys = [%q]\n", c.WalletKeyFile)
		}
		for _, k := range sorted(c.FilePaths) {
			fmt.Fprintf(&b, "%s = %q\n", k, c.FilePaths[k])
		}
		fmt.Fprintf(&b, "[contract.%s]\n", c.Wallet)
		for _, k := range sorted(c.Settings) {
			fmt.Fprintf(&b, "%s = %q\n", k, c.Settings[k])
		}
	}
	return b.String()
}

func list(words []string) string {
	j, _ := json.Marshal(words)
	return string(j)
}

func (s *shop) path(name string) string { return filepath.Join(s.dir, name) }
func (s *shop) config() string          { return s.path("tilld.toml") }

func (s *shop) write(text string) {
	s.t.Helper()
	if err := os.WriteFile(s.config(), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// scan shows a fresh code of a wallet to the scanner.
func (s *shop) scan(wallet string) {
	s.t.Helper()
	s.scanText("]Q1" + s.world.NewCode(wallet))
}

func (s *shop) scanText(text string) {
	s.t.Helper()
	if _, err := s.pty.Write([]byte(text + "\r\n")); err != nil {
		s.t.Fatal(err)
	}
}

// tilld runs the command line in this process.
func (s *shop) tilld(args ...string) (code int, stdout, stderr string) {
	s.t.Helper()
	var out, errs bytes.Buffer
	code = run(s.t.Context(), append(args, "--config", s.config()), strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

// running is a daemon in this process.
type running struct {
	t         *testing.T
	Addresses addresses
	cancel    context.CancelFunc
	ended     chan int
	log       *lockedBuffer
}

// lockedBuffer is a buffer that one goroutine writes and another reads.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// start runs the daemon until the test ends and returns once it is ready and has its scanner.
func (s *shop) start() *running {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{t: s.t, cancel: cancel, ended: make(chan int, 1), log: &lockedBuffer{}}
	out, in := io.Pipe()
	go func() {
		r.ended <- run(ctx, []string{"run", "--json", "--config", s.config()}, strings.NewReader(""), in, r.log)
		in.Close()
	}()
	s.t.Cleanup(func() { r.stop() })
	line := make([]byte, 4096)
	n, err := out.Read(line)
	if err != nil {
		s.t.Fatalf("not ready: exit %d\n%s", <-r.ended, r.log)
	}
	go io.Copy(io.Discard, out)
	if err := json.Unmarshal(line[:n], &r.Addresses); err != nil {
		s.t.Fatalf("ready line %q: %v", line[:n], err)
	}
	// Ready waits for no device; a sale does not wait for one either.
	eventually(s.t, "the scanner is open", func() bool { return strings.Contains(r.log.String(), `"msg":"scanner open"`) })
	return r
}

// stop ends the daemon in order and returns its exit code; later calls return -1.
func (r *running) stop() int {
	r.cancel()
	select {
	case code, ok := <-r.ended:
		if ok {
			close(r.ended)
			return code
		}
		return -1
	case <-time.After(30 * time.Second):
		r.t.Error("the daemon does not stop")
		return -1
	}
}

// eventually waits until f says yes.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !f() {
		select {
		case <-limit.C:
			t.Fatalf("not within 20 s: %s", what)
		case <-tick.C:
		}
	}
}
