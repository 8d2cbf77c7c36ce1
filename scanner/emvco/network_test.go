package emvco

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// seal appends the checksum.
func seal(payload string) []byte {
	payload += "6304"
	return []byte(payload + fmt.Sprintf("%04X", crc16([]byte(payload))))
}

// TestNetworks reads what each network publishes, or what its builders make, and names it.
func TestNetworks(t *testing.T) {
	for _, c := range []struct {
		name, payload string
		profile       Profile
		source        string
	}{
		{"PromptPay", "00020101021229370016A000000677010111011300668123456785802TH530376454044.2263045D49", National, "promptpay-qr tests"},
		{"PromptPay", "00020101021230490016A000000677010112011301122334455660208INV1234553037645802TH5406300.006304E2B5", National, "npm promptparse 1.6.0, bill payment"},
		{"PromptPay", "00020101021229370016A000000677010111021301055400870615802TH5303764540525.50630493C3", National, "npm promptpay-qr 0.5.0, tax number"},
		{"PromptPay", "00020101021129390016A00000067701011103150049990002885055802TH530376463041521", National, "npm promptpay-qr 0.5.0, e-wallet"},
		{"PayNow", "00020101021226490009SG.PAYNOW010120210201403121W0301104082030123152040000530370254035005802SG5913ACME Pte Ltd.6009Singapore62150111TQINV-100016304C7B2", Strict, "npm paynowqr 1.1.2"},
		{"Pix", "00020126580014br.gov.bcb.pix0136123e4567-e12b-12d1-a456-4266554400005204000053039865802BR5913Fulano de Tal6008BRASILIA62070503***63041D3D", Strict,
			"Banco Central do Brasil, Manual do BR Code, static example"},
		{"SGQR", "00020101021126810011SG.COM.NETS01231198500065G9912312359000211111686614000308686614019908604108C251800007SG.SGQR01121809072DD85C020701.00010306079027040201050206060400000708201809155204581253037025802SG5912SOBA EXPRESS6009Singapore630457B3", Strict,
			"label in a newspaper's article on SGQR, 2018"},
		{"VietQR", "00020101021138570010A00000072701270006970403011200110123456780208QRIBFTTA53037045802VN6304F4E5", National, "NAPAS example 6.1.1"},
		{"VietQR", "00020101021138600010A00000072701300006970403011697040311012345670208QRIBFTTC53037045802VN63044F52", National, "NAPAS example 6.1.2"},
		{"VietQR", "00020101021238570010A00000072701270006970403011300110123456780208QRIBFTTA530370454061800005802VN62340107NPS68690819thanh toan don hang63042E2E", National, "NAPAS example 6.1.3"},
		{"VietQR", "00020101021238600010A00000072701300006970403011697040311012345670208QRIBFTTC530370454061800005802VN62340107NPS68690819thanh toan don hang6304A203", National, "NAPAS example 6.1.4"},
		{"UPI", "000201010212021643926300000000850415540461000000008061661005900000000890827YESB0CMSNOC222333004882700126430010A0000005240117razorpaybqr@icici02041.1027350010A0000005240117RZPGT8ildsFTgS5Sp52047531530335654041.105802IN5906zxcbmn6005Delhi610611008562300514GT8ildsFTgS5Sp070838R004506304B6A9", Strict, "Razorpay docs"},
		{"Mastercard", "000201010211057704736a2f41a3-c54c-fce8-32d2-0324e1c32e22*3440e5bf-81ca-4c5f-a1b2-cf989f09a03952045024530384054031005802US5913Test Merchant6008New York62080304123463046F6D", Strict, "Mastercard docs"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := ParseMPM([]byte(c.payload))
			if err != nil {
				t.Fatalf("%s: %v", c.source, err)
			}
			n, ok := m.Network()
			if !ok || n.Name != c.name || m.Profile != c.profile {
				t.Errorf("%s: %q, %s, want %q, %s", c.source, n.Name, m.Profile, c.name, c.profile)
			}
		})
	}
}

// built makes a complete payload around account fields.
func built(accounts, currency, country string) []byte {
	return seal("000201010211" + accounts + "520458125303" + currency + "5802" + country + "5909TILL TEST6008SHANGHAI")
}

func field(id, value string) string { return fmt.Sprintf("%s%02d%s", id, len(value), value) }

