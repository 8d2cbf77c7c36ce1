package pos

import (
	"github.com/tilld/tilld/agent/sale"
)

// receipt is a nexo PaymentReceipt. Its lines are name=value pairs, as POS programs that
// lay receipts out themselves expect.
type receipt struct {
	DocumentQualifier     string        `json:"DocumentQualifier"`
	RequiredSignatureFlag bool          `json:"RequiredSignatureFlag"`
	OutputContent         outputContent `json:"OutputContent"`
}

type outputContent struct {
	OutputFormat string       `json:"OutputFormat"`
	OutputText   []outputText `json:"OutputText"`
}

type outputText struct {
	Text           string `json:"Text"`
	CharacterStyle string `json:"CharacterStyle,omitempty"`
	EndOfLineFlag  bool   `json:"EndOfLineFlag"`
}

// receipts writes the customer's and the cashier's copy.
func receipts(test bool, asked sale.Asked, p *sale.Payment, verdict string) []receipt {
	var out []receipt
	for _, r := range []struct{ qualifier, title string }{
		{"CustomerReceipt", "CUSTOMER COPY"}, {"CashierReceipt", "CASHIER COPY"},
	} {
		out = append(out, receipt{
			DocumentQualifier: r.qualifier,
			OutputContent:     outputContent{"Text", lines(test, r.title, asked, p, verdict)},
		})
	}
	return out
}

func lines(test bool, title string, asked sale.Asked, p *sale.Payment, verdict string) []outputText {
	var out []outputText
	heading := func(key, name string) {
		out = append(out, outputText{"key=" + key + "&name=" + percent(name), "Bold", true})
	}
	line := func(key, name, value string) {
		if value != "" {
			out = append(out, outputText{"key=" + key + "&name=" + percent(name) + "&value=" + percent(value), "", true})
		}
	}
	if test {
		heading("test", "TEST - NOT A REAL PAYMENT")
	}
	heading("title", title)
	at := p.EndedAt
	if at.IsZero() {
		at = p.Begun
	}
	line("txdate", "Date", at.Format("2006-01-02"))
	line("txtime", "Time", at.Format("15:04:05 -07:00"))
	line("tid", "Terminal", asked.POIID)
	line("txRef", "Transaction", p.ID)
	line("merchantReference", "Reference", asked.TransactionID)
	if a := p.Current(); a != nil {
		line("paymentMethod", "Wallet", a.Contract.Wallet)
		line("mid", "Merchant", a.Contract.Merchant)
		line("orderId", "Order", a.ID)
		line("walletRef", "Wallet transaction", a.WalletTransaction)
	}
	line("totalAmount", "TOTAL", string(p.Amount.Currency)+" "+p.Amount.Decimal())
	heading("verdict", verdict)
	if test {
		heading("test", "TEST - NOT A REAL PAYMENT")
	}
	return out
}
