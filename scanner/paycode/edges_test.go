package paycode

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestLengthsAtTheBorders: for each row, every length from one below to one above what it
// takes, under its first and its last prefix and those beside them.
func TestLengthsAtTheBorders(t *testing.T) {
	all := func(prefix string, n int) string { return prefix + strings.Repeat("1", n-len(prefix)) }
	type span struct{ lo, hi int }
	for _, c := range []struct {
		scheme  Scheme
		profile string
		in, out []string // prefixes
		lengths []span
	}{
		{"wechatpay", "default", []string{"10", "11", "12", "13", "14", "15"}, []string{"09", "16", "19", "01", "20"}, []span{{18, 18}}},
		{"alipay-cn", "default", []string{"25", "26", "27", "28", "29", "30"}, []string{"24", "31", "20"}, []span{{16, 24}}},
		{"alipay-hk", "default", []string{"25", "26", "27", "28", "29", "30"}, []string{"24", "31", "20"}, []span{{17, 19}}},
		{"alipayplus", "default", []string{"28"}, []string{"31", "24"}, []span{{17, 19}, {24, 24}}},
		{"alipayplus", "default", []string{"25", "26", "27", "30"}, []string{"31", "24"}, []span{{24, 24}}},
		{"unionpay", "default", []string{"62"}, []string{"61", "63", "26"}, []span{{19, 19}}},
		{"ecny", "default", []string{"01"}, []string{"00", "02", "10"}, []span{{19, 19}}},
		{"paypay", "jp", []string{"9000818188"}, []string{"9000818187", "9000818189"}, []span{{24, 24}}},
		{"linepay", "jp", []string{"9000000000"}, []string{"9000000001"}, []span{{19, 19}}},
		{"rakutenpay", "jp", []string{"900001"}, []string{"900002"}, []span{{16, 16}}},
		{"dbarai", "jp", []string{"90000002"}, []string{"90000003", "90000001"}, []span{{22, 22}}},
		{"merpay", "jp", []string{"31589900"}, []string{"31589901"}, []span{{19, 19}}},
		{"yuchopay", "jp", []string{"31589931", "31589939", "31589940"}, []string{"31589930", "31589941"}, []span{{19, 19}}},
		{"aupay", "jp", []string{"31589921"}, []string{"31589920", "31589922"}, []span{{19, 19}}},
		{"pring", "jp", []string{"31589995"}, []string{"31589994", "31589996"}, []span{{19, 19}}},
		{"qqwallet", "all", []string{"91"}, []string{"90", "92"}, []span{{18, 18}}},
		{"bestpay", "all", []string{"51"}, []string{"50", "52"}, []span{{18, 18}}},
		{"jdpay", "all", []string{"18", "62"}, []string{"17", "19", "61"}, []span{{18, 18}}},
	} {
		tab := table(t, c.profile)
		for n := 12; n <= 40; n++ {
			inside := slices.ContainsFunc(c.lengths, func(s span) bool { return n >= s.lo && n <= s.hi })
			for _, prefix := range c.in {
				r := tab.Classify([]byte(all(prefix, n)), "]C0", today)
				if slices.Contains(r.Candidates(), c.scheme) != inside {
					t.Errorf("%s: %d digits beginning %s: %v", c.scheme, n, prefix, r)
				}
			}
			for _, prefix := range c.out {
				if r := tab.Classify([]byte(all(prefix, n)), "]C0", today); slices.Contains(r.Candidates(), c.scheme) {
					t.Errorf("%s: %d digits beginning %s: %v", c.scheme, n, prefix, r)
				}
			}
		}
	}
}

