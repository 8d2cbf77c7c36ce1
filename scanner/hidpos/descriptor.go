package hidpos

// Usages of the USB-IF's HID Point of Sale Usage Tables 1.02 (page 8C), and of Generic Desktop.
const (
	pagePOS     = 0x8C
	pageDesktop = 0x01
	pageVendor  = 0xFF00 // and above

	usageScanner   = usage(pagePOS<<16 | 0x02)
	usageAIM       = usage(pagePOS<<16 | 0xFB) // and FC, FD
	usageData      = usage(pagePOS<<16 | 0xFE)
	usageContinued = usage(pagePOS<<16 | 0xFF)
	usageByteCount = usage(pageDesktop<<16 | 0x3B)
)

// usage is a usage page and an id in it.
type usage uint32

func (u usage) page() uint16 { return uint16(u >> 16) }

// Bounds of what a descriptor may ask for.
const (
	maxDescriptor = 4096
	maxUsages     = 256
	maxPushed     = 8
)

// item is one short item of a report descriptor (HID 1.11, 6.2.2.2).
type item struct {
	tag   byte // the prefix without its size
	size  int
	value uint32
}

// Items that matter here.
const (
	itemInput, itemOutput, itemFeature       = 0x80, 0x90, 0xB0
	itemCollection, itemEndCollection        = 0xA0, 0xC0
	itemUsagePage, itemReportSize            = 0x04, 0x74
	itemReportID, itemReportCount            = 0x84, 0x94
	itemPush, itemPop                        = 0xA4, 0xB4
	itemUsage, itemUsageMin, itemUsageMax    = 0x08, 0x18, 0x28
	itemLong                                 = 0xFE
	flagConstant                             = 0x01
	collectionApplication, bitsOfByte, idLen = 0x01, 8, 1
)

// next cuts the first item off a descriptor; long items are passed over.
func next(d []byte) (it item, rest []byte, ok bool) {
	for len(d) >= 3 && d[0] == itemLong {
		n := 3 + int(d[1])
		if n > len(d) {
			return item{}, nil, false
		}
		d = d[n:]
	}
	if len(d) == 0 || d[0] == itemLong {
		return item{}, nil, false
	}
	n := int(d[0] & 3)
	if n == 3 {
		n = 4
	}
	if 1+n > len(d) {
		return item{}, nil, false
	}
	it = item{tag: d[0] &^ 3, size: n}
	for i := range n {
		it.value |= uint32(d[1+i]) << (8 * i)
	}
	return it, d[1+n:], true
}

// global is the state that items set until they set it again.
type global struct {
	page        uint16
	id          byte
	size, count uint32
}

// parser reads a descriptor from its beginning to its end.
type parser struct {
	global
	pushed []global
	usages []usage
	min    usage
	hasMin bool

	depth   int
	app     usage // of the application collection under way
	apps    []usage
	in, out [256]int // bits of each report so far
	layouts []*Layout
	outputs []output
}

// output is an output report.
type output struct {
	id     byte
	vendor bool // a field of it is the maker's own
}

// ParseDescriptor reads a report descriptor: which input report carries decoded data and
// where, and which output report takes commands. It believes only what lies in an application
// collection of a bar code scanner. The error is ErrNotScanner or ErrNoData.
func ParseDescriptor(descriptor []byte) (Layout, error) {
	p := parse(descriptor)
	if !p.has(usageScanner) {
		return Layout{}, ErrNotScanner
	}
	for _, l := range p.layouts {
		if l.Max == 0 {
			continue
		}
		l.Size = (p.in[l.ID] + bitsOfByte - 1) / bitsOfByte
		if l.ID != 0 {
			l.Size += idLen
		}
		p.commands(l)
		if l.check() == nil {
			return *l, nil
		}
	}
	return Layout{}, ErrNoData
}

// applications are the usages of the application collections.
func applications(descriptor []byte) []usage { return parse(descriptor).apps }

func (p *parser) has(app usage) bool {
	for _, a := range p.apps {
		if a == app {
			return true
		}
	}
	return false
}

func parse(d []byte) *parser {
	p := &parser{}
	if len(d) > maxDescriptor {
		return p
	}
	for {
		it, rest, ok := next(d)
		if !ok {
			return p
		}
		p.take(it)
		d = rest
	}
}

