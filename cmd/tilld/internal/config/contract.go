package config

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/tilld/tilld/agent/sale"
)

func (p *parser) contracts(r *reader) {
	list := r.sections("contract")
	if len(list) == 0 {
		r.mistake("contract", "add a [[contract]] section for each wallet", "no contract: nothing can be paid")
	}
	slots, names := map[string]int{}, map[string]int{}
	for _, s := range list {
		c := Contract{Line: s.table.line}
		if s.table.table["slot"] == nil {
			s.missing("slot", fmt.Sprintf("a number from 0 to %d that no other contract has or had", sale.MaxSlot))
		}
		c.Slot = int(s.number("slot", 0, sale.MaxSlot, -1))
		if c.Slot >= 0 {
			p.once(s, "slot", fmt.Sprint(c.Slot), slots)
		}
		c.Name = s.str("name", true, `name = "wechat-main"`)
		p.once(s, "name", c.Name, names)
		if c.Name != "" && !nameForm.MatchString(c.Name) {
			s.mistake("name", "at most 40 letters, digits, dots, dashes", "%q cannot be a name", clip(c.Name))
		}
		p.contract(s, &c)
		s.done()
		p.c.Contracts = append(p.c.Contracts, c)
	}
}

// offers compares what [terminal] says of codes that are shown with the contracts.
func (p *parser) offers(r *reader) {
	t := p.c.Terminal
	shows := slices.ContainsFunc(p.c.Contracts, func(c Contract) bool { return c.Offer })
	s, _ := r.section("terminal")
	if name := t.OfferContract; name != "" && !slices.ContainsFunc(p.c.Contracts, func(c Contract) bool { return c.Name == name && c.Offer }) {
		s.mistake("offer_contract", "name a contract that has offer = true", "%q shows no codes", clip(name))
	}
	if t.Offer == "always" && !shows {
		s.mistake("offer", "write offer = true in a contract that can show codes", "no contract shows codes")
	}
	if t.Offer == "never" && shows {
		s.report(Note, "offer", "", "contracts with offer = true show no codes all the same")
	}
}

func (p *parser) contract(s *reader, c *Contract) {
	names := make([]string, 0, len(p.known.Wallets))
	for _, w := range p.known.Wallets {
		names = append(names, w.Name)
	}
	c.Wallet = s.str("wallet", true, "write one of: "+quoted(names))
	w, ok := p.known.wallet(c.Wallet)
	if !ok && c.Wallet != "" {
		s.mistake("wallet", "write one of: "+quoted(names), "%q is not known", clip(c.Wallet))
	}
	c.Schemes = s.strs("schemes", true, "which codes this contract takes: schemes = "+fmt.Sprintf("[%s]", quoted(w.Schemes)))
	for _, scheme := range c.Schemes {
		if ok && !slices.Contains(w.Schemes, scheme) {
			s.mistake("schemes", "write some of: "+quoted(w.Schemes), "%q cannot be charged by %s", clip(scheme), c.Wallet)
		}
	}
	for _, cur := range s.strs("currencies", true, `currencies = ["CNY"]`) {
		if _, known := sale.Currency(cur).Exponent(); !known {
			s.mistake("currencies", "an ISO 4217 code in capitals: CNY, HKD, JPY, ...", "%q is not a currency", clip(cur))
			continue
		}
		if ok && len(w.Currencies) > 0 && !slices.Contains(w.Currencies, sale.Currency(cur)) {
			s.mistake("currencies", fmt.Sprintf("%s speaks %v", c.Wallet, w.Currencies), "%s cannot charge %s", c.Wallet, cur)
		}
		c.Currencies = append(c.Currencies, sale.Currency(cur))
	}
	c.SaleIDs = s.strs("sale_ids", false, "")
	p.endpoint(s, c, w, ok)
	c.KeyID = p.limited(s, "key_id", 64)
	if c.KeyID == "" && !w.Shared {
		s.mistake("key_id", "what the wallet calls our key: a certificate's serial number, a certId", "is missing")
	}
	c.KeyFile = p.path(s, "key_file", true, "our private key, PKCS#8 or PKCS#1 PEM, mode 0600")
	for _, f := range s.strs("wallet_keys", !w.Shared, "the wallet's certificates or public keys that answers are verified with") {
		c.WalletKeys = append(c.WalletKeys, absolute(f, p.dir))
	}
	c.SecretFile = p.needed(s, "secret_file", w, w.Secret, "the key that we share with the wallet, mode 0600")
	c.SecretLen = w.SecretLen
	c.CertFile = p.needed(s, "cert_file", w, w.Cert, "the certificate that the wallet gave out for key_file, PEM")
	c.Offer = s.boolean("offer", false)
	if c.Offer && ok && !w.Offers {
		s.mistake("offer", "delete it", "%s has no code that could be shown", c.Wallet)
	}
	if ok {
		p.settings(s, c, w)
	}
}

