package config

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/tilld/tilld/drivers"
)

// Scanner is one code scanner. What its driver and protocol have no use for is zero.
type Scanner struct {
	Name, Driver string
	// Port is the path of the device's node, Device says which device it is, in the words of
	// drivers.ParseMatch: one of them is set.
	Port, Device       string
	Baud               int
	Protocol           string
	AIM                bool
	Terminator, Prefix string
	CodeIDs            string   // whose one-letter identifiers stand before the text
	Wake               bool     // the device sleeps, and a byte must wake it before each command
	Programmable       bool     // customers may change its settings with bar codes: it cannot be prevented
	Rollover           bool     // the scanner presses keys before it lets go of those before
	Layout             string   // of the keyboard that the scanner pretends to be
	Dialect            string   // of the commands that are sent to it
	Settings           []string // sent after each opening
	Trigger            bool     // reads only while a payment is armed
	Feedback           bool     // beeps for what came of a payment
}

// Match is Device, read. The section was checked.
func (s Scanner) Match() drivers.Match {
	m, _ := drivers.ParseMatch(s.Device)
	return m
}

// Where is the name of the device as the file has it: its path or what it is.
func (s Scanner) Where() string {
	if s.Device != "" {
		return s.Device
	}
	return s.Port
}

// ScannerDriver is one row of the table of drivers, as far as the configuration goes.
type ScannerDriver struct {
	Name      string
	Protocols []string // what its devices may speak, the usual first
	Keys      []string // of a section, besides those of its protocol and those of all
	Example   string   // of a node's path
}

// ScannerProtocol is one row of the table of protocols.
type ScannerProtocol struct {
	Name string
	Keys []string // of a section, besides those of its driver and those of all
	Baud int      // of a serial device that was not set up; 0: 115200
	// The values that the keys of these names can have, the usual first.
	Terminators, Layouts, Dialects, CodeIDs []string
	// AIM is what the key aim is where it does not stand: the device is set up for it.
	AIM bool
	// Told says that the protocol itself tells the kinds of code apart, without AIM.
	Told bool
	// Check says what is wrong with a section whose keys are good one by one.
	Check func(Scanner) error
}

var baudRates = []int64{1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600}

// numbered are nodes that the kernel numbers in the order of plugging in.
var numbered = regexp.MustCompile(`^/dev/(tty(ACM|USB)|hidraw|input/event)[0-9]+$`)

// scanners reads the [[scanner]] sections.
func (p *parser) scanners(r *reader) {
	list := r.sections("scanner")
	if len(list) == 0 {
		r.report(Warning, "scanner", "add a [[scanner]] section", "no scanner: only codes that the point of sale scans can be paid with")
	}
	taken := &taken{names: map[string]int{}, places: map[string]int{}}
	for _, s := range list {
		p.c.Scanners = append(p.c.Scanners, p.scanner(s, taken))
		s.done()
	}
}

// taken are the lines of names and places that sections before have.
type taken struct{ names, places map[string]int }

func (p *parser) scanner(s *reader, t *taken) Scanner {
	before := len(*s.out)
	sc := Scanner{Name: s.str("name", true, `name = "counter"`)}
	p.once(s, "name", sc.Name, t.names)
	if sc.Name != "" && !nameForm.MatchString(sc.Name) {
		s.mistake("name", "at most 40 letters, digits, dots, dashes", "%q cannot be a name", clip(sc.Name))
	}
	driver := p.driver(s, &sc)
	protocol := p.protocol(s, &sc, driver)
	p.place(s, &sc, driver, t)
	k := scannerKeys{reader: s, allowed: slices.Concat(driver.Keys, protocol.Keys), who: "protocol " + protocol.Name}
	if slices.Contains(driver.Keys, "baud") {
		p.baud(s, &sc, protocol)
	} else {
		k.takes("baud")
	}
	sc.AIM = k.takes("aim") && s.boolean("aim", protocol.AIM)
	if k.has("aim") && !sc.AIM && !protocol.Told {
		s.report(Note, "aim", "switch AIM identifiers on in the scanner, then write aim = true",
			"without AIM identifiers a goods code is told from a payment code by its content alone")
	}
	if k.takes("terminator") {
		sc.Terminator = s.oneOf("terminator", protocol.Terminators...)
	}
	if sc.Terminator == "none" {
		s.report(Warning, "terminator", "let the scanner end each code with CR, and write terminator = \"cr\"",
			"without a terminator a scanner that stalls delivers a part of a code")
	}
	if k.takes("prefix") {
		sc.Prefix = p.limited(s, "prefix", 16)
	}
	if k.takes("code_ids") && s.table.table["code_ids"] != nil {
		sc.CodeIDs = s.oneOf("code_ids", protocol.CodeIDs...)
	}
	if k.takes("layout") {
		sc.Layout = s.oneOf("layout", protocol.Layouts...)
	}
	if k.takes("dialect") && s.table.table["dialect"] != nil {
		sc.Dialect = s.oneOf("dialect", protocol.Dialects...)
	}
	if k.takes("settings") {
		sc.Settings = s.strs("settings", false, `settings = ["BEPLVL1"]`)
	}
	sc.Wake = k.takes("wake") && s.boolean("wake", false)
	if sc.Programmable = k.takes("programmable") && s.boolean("programmable", false); sc.Programmable {
		s.report(Warning, "programmable", "use a scanner whose settings by bar code can be switched off",
			"customers can change this scanner's settings with a bar code")
	}
	sc.Rollover = k.takes("rollover") && s.boolean("rollover", false)
	sc.Trigger = k.takes("trigger") && s.boolean("trigger", false)
	sc.Feedback = k.takes("feedback") && s.boolean("feedback", false)
	p.wholeScanner(s, sc, protocol, before)
	return sc
}

