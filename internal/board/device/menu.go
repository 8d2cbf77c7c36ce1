package device

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Menu is a scanner that is set by text commands on its serial line: Honeywell's dialect or
// Newland's. It keeps settings in flash and in memory, answers each command as the real ones
// do, and sends scans with the identifier and the suffix that it is set to.
type Menu struct {
	dialect dialect

	mu        sync.Mutex
	wire      io.Writer
	in        []byte // of the command under way
	flash     settings
	memory    settings
	triggered bool
	deaf      bool
	counts    MenuCounts
	faults    []string
}

// MenuCounts is what became of a scanner.
type MenuCounts struct {
	Commands    int // answered
	FlashWrites int
	Beeps       int
	Triggers    int
	Sent        int // scans
	Unread      int // codes presented while it did not look
}

// settings are values by tag and sub-tag.
type settings map[string]string

type setting struct{ name, value string }

// status bytes of a reply.
const (
	ack = 0x06
	enq = 0x05 // no such setting
	nak = 0x15 // no such value
)

// dialect is the part that makers differ in.
type dialect interface {
	// factory is the settings a new scanner has, in the order in which it lists them.
	factory() []setting
	// cut takes one whole command off the beginning of what came: what is done at once, or
	// the settings and whether they go to flash. n is how many bytes were used, 0: more is
	// needed.
	cut(in []byte) (c wireCommand, n int)
	// frame makes the reply to settings.
	frame(c wireCommand, body []byte) []byte
	query() string // the characters for current, default, range
	// apply sets one value, or says why not.
	apply(s settings, name, value string) byte
	frameScan(s settings, symbology, text string) []byte
	looking(s settings) (always bool)
	locked(s settings) bool
}

// wireCommand is a command as it came.
type wireCommand struct {
	now   string // "trigger", "untrigger", "beep", "noise"
	text  string // of settings, without the end
	store byte   // the character that says where they go
	toROM bool
}

// NewHoneywell makes a scanner that speaks Honeywell's dialect, as it comes from the factory:
// without identifiers, with a carriage return.
func NewHoneywell() *Menu { return newMenu(honeywell{}) }

// NewNewland makes a scanner that speaks Newland's dialect, as it comes from the factory:
// without identifiers, with CR LF, obeying setting codes.
func NewNewland() *Menu { return newMenu(newland{}) }

func newMenu(d dialect) *Menu {
	flash := settings{}
	for _, s := range d.factory() {
		flash[s.name] = s.value
	}
	return &Menu{dialect: d, flash: flash, memory: maps.Clone(flash)}
}

// Serve answers on a wire until it ends.
func (m *Menu) Serve(ctx context.Context, wire io.ReadWriter) error {
	m.mu.Lock()
	m.wire = wire
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		m.wire, m.in = nil, nil
		m.mu.Unlock()
	}()
	for buf := make([]byte, 256); ctx.Err() == nil; {
		n, err := wire.Read(buf)
		if err != nil {
			return err
		}
		if reply := m.Command(buf[:n]); len(reply) > 0 {
			if _, err := wire.Write(reply); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// Command takes bytes from the host, in any pieces, and gives what the scanner answers.
func (m *Menu) Command(b []byte) (reply []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.deaf {
		return nil
	}
	const most = 1024
	m.in = append(m.in, b...)
	for len(m.in) > 0 {
		c, n := m.dialect.cut(m.in)
		if n == 0 {
			break
		}
		m.in = m.in[n:]
		reply = append(reply, m.do(c)...)
	}
	if len(m.in) > most {
		m.fault("a command without an end")
		m.in = nil
	}
	return reply
}

func (m *Menu) do(c wireCommand) []byte {
	switch c.now {
	case "trigger":
		m.triggered = true
		m.counts.Triggers++
	case "untrigger":
		m.triggered = false
	case "beep":
		m.counts.Beeps++
	case "noise":
		m.fault("bytes that are no command")
	default:
		m.counts.Commands++
		return m.dialect.frame(c, m.set(c))
	}
	return nil
}

// set does settings and queries one by one and echoes each with its status.
func (m *Menu) set(c wireCommand) (echo []byte) {
	for i, group := range strings.Split(c.text, ";") {
		tag := ""
		for j, item := range strings.Split(group, ",") {
			switch {
			case j > 0:
				echo = append(echo, ',')
			case i > 0:
				echo = append(echo, ';')
			}
			name := tag + item
			if j == 0 && len(item) >= 3 {
				tag = item[:3]
			}
			text, status := m.item(tag, name, c)
			if j > 0 {
				text = strings.TrimPrefix(text, tag)
			}
			echo = append(append(echo, text...), status)
			if status != ack {
				m.fault("refused " + name)
			}
		}
	}
	return echo
}

// item does one setting or query. What it gives back may hold further settings of the group,
// each with its status but the last.
func (m *Menu) item(tag, name string, c wireCommand) (echo string, status byte) {
	if i := strings.IndexAny(name, m.dialect.query()); i >= 0 {
		return m.ask(name[:i])
	}
	if len(name) < 6 {
		return name, enq
	}
	key, value := name[:6], name[6:]
	switch status := m.dialect.apply(m.memory, key, value); {
	case status != ack:
		return name, status
	case key == "SCNTRG":
		m.triggered = value == "1"
		m.counts.Triggers++
	case key == "BEEPON":
		m.counts.Beeps++
	}
	if c.toROM {
		m.dialect.apply(m.flash, key, value)
		m.counts.FlashWrites++
	}
	return name, ack
}

// ask answers a query of one setting, or of a whole group.
func (m *Menu) ask(name string) (echo string, status byte) {
	if v, ok := m.memory[name]; ok {
		return name + v, ack
	}
	var all []string
	for _, s := range m.dialect.factory() {
		if len(name) == 3 && strings.HasPrefix(s.name, name) {
			all = append(all, s.name[3:]+m.memory[s.name])
		}
	}
	if len(all) == 0 {
		return name, enq
	}
	return name + strings.Join(all, string(rune(ack))+","), ack
}

// Scan is a person who presents a code. A scanner that is not looking sends nothing.
func (m *Menu) Scan(symbology, text string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.wire == nil {
		return errNoWire
	}
	if !m.triggered && !m.dialect.looking(m.memory) {
		m.counts.Unread++
		return nil
	}
	m.triggered = false
	m.counts.Sent++
	_, err := m.wire.Write(m.dialect.frameScan(m.memory, symbology, text))
	return err
}

// ScanSetting is a person who presents a programming bar code: settings as a command has them,
// for flash. It reports whether the scanner obeyed.
func (m *Menu) ScanSetting(text string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dialect.locked(m.memory) {
		return false
	}
	m.set(wireCommand{text: text, toROM: true})
	return true
}

// PowerCycle forgets what is not in flash.
func (m *Menu) PowerCycle() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.memory, m.in, m.triggered = maps.Clone(m.flash), nil, false
}

// SetDeaf makes the scanner ignore commands: the wire to it is cut.
func (m *Menu) SetDeaf(deaf bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.deaf = deaf
}

// Counts is what became of the scanner so far.
func (m *Menu) Counts() MenuCounts {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.counts
}

// Setting is a value in memory: "PREBK2".
func (m *Menu) Setting(name string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.memory[name]
}

// Faults is what the host did wrong, the first hundred.
func (m *Menu) Faults() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.faults)
}

func (m *Menu) fault(text string) {
	if len(m.faults) < 100 {
		m.faults = append(m.faults, text)
	}
}
