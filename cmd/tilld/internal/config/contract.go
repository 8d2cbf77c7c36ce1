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
	p.endpoint(s, c, w, ok)
	c.KeyID = p.limited(s, "key_id", 64)
	if c.KeyID == "" {
		s.mistake("key_id", "what the wallet calls our key: a certificate's serial number, a certId", "is missing")
	}
	c.KeyFile = p.path(s, "key_file", true, "our private key, PKCS#8 or PKCS#1 PEM, mode 0600")
	for _, f := range s.strs("wallet_keys", true, "the wallet's certificates or public keys that answers are verified with") {
		c.WalletKeys = append(c.WalletKeys, absolute(f, p.dir))
	}
	if ok {
		p.settings(s, c, w)
	}
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
	c.Endpoint = s.str("endpoint", true, hint)
	if c.Endpoint == "" {
		return
	}
	u, err := url.Parse(c.Endpoint)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
		strings.Trim(u.Path, "/") != "" || !hostForm.MatchString(u.Hostname()) {
		s.mistake("endpoint", hint, "%q is not https:// and a host", clip(c.Endpoint))
		return
	}
	// Attempts pin this text: one way to write it.
	c.Endpoint = strings.TrimSuffix(c.Endpoint, "/")
	provider := slices.Contains(w.Hosts, strings.ToLower(u.Hostname())) && (u.Port() == "" || u.Port() == "443")
	switch {
	case known && !p.c.Test() && !provider:
		s.mistake("endpoint", hint, "%q is not a host of %s; others are for environment = \"test\"", clip(u.Host), c.Wallet)
	case provider && p.c.Terminal.ClockScale > 1:
		s.mistake("endpoint", "write clock_scale = 1, or name a simulated wallet", "%q is the real wallet, and clock_scale is %d", u.Host, p.c.Terminal.ClockScale)
	case provider && p.c.Test():
		s.report(Note, "endpoint", "a test terminal can charge real customers here", "%q is the real wallet", u.Host)
	}
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
