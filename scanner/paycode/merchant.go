package paycode

import "github.com/tilld/tilld/scanner/emvco"

// merchantLink is a kind of link that merchants show. An empty scheme is any, or none.
type merchantLink struct{ scheme, host, whose string }

// merchantLinks: an empty host is any. Hosts are compared whole and in any letter case.
var merchantLinks = []merchantLink{
	{"wxp", "", "WeChat Pay"},
	{"weixin", "wxpay", "WeChat Pay"},
	{"", "qr.alipay.com", "Alipay"},
	{"", "qr.95516.com", "UnionPay"},
}

// judgeLink tells a merchant's link, and whose it is, from other links; "" means no link.
func judgeLink(code []byte) (why Reason, whose string) {
	rest, n := code, 0
	for n < len(code) && schemeByte(code[n]) {
		n++
	}
	linked := n > 0 && n+2 < len(code) && code[n] == ':' && code[n+1] == '/' && code[n+2] == '/'
	if linked {
		rest = code[n+3:]
	}
	host := hostOf(rest)
	for i := range merchantLinks {
		l := &merchantLinks[i]
		if l.scheme != "" && !(linked && foldEqual(code[:n], l.scheme)) || l.host != "" && !foldEqual(host, l.host) {
			continue
		}
		return MerchantCode, l.whose
	}
	if linked {
		return URL, ""
	}
	return "", ""
}

// merchantOf names the network of a merchant-presented payload; "" when it is damaged, or
// when its identifiers are not known.
func merchantOf(code []byte) string {
	m, err := emvco.ParseMPM(code)
	if err != nil {
		return ""
	}
	defer m.Wipe()
	n, _ := m.Network()
	return n.Name
}

func schemeByte(c byte) bool {
	return lower(c) >= 'a' && lower(c) <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.'
}

// hostOf cuts the host out of what follows "://": without user, port, path and query.
func hostOf(b []byte) []byte {
	for i, c := range b {
		if c == '/' || c == '?' || c == '#' || c == '\\' {
			b = b[:i]
			break
		}
	}
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] == '@' {
			b = b[i+1:]
			break
		}
	}
	for i, c := range b {
		if c == ':' {
			b = b[:i]
			break
		}
	}
	return b
}
