package config

import (
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/tilld/tilld/agent/sale"
)

// MaxSize is the largest file that is read, in bytes.
const MaxSize = 1 << 20

// Parse reads the text of a configuration. The Config is usable only when no finding is a
// Mistake. Relative paths are taken from dir.
func Parse(data []byte, dir string, known Known) (*Config, Problems) {
	root, problems := parseTree(data)
	c := &Config{}
	p := &parser{c: c, known: known, dir: dir}
	r := &reader{table: root, out: &problems}
	p.top(r)
	p.terminal(r)
	p.pos(r)
	p.display(r)
	p.scanners(r)
	p.pins(r)
	p.contracts(r)
	p.ceilings(r)
	p.offers(r)
	p.codeRules(r)
	r.done()
	problems.Sort()
	return c, problems
}

// parser fills a Config, one function per section of the file.
type parser struct {
	c     *Config
	known Known
	dir   string
}

func (p *parser) path(r *reader, key string, needed bool, hint string) string {
	s := r.str(key, needed, hint)
	if strings.ContainsRune(s, 0) {
		r.mistake(key, "write the path of a file", "holds a zero byte")
		return ""
	}
	if s == "" || filepath.IsAbs(s) {
		return s
	}
	return filepath.Join(p.dir, s)
}

func (p *parser) top(r *reader) {
	if r.table.table["environment"] == nil {
		r.missing("environment", `write environment = "test" or environment = "live"`)
	}
	p.c.Environment = r.oneOf("environment", "test", "live")
	p.c.State = p.path(r, "state", true, `name the one writable directory: state = "/var/lib/tilld"`)
	p.c.StateLine = r.line("state")
	p.c.Log = r.oneOf("log", "text", "json")
	s, _ := r.section("control")
	p.c.Control.Socket = p.path(s, "socket", true, `socket = "/run/tilld/tilld.sock"`)
	// sun_path holds 108 bytes with its end mark.
	if len(p.c.Control.Socket) > 107 {
		s.mistake("socket", "use a shorter path", "is %d bytes long, a socket's path may have 107", len(p.c.Control.Socket))
	}
	s.done()
}

// live reports a setting that exists only in the test environment.
func (p *parser) testOnly(r *reader, key, hint string) {
	if !p.c.Test() {
		r.mistake(key, hint, `is for environment = "test" only`)
	}
}

var (
	modelForm    = regexp.MustCompile(`^[A-Za-z0-9]{3,20}$`)
	serialForm   = regexp.MustCompile(`^[A-Za-z0-9]{9,50}$`)
	locationForm = regexp.MustCompile(`^[+-][0-9]{1,3}\.[0-9]{1,8}/[+-][0-9]{1,3}\.[0-9]{1,8}$`)
	nameForm     = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{0,39}$`)
)

func (p *parser) terminal(r *reader) {
	s, _ := r.section("terminal")
	t := &p.c.Terminal
	t.Model = s.str("model", true, `the model's name, part of the POIID: model = "TILLD"`)
	if t.Model != "" && !modelForm.MatchString(t.Model) {
		s.mistake("model", "3 to 20 letters and digits", "%q cannot be part of a POIID", clip(t.Model))
	}
	t.Serial = s.str("serial", true, "the serial number (TUSN) on the terminal's plate")
	if t.Serial != "" && !serialForm.MatchString(t.Serial) {
		s.mistake("serial", "9 to 50 letters and digits", "%q is not a serial number", clip(t.Serial))
	}
	p.keyStore(s)
	if inside(t.Keys, p.c.State) {
		s.mistake("keys", "keep it elsewhere: whoever copies the state directory must not get the key with it",
			"lies inside the state directory")
	}
	t.Language = s.oneOf("language", "zh", "en", "ja")
	t.Location = p.limited(s, "location", 32)
	if t.Location != "" && !locationForm.MatchString(t.Location) {
		s.mistake("location", "latitude and longitude with their signs: +31.23/+121.47", "%q is not a place", clip(t.Location))
	}
	t.DeviceIP = p.limited(s, "device_ip", 40)
	if t.DeviceIP != "" {
		if _, err := netip.ParseAddr(t.DeviceIP); err != nil {
			s.mistake("device_ip", "write an address such as 192.0.2.7", "%q is not an IP address", clip(t.DeviceIP))
		}
	}
	if t.Location == "" && t.DeviceIP == "" {
		s.mistake("location", `location = "+31.23/+121.47", or device_ip where it cannot be known`,
			"neither location nor device_ip is set; every code sale must carry one")
	}
	t.NetworkLicense = p.limited(s, "network_license", 5)
	t.StoreID = p.limited(s, "store_id", 32)
	t.StoreName = p.limited(s, "store_name", 128)
	p.terminalTime(s)
	t.CodeProfile = s.oneOf("code_profile", p.known.Profiles...)
	t.Offer = s.oneOf("offer", "ask", "always", "never")
	t.OfferContract = s.str("offer_contract", false, "")
	s.known = append(s.known, "ceiling")
	if n := s.table.table["ceiling"]; n != nil {
		n.seen = true // read by ceilings, once the currencies are known
	}
	s.done()
}

