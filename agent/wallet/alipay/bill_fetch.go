package alipay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/tilld/tilld/agent/bill"
	"github.com/tilld/tilld/agent/wallet"
)

const methodBill = "alipay.data.dataservice.bill.downloadurl.query"

// billHosts are where bills lie besides the endpoint's own host. The platform names them with
// http, which is asked for over TLS all the same; that the host answers there is (unconfirmed).
var billHosts = []string{"dwbillcenter.alipay.com"}

// KnowsBill reports whether a file that begins so may be a bill of this wallet.
func (c *Client) KnowsBill(head []byte) bool { return KnowsBill(head) }

// ReadBill reads a bill as the function of that name does.
func (c *Client) ReadBill(r io.Reader, each func(bill.Row) error) (bill.Totals, error) {
	return ReadBill(r, each)
}

// Bill fetches the business detail bill of a day, in its archive. No hash is promised: the
// archive has checksums, and the bill has totals.
func (c *Client) Bill(ctx context.Context, day bill.Day) (io.ReadCloser, error) {
	address, err := c.askBill(ctx, day)
	if err != nil {
		return nil, fmt.Errorf("get the bill of %s from %s: %w", day, c.cfg.Ref.Name, err)
	}
	body, err := c.cfg.Download(ctx, address, billHosts, nil)
	if err != nil {
		return nil, fmt.Errorf("get the bill of %s from %s: %w", day, c.cfg.Ref.Name, err)
	}
	return body, nil
}

func (c *Client) askBill(ctx context.Context, day bill.Day) (address string, err error) {
	request, err := c.request(methodBill, []byte(`{"bill_type":"trade","bill_date":"`+day.String()+`"}`))
	if err != nil {
		return "", err
	}
	r, err := c.exchange(ctx, methodBill, request)
	if err != nil {
		return "", err
	}
	if r.cause != "" {
		return "", errors.New(r.cause)
	}
	var in struct {
		Code    string `json:"code"`
		Msg     string `json:"msg"`
		SubCode string `json:"sub_code"`
		SubMsg  string `json:"sub_msg"`
		URL     string `json:"bill_download_url"`
	}
	if err := json.Unmarshal(r.inner, &in); err != nil {
		return "", fmt.Errorf("status %d: the answer's fields are not what they should be", r.status)
	}
	switch {
	case in.Code == codeDone && in.URL != "":
		return in.URL, nil
	case strings.HasSuffix(strings.ToUpper(in.SubCode), "BILL_NOT_EXIST"):
		return "", &bill.Error{Text: "the wallet has no bill of this day",
			Hint: "a day's bill is there at 10:00 (Shanghai) on the next day, for thirty months; of a day without any payment there is none"}
	case strings.HasSuffix(strings.ToUpper(in.SubCode), "INVAILID_ARGUMENTS"), strings.Contains(strings.ToUpper(in.SubCode), "INVALID-"):
		// The first is the platform's own spelling.
		return "", &bill.Error{Text: "the wallet does not give this bill: " + wallet.CleanText(in.SubMsg),
			Hint: "bills are of days that are over; --file reads one that was got by hand"}
	}
	return "", fmt.Errorf("code %s %s %s", wallet.CleanCode(in.Code), wallet.CleanCode(in.SubCode), wallet.CleanText(in.Msg))
}
