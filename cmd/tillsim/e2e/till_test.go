package e2e

import (
	"bytes"
	"context"
	"crypto/x509"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tilld/tilld/agent/pos/posclient"
	"github.com/tilld/tilld/agent/wallet/wallettest"
	"github.com/tilld/tilld/cmd/tillsim/rig"
)

// program is the daemon, built once for all tests; empty with -short.
var program string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(func() int {
		if testing.Short() {
			return m.Run()
		}
		dir, err := os.MkdirTemp("", "e2e")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		path := filepath.Join(dir, "tilld")
		if out, err := exec.Command("go", "build", "-trimpath", "-o", path, "github.com/tilld/tilld/cmd/tilld").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build tilld: %v\n%s", err, out)
			return 1
		}
		program = path
		return m.Run()
	}())
}

// Every request waits for something that must come; this bounds the wait.
const patience = 30 * time.Second

// scale divides the clock tables: of what takes minutes at a counter.
const scale = 50

// till is a rig with a cashier.
type till struct {
	*rig.Rig
	t   testing.TB
	ctx context.Context
	pos *posclient.Client
	n   atomic.Int64
}

// open starts a till. change, if not nil, edits the configuration before the daemon's
// second start.
func open(t testing.TB, o rig.Options, change func(r *rig.Rig, text string) string) *till {
	t.Helper()
	if testing.Short() {
		t.Skip("runs the whole daemon")
	}
	// A socket's path is short, and so must its folder be.
	dir, err := os.MkdirTemp("", "e2e")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	o.Tilld, o.Dir, o.Serial = program, filepath.Join(dir, "till"), "000158000000077"
	if o.Scale == 0 {
		o.Scale = scale
	}
	ctx := t.Context()
	r, err := rig.Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("close the till: %v", err)
		}
		if t.Failed() {
			log, _ := os.ReadFile(r.Log())
			t.Logf("the daemon's words end with:\n%s", log[max(0, len(log)-6000):])
		}
	})
	l := &till{Rig: r, t: t, ctx: ctx}
	if l.pos, err = r.POS("E2E"); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		r.Kill()
		text, err := os.ReadFile(r.Config())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(r.Config(), []byte(change(r, string(text))), 0o600); err != nil {
			t.Fatal(err)
		}
		l.restart()
	}
	l.scanner()
	return l
}

// restart starts a killed daemon again and waits for its scanner.
func (l *till) restart() {
	l.t.Helper()
	if err := l.Restart(l.ctx); err != nil {
		l.t.Fatal(err)
	}
}

// scanner waits until the daemon has its scanner.
func (l *till) scanner() {
	l.t.Helper()
	l.eventually("the scanner is open", func() bool {
		out, _, code := l.command("devices", "--json")
		return code == 0 && strings.Contains(out, `"open": true`)
	})
}

// eventually waits until f says yes.
func (l *till) eventually(what string, f func() bool) {
	l.t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !f() {
		select {
		case <-limit.C:
			l.t.Fatalf("not within %s: %s", patience, what)
		case <-tick.C:
		}
	}
}

// command runs another tilld that talks to this one.
func (l *till) command(args ...string) (stdout, stderr string, code int) {
	l.t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(l.ctx, program, append(args, "--config", l.Config())...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		l.t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// roots trusts the shop's authority.
func (l *till) roots() *x509.CertPool {
	l.t.Helper()
	text, err := os.ReadFile(l.Authority())
	if err != nil {
		l.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		l.t.Fatal("no certificate in " + l.Authority())
	}
	return pool
}

// id draws a ServiceID.
func (l *till) id() string { return fmt.Sprintf("E%d", l.n.Add(1)) }

// told is the answer to one request.
type told struct {
	service string
	answer  posclient.Answer
	err     error
}

// short is "Success", "Failure/Refusal" or "no answer".
func (a told) short() string {
	if a.err != nil || a.answer.Result == "" {
		return "no answer"
	}
	return strings.TrimSuffix(a.answer.Result+"/"+a.answer.ErrorCondition, "/")
}

// ask sends a Payment; its answer comes on the channel.
func (l *till) ask(r posclient.PayRequest) <-chan told {
	if r.ServiceID == "" {
		r.ServiceID = l.id()
	}
	if r.TransactionID == "" {
		r.TransactionID = "basket-" + r.ServiceID
	}
	if r.Currency == "" {
		r.Currency = "CNY"
	}
	done := make(chan told, 1)
	go func() {
		a, err := l.pos.Pay(l.ctx, r)
		done <- told{r.ServiceID, a, err}
	}()
	return done
}

// sell sends a Payment and returns once the scanner is armed for it.
func (l *till) sell(amount string) <-chan told {
	l.t.Helper()
	mark := l.Watch.Mark()
	done := l.ask(posclient.PayRequest{Amount: amount})
	l.armed(mark)
	return done
}

// armed waits until the scanner is armed, after the mark.
func (l *till) armed(mark int) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.ctx, patience)
	defer cancel()
	if _, err := l.Watch.AwaitEvent(ctx, mark, "armed"); err != nil {
		l.t.Fatal(err)
	}
}

// show presents a code as a QR code.
func (l *till) show(code string) {
	l.t.Helper()
	if err := l.Scan("]Q1" + code); err != nil {
		l.t.Fatal(err)
	}
}

// inject plants a fault for the next n requests it strikes.
func (l *till) inject(wallet string, f wallettest.Fault, n int) {
	l.t.Helper()
	if err := l.World.Inject(wallet, f, n); err != nil {
		l.t.Fatal(err)
	}
}

// take waits for what must come.
func take[T any](t testing.TB, what string, from <-chan T) T {
	t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case v := <-from:
		return v
	case <-limit.C:
		t.Fatalf("not within %s: %s", patience, what)
		panic("not reached")
	}
}

// want waits for an answer and compares it.
func (l *till) want(done <-chan told, want string) told {
	l.t.Helper()
	a := take(l.t, "the answer "+want, done)
	if a.short() != want {
		l.t.Fatalf("%s: told %s (%v, %s), want %s", a.service, a.short(), a.err, a.answer.AdditionalResponse, want)
	}
	return a
}

// good sells once, to show that nothing was lost.
func (l *till) good(amount string) told {
	l.t.Helper()
	done := l.sell(amount)
	l.show(l.World.NewCode(wallettest.WeChatPay))
	return l.want(done, "Success")
}

// walletEvents collects what the wallets see from now on.
func (l *till) walletEvents() func(phase string) wallettest.Event {
	seen := make(chan wallettest.Event, 1024)
	off := l.World.OnEvent(func(e wallettest.Event) {
		select {
		case seen <- e:
		default: // nobody waits any more
		}
	})
	l.t.Cleanup(off)
	return func(phase string) wallettest.Event {
		l.t.Helper()
		for {
			if e := take(l.t, "a wallet's "+phase, seen); string(e.Op)+" "+e.Phase == phase {
				return e
			}
		}
	}
}
