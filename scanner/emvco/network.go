package emvco

import "strings"

// Network is who runs the scheme a merchant-presented payload belongs to.
type Network struct {
	Name    string `json:"name"`              // what people call it: "PromptPay"
	Country string `json:"country,omitempty"` // ISO 3166, empty for an international one
	// GUIDs are the identifiers in sub-field 00 of templates 26 to 51, compared whole and in
	// any letter case; one that ends in "*" stands for everything that begins so.
	GUIDs []string `json:"guids,omitempty"`
	// IDs are the account fields 02 to 25 that EMVCo gave to card networks.
	IDs []string `json:"ids,omitempty"`
	// National: the network's own rules leave out fields that EMVCo makes mandatory.
	National bool   `json:"national,omitempty"`
	Source   string `json:"source"`
}

const emvcoTable = "EMVCo Merchant-Presented Mode, merchant account information"

// networks, the most telling first: a code of many networks is called by its national one.
// Only names hang on this table, and the waiver of National: no code of it may pay.
var networks = []Network{
	{Name: "PromptPay", Country: "TH", GUIDs: []string{"A000000677*"}, National: true,
		Source: "npm promptpay-qr 0.5.0 (transfer, …0111); bill payment …0112 and others (secondary) public integrator code"},
	{Name: "Pix", Country: "BR", GUIDs: []string{"br.gov.bcb.pix"}, Source: "Banco Central do Brasil, Manual do BR Code"},
	{Name: "QRIS", Country: "ID", GUIDs: []string{"ID.CO.QRIS.WWW"}, Source: "(secondary) public integrator code"},
	{Name: "PayNow", Country: "SG", GUIDs: []string{"SG.PAYNOW"}, Source: "npm paynowqr 1.1.2 (secondary)"},
	{Name: "SGQR", Country: "SG", GUIDs: []string{"SG.SGQR"}, Source: "published SGQR label, 2018 (secondary)"},
	{Name: "JPQR", Country: "JP", GUIDs: []string{"jp.or.paymentsjapan"}, Source: "mercari/go-emv-code"},
	{Name: "DuitNow", Country: "MY", GUIDs: []string{"A0000006150001"}, Source: "(secondary) public integrator code"},
	{Name: "VietQR", Country: "VN", GUIDs: []string{"A000000727"}, National: true,
		Source: "NAPAS, QR format of 2021, examples 6.1.1 to 6.1.4 (secondary)"},
	{Name: "UPI", Country: "IN", GUIDs: []string{"A000000524"}, Source: "Razorpay docs, Bharat QR sample"},
	{Name: "FPS", Country: "HK", GUIDs: []string{"hk.com.hkicl"}, Source: "(secondary) public integrator code"},
	{Name: "QR Ph", Country: "PH", GUIDs: []string{"ph.ppmi.p2m", "com.p2pqrpay"}, Source: "(unconfirmed) public integrator code"},
	{Name: "UnionPay", IDs: []string{"15", "16"}, GUIDs: []string{"A000000333*"}, Source: emvcoTable},
	{Name: "Visa", IDs: []string{"02", "03"}, Source: emvcoTable},
	{Name: "Mastercard", IDs: []string{"04", "05"}, Source: emvcoTable},
	{Name: "Discover", IDs: []string{"09", "10"}, Source: emvcoTable},
	{Name: "American Express", IDs: []string{"11", "12"}, Source: emvcoTable},
	{Name: "JCB", IDs: []string{"13", "14"}, Source: emvcoTable},
}

// Networks lists the networks that are known by name. The caller may keep it.
func Networks() []Network { return append([]Network(nil), networks...) }

// Network names the scheme of the payload; ok is false when no identifier in it is known.
func (m *MPM) Network() (n Network, ok bool) {
	for _, n := range networks {
		for _, f := range m.Fields {
			if f.ID >= "02" && f.ID <= "51" && n.owns(f) {
				return n, true
			}
		}
	}
	return Network{}, false
}

func (n *Network) owns(account Field) bool {
	for _, id := range n.IDs {
		if id == account.ID {
			return true
		}
	}
	for _, child := range account.Children {
		if child.ID != "00" {
			continue
		}
		guid := string(child.Value.Reveal())
		for _, g := range n.GUIDs {
			if prefix, open := strings.CutSuffix(g, "*"); open {
				if len(guid) >= len(prefix) && strings.EqualFold(guid[:len(prefix)], prefix) {
					return true
				}
			} else if strings.EqualFold(guid, g) {
				return true
			}
		}
	}
	return false
}
