package paycode

// hints say in English what to do. Screens translate reasons themselves.
var hints = map[Reason]string{
	Empty:          "scan again",
	BadCharacter:   "this is not a payment code: open the wallet's payment code and scan it",
	GoodsCode:      "this is a goods code: scan the payment code on the phone",
	MerchantCode:   "this code is shown by a merchant: open \"Pay\" in the wallet and scan that code",
	URL:            "this is a link: open the wallet's payment code and scan it",
	EMVMalformed:   "the payment code was not read in full: scan again",
	IDNumber:       "this is an ID number, not a payment code",
	IDNumberShape:  "this code looks like an ID number: refresh the payment code and scan again",
	CardNumber:     "this is a card number: cards cannot be scanned here",
	ReservedLength: "this wallet's code has a length not in use yet: update the table of codes or use another wallet",
	UnknownFormat:  "no known wallet shows such a code: use another wallet",
}

// Hint says in English what the shopper or cashier should do; empty when accepted.
func (r Result) Hint() string {
	if r.Reason == MerchantCode && r.Merchant != "" {
		return "the customer showed " + article(r.Merchant) + " " + r.Merchant + " merchant code: open \"Pay\" in the wallet and scan that code"
	}
	return hints[r.Reason]
}

func article(name string) string {
	switch name[0] {
	case 'A', 'E', 'I', 'O':
		return "an"
	}
	return "a"
}

// whys say in English what a code was taken for.
var whys = map[Reason]string{
	Empty:          "it has no characters",
	BadCharacter:   "it holds a character that no payment code has",
	GoodsCode:      "its symbology, or its length with a valid check digit, is that of goods",
	MerchantCode:   "it is what merchants show to be paid",
	URL:            "it is a link",
	EMVMalformed:   "it begins like an EMVCo consumer-presented payload and does not go on like one",
	IDNumber:       "it has a Chinese citizen number's province, birth date and check digit",
	IDNumberShape:  "a wallet's rule matches, and it has a Chinese citizen number's province, birth date and check digit",
	CardNumber:     "it has a card number's length and check digit, and no wallet's rule matches",
	ReservedLength: "its first digits and its length are kept for later use",
	UnknownFormat:  "no rule matches it",
}

// Why says in English what a refused code was taken for; empty when accepted.
func (r Result) Why() string { return whys[r.Reason] }
