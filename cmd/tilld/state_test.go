package main

import (
	"context"
	"encoding/json"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/terminal"
)

// refused runs the daemon and expects it not to start, with one error and one hint.
func (s *shop) refused(code int, words ...string) {
	s.t.Helper()
	got, out, errs := s.tilld("run")
	if got != code || out != "" {
		s.t.Fatalf("exit %d, stdout %q\n%s", got, out, errs)
	}
	if strings.Count(errs, "tilld: ") != 1 || strings.Count(errs, "\nhint: ") != 1 {
		s.t.Errorf("want one error and one hint:\n%s", errs)
	}
	for _, w := range words {
		if !strings.Contains(errs, w) {
			s.t.Errorf("%q is not said:\n%s", w, errs)
		}
	}
}

func TestTwoDaemonsOnOneDirectory(t *testing.T) {
	s := newShop(t)
	s.start()
	// With its own ports and socket, but the same state.
	s.write(strings.Replace(s.text, "tilld.sock", "other.sock", 1))
	s.refused(1, "open the journal: "+s.path("state"), "another tilld uses this state directory", "two tills never share")
	// The check says so too, and that it could not look.
	if code, out, errs := s.tilld("check"); code != 0 || !strings.Contains(out, "warning: state: "+s.path("state")+": another tilld uses") {
		t.Errorf("check: exit %d\n%s%s", code, out, errs)
	}
	// The same socket is refused as well, whatever the directory.
	s.write(strings.Replace(s.text, "/state\"", "/state2\"", 1))
	s.refused(1, "listen for the command line", "tilld.sock: address already in use", "another tilld runs with this socket")
}

