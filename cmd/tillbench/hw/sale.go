package hw

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/tilld/tilld/agent/wallet/wallettest"
	"github.com/tilld/tilld/internal/board/hands"
)

// salesEach is how many sales each kind of scanner makes.
const salesEach = 3

// addressSpace is what tilld may take on a 32-bit kernel beyond what the runtime takes.
const addressSpace = 160 << 20

// saleCheck sells through every kind of scanner at once attached, and compares what the point
// of sale was told with the wallets' ledgers.
func saleCheck(ctx context.Context, b *Bench) error {
	scanners, err := b.sellingScanners(ctx, "uart", "hidpos", "cdc", "wedge")
	if err != nil {
		return err
	}
	var sections strings.Builder
	for _, s := range scanners {
		sections.WriteString(s.section)
	}
	t, err := b.NewTill(TillOptions{Name: "sale", Scanners: sections.String(), Clock: "system"})
	if err != nil {
		return err
	}
	defer t.Close()
	if err := t.Open(ctx); err != nil {
		return err
	}
	paid := map[string]bool{}
	for _, s := range scanners {
		v := hands.Verdict{Device: s.class, Rule: "a whole sale", Of: salesEach}
		if err := t.AwaitScanner(ctx, s.device); err != nil {
			v.Why = err.Error()
			b.Report(v)
			continue
		}
		var slowest time.Duration
		again := 0
		for range salesEach {
			sold, err := t.Sell(ctx, wallettest.Wallets()[v.Done%len(wallettest.Wallets())], func(code string) error {
				_, err := b.Do(ctx, hands.Order{Do: hands.Scan, Device: s.device, Symbology: "qr", Text: code})
				return err
			})
			if err != nil {
				v.Why = err.Error()
				break
			}
			paid[sold.Answer.POITransactionID] = true
			slowest = max(slowest, sold.Took)
			again += sold.Shown - 1
			v.Done++
		}
		v.OK = v.Done == v.Of
		if v.OK {
			v.Found = "code to answer at most " + ms(slowest)
			if again > 0 {
				v.Found += fmt.Sprintf(", shown again %d times", again)
			}
		}
		b.Report(v)
	}
	b.Report(ledgerVerdict(t.World.Ledger(), paid))
	b.Report(memoryVerdict(t.Process))
	return errors.Join(t.Shut(ctx), b.unplug(ctx, scanners))
}

// ledgerVerdict compares both sides: what was told as paid is charged once, and nothing else is.
func ledgerVerdict(ledger []wallettest.Entry, paid map[string]bool) hands.Verdict {
	v := hands.Verdict{Device: "disk", Rule: "sales on ext4, both sides compared", Of: len(paid)}
	const idLength = 22 // of a payment's id at the front of its order ids
	held := map[string]int{}
	for _, e := range ledger {
		id := e.Order[:min(idLength, len(e.Order))]
		if kept := e.ChargedMinor - e.RefundedMinor; kept != 0 {
			held[id]++
			if kept != e.TotalMinor || e.Charges != 1 || held[id] > 1 || !paid[id] {
				v.Why = fmt.Sprintf("order %s: charged %d times, the point of sale was told %v", e.Order, e.Charges, paid[id])
				return v
			}
		}
	}
	v.Done = len(held)
	v.Found = fmt.Sprintf("%d charged once each", v.Done)
	v.OK = v.Done == v.Of && v.Of > 0
	return v
}

// memoryVerdict measures the address space that tilld took at its peak.
func memoryVerdict(process int) hands.Verdict {
	v := hands.Verdict{Device: "memory", Rule: "peak address space beyond an empty program's"}
	mine, err := vmPeak(process)
	if err != nil {
		v.Why = err.Error()
		return v
	}
	empty, err := emptyPeak()
	if err != nil {
		v.Why = err.Error()
		return v
	}
	v.Found = fmt.Sprintf("%d MB of at most %d (tilld %d, empty %d)", (mine-empty)>>20, addressSpace>>20, mine>>20, empty>>20)
	// On 64 bits the runtime reserves address space by the gigabyte: no figure worth a limit.
	v.OK = mine-empty <= addressSpace || strconv.IntSize == 64
	if !v.OK {
		v.Why = "above the limit"
	}
	return v
}

// vmPeak is VmPeak of a process in bytes: proc_pid_status(5).
func vmPeak(process int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", process))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmPeak:"); ok {
			f := strings.Fields(rest)
			if len(f) == 2 && f[1] == "kB" {
				n, err := strconv.ParseInt(f[0], 10, 64)
				return n << 10, err
			}
		}
	}
	return 0, fmt.Errorf("process %d has no VmPeak", process)
}

// selling is a scanner that takes part in sales.
type selling struct{ device, class, section string }

// sellingScanners plugs in one scanner of each class and says how tilld is told of it: by the
// place of its plug, or by its node where it has none.
func (b *Bench) sellingScanners(ctx context.Context, classes ...string) (list []selling, err error) {
	for _, class := range classes {
		of := b.Of(class)
		if len(of) == 0 {
			continue
		}
		d := of[0]
		which := fmt.Sprintf("port = %q", d.Node)
		if d.Ports > 0 {
			port := len(list) + 1
			if _, err := b.Do(ctx, hands.Order{Do: hands.Plug, Device: d.Name, Port: port}); err != nil {
				return nil, err
			}
			which = fmt.Sprintf("device = %q", d.ID+" port="+d.Places[port-1])
		}
		driver, more := "serial", "baud = 115200\naim = true\nterminator = \"crlf\""
		if class == "hidpos" || class == "wedge" {
			driver, more = class, ""
		}
		list = append(list, selling{d.Name, class, fmt.Sprintf("[[scanner]]\nname = %q\ndriver = %q\n%s\nprotocol = %q\n%s\n",
			d.Name, driver, which, d.Protocol, more)})
	}
	return list, nil
}

// unplug pulls the plugs of all that took part.
func (b *Bench) unplug(ctx context.Context, list []selling) error {
	for _, s := range list {
		if s.class == "uart" { // it has no plug
			continue
		}
		if _, err := b.Do(ctx, hands.Order{Do: hands.Unplug, Device: s.device}); err != nil {
			return err
		}
	}
	return nil
}
