package agent

import (
	"errors"
	"regexp"
	"slices"

	"github.com/tilld/tilld/agent/provider"
	"github.com/tilld/tilld/internal/secret"
	"github.com/tilld/tilld/scanner"
	"github.com/tilld/tilld/scanner/paycode"
)

// oneOfMany reports whether a member code can be left out: the shop wants it, and what the
// provider measured allows it.
func (v *visit) oneOfMany() bool {
	policy, ok := v.r.Provider.Policy()
	return v.r.OneOfMany && ok && policy.Identification.Allows(policy.Identification.N)
}

// claim asks who the person says they are: a member code at the scanner or typed, or nobody
// where one of many may be told. The caller wipes it.
func (v *visit) claim(must bool, reason PalmReason) (*secret.Bytes, error) {
	for {
		x, read, err := v.askCode(Screen{Kind: ScreenClaim, Reason: string(reason), Skip: !must, Letters: v.r.letters()}, PalmNoMember, v.memberCode)
		switch {
		case err != nil:
			return nil, err
		case read != nil:
			v.tell("claimed", "a member code was read")
			return read, nil
		case x.Deed == DeedSkip:
			v.tell("claimed", "nobody: one of many")
			return nil, nil
		case v.memberCode(x.Code.Reveal(), ""):
			v.tell("claimed", "a member code was typed")
			return x.Code, nil
		case !must && phoneTail.Match(x.Code.Reveal()):
			v.tell("claimed", "the end of a phone number was typed")
			tail := provider.Tail(string(x.Code.Reveal()))
			x.Code.Wipe()
			return tail, nil
		}
		x.Code.Wipe()
		reason = PalmNoMember
	}
}

// phoneTail is what a person types of their phone number.
var phoneTail = regexp.MustCompile(`^[0-9]{4}$`)

// askCode shows a step that takes a code from the scanner or from the keypad. A scan that is
// none changes the screen's word alone: what the person is typing stays.
func (v *visit) askCode(s Screen, bad PalmReason, accept func([]byte, string) bool) (Touch, *secret.Bytes, error) {
	var read *secret.Bytes
	v.read = func(scan scanner.Scan) bool {
		if accept(scan.Text.Reveal(), scan.Identifier()) {
			read = scan.Text
			return true
		}
		v.t.mu.Lock()
		step := v.step
		v.t.mu.Unlock()
		v.repaint(step, func(s *Screen) { s.Reason = string(bad) })
		return false
	}
	defer func() { v.read = nil }()
	x, err := v.ask(s)
	if errors.Is(err, errReadOff) {
		return Touch{}, read, nil
	}
	return x, nil, err
}

// mostClaim is the longest code that a provider is sent.
const mostClaim = 512

// sendable reports whether a code can be sent to a provider as a claim at all: printable
// ASCII without a space, quote or backslash.
func sendable(code []byte) bool {
	for _, c := range code {
		if c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return len(code) > 0 && len(code) <= mostClaim
}

// memberCode reports whether a code is a member code: it matches the pattern, and it can be
// neither a payment code nor an identity, which are not the provider's business. Member
// numbers have a Luhn digit as often as cards have: there the pattern decides.
func (v *visit) memberCode(code []byte, id string) bool {
	return sendable(code) && v.r.whole.Match(code) && v.isNo(code, id, paycode.UnknownFormat, paycode.GoodsCode, paycode.URL, paycode.CardNumber)
}

// appCode reports whether a code can be one of the provider's app, whose form nobody told.
func (v *visit) appCode(code []byte, id string) bool {
	return sendable(code) && v.isNo(code, id, paycode.UnknownFormat, paycode.GoodsCode, paycode.URL)
}

// isNo reports whether a code is no payment code, for one of these reasons.
func (v *visit) isNo(code []byte, id string, reasons ...paycode.Reason) bool {
	res := v.t.o.Classify.Classify(code, id, v.t.o.Wall())
	return res.Decision == paycode.Reject && slices.Contains(reasons, res.Reason)
}