func TestTakenPort(t *testing.T) {
	s := newShop(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s.write(strings.Replace(s.text, "127.0.0.1:0", l.Addr().String(), 1))
	s.refused(1, "listen for [pos]: "+l.Addr().String()+": address already in use", "choose another port in [pos] listen")
	if _, err := os.Stat(s.path("state")); err == nil {
		t.Error("the journal was touched though nobody could have talked to the daemon")
	}
	s.write(strings.Replace(s.text, "127.0.0.1:0", "192.0.2.1:0", 1))
	s.refused(1, "the configuration has", "tilld check")
}

// stopped makes a state directory: a daemon ran there and ended.
func stopped(t *testing.T) *shop {
	t.Helper()
	s := newShop(t)
	if code := s.start().stop(); code != 0 {
		t.Fatalf("exit %d", code)
	}
	return s
}

func TestStateOfTheOtherEnvironment(t *testing.T) {
	s := stopped(t)
	keys, err := terminal.OpenFileStore(s.path("keys.toml"), s.path("live"), nil)
	if err != nil {
		t.Fatal(err)
	}
	q, _, err := queue.Open(t.Context(), queue.Options{Dir: s.path("live"), Keys: keys, Board: "test-board", Environment: "live"})
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.write(strings.Replace(s.text, "/state\"", "/live\"", 1))
	s.refused(1, "the state directory belongs to the other environment", "test and live never mix")
	if code, out, _ := s.tilld("check"); code != 1 || !strings.Contains(out, "tilld.toml:2: mistake: state: ") || !strings.Contains(out, "other environment") {
		t.Errorf("check: exit %d\n%s", code, out)
	}
}

func TestStateOfANewerVersion(t *testing.T) {
	s := stopped(t)
	meta := s.path("state/queue/meta.json")
	text, err := os.ReadFile(meta)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	m["format"] = 99
	if text, err = json.Marshal(m); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(meta, text, 0o600); err != nil {
		t.Fatal(err)
	}
	// What a newer version wrote this one cannot unseal: without the witness the head alone
	// tells.
	if err := os.Remove(s.path("state/queue/witness")); err != nil {
		t.Fatal(err)
	}
	s.refused(1, "was written by a newer version", "start the newer version again")
}

func TestAnotherRecordKey(t *testing.T) {
	s := stopped(t)
	if err := os.Remove(s.path("keys.toml")); err != nil {
		t.Fatal(err)
	}
	s.refused(1, "the record key does not open this journal", "put back the keys file", s.path("keys.toml"))
	if code, out, _ := s.tilld("check"); code != 1 || !strings.Contains(out, "the record key does not open this journal") {
		t.Errorf("check: exit %d\n%s", code, out)
	}
}

func TestAnotherBoardOnlyFinishes(t *testing.T) {
	s := stopped(t)
	s.write(strings.Replace(s.text, "test-board", "another-board", 1))
	s.start()
	st := s.askStatus()
	found := false
	for _, c := range st.Health {
		found = found || c.Code == "foreign-board" && c.Severity == "closed" && c.Hint != ""
	}
	if !found {
		t.Errorf("health: %+v", st.Health)
	}
	code, out, _ := s.tilld("sale", "--amount", "1.00", "--currency", "CNY", "--wait", "--json")
	if code != 1 || !strings.Contains(out, `"ending"`) || strings.Contains(out, `"paid"`) {
		t.Errorf("sale: exit %d\n%s", code, out)
	}
}

func TestStateDirectoryNotWritable(t *testing.T) {
	s := newShop(t)
	s.write(strings.Replace(s.text, s.path("state"), "/proc/tilld/state", 1))
	s.refused(1, "the configuration has 1 mistake", "tilld check -config")
}

func TestUnreadableDirectoryOfKeys(t *testing.T) {
	s := newShop(t)
	if err := os.WriteFile(s.path("file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.write(strings.Replace(s.text, s.path("keys.toml"), s.path("file/keys.toml"), 1))
	s.refused(1, "the configuration has 1 mistake", "tilld check -config")
}

// snapshot lists a directory's files with their sizes and times.
func snapshot(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		b.WriteString(path + string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestCheckRefusesADroppedContract(t *testing.T) {
	s := newShop(t)
	r := s.start()
	cfg := s.contractRef(r, "alipay-main")
	code := r.stop()
	if code != 0 {
		t.Fatalf("exit %d", code)
	}
	s.plantOpenOrder(cfg)
	before := snapshot(t, s.path("state"))
	check := func(text string, want ...string) {
		t.Helper()
		s.write(text)
		code, out, errs := s.tilld("check")
		if (code == 1) != (len(want) > 0) {
			t.Fatalf("exit %d\n%s%s", code, out, errs)
		}
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("%q is not said:\n%s", w, out)
			}
		}
	}
	check(s.text)
	check(strings.Replace(s.text, "\nslot = 2\n", "\nslot = 12\n", 1), "alipay-main is gone, and 1 order is open in it", "keep the contract as it was (slot 2, alipay")
	check(strings.Replace(s.text, `key_id = "`+cfg.KeyID, `key_id = "other`, 1), "slot 2 was changed, and 1 order is open in alipay-main")
	check(strings.Replace(s.text, cfg.Endpoint, "https://127.0.0.1:1", 1), "slot 2 was changed")
	if snapshot(t, s.path("state")) != before {
		t.Error("the check changed the state directory")
	}
	left, _ := filepath.Glob(filepath.Join(os.TempDir(), "tilld-check-*"))
	if len(left) != 0 {
		t.Errorf("left over: %v", left)
	}
	// The running daemon is asked likewise.
	s.write(s.text)
	s.start()
	eventually(t, "the daemon has the order", func() bool { st := s.askStatus(); return len(st.Doubt)+len(st.Manual) > 0 })
	check(strings.Replace(s.text, "\nslot = 2\n", "\nslot = 12\n", 1), "alipay-main is gone")
}

// contractRef is what the daemon pins of a contract.
func (s *shop) contractRef(_ *running, name string) sale.ContractRef {
	s.t.Helper()
	e := env{ctx: context.Background(), config: s.config()}
	cfg, _, err := e.load()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, c := range cfg.Contracts {
		if c.Name == name {
			return refOf(c)
		}
	}
	s.t.Fatalf("no contract %s", name)
	return sale.ContractRef{}
}

// plantOpenOrder writes a payment that waits for a person into the journal.
func (s *shop) plantOpenOrder(ref sale.ContractRef) {
	s.t.Helper()
	keys, err := terminal.OpenFileStore(s.path("keys.toml"), s.path("state"), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	q, rec, err := queue.Open(s.t.Context(), queue.Options{Dir: s.path("state"), Keys: keys, Board: "test-board", Environment: "test"})
	if err != nil {
		s.t.Fatal(err)
	}
	id := sale.PaymentID(sale.TerminalCode(testSerial), rec.Token, rec.NextPayment)
	order := sale.OrderID(id, 1, ref.Slot)
	now := time.Now().Round(0)
	p := sale.Payment{Version: 1, ID: id, Seq: rec.NextPayment, Intent: sale.Keep, Begun: now,
		Asked: sale.Asked{SaleID: "S", POIID: "P", ServiceID: "1"}, Amount: sale.Amount{Minor: 1280, Currency: "CNY", Exponent: 2},
		Attempts: []sale.Attempt{{ID: order, N: 1, Contract: ref, Amount: sale.Amount{Minor: 1280, Currency: "CNY", Exponent: 2},
			Scheme: "alipay-cn", SentAt: now, State: sale.Manual, Why: sale.EvLost}}}
	value, err := json.Marshal(p)
	if err != nil {
		s.t.Fatal(err)
	}
	err = q.Commit(s.t.Context(), queue.Put{Kind: queue.Payment, Key: id, Value: value, Open: true, PaymentSeq: p.Seq, Orders: []string{order}})
	if err != nil {
		s.t.Fatal(err)
	}
	if err := q.Close(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

func TestFullStateDirectory(t *testing.T) {
	s := newShop(t)
	full := s.path("full")
	if err := os.Mkdir(full, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs", full).CombinedOutput(); err != nil {
		t.Skipf("only root can make a small file system: %v %s", err, out)
	}
	t.Cleanup(func() { exec.Command("umount", full).Run() })
	s.write(strings.Replace(s.text, s.path("state"), full, 1))
	s.refused(1, "open the journal: "+full+": not enough space in the state directory", "free space on its partition")
}

// A file system that turned read-only, as the kernel makes it after an error of the card.
func TestReadOnlyStateDirectory(t *testing.T) {
	s := stopped(t)
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "ro,mode=700", "tmpfs", s.path("state")).CombinedOutput(); err != nil {
		t.Skipf("only root can mount: %v %s", err, out)
	}
	t.Cleanup(func() { exec.Command("umount", s.path("state")).Run() })
	s.refused(1, "the configuration has 1 mistake", "read-only file system")
}