// TestReservedLengths: Alipay+ lengths 20-23 and 25-32. Alipay CN takes up to 24 of them.
func TestReservedLengths(t *testing.T) {
	tab := table(t, "all")
	for prefix := 24; prefix <= 31; prefix++ {
		for n := 14; n <= 36; n++ {
			code := fmt.Sprint(prefix) + strings.Repeat("1", n-2)
			r := tab.Classify([]byte(code), "", today)
			ours := prefix >= 25 && prefix <= 30
			switch {
			case ours && n >= 25 && n <= 32:
				if r.Reason != ReservedLength {
					t.Errorf("%d digits beginning %d: %v", n, prefix, r)
				}
			case ours && n >= 20 && n <= 23:
				if !slices.Equal(r.Candidates(), []Scheme{"alipay-cn"}) || len(r.Forms()) != 0 {
					t.Errorf("%d digits beginning %d: %v %v", n, prefix, r, r.Forms())
				}
			case r.Reason == ReservedLength:
				t.Errorf("%d digits beginning %d: %v", n, prefix, r)
			}
		}
	}
}

func TestRouting(t *testing.T) {
	tab := table(t, "default")
	for code, want := range map[string]string{
		"281010897274821897274821": "010", "250000000000000000000000": "000", "309999999999999999999999": "999",
		"2893612204263667830": "", "28763443825664394": "",
	} {
		if r := tab.Classify([]byte(code), "]Q1", today); r.Routing() != want {
			t.Errorf("%.6s…: routing %q, want %q", code, r.Routing(), want)
		}
	}
}

// TestAlipayPlus19 tells the two 19-digit forms by the third and the fourteenth digit.
func TestAlipayPlus19(t *testing.T) {
	tab := table(t, "default")
	for third := byte('0'); third <= '9'; third++ {
		for fourteenth := byte('0'); fourteenth <= '9'; fourteenth++ {
			code := []byte("2800000000000000000")
			code[2], code[13] = third, fourteenth
			want := "alipayplus-19-legacy"
			if third == '9' && fourteenth == '6' {
				want = "alipayplus-19"
			}
			if r := tab.Classify(code, "", today); !slices.Equal(r.Forms(), []string{want}) {
				t.Errorf("%c %c: %v", third, fourteenth, r.Forms())
			}
		}
	}
}

// TestEveryAIMIdentifier: of all that the framing can give, four may carry a payment.
func TestEveryAIMIdentifier(t *testing.T) {
	tab := table(t, "default")
	paying := 0
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	for _, c := range letters {
		for _, m := range "0123456789" + letters {
			aim := fmt.Sprintf("]%c%c", c, m)
			r := tab.Classify([]byte("130061098828009406"), aim, today)
			switch {
			case r.Accepted():
				paying++
			case r.Reason != GoodsCode:
				t.Errorf("%s: %v", aim, r)
			}
		}
	}
	if paying != 4 {
		t.Errorf("%d identifiers carry a payment, want ]C0 ]Q0 ]Q1 ]Q2", paying)
	}
	for _, odd := range []string{"Q1", "]q1", "]c0", "]Q", "]Q11", " ]Q1", "]", "C0", "]C0 "} {
		if r := tab.Classify([]byte("130061098828009406"), odd, today); r.Accepted() {
			t.Errorf("%q carries a payment", odd)
		}
	}
}

