package wechatpay

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/tilld/tilld/agent/bill"
	"github.com/tilld/tilld/agent/wallet"
)

const billTarget = "/v3/bill/tradebill"

// billHosts are where bills lie besides the endpoint's own host.
var billHosts = []string{"api.mch.weixin.qq.com", "api2.mch.weixin.qq.com"}

// KnowsBill reports whether a file that begins so may be a bill of this wallet.
func (c *Client) KnowsBill(head []byte) bool { return KnowsBill(head) }

// ReadBill reads a bill as the function of that name does.
func (c *Client) ReadBill(r io.Reader, each func(bill.Row) error) (bill.Totals, error) {
	return ReadBill(r, each)
}

// Bill fetches the trade bill of a day, of all rows, unpacked. Of a service provider's contract
// it is the sub-merchant's. The reader's last Read compares the hash that the wallet signed.
// The download itself is asked for with our signature and is the one answer that has none.
func (c *Client) Bill(ctx context.Context, day bill.Day) (io.ReadCloser, error) {
	where, err := c.askBill(ctx, day)
	if err != nil {
		return nil, fmt.Errorf("get the bill of %s from %s: %w", day, c.cfg.Ref.Name, err)
	}
	address, err := url.Parse(where.URL)
	if err != nil {
		return nil, fmt.Errorf("get the bill of %s from %s: the wallet named no address", day, c.cfg.Ref.Name)
	}
	auth, err := c.authorization(http.MethodGet, address.RequestURI(), nil)
	if err != nil {
		return nil, fmt.Errorf("get the bill of %s from %s: %w", day, c.cfg.Ref.Name, err)
	}
	body, err := c.cfg.Download(ctx, where.URL, billHosts, http.Header{"Authorization": {auth}, "Accept": {"application/json"}})
	if err != nil {
		return nil, fmt.Errorf("get the bill of %s from %s: %w", day, c.cfg.Ref.Name, err)
	}
	plain, err := bill.Gunzip(body)
	if err != nil {
		body.Close()
		return nil, fmt.Errorf("get the bill of %s from %s: %w", day, c.cfg.Ref.Name, err)
	}
	return struct {
		io.Reader
		io.Closer
	}{bill.Hashed(plain, sha1.New(), where.Hash), body}, nil
}

// billPlace is where a bill lies and what its hash is.
type billPlace struct {
	Kind string `json:"hash_type"`
	Hash string `json:"hash_value"`
	URL  string `json:"download_url"`

	Code    string `json:"code"`
	Message string `json:"message"`
}

func (c *Client) askBill(ctx context.Context, day bill.Day) (billPlace, error) {
	var where billPlace
	target := billTarget + "?bill_date=" + day.String()
	if c.set.SubMerchantID != "" {
		target += "&sub_mchid=" + c.set.SubMerchantID
	}
	target += "&bill_type=ALL&tar_type=GZIP"
	if err := ctx.Err(); err != nil {
		return where, err
	}
	request, err := c.request(http.MethodGet, target, nil)
	if err != nil {
		return where, err
	}
	r := c.link.Do(ctx, http.MethodGet, request)
	if r.Cause != "" {
		return where, errors.New(r.Cause)
	}
	if err := verify(c.cfg.Ring.Keys().Wallet, r.Header, r.Body, c.cfg.Time()); err != nil {
		return where, fmt.Errorf("status %d: %w", r.Status, err)
	}
	if err := json.Unmarshal(r.Body, &where); err != nil {
		return where, fmt.Errorf("status %d: the answer is not the JSON object it should be", r.Status)
	}
	if r.Status != http.StatusOK {
		return where, refusedBill(r.Status, where)
	}
	if sum, err := hex.DecodeString(where.Hash); where.Kind != "SHA1" || err != nil || len(sum) != sha1.Size {
		return where, fmt.Errorf("the wallet promised a hash of kind %.20q, not SHA1", wallet.CleanCode(where.Kind))
	}
	return where, nil
}

// refusedBill puts the documented refusals into words.
func refusedBill(status int, in billPlace) error {
	code := wallet.CleanCode(in.Code)
	switch code {
	case "STATEMENT_CREATING":
		return &bill.Error{Text: "the wallet is still making this bill", Hint: "a day's bill is there at 10:00 (Shanghai) on the next day; try again in half an hour"}
	case "NO_STATEMENT_EXIST":
		return &bill.Error{Text: "the wallet has no bill of this day",
			Hint: "a day's bill is there at 10:00 (Shanghai) on the next day, for three months; of a day without any payment there is none"}
	case "PARAM_ERROR", "INVALID_REQUEST":
		return &bill.Error{Text: "the wallet does not give this bill: " + wallet.CleanText(in.Message),
			Hint: "bills are of days that are over, for three months; --file reads one that was got by hand"}
	}
	return fmt.Errorf("status %d %s %s", status, code, wallet.CleanText(in.Message))
}