func (p *parser) terminalTime(s *reader) {
	t := &p.c.Terminal
	t.Clock = s.oneOf("clock", "ntp", "system")
	if t.Clock == "system" {
		p.testOnly(s, "clock", `write clock = "ntp": real money needs a synchronised clock`)
	}
	t.ClockScale = int(s.number("clock_scale", 1, 1000, 1))
	if t.ClockScale != 1 {
		p.testOnly(s, "clock_scale", "write clock_scale = 1: the wallets' times are not ours to shorten")
	}
	t.CodeWait = s.duration("code_wait", time.Second, 10*time.Minute, 90*time.Second)
	t.BoardSerial = p.limited(s, "board_serial", 64)
	if t.BoardSerial != "" {
		p.testOnly(s, "board_serial", "delete it: the board says its own")
	}
}

func (p *parser) limited(s *reader, key string, most int) string {
	v := s.str(key, false, "")
	if n := len([]rune(v)); n > most {
		s.mistake(key, fmt.Sprintf("shorten it to %d characters", most), "has %d characters, at most %d are allowed", n, most)
	}
	if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		s.mistake(key, "write plain text on one line", "holds a control character")
	}
	return v
}

// inside reports whether a path lies in a directory.
func inside(path, dir string) bool {
	if path == "" || dir == "" {
		return false
	}
	rel, err := filepath.Rel(filepath.Clean(dir), filepath.Clean(path))
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}