func TestIDNumbers(t *testing.T) {
	tab := table(t, "default")
	judged := func(id string, now time.Time) bool {
		r := tab.Classify([]byte(id), "", now)
		return r.Reason == IDNumber || r.Reason == IDNumberShape
	}
	for _, c := range []struct {
		name, body string
		want       bool
	}{
		{"the first day", "31010119000101000", true},
		{"the day before", "31010118991231000", false},
		{"no leap day in 1900", "31010119000229000", false},
		{"leap day of 2000", "31010120000229000", true},
		{"leap day of 2024", "31010120240229000", true},
		{"no leap day in 2023", "31010120230229000", false},
		{"no leap day in 2100", "31010121000229000", false},
		{"today", "31010120260601000", true},
		{"tomorrow", "31010120260602000", false},
		{"far from born", "31010190000101000", false},
		{"31 April", "31010119900431000", false},
		{"31 December", "31010119901231000", true},
		{"day 0", "31010119900500000", false},
		{"day 32", "31010119900132000", false},
		{"month 0", "31010119900015000", false},
		{"month 13", "31010119901315000", false},
		{"year 0000", "31010100000101000", false},
		{"Taiwan", "71010119900101000", true},
		{"Taiwan's residents", "83010119900101000", true},
		{"Hong Kong", "81010119900101000", true},
		{"abroad is no province", "91010119900101000", false},
		{"no province 66", "66010119900101000", false},
		{"no province 00", "00010119900101000", false},
	} {
		if got := judged(idNumber(c.body), today); got != c.want {
			t.Errorf("%s: ID number %v, want %v", c.name, got, c.want)
		}
		wrong := []byte(idNumber(c.body))
		wrong[17] = "1098X765432"[slices.Index([]byte("0123456789X"), wrong[17])]
		if string(wrong) != idNumber(c.body) && judged(string(wrong), today) {
			t.Errorf("%s: a wrong check character passes", c.name)
		}
	}
	// All 34 provinces and special regions, and residents of Taiwan (83), of one hundred.
	n := 0
	for p := range 100 {
		if judged(idNumber(fmt.Sprintf("%02d010119900101000", p)), today) {
			n++
		}
	}
	if n != 35 {
		t.Errorf("%d provinces", n)
	}
	// A board that lost the time still knows a document.
	if !judged(idNumber("31010120200101000"), time.Unix(0, 0)) {
		t.Error("with the clock at 1970 an ID number passes")
	}
	// Every check character occurs, and the letter counts in both cases.
	for seen := map[byte]bool{}; len(seen) < 11; {
		id := idNumber(fmt.Sprintf("31010119900101%03d", len(seen)*37%1000))
		if seen[id[17]] {
			for k := range 1000 {
				if id = idNumber(fmt.Sprintf("31010119900101%03d", k)); !seen[id[17]] {
					break
				}
			}
		}
		seen[id[17]] = true
		if !judged(id, today) || !judged(strings.ToLower(id), today) {
			t.Errorf("check character %c is not known", id[17])
		}
	}
	for _, odd := range []string{"1101051949123100X2", "X10105194912310021", "11010519491231002Y", "11010519491231002 ", "11010519491231002X1", "1101051949123100２X"} {
		if judged(odd, today) {
			t.Errorf("%q counts as an ID number", odd)
		}
	}
}

