package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tilld/tilld/agent/bill"
	"github.com/tilld/tilld/agent/sale"
)

// program runs this test binary as tilld.
func (s *shop) program(args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.CommandContext(s.t.Context(), self)
	cmd.Args = append([]string{"tilld"}, append(args, "--config", s.config())...)
	return cmd
}

// resident is a process's largest resident set so far, in KiB.
func resident(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				t.Fatal(err)
			}
			return kib
		}
	}
	t.Fatal("the kernel does not say how large the process was")
	return 0
}

// A bill of 200,000 rows through the real daemon: it grows by no more than 32 MiB.
func TestReconcileLargeFile(t *testing.T) {
	const rows, limit = 200_000, 32 << 10
	s := newShop(t).patient()
	d := s.program("run", "--json")
	out, err := d.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { d.Process.Signal(os.Interrupt); d.Wait() }()
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	file := s.path("large.csv")
	writeLargeBill(t, file, rows, s.world.Contract("wechatpay").Merchant)
	before := resident(t, d.Process.Pid)
	begun := time.Now()
	var text, errs bytes.Buffer
	c := s.program("reconcile", "--wallet", "wechatpay", "--date", "2026-03-05", "--file", file, "--json")
	c.Stdout, c.Stderr = &text, &errs
	err = c.Run()
	took := time.Since(begun)
	var r bill.Report
	if jerr := json.Unmarshal(text.Bytes(), &r); jerr != nil || err != nil {
		t.Fatalf("%v %v\n%s", err, jerr, errs.Bytes())
	}
	grown := resident(t, d.Process.Pid) - before
	if r.Rows != rows || r.OtherTerminals.Orders != rows || r.Left() != 0 || errs.Len() > 0 {
		t.Errorf("%+v\n%s", r, errs.Bytes())
	}
	if grown > limit {
		t.Errorf("the daemon grew by %d KiB, at most %d allowed", grown, limit)
	}
	t.Logf("%d rows in %s, %.0f a second; the daemon grew by %d KiB", rows, took.Round(time.Millisecond), rows/took.Seconds(), grown)
}

func writeLargeBill(t *testing.T, path string, rows int, merchant string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	fmt.Fprintf(w, "\xef\xbb\xbf交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注\r\n")
	for i := range rows {
		order := sale.OrderID(sale.PaymentID(sale.TerminalCode(fmt.Sprint(i%97)), "TOKEN1", uint64(i)), 1, 1)
		fmt.Fprintf(w, "`2026-03-05 %02d:%02d:%02d,`wxd678efh567hg6787,`%s,`0,`,`42000%023d,`%s,`oUpF8uMuAJO_M2pxb1Q9zNjW%04d,`MICROPAY,`SUCCESS,`OTHERS,`CNY,`12.80,`0.00,`0,`0,`0.00,`0.00,`,`,`街角便利店,`,`0.07000,`0.60%%,`12.80,`0.00,`\r\n",
			i/3600%24, i/60%60, i%60, merchant, i, order, i%10000)
	}
	sum := sale.Amount{Minor: int64(rows) * 1280, Currency: "CNY", Exponent: 2}.Decimal()
	fmt.Fprintf(w, "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额\r\n`%d,`%s,`0.00,`0.00,`0.00000,`%s,`0.00\r\n", rows, sum, sum)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
