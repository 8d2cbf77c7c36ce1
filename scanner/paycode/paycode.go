// Package paycode says what a scanned code is: which wallets it may pay at, or why it
// cannot pay.
//
// Which digits belong to which wallet is data: rows of rules.go, and rows that a shop adds or
// changes ([NewWith]). Rows that match the same code must state which comes first. A prefix
// cannot route, because wallets share prefixes; a [Result] therefore holds a set of
// candidates, which contracts and configuration put in order.
//
// Checks run in a fixed order: empty; a merchant's own EMV code; a bad character; a goods
// code by its AIM identifier; a merchant's link and any other link; EMV consumer-presented;
// a citizen's ID number; the wallet rules; a length Alipay+ keeps for later; a goods code
// by its check digit; a card number; unknown. A code is a bearer secret: nothing here keeps,
// prints or returns it. What merchants show is named where its identifiers are known, so that
// a customer who shows it by mistake can be told.
package paycode

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/tilld/tilld/internal/secret"
	"github.com/tilld/tilld/scanner/emvco"
)

// Decision is what to do with a code.
type Decision string

const (
	Accept Decision = "accept" // it may pay at one of the candidates
	// Rescan: the code may be a wallet's or a document's number. Ask for a refreshed code; a
	// document does not change, so the caller refuses the same digits when they come again.
	Rescan Decision = "rescan"
	Reject Decision = "reject" // it cannot pay
)

// Reason says why a code was not accepted. The words are stable.
type Reason string

const (
	Empty          Reason = "empty"           // no characters
	BadCharacter   Reason = "bad-character"   // outside 0x20-0x7E, and no merchant-presented payload
	GoodsCode      Reason = "goods-code"      // a symbology that carries goods, or a valid GTIN
	MerchantCode   Reason = "merchant-code"   // a code that a merchant shows
	URL            Reason = "url"             // any other link
	EMVMalformed   Reason = "emv-malformed"   // starts like EMV CPM but does not parse
	IDNumber       Reason = "id-number"       // GB 11643 number that no wallet rule matches
	IDNumberShape  Reason = "id-number-shape" // GB 11643 number that a wallet rule matches as well
	CardNumber     Reason = "card-number"     // Luhn-valid number that no wallet rule matches
	ReservedLength Reason = "reserved-length" // Alipay+ prefix with a length kept for later
	UnknownFormat  Reason = "unknown-format"  // nothing matches
)

// Scheme is a wallet's code format: "wechatpay", "alipay-cn", "emv-cpm".
type Scheme string

// EMVCPM is the scheme of EMVCo consumer-presented payloads.
const EMVCPM Scheme = "emv-cpm"

const (
	maxCandidates = 8
	maxForms      = 4
)

// Result is what a code is. It holds no digit of the code except the three that route an
// Alipay+ code. The zero value rejects.
type Result struct {
	Decision Decision
	Reason   Reason // empty when accepted
	Region   string // of the payer: "CN", "HK"; empty when the format does not tell
	Network  string // card network of an EMV code by its AID: "unionpay"; else empty
	Merchant string // whose code a merchant's code is: "PromptPay", "Alipay"; empty when not known

	schemes [maxCandidates]Scheme
	forms   [maxForms]string
	nScheme uint8
	nForm   uint8
	routing [3]byte
}

// Candidates are the schemes whose rule matches, sorted by name. The slice points into r.
func (r *Result) Candidates() []Scheme { return r.schemes[:r.nScheme] }

// Forms names the variants of a scheme that match: "alipayplus-24". The slice points into r.
func (r *Result) Forms() []string { return r.forms[:r.nForm] }

// Routing is the issuer part of a 24-digit Alipay+ code, digits 4 to 6; else empty.
func (r *Result) Routing() string {
	if r.routing[0] == 0 {
		return ""
	}
	return string(r.routing[:])
}

// Accepted reports whether the code may pay.
func (r *Result) Accepted() bool { return r.Decision == Accept }

// Factor is the value of the terminal field encrypt_rand_num: the last six digits of an
// accepted code, or for EMV of the account number in tag 57 (empty without one). Take it
// before the code is wiped; the caller wipes it.
func (r *Result) Factor(code []byte) *secret.Bytes {
	if r.Decision != Accept || len(code) == 0 {
		return secret.New(nil)
	}
	if r.schemes[0] == EMVCPM {
		p, err := emvco.ParseCPM(code)
		if err != nil {
			return secret.New(nil)
		}
		defer p.Wipe()
		return p.Factor()
	}
	return secret.Copy(code[max(0, len(code)-6):])
}

// View is the form of a Result for JSON.
type View struct {
	Decision   Decision `json:"decision"`
	Reason     Reason   `json:"reason,omitempty"`
	Hint       string   `json:"hint,omitempty"`
	Candidates []Scheme `json:"candidates,omitempty"`
	Region     string   `json:"region,omitempty"`
	Network    string   `json:"network,omitempty"`
	Merchant   string   `json:"merchant,omitempty"`
	Forms      []string `json:"forms,omitempty"`
	Routing    string   `json:"routing,omitempty"`
}

// View copies r.
func (r Result) View() View {
	return View{
		Decision: r.Decision, Reason: r.Reason, Hint: r.Hint(), Region: r.Region,
		Network: r.Network, Merchant: r.Merchant,
		Candidates: append([]Scheme(nil), r.Candidates()...),
		Forms:      append([]string(nil), r.Forms()...), Routing: r.Routing(),
	}
}