// TestEveryIdentifier puts each identifier of the table into a payload, in both letter cases.
func TestEveryIdentifier(t *testing.T) {
	for _, n := range Networks() {
		if n.Source == "" {
			t.Errorf("%s: no source", n.Name)
		}
		for _, g := range n.GUIDs {
			for _, guid := range []string{strings.ToUpper(g), strings.ToLower(g)} {
				guid = strings.Replace(guid, "*", "010111", 1)
				expectNetwork(t, built(field("30", field("00", guid)+field("01", "12345")), "764", "TH"), n.Name)
				// Another identifier that only begins or ends so belongs to somebody else.
				if !strings.HasSuffix(g, "*") {
					expectNetwork(t, built(field("30", field("00", guid+"x")+field("01", "12345")), "764", "TH"), "")
				}
				expectNetwork(t, built(field("30", field("00", "x"+guid)+field("01", "12345")), "764", "TH"), "")
				// An identifier in the additional data, or under another sub-field, names nobody.
				expectNetwork(t, built(field("30", field("01", guid)), "764", "TH"), "")
				expectNetwork(t, built(field("30", field("00", "x"))+field("62", field("00", guid)), "764", "TH"), "")
			}
		}
		for _, id := range n.IDs {
			expectNetwork(t, built(field(id, "1234567890"), "156", "CN"), n.Name)
		}
	}
}

func expectNetwork(t *testing.T, payload []byte, want string) {
	t.Helper()
	m, err := ParseMPM(payload)
	if err != nil {
		t.Fatal(err)
	}
	if n, ok := m.Network(); ok != (want != "") || n.Name != want {
		t.Errorf("named %q, want %q", n.Name, want)
	}
}

// TestNationalBeforeCards: a code of many networks is called by the national one.
func TestNationalBeforeCards(t *testing.T) {
	expectNetwork(t, built(field("02", "4000000000000000")+field("15", "6200000000000000")+
		field("51", field("00", "ID.CO.QRIS.WWW")), "360", "ID"), "QRIS")
	expectNetwork(t, built(field("26", field("00", "SG.COM.NETS"))+field("27", field("00", "SG.PAYNOW"))+
		field("51", field("00", "SG.SGQR")), "702", "SG"), "PayNow")
}

// TestMerchantEdges are payloads at the borders of the rules.
func TestMerchantEdges(t *testing.T) {
	const head = "000201010211021112345678901"
	const tail = "5204581253031565802CN5909TILL TEST6008SHANGHAI"
	for _, c := range []struct {
		name    string
		payload []byte
		want    Reason
	}{
		{"nothing", nil, NotMPM},
		{"the checksum's look at the end of another field",
			func() []byte {
				body := head + tail + "62120108" // a field of eight characters: 6304 and four more
				return seal(body)
			}(), MissingCRC},
		{"checksum twice", seal(head + tail + "6304ABCD"), DuplicateID},
		{"checksum in lower case", []byte(strings.ToLower(string(seal(head + tail)))), BadCRC},
		{"field of length zero", seal(head + tail + "6100"), BadLength},
		{"field cut in its head", seal(head + tail + "610"), BadLength},
		{"99 characters of four bytes", seal(head + tail + "6599" + strings.Repeat("𝍿", 99)), ""},
		{"no name, and a network that needs one", seal(head + "5204581253031565802CN6008SHANGHAI"), MissingField},
		{"no name, and a network that needs none, in a field that names nobody",
			seal("000201" + field("62", field("00", "A000000677010111")) + "53037645802TH"), MissingField},
		{"amount of 13 characters", seal(head + tail + "54131234567890.12"), ""},
		{"amount of 14 characters", seal(head + tail + "541412345678901.12"), BadAmount},
		{"amount without a digit before the point", seal(head + tail + "5403.50"), ""},
		{"amount of a point", seal(head + tail + "5401."), BadAmount},
		{"amount with two points", seal(head + tail + "54051.2.3"), BadAmount},
		{"amount of zeros", seal(head + tail + "540400.0"), BadAmount},
		{"amount in other digits", seal(head + tail + "5402１２"), BadAmount},
		{"the same field twice in a template", seal(head + tail + field("62", "0101x0101y")), DuplicateID},
		{"TrueMoney writes a text into field 81, where the standard has a template (npm promptparse 1.6.0)",
			[]byte("00020101021229390016A000000677010111031514000080123456753037645802TH540510.00812000480065006C006C006F63048DC9"), BadLength},
		{"longer than any", append([]byte("000201"), make([]byte, maxMPM)...), BadLength},
	} {
		_, err := ParseMPM(c.payload)
		var e *Error
		if c.want == "" && err != nil || c.want != "" && (!errors.As(err, &e) || e.Reason != c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestEveryReasonHasAHint(t *testing.T) {
	for _, v := range vectors(t) {
		if v.Expect.Reason != "" && v.Expect.Reason.Hint() == "" {
			t.Errorf("no hint for %s", v.Expect.Reason)
		}
	}
}
