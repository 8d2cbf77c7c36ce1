package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet/wallettest"
)

type billCmd struct {
	Wallet   string `arg:"" enum:"wechatpay,alipay" help:"wechatpay or alipay."`
	Rows     int    `default:"10" help:"How many payments."`
	Date     string `default:"2026-03-05" help:"Day of the bill."`
	Terminal string `default:"000158000000000" help:"Serial number of the terminal whose orders they are."`
	Slot     int    `default:"1" help:"Its contract slot."`
	Spoil    string `help:"What is wrong with it: cut, column, row-changed, row-left-out, paid-twice or lacks-one." placeholder:"HOW"`
}

// billFaults are those that a file can have.
func billFaults() []string {
	return []string{string(wallettest.BillCut), string(wallettest.BillColumn), string(wallettest.BillRowChanged), string(wallettest.BillRowLeftOut),
		string(wallettest.BillPaidTwice), string(wallettest.BillLacksOne)}
}

func (billCmd) Help() string {
	return `A bill as WeChat Pay (CSV) or Alipay (ZIP, GBK) makes it: each order is of 12.80 yuan.

  tillsim bill wechatpay --rows 200000 > bill.csv
  tillsim bill alipay --terminal 000158000000017 --spoil row-changed > bill.zip`
}

func (c billCmd) Run(_ context.Context, s streams) (err error) {
	day, err := time.ParseInLocation(time.DateOnly, c.Date, time.FixedZone("Asia/Shanghai", 8*60*60))
	switch {
	case err != nil:
		return hinted{errors.New("the date is no day"), "write it as 2026-03-05"}
	case c.Rows < 1 || c.Rows > 1_000_000:
		return hinted{fmt.Errorf("%d rows", c.Rows), "take 1 to 1000000"}
	case c.Spoil != "" && !slices.Contains(billFaults(), c.Spoil):
		return hinted{fmt.Errorf("nobody knows how to spoil a bill by %q", c.Spoil), "one of " + strings.Join(billFaults(), ", ")}
	}
	world, err := wallettest.NewWorld(wallettest.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, world.Close()) }()
	entries := make([]wallettest.Entry, c.Rows)
	for i := range entries {
		at := day.Add(8*time.Hour + time.Duration(i)*12*time.Hour/time.Duration(c.Rows))
		entries[i] = wallettest.Entry{Order: sale.OrderID(sale.PaymentID(sale.TerminalCode(c.Terminal), "BILL01", uint64(i+1)), 1, c.Slot),
			Currency: "CNY", TotalMinor: 1280, Charges: 1, ChargedMinor: 1280, State: wallettest.StatePaid, At: at, PaidAt: at}
	}
	world.Post(c.Wallet, entries...)
	world.SpoilBill(c.Wallet, wallettest.BillFault(c.Spoil))
	_, err = s.out.Write(world.Bill(c.Wallet, c.Date))
	return err
}