// String is for people and logs: "accept [wechatpay]", "reject goods-code".
func (r Result) String() string {
	if r.Decision == Accept {
		return fmt.Sprintf("accept %v", r.Candidates())
	}
	return fmt.Sprintf("%s %s", r.Decision, r.Reason)
}

// LogValue shows what String shows.
func (r Result) LogValue() slog.Value { return slog.StringValue(r.String()) }

// Table is a set of rules. It is immutable and safe for concurrent use.
type Table struct {
	rules    []Rule                    // sorted by scheme, priority, form
	byLength [maxDigits + 1][]*pattern // in the order of rules
	reserved [maxDigits + 1][]*pattern
	cpm      bool
}

// New makes the table of a profile: "default", "jp" or "all".
func New(profile string) (*Table, error) { return NewWith(profile, nil) }

// Rules lists the enabled rules, sorted by scheme, priority and form. The caller may keep it.
func (t *Table) Rules() []Rule { return append([]Rule(nil), t.rules...) }

// Classify says what a code is. The code is without AIM identifier, prefix and line end;
// aim is the identifier ("]Q1"), or empty when the scanner sends none. now serves to tell
// a birth date from a later one. It does not allocate for anything but EMV codes.
func (t *Table) Classify(code []byte, aim string, now time.Time) Result {
	switch {
	case len(code) == 0:
		return reject(Empty)
	case hasPrefix(code, emvco.MPMPrefix):
		return Result{Decision: Reject, Reason: MerchantCode, Merchant: merchantOf(code)}
	case !printable(code):
		return reject(BadCharacter)
	case aim != "" && !PayingSymbology(aim):
		return reject(GoodsCode)
	}
	if why, whose := judgeLink(code); why != "" {
		return Result{Decision: Reject, Reason: why, Merchant: whose}
	}
	if t.cpm && hasPrefix(code, emvco.CPMPrefix) {
		return classifyCPM(code)
	}
	var r Result
	t.match(code, aim, &r)
	switch {
	case isCitizenID(code, now):
		if r.nScheme > 0 {
			return Result{Decision: Rescan, Reason: IDNumberShape}
		}
		return reject(IDNumber)
	case r.nScheme > 0:
		r.Decision = Accept
		return r
	case !digits(code):
		return reject(UnknownFormat)
	case t.isReserved(code):
		return reject(ReservedLength)
	case isGTIN(code):
		return reject(GoodsCode)
	case isCardNumber(code):
		return reject(CardNumber)
	}
	return reject(UnknownFormat)
}

func reject(why Reason) Result { return Result{Decision: Reject, Reason: why} }

// PayingSymbology reports whether wallets show codes under an AIM identifier: plain Code
// 128, QR model 1, model 2, with ECI. All others are goods, documents or settings.
func PayingSymbology(aim string) bool {
	return aim == "]C0" || aim == "]Q0" || aim == "]Q1" || aim == "]Q2"
}

// match collects the schemes whose rules fit; form, region and routing are those of the first
// rule of each scheme, which the order of the rules makes the one of the best priority.
func (t *Table) match(code []byte, aim string, r *Result) {
	if len(code) > maxDigits {
		return
	}
	for _, p := range t.byLength[len(code)] {
		rule := p.rule
		if r.nScheme > 0 && r.schemes[r.nScheme-1] == rule.Scheme || !p.fits(code) || !rule.takes(aim) {
			continue
		}
		if int(r.nScheme) == len(r.schemes) {
			return // NewWith refuses such tables
		}
		r.schemes[r.nScheme] = rule.Scheme
		r.nScheme++
		if rule.Tells {
			r.Region = rule.Region
		}
		if rule.Form != "" && int(r.nForm) < len(r.forms) {
			r.forms[r.nForm] = rule.Form
			r.nForm++
		}
		if rule.Routed && len(code) >= 6 {
			copy(r.routing[:], code[3:6])
		}
	}
}

// isReserved reports a code that some wallet keeps for later.
func (t *Table) isReserved(code []byte) bool {
	if len(code) > maxDigits {
		return false
	}
	for _, p := range t.reserved[len(code)] {
		if p.fits(code) {
			return true
		}
	}
	return false
}

// Matches lists the rules that an accepted code matches, the best priority first: why each
// candidate is one. For any other code it is empty.
func (t *Table) Matches(code []byte, aim string, now time.Time) []Rule {
	r := t.Classify(code, aim, now)
	if !r.Accepted() {
		return nil
	}
	var out []Rule
	for _, rule := range t.rules {
		fits := rule.Scheme == EMVCPM && r.schemes[0] == EMVCPM
		for _, text := range rule.Patterns {
			p, err := compile(text)
			fits = fits || err == nil && len(code) >= p.min && len(code) <= p.max && p.fits(code)
		}
		if fits && !rule.Reserved && rule.takes(aim) {
			out = append(out, rule)
		}
	}
	slices.SortStableFunc(out, func(a, b Rule) int { return a.Priority - b.Priority })
	return out
}

// networks maps the registered application provider, the first five bytes of an AID.
var networks = map[string]string{
	"A000000333": "unionpay",
	"A000000003": "visa",
	"A000000004": "mastercard",
	"A000000025": "amex",
	"A000000065": "jcb",
}

func classifyCPM(code []byte) Result {
	p, err := emvco.ParseCPM(code)
	if err != nil {
		return reject(EMVMalformed)
	}
	defer p.Wipe()
	r := Result{Decision: Accept, nScheme: 1}
	r.schemes[0] = EMVCPM
	for _, aid := range p.AIDs {
		if len(aid) >= 10 && networks[aid[:10]] != "" {
			r.Network = networks[aid[:10]]
			break
		}
	}
	return r
}