func (p *parser) take(it item) {
	switch it.tag {
	case itemUsagePage:
		p.page = uint16(it.value)
	case itemReportSize:
		p.size = it.value
	case itemReportCount:
		p.count = it.value
	case itemReportID:
		p.id = byte(it.value)
	case itemPush:
		if len(p.pushed) < maxPushed {
			p.pushed = append(p.pushed, p.global)
		}
	case itemPop:
		if n := len(p.pushed); n > 0 {
			p.global, p.pushed = p.pushed[n-1], p.pushed[:n-1]
		}
	case itemUsage:
		p.use(p.full(it))
	case itemUsageMin:
		p.min, p.hasMin = p.full(it), true
	case itemUsageMax:
		if last := p.full(it); p.hasMin {
			for u := p.min; u <= last && len(p.usages) < maxUsages; u++ {
				p.use(u)
			}
		}
		p.hasMin = false
	case itemCollection, itemEndCollection, itemInput, itemOutput, itemFeature:
		p.main(it)
		p.usages, p.hasMin = p.usages[:0], false
	}
}

// full is a usage with its page, which one of four bytes brings along.
func (p *parser) full(it item) usage {
	if it.size == 4 {
		return usage(it.value)
	}
	return usage(uint32(p.page)<<16 | it.value&0xFFFF)
}

func (p *parser) use(u usage) {
	if len(p.usages) < maxUsages {
		p.usages = append(p.usages, u)
	}
}

func (p *parser) main(it item) {
	switch it.tag {
	case itemCollection:
		p.depth++
		if it.value == collectionApplication && len(p.usages) > 0 {
			p.app = p.usages[0]
			p.apps = append(p.apps, p.app)
		}
	case itemEndCollection:
		if p.depth--; p.depth <= 0 {
			p.depth, p.app = 0, 0
		}
	case itemInput:
		p.input(it.value)
	case itemOutput:
		p.output()
	}
}

// advance counts the bits of a main item into its report; not ok if there are too many.
func (p *parser) advance(sum *int) (at int, ok bool) {
	at = *sum
	bits := uint64(p.size) * uint64(p.count)
	if bits > MaxSize*bitsOfByte || at+int(bits) > MaxSize*bitsOfByte {
		*sum = MaxSize*bitsOfByte + bitsOfByte // fails Layout.check
		return 0, false
	}
	*sum += int(bits)
	return at, true
}

func (p *parser) input(flags uint32) {
	at, ok := p.advance(&p.in[p.id])
	if !ok || flags&flagConstant != 0 || p.app != usageScanner || p.count == 0 {
		return
	}
	l := p.layout()
	if len(p.usages) == 1 {
		p.place(l, p.usages[0], at, int(p.count))
		return
	}
	for i, u := range p.usages {
		if i >= int(p.count) {
			return
		}
		p.place(l, u, at+i*int(p.size), 1)
	}
}

// layout is that of the report under way.
func (p *parser) layout() *Layout {
	for _, l := range p.layouts {
		if l.ID == p.id {
			return l
		}
	}
	l := &Layout{ID: p.id, Length: None, AIM: None, Symbology: None, Continued: None, Told: true}
	p.layouts = append(p.layouts, l)
	return l
}

// place notes a field of count elements that begins at a bit.
func (p *parser) place(l *Layout, u usage, bit, count int) {
	at := bit / bitsOfByte
	if l.ID != 0 {
		at += idLen
	}
	if u == usageContinued && l.Continued == None && p.size <= bitsOfByte {
		l.Continued, l.Mask = at, 1<<(bit%bitsOfByte)
		return
	}
	if p.size != bitsOfByte || bit%bitsOfByte != 0 {
		return
	}
	switch {
	case u == usageByteCount && l.Length == None:
		l.Length = at
	case u == usageAIM && l.AIM == None:
		l.AIM = at
	case u == usageData && l.Max == 0:
		l.Data, l.Max = at, count
	case u.page() >= pageVendor && l.Symbology == None && l.Max > 0:
		l.Symbology = at
	}
}

func (p *parser) output() {
	if _, ok := p.advance(&p.out[p.id]); !ok || p.app != usageScanner {
		return
	}
	vendor := len(p.usages) > 0 && p.usages[0].page() >= pageVendor
	for i := range p.outputs {
		if p.outputs[i].id == p.id {
			p.outputs[i].vendor = p.outputs[i].vendor || vendor
			return
		}
	}
	p.outputs = append(p.outputs, output{p.id, vendor})
}

// commands picks the output report that takes commands: FD or 04 of the manuals, else the
// maker's own one. Reports of a few bytes are switches, not for text.
func (p *parser) commands(l *Layout) {
	const least = 16
	for _, want := range []func(output) bool{
		func(o output) bool { return o.id == 0xFD },
		func(o output) bool { return o.id == 0x04 },
		func(o output) bool { return o.vendor },
	} {
		for _, o := range p.outputs {
			if bytes := p.out[o.id] / bitsOfByte; want(o) && bytes >= least && bytes < MaxSize {
				l.OutID, l.OutSize = o.id, bytes+idLen
				return
			}
		}
	}
}