// listen reads an address to listen on: an IP address (or localhost) and a port.
func (p *parser) listen(s *reader, hint string) (addr string, loopback bool) {
	addr = s.str("listen", true, hint)
	if addr == "" {
		return "", true
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		s.mistake("listen", hint, "%q is not an address and a port", clip(addr))
		return addr, true
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 && !p.c.Test() {
		s.mistake("listen", hint, "%q is not a port from 1 to 65535", clip(port))
	}
	if host == "localhost" {
		return addr, true
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		s.mistake("listen", hint, "%q is not an IP address", clip(host))
		return addr, true
	}
	return addr, ip.IsLoopback()
}

func (p *parser) pos(r *reader) {
	s, _ := r.section("pos")
	o := &p.c.POS
	var loopback bool
	o.Listen, loopback = p.listen(s, `listen = "127.0.0.1:8443"`)
	o.Certificate = p.path(s, "certificate", true, `make one with "tilld cert"`)
	o.Key = p.path(s, "key", true, `make one with "tilld cert"`)
	o.Plain = s.boolean("plain", false)
	o.SaleIDs = s.strs("sale_ids", false, `sale_ids = ["POSSystemID12345"]`)
	if o.Goods = s.boolean("goods", false); o.Goods && !o.Plain {
		s.mistake("goods", "write plain = true (loopback only), or leave goods out", "goods codes are passed on in plain only")
	}
	o.PerTry = s.strs("new_transaction_per_try", false, `new_transaction_per_try = ["POSSystemID12345"]`)
	for _, k := range s.sections("keys") {
		key := NexoKey{Identifier: k.str("identifier", true, `identifier = "shop"`)}
		if k.table.table["version"] == nil {
			k.missing("version", "version = 1")
		}
		key.Version = int(k.number("version", 0, 1<<31-1, 1))
		key.PassphraseFile = p.path(k, "passphrase_file", true, "a file of mode 0600 with the passphrase on one line")
		k.done()
		for _, other := range o.Keys {
			if other.Identifier == key.Identifier && other.Version == key.Version && key.Identifier != "" {
				k.mistake("identifier", "give every key its own version", "%q version %d stands twice", clip(key.Identifier), key.Version)
			}
		}
		o.Keys = append(o.Keys, key)
	}
	if o.Plain && !loopback {
		s.mistake("plain", "write plain = false and add [[pos.keys]], or listen on 127.0.0.1", "unencrypted nexo is for loopback only")
	}
	if !loopback && len(o.SaleIDs) == 0 {
		s.mistake("sale_ids", `name who may talk to this terminal: sale_ids = ["POSSystemID12345"]`, "is empty, and %s is not loopback", o.Listen)
	}
	if !o.Plain && len(o.Keys) == 0 {
		s.mistake("keys", "add [[pos.keys]], or plain = true on loopback", "no key, and plain = false: no point of sale could talk to this terminal")
	}
	s.done()
}

func (p *parser) display(r *reader) {
	s, _ := r.section("display")
	addr, loopback := p.listen(s, `listen = "127.0.0.1:8090"`)
	p.c.Display.Listen = addr
	if !loopback {
		s.mistake("listen", `listen = "127.0.0.1:8090": the page has no login yet`, "%s is not loopback", clip(addr))
	}
	if addr != "" && addr == p.c.POS.Listen && !strings.HasSuffix(addr, ":0") {
		s.mistake("listen", "give each its own port", "%s is the address of [pos] already", clip(addr))
	}
	s.done()
}

// once notes a value that another table of the same kind has already.
func (p *parser) once(s *reader, key, value string, lines map[string]int) {
	if value == "" {
		return
	}
	if first, ok := lines[value]; ok {
		s.mistake(key, "give each its own", "%q is taken already in line %d", clip(value), first)
		return
	}
	lines[value] = s.line(key)
}

// ceilings reads the ceiling once the currencies of the contracts are known: one sum for
// all of them, or a table with one each.
func (p *parser) ceilings(r *reader) {
	t := r.table.table["terminal"]
	if t == nil || t.kind != kTable {
		return
	}
	s := r.sub("terminal", t)
	n := s.find("ceiling")
	if n == nil {
		return
	}
	p.c.Terminal.Ceiling = map[sale.Currency]int64{}
	set := func(s *reader, key, text string, cur sale.Currency) {
		a, err := sale.ParseAmount(text, cur)
		if err != nil {
			s.mistake(key, `write major units: ceiling = "5000.00"`, "%v", err)
			return
		}
		p.c.Terminal.Ceiling[cur] = a.Minor
	}
	switch n.kind {
	case kString:
		if _, err := sale.ParseAmount(n.text, "BHD"); err != nil {
			s.mistake("ceiling", `write major units: ceiling = "5000.00"`, "%q is not an amount", clip(n.text))
			return
		}
		for _, c := range p.c.Contracts {
			for _, cur := range c.Currencies {
				if _, ok := p.c.Terminal.Ceiling[cur]; !ok {
					set(s, "ceiling", n.text, cur)
				}
			}
		}
	case kTable:
		in := s.sub("ceiling", n)
		for _, cur := range n.order {
			if text := in.str(cur, true, `ceiling = { CNY = "5000.00" }`); text != "" {
				set(in, cur, text, sale.Currency(cur))
			}
		}
	default:
		s.want("ceiling", n, kString)
	}
}
