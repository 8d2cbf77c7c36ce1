package rig

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet/wallettest"
	"github.com/tilld/tilld/cmd/tillsim/counter"
)

// tilld builds the daemon as it is shipped.
func tilld(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("builds and runs the daemon")
	}
	path := filepath.Join(t.TempDir(), "tilld")
	if out, err := exec.Command("go", "build", "-o", path, "github.com/tilld/tilld/cmd/tilld").CombinedOutput(); err != nil {
		t.Fatalf("build tilld: %v\n%s", err, out)
	}
	return path
}

func gone(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

// TestRig takes one rig from start to stop: a payment at the counter, every switch, and a
// daemon that dies.
func TestRig(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	said := make(chan string, 16)
	r, err := Start(ctx, Options{Tilld: tilld(t), Dir: filepath.Join(t.TempDir(), "till"), Scale: 10, Serial: "000158000000009", Boxes: true, Palm: true, Also: wallettest.Further(),
		Notify: func(line string) {
			select {
			case said <- line:
			default:
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	pid := r.PID()
	closed := false
	defer func() {
		if !closed {
			r.Close()
		}
	}()
	c, err := NewCounter(r)
	if err != nil {
		t.Fatal(err)
	}

	for _, part := range []struct {
		name string
		run  func(context.Context, *testing.T, *Rig, *Counter)
	}{{"sell", sellAtCounter}, {"abort", abortAtCounter}, {"our code and refunds", offerAtCounter}, {"palms", palmAtCounter}, {"faults", switchFaults}} {
		if !t.Run(part.name, func(t *testing.T) { part.run(ctx, t, r, c) }) {
			t.FailNow()
		}
	}
	t.Run("revive", func(t *testing.T) {
		streams := r.Watch.Streams()
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if err := r.Watch.AwaitStream(ctx, streams+1); err != nil {
			t.Fatal(err)
		}
		select {
		case line := <-said:
			if !strings.Contains(line, "killed") {
				t.Errorf("said %q, want why it was down", line)
			}
		case <-ctx.Done():
			t.Error("nothing was said about the daemon's death")
		}
		if now := r.PID(); now == 0 || now == pid {
			t.Errorf("process %d after %d was killed", now, pid)
		}
		pid = r.PID()
	})

	closed = true
	if err := r.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if !gone(pid) {
		t.Errorf("process %d is still there", pid)
	}
	if _, err := http.Get(r.DisplayURL()); err == nil {
		t.Error("the customer's screen is still served")
	}
	if _, err := os.Lstat(filepath.Join(filepath.Dir(r.Config()), "scanner")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the scanner's link is still there: %v", err)
	}
}

// outcome is what Sell returned.
type outcome struct {
	counter.Answer
	err error
}

// sell begins a sale at the counter and returns once the scanner is armed for it.
func sell(ctx context.Context, t *testing.T, r *Rig, c *Counter, amount, transaction string) <-chan outcome {
	t.Helper()
	mark := r.Watch.Mark()
	done := make(chan outcome, 1)
	go func() {
		a, err := c.Sell(ctx, amount, "CNY", transaction)
		done <- outcome{a, err}
	}()
	if _, _, err := r.Watch.Await(ctx, mark, "the scanner to be armed", func(h Happening) bool {
		return h.Event != nil && h.Event.Kind == "armed" && h.Event.Amount == amount+" CNY"
	}); err != nil {
		t.Fatal(err)
	}
	return done
}

func show(t *testing.T, c *Counter, choice string) {
	t.Helper()
	code, err := c.NewCode(choice)
	if err == nil {
		err = c.Scan(code)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func sellAtCounter(ctx context.Context, t *testing.T, r *Rig, c *Counter) {
	reading, stop := context.WithCancel(ctx)
	events := c.Events(reading)
	begun := r.Watch.Mark()
	done := sell(ctx, t, r, c, "12.80", "B-1")
	show(t, c, "goods") // refused; the till asks for another code and arms again
	armed := 0
	if _, _, err := r.Watch.Await(ctx, begun, "the scanner to be armed twice", func(h Happening) bool {
		if h.Event != nil && h.Event.Kind == "armed" {
			armed++
		}
		return armed == 2
	}); err != nil {
		t.Fatal(err)
	}
	show(t, c, "fresh-alipay")
	a := <-done
	if a.err != nil || a.Result != "Success" || a.Payment == "" {
		t.Fatalf("told %+v", a)
	}
	till, wallets := c.Ledgers()
	pairs := counter.Match(till, wallets)
	if len(pairs) != 1 || pairs[0].Verdict != counter.Agree || pairs[0].Till == nil || pairs[0].Wallet == nil || pairs[0].Wallet.Held != 1280 {
		t.Errorf("ledgers %+v and %+v", till, wallets)
	}
	stop()
	sources := map[string]bool{}
	for e := range events {
		sources[e.Source] = true
		if strings.Contains(e.Text, c.shown) {
			t.Errorf("an event shows the code: %+v", e)
		}
	}
	for _, want := range []string{"pos", "scanner", "till", "wallet"} {
		if !sources[want] {
			t.Errorf("no event of the %s: %v", want, sources)
		}
	}
}

func abortAtCounter(ctx context.Context, t *testing.T, r *Rig, c *Counter) {
	if err := c.Abort(ctx); err == nil {
		t.Error("aborted a sale that does not exist")
	}
	done := sell(ctx, t, r, c, "3.10", "B-2")
	if err := c.Abort(ctx); err != nil {
		t.Fatal(err)
	}
	if a := <-done; a.err != nil || a.Result != "Failure" || a.Condition != "Aborted" {
		t.Errorf("told %+v, want Failure/Aborted", a)
	}
}

// offerAtCounter: the customer scans our code, and it is given back in parts, the second of
// them by the bill.
func offerAtCounter(ctx context.Context, t *testing.T, r *Rig, c *Counter) {
	mark := r.Watch.Mark()
	done := sell(ctx, t, r, c, "6.00", "B-O")
	if err := c.ScanOurs(); err == nil || c.Offered() {
		t.Error("a code was scanned that nobody showed")
	}
	if err := c.Offer(ctx); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Watch.Await(ctx, mark, "our code", func(h Happening) bool { return h.Screen != nil && h.Screen.Code != "" }); err != nil {
		t.Fatal(err)
	}
	if !c.Offered() {
		t.Error("no code is offered")
	}
	if err := c.ScanOurs(); err != nil {
		t.Fatal(err)
	}
	a := <-done
	if a.err != nil || a.Result != "Success" {
		t.Fatalf("told %+v", a)
	}
	if back, err := c.Refund(ctx, a.Payment, "2.00", "CNY", "R-1"); err != nil || back.Result != "Success" {
		t.Errorf("a part: told %+v, %v", back, err)
	}
	mark = r.Watch.Mark()
	desk := make(chan outcome, 1)
	go func() {
		a, err := c.Refund(ctx, "", "1.50", "CNY", "R-2")
		desk <- outcome{a, err}
	}()
	if _, err := r.Watch.AwaitEvent(ctx, mark, "armed"); err != nil {
		t.Fatal(err)
	}
	show(t, c, "bill")
	if back := <-desk; back.err != nil || back.Result != "Success" || back.Payment != a.Payment {
		t.Errorf("at the return desk: told %+v", back)
	}
	till, wallets := c.Ledgers()
	for _, pair := range counter.Match(till, wallets) {
		if pair.Verdict != counter.Agree {
			t.Errorf("ledgers: %+v", pair)
		}
		if strings.HasPrefix(pair.Order, a.Payment) && (pair.Wallet == nil || pair.Wallet.Held != 250) {
			t.Errorf("the wallet holds %+v, want 250", pair.Wallet)
		}
	}
}

func switchFaults(ctx context.Context, t *testing.T, r *Rig, c *Counter) {
	for _, f := range c.Faults() {
		if f.On {
			t.Errorf("%s is on at the start", f.Name)
		}
	}
	if err := c.SetFault("earthquake", true); err == nil {
		t.Error("a fault that nobody knows was switched")
	}
	set := func(name string, on bool) {
		t.Helper()
		if err := c.SetFault(name, on); err != nil {
			t.Fatal(err)
		}
		if got := slices.ContainsFunc(c.Faults(), func(f counter.FaultSwitch) bool { return f.Name == name && f.On }); got != on {
			t.Fatalf("switch %s stands at %t", name, got)
		}
	}
	set(counter.FaultConfirm, true)
	done := sell(ctx, t, r, c, "4.20", "B-3")
	show(t, c, "fresh-wechatpay")
	if _, err := r.Watch.AwaitEvent(ctx, 0, "doubt"); err != nil {
		t.Fatal(err)
	}
	waiting := c.Waiting()
	if len(waiting) != 1 {
		t.Fatalf("waiting %v, want the one order", waiting)
	}
	if err := c.Confirm(waiting[0]); err != nil {
		t.Fatal(err)
	}
	if a := <-done; a.err != nil || a.Result != "Success" {
		t.Errorf("told %+v after the customer confirmed", a)
	}
	set(counter.FaultConfirm, false)

	set(counter.FaultWalletDown, true)
	if a, err := c.Sell(ctx, "5.30", "CNY", "B-4"); err != nil || a.Condition != "UnreachableHost" {
		t.Errorf("with all wallets down: told %+v, %v", a, err)
	}
	set(counter.FaultWalletDown, false)

	set(counter.FaultUnplugged, true)
	if err := c.Scan("101234567890123456"); err == nil {
		t.Error("a scanner without a plug was read")
	}
	set(counter.FaultUnplugged, false)
	set(counter.FaultSilent, true)
	set(counter.FaultSilent, false)
}

func TestFolderOfSomebodyElse(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "accounts.txt")
	if err := os.WriteFile(file, []byte("do not lose"), 0o600); err != nil {
		t.Fatal(err)
	}
	var known *Error
	if err := makeFolder(dir); !errors.As(err, &known) || known.HintText() == "" {
		t.Errorf("error %v, want one with a hint", err)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "do not lose" {
		t.Errorf("the file is gone: %v", err)
	}
	own := filepath.Join(dir, "own")
	for range 2 { // the second time it is not empty any more
		if err := makeFolder(own); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(own, "old"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := makeFolder(own); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(own, "old")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what a former rig left is still there: %v", err)
	}
}

func TestRigThatCannotBeBuilt(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("x", 120))
	if _, err := Start(t.Context(), Options{Tilld: "/nowhere/tilld", Dir: long, Serial: "000158000000009"}); err == nil || !strings.Contains(err.Error(), "socket") {
		t.Errorf("error %v, want one about the socket's path", err)
	}
	if _, err := Start(t.Context(), Options{Tilld: "/nowhere/tilld", Dir: filepath.Join(t.TempDir(), "t"), Serial: "000158000000009"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want that the program does not exist", err)
	}
}

// Every button makes a code, and only those of wallets are good for a payment.
func TestCodes(t *testing.T) {
	w, err := wallettest.NewWorld(wallettest.Options{Also: wallettest.Further()})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	w.Post(wallettest.Alipay, wallettest.Entry{Order: "7K2M9QX1ABCDEF0000000410131", ChargedMinor: 1, State: wallettest.StatePaid, PaidAt: time.Now()})
	c := &Counter{rig: &Rig{World: w}}
	choices := c.Codes()
	if len(choices) > 12 {
		t.Errorf("%d choices, the page has room for 12", len(choices))
	}
	if _, err := c.NewCode("used"); err == nil {
		t.Error("showed a used code before any was shown")
	}
	names := map[string]bool{}
	for _, choice := range choices {
		code, err := c.NewCode(choice.Name)
		if err != nil || code == "" || names[choice.Name] {
			t.Errorf("%s: %q, %v", choice.Name, code, err)
		}
		names[choice.Name] = true
		if choice.Kind == counter.CodeUsed && code != c.shown {
			t.Error("the used code is not the last one shown")
		}
	}
	for _, bad := range []string{"fresh-paper", "stale-alipay", ""} {
		if _, err := c.NewCode(bad); err == nil {
			t.Errorf("a code of %q was made", bad)
		}
	}
}

func TestMoney(t *testing.T) {
	if got := money(1280, "JPY"); got.Decimal() != "1280" || got.Currency != sale.Currency("JPY") {
		t.Errorf("%v", got)
	}
}