func TestMerchantLinks(t *testing.T) {
	tab := table(t, "default")
	for _, c := range []struct {
		code  string
		want  Reason
		whose string
	}{
		{"wxp://f2f0x", MerchantCode, "WeChat Pay"},
		{"WXP://F2F0X", MerchantCode, "WeChat Pay"},
		{"weixin://wxpay/bizpayurl?pr=x", MerchantCode, "WeChat Pay"},
		{"WeiXin://WxPay/bizpayurl/up?pr=x", MerchantCode, "WeChat Pay"},
		{"weixin://wxpay", MerchantCode, "WeChat Pay"},
		{"weixin://dl/business", URL, ""},
		{"weixin://wxpay.example/x", URL, ""},
		{"https://wxpay/x", URL, ""},
		{"https://qr.alipay.com/fkx", MerchantCode, "Alipay"},
		{"HTTPS://QR.ALIPAY.COM/FKX", MerchantCode, "Alipay"},
		{"http://qr.alipay.com", MerchantCode, "Alipay"},
		{"https://qr.alipay.com?x=1", MerchantCode, "Alipay"},
		{"https://qr.alipay.com#x", MerchantCode, "Alipay"},
		{"https://qr.alipay.com:8443/x", MerchantCode, "Alipay"},
		{"https://user:pass@qr.alipay.com/x", MerchantCode, "Alipay"},
		{"alipays://qr.alipay.com/x", MerchantCode, "Alipay"},
		{"qr.alipay.com/fkx", MerchantCode, "Alipay"},
		{"https://qr.95516.com/00010000/x", MerchantCode, "UnionPay"},
		{"HTTP://QR.95516.COM/", MerchantCode, "UnionPay"},
		{"https://qr.alipay.com.evil.example/fkx", URL, ""},
		{"https://evil-qr.alipay.com/fkx", URL, ""},
		{"https://x.qr.alipay.com/fkx", URL, ""},
		{"https://alipay.com/fkx", URL, ""},
		{"https://evil.example/qr.alipay.com", URL, ""},
		{"https://evil.example/?u=https://qr.alipay.com/", URL, ""},
		{"https://evil.example#qr.alipay.com", URL, ""},
		{"https://qr.alipay.com@evil.example/fkx", URL, ""},
		{"https://qr.alipay.com:x@evil.example/", URL, ""},
		{"https://evil.example\\@qr.alipay.com/", URL, ""},
		{"https://qr-alipay.com/", URL, ""},
		{"https://qr.alipay.co/", URL, ""},
		{"https://qr.9551б.com/", BadCharacter, ""},
		{"ftp://qr.95516.com.cn/", URL, ""},
		{"alipays://platformapi/startapp", URL, ""},
		{"a+b-c.d://x", URL, ""},
		{"https://", URL, ""},
		{"://qr.alipay.com", UnknownFormat, ""},
		{"https:/qr.alipay.com", UnknownFormat, ""},
		{"javascript:alert(1)", UnknownFormat, ""},
	} {
		r := tab.Classify([]byte(c.code), "]Q1", today)
		if r.Reason != c.want || r.Merchant != c.whose {
			t.Errorf("%s: %s of %q, want %s of %q", c.code, r.Reason, r.Merchant, c.want, c.whose)
		}
		if c.whose != "" && !strings.Contains(r.Hint(), " "+c.whose+" merchant code: open") {
			t.Errorf("%s: hint %q", c.code, r.Hint())
		}
	}
}

// TestForeignMerchantCodes: the cashier is told whose code the customer showed.
func TestForeignMerchantCodes(t *testing.T) {
	tab := table(t, "default")
	for _, c := range []struct{ code, whose string }{
		{"00020101021229370016A000000677010111011300668123456785802TH530376454044.2263045D49", "PromptPay"},
		{"00020126580014br.gov.bcb.pix0136123e4567-e12b-12d1-a456-4266554400005204000053039865802BR5913Fulano de Tal6008BRASILIA62070503***63041D3D", "Pix"},
		{"00020101021226490009SG.PAYNOW010120210201403121W0301104082030123152040000530370254035005802SG5913ACME Pte Ltd.6009Singapore62150111TQINV-100016304C7B2", "PayNow"},
		{"00020101021138570010A00000072701270006970403011200110123456780208QRIBFTTA53037045802VN6304F4E5", "VietQR"},
		{"0002016003xxx01021129300012D156000000000510A93FO3230Q31280012D1560000000103081234567826680019jp.or.paymentsjapan01130000000000001020400010306000001040600000153033925903xxx64180002JA0108メルペイ カフェ520441115802JP610710661436304DEE9", "JPQR"},
		// Damaged, or of nobody who is known: still a merchant's code, without a name.
		{"00020101021229370016A000000677010111011300668123456785802TH530376454044.2263045D48", ""},
		{"000201", ""},
		{"00020100000000000000", ""},
		{"000201" + strings.Repeat("9", 10_000), ""},
	} {
		r := tab.Classify([]byte(c.code), "]Q1", today)
		if r.Reason != MerchantCode || r.Merchant != c.whose {
			t.Errorf("%.20s…: %v of %q, want %q", c.code, r, r.Merchant, c.whose)
		}
		if strings.Contains(r.Hint(), "  ") || c.whose != "" && !strings.Contains(r.Hint(), c.whose) {
			t.Errorf("%q", r.Hint())
		}
	}
}