// needed reads the path of a file that some wallets have.
func (p *parser) needed(s *reader, key string, w Wallet, need Need, hint string) string {
	file := p.path(s, key, need == Needed, hint)
	if file != "" && need == Unused && w.Name != "" {
		s.mistake(key, "delete it", "%s has no use for it", w.Name)
	}
	return file
}

func (p *parser) endpoint(s *reader, c *Contract, w Wallet, known bool) {
	c.CAFile = p.path(s, "ca_file", false, "")
	if c.CAFile != "" {
		p.testOnly(s, "ca_file", "delete it: the system's authorities decide")
	}
	hint := "https:// and the wallet's host, without a path"
	if len(w.Hosts) > 0 {
		hint = "write https://" + strings.Join(w.Hosts, " or https://")
	}
	c.Endpoint = p.host(s, "endpoint", true, hint, c, w, known)
	if c.Backup = p.host(s, "backup_endpoint", false, hint, c, w, known); c.Backup != "" && c.Backup == c.Endpoint {
		s.mistake("backup_endpoint", "name the wallet's other host, or delete it", "is the endpoint itself")
	}
}

// host reads https:// and a host that a contract may talk to.
func (p *parser) host(s *reader, key string, needed bool, hint string, c *Contract, w Wallet, known bool) string {
	text := s.str(key, needed, hint)
	if text == "" {
		return ""
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
		strings.Trim(u.Path, "/") != "" || !hostForm.MatchString(u.Hostname()) {
		s.mistake(key, hint, "%q is not https:// and a host", clip(text))
		return text
	}
	provider := slices.Contains(w.Hosts, strings.ToLower(u.Hostname())) && (u.Port() == "" || u.Port() == "443")
	switch {
	case known && !p.c.Test() && !provider:
		s.mistake(key, hint, "%q is not a host of %s; others are for environment = \"test\"", clip(u.Host), c.Wallet)
	case provider && p.c.Terminal.ClockScale > 1:
		s.mistake(key, "write clock_scale = 1, or name a simulated wallet", "%q is the real wallet, and clock_scale is %d", u.Host, p.c.Terminal.ClockScale)
	case provider && p.c.Test():
		s.report(Note, key, "a test terminal can charge real customers here", "%q is the real wallet", u.Host)
	}
	// Attempts pin this text: one way to write it.
	return strings.TrimSuffix(text, "/")
}

var hostForm = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*|[0-9A-Fa-f:.]+)$`)

func (p *parser) settings(s *reader, c *Contract, w Wallet) {
	in, present := s.section(w.Name)
	if !present {
		if s.table.table[w.Name] == nil {
			s.mistake(w.Name, fmt.Sprintf("add [contract.%s] below this contract", w.Name), "is missing")
		}
		return
	}
	c.Settings = map[string]string{}
	for _, key := range w.Settings {
		c.Settings[key] = in.str(key, false, "")
	}
	for _, key := range w.OfferNeeds {
		if c.Offer && c.Settings[key] == "" {
			in.mistake(key, "write it, or delete offer = true", "is missing: %s shows no code without it", w.Name)
		}
	}
	if w.Check != nil {
		for _, f := range w.Check(c.Settings) {
			text := "%q is not right"
			if c.Settings[f.Key] == "" {
				text = "is missing%.0q"
			}
			in.mistake(f.Key, "it "+f.Text, text, clip(c.Settings[f.Key]))
		}
	}
	in.done()
}