// wholeScanner lets the protocol look at a section that is good key by key.
func (p *parser) wholeScanner(s *reader, sc Scanner, protocol ScannerProtocol, before int) {
	if protocol.Check == nil || slices.ContainsFunc((*s.out)[before:], func(f Problem) bool { return f.Level == Mistake }) {
		return
	}
	if err := protocol.Check(sc); err != nil {
		s.mistake("protocol", "correct the section's other keys", "%s: %v", protocol.Name, err)
	}
}

// scannerKeys knows which of the special keys mean something in a section.
type scannerKeys struct {
	*reader
	allowed []string
	who     string
}

func (k *scannerKeys) has(key string) bool { return slices.Contains(k.allowed, key) }

// takes reports whether a key means something here, and notes one that stands there for
// nothing.
func (k *scannerKeys) takes(key string) bool {
	if k.has(key) {
		return true
	}
	if n := k.table.table[key]; n != nil {
		n.seen = true
		hint := "delete it"
		if len(k.allowed) > 0 {
			hint += "; known here: " + strings.Join(k.allowed, ", ")
		}
		k.mistake(key, hint, "means nothing to %s", k.who)
	}
	return false
}

func (p *parser) driver(s *reader, sc *Scanner) ScannerDriver {
	var names []string
	for _, d := range p.known.Drivers {
		names = append(names, d.Name)
	}
	sc.Driver = s.oneOf("driver", names...)
	return p.known.Drivers[slices.Index(names, sc.Driver)]
}

func (p *parser) protocol(s *reader, sc *Scanner, d ScannerDriver) ScannerProtocol {
	var all []string
	for _, q := range p.known.Protocols {
		all = append(all, q.Name)
	}
	sc.Protocol = d.Protocols[0]
	if n := s.table.table["protocol"]; n != nil && n.kind == kString && slices.Contains(all, n.text) && !slices.Contains(d.Protocols, n.text) {
		s.find("protocol")
		s.mistake("protocol", "write one of: "+quoted(d.Protocols)+", or another driver", "a device of driver %q does not speak %q", d.Name, n.text)
	} else {
		sc.Protocol = s.oneOf("protocol", d.Protocols...)
	}
	return p.known.Protocols[slices.Index(all, sc.Protocol)]
}

// place reads which device is meant: by its node's path, or by what it is.
func (p *parser) place(s *reader, sc *Scanner, d ScannerDriver, t *taken) {
	const hint = `write one of them: device = "0c2e:0901 serial=T0001 if=0", as "tilld devices" proposes it, or port = `
	sc.Port = s.str("port", false, "")
	sc.Device = s.str("device", false, "")
	port, device := s.table.table["port"] != nil, s.table.table["device"] != nil
	if port && device {
		s.mistake("device", "delete port: the path can change, the device does not", "stands beside port")
	}
	if sc.Port == "" && sc.Device == "" {
		key := "device"
		if port {
			key = "port"
		}
		s.mistake(key, hint+`"`+d.Example+`"`, "neither device nor port says which device it is")
	}
	if sc.Port != "" && !filepath.IsAbs(sc.Port) {
		s.mistake("port", `port = "`+d.Example+`"`, "%q is not the path of a device", clip(sc.Port))
	}
	if numbered.MatchString(sc.Port) {
		s.report(Note, "port", `name the device itself, as "tilld devices" proposes it: device = "..."`,
			"%s is the name of another device when another one was plugged in first", sc.Port)
	}
	p.once(s, "port", sc.Port, t.places)
	if sc.Device == "" {
		return
	}
	m, err := drivers.ParseMatch(sc.Device)
	if err != nil {
		s.mistake("device", `write it as "tilld devices" shows it: device = "0c2e:0901 serial=T0001 if=0"`, "%v", err)
		return
	}
	p.once(s, "device", m.String(), t.places)
}

func (p *parser) baud(s *reader, sc *Scanner, q ScannerProtocol) {
	usual := int64(q.Baud)
	if usual == 0 {
		usual = 115200
	}
	sc.Baud = int(s.number("baud", 1200, 921600, usual))
	if !slices.Contains(baudRates, int64(sc.Baud)) {
		s.mistake("baud", "usual are 9600 and 115200", "%d is not a line speed", sc.Baud)
	}
}