func TestGoodsAndCardsWithoutAIM(t *testing.T) {
	tab := table(t, "all")
	for code, want := range map[string]Reason{
		"96385074": GoodsCode, "96385075": UnknownFormat, // GTIN-8
		"036000291452": GoodsCode, "036000291453": UnknownFormat, // UPC-A
		"6901234567892": GoodsCode, "6901234567893": UnknownFormat, // EAN-13
		"15400141288763": GoodsCode, "15400141288764": UnknownFormat, // ITF-14
		"4111111111111111": CardNumber, "4111111111111112": UnknownFormat,
		"378282246310005":     CardNumber, // American Express, 15 digits
		"30569309025904":      CardNumber, // Diners, 14 digits
		"6011111111111117":    CardNumber,
		"6212345678900000003": "", // 19 digits beginning 62: the wallet rule wins
		"6304000000000000":    CardNumber,
		"1":                   UnknownFormat, "0": UnknownFormat, "00000000000": UnknownFormat,
	} {
		if r := tab.Classify([]byte(code), "", today); r.Reason != want {
			t.Errorf("%s: %v, want %q", code, r, want)
		}
	}
}

// TestOddTexts: what no wallet shows, whatever the length; and it takes no time.
func TestOddTexts(t *testing.T) {
	tab := table(t, "all")
	const code = "130061098828009406"
	for _, c := range []struct {
		name, text string
		want       Reason
	}{
		{"nothing", "", Empty},
		{"a space", " ", UnknownFormat},
		{"space before", " " + code, UnknownFormat},
		{"space behind", code + " ", UnknownFormat},
		{"space inside", code[:9] + " " + code[9:], UnknownFormat},
		{"line end", code + "\r\n", BadCharacter},
		{"tab", code + "\t", BadCharacter},
		{"delete", code + "\x7f", BadCharacter},
		{"escape", "\x1b" + code, BadCharacter},
		{"group separator", code + "\x1d", BadCharacter},
		{"byte-order mark", "\ufeff" + code, BadCharacter},
		{"full width", "１３００６１０９８８２８００９４０６", BadCharacter},
		{"Arabic digits", "١٣٠٠٦١٠٩٨٨٢٨٠٠٩٤٠٦", BadCharacter},
		{"not UTF-8", code + "\xff", BadCharacter},
		{"zero-width space", code[:9] + "\u200b" + code[9:], BadCharacter},
		{"plus", "+" + code[1:], UnknownFormat},
		{"minus", "-" + code[1:], UnknownFormat},
		{"exponent", "1e17000000000000000", UnknownFormat},
		{"colon after nine", "13006109882800940:", UnknownFormat},
		{"slash before nought", "13006109882800940/", UnknownFormat},
		{"10 kB of digits", strings.Repeat("1", 10_000), UnknownFormat},
		{"10 kB of letters", strings.Repeat("a", 10_000), UnknownFormat},
		{"10 kB of link", "https://" + strings.Repeat("a", 10_000), URL},
		{"10 kB of at signs", "https://" + strings.Repeat("@", 10_000), URL},
		{"10 kB of EMV", "hQVDUFYwMW" + strings.Repeat("A", 10_000), EMVMalformed},
		{"10 kB of zeros", strings.Repeat("\x00", 10_000), BadCharacter},
		{"the AIM identifier left on", "]Q1" + code, UnknownFormat},
		{"EMV in lower case", strings.ToLower("hQVDUFYwMWEdTwigAAADMwEBAVcRYgAAAAAAAAXTASIBAAAAAAA="), UnknownFormat},
		{"EMV with a space behind", "hQVDUFYwMWEdTwigAAADMwEBAVcRYgAAAAAAAAXTASIBAAAAAAA= ", EMVMalformed},
		{"EMV of another version", "hQVDUFYwMmETTwegAAAAVVVV", UnknownFormat},
	} {
		r := tab.Classify([]byte(c.text), "", today)
		if r.Reason != c.want {
			t.Errorf("%s: %v, want %s", c.name, r, c.want)
		}
	}
}
