package config

import (
	"net/url"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/tilld/tilld/drivers"
)

// Palm is [palm]: paying by palm. The zero value is a till without.
type Palm struct {
	// Camera is a device in the words of drivers.ParseMatch, or the path of its node; with
	// Desk the socket of a program that plays the camera and the lamps.
	Camera             string
	Desk               bool
	LampNIR, LampWhite string // GPIO lines
	LampsActiveLow     bool
	LampBalance        int    // percent: a matt white sheet under the NIR lamp over that under the white one; 0: not measured
	Provider           string // in every template, and in what is signed
	Title              string // what people call the provider
	Endpoint           string
	CAFile             string   // test only
	RootKeys           []string // that the provider's key list is signed with
	Merchant           string   // the shop's number at the provider
	KeyFile            string   // the terminal's registered key, ECDSA P-256; empty: the secure element's own
	MemberCode         string   // a pattern that whole member codes match
	OneOfMany          bool     // people may leave the member code out where the provider's measurement allows it
	Line               int      // where the section begins; 0: there is none
}

// Fitted reports whether the till has it.
func (p Palm) Fitted() bool { return p.Line > 0 }

// Match is Camera, read; ok is false where it is a path. The section was checked.
func (p Palm) Match() (m drivers.Match, ok bool) {
	if p.Desk || filepath.IsAbs(p.Camera) {
		return m, false
	}
	m, err := drivers.ParseMatch(p.Camera)
	return m, err == nil
}

// deskPrefix begins the name of a camera that a program plays.
const deskPrefix = "desk:"

var (
	providerForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+$`)
	merchantForm = regexp.MustCompile(`^[!-~]{1,64}$`)
)

func (p *parser) palm(r *reader, lines map[string]int) {
	s, present := r.section("palm")
	if !present {
		return
	}
	defer s.done()
	c := &p.c.Palm
	c.Line = s.table.line
	p.palmDevices(s, c, lines)
	c.Provider = s.str("provider", true, `whose templates they are: provider = "palm.example"`)
	if c.Provider != "" && !providerForm.MatchString(c.Provider) {
		s.mistake("provider", `a domain name in small letters: "palm.example"`, "%q cannot name a provider", clip(c.Provider))
	}
	if c.Title = p.limited(s, "title", 40); c.Title == "" {
		c.Title = c.Provider
	}
	c.Endpoint = p.palmHost(s)
	if c.CAFile = p.path(s, "ca_file", false, ""); c.CAFile != "" {
		p.testOnly(s, "ca_file", "delete it: the system's authorities decide")
	}
	for _, f := range s.strs("root_keys", true, "the provider's public keys that its key list is signed with, PEM") {
		c.RootKeys = append(c.RootKeys, absolute(f, p.dir))
	}
	c.Merchant = s.str("merchant", true, "the shop's number at the provider")
	if c.Merchant != "" && !merchantForm.MatchString(c.Merchant) {
		s.mistake("merchant", "at most 64 printable characters without blanks", "%q cannot be a merchant's number", clip(c.Merchant))
	}
	c.KeyFile = p.path(s, "key_file", p.c.Terminal.KeyStore != "atecc608", `the terminal's key that the provider knows, ECDSA P-256: "tilld palm register" makes one`)
	c.OneOfMany = s.boolean("one_of_many", false)
	c.MemberCode = s.str("member_code", false, "")
	if c.MemberCode == "" {
		c.MemberCode = "[0-9]{6,12}" // shorter than card numbers
	}
	if _, err := regexp.Compile(`^(?:` + c.MemberCode + `)$`); err != nil {
		s.mistake("member_code", `a pattern that whole member codes match: "[0-9]{10}"`, "%v", err)
	}
}

func (p *parser) palmDevices(s *reader, c *Palm, lines map[string]int) {
	c.Camera = s.str("camera", true, `as "tilld devices" prints it: camera = "0bda:5830 serial=T0001 if=0"`)
	if socket, desk := strings.CutPrefix(c.Camera, deskPrefix); desk {
		p.testOnly(s, "camera", "name a camera")
		c.Camera, c.Desk = absolute(socket, p.dir), true
		return
	}
	if _, ok := c.Match(); !ok && c.Camera != "" && !filepath.IsAbs(c.Camera) {
		s.mistake("camera", `as "tilld devices" prints it, or a path: /dev/v4l/by-id/...`, "%q names no device", clip(c.Camera))
	}
	c.LampNIR, c.LampWhite = p.line(s, "lamp_nir", lines), p.line(s, "lamp_white", lines)
	for key, line := range map[string]string{"lamp_nir": c.LampNIR, "lamp_white": c.LampWhite} {
		if line == "" {
			s.mistake(key, `the line that switches it: `+key+` = "GPIO23"`, "is missing: liveness cannot be judged without the lamp")
		}
	}
	c.LampsActiveLow = s.boolean("lamps_active_low", false)
	if c.LampBalance = int(s.number("lamp_balance", 1, 10000, 0)); c.LampBalance == 0 {
		s.report(Note, "lamp_balance", "hold a matt white sheet over the camera and compare both lamps", "one detector is off without it")
	}
}

func (p *parser) palmHost(s *reader) string {
	hint := "https:// and the provider's host, without a path"
	text := s.str("endpoint", true, hint)
	if text == "" {
		return ""
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || !hostForm.MatchString(u.Hostname()) || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
		strings.Trim(u.Path, "/") != "" {
		s.mistake("endpoint", hint, "%q is not https:// and a host", clip(text))
	}
	return strings.TrimSuffix(text, "/")
}
