package scanner

// Symbologies in the words of the wire vectors.
const (
	Unknown    Symbology = "" // the scanner does not tell
	QR         Symbology = "qr"
	DataMatrix Symbology = "datamatrix"
	Code128    Symbology = "code128"
	GS1128     Symbology = "gs1-128"
	EAN13      Symbology = "ean13"
	EAN8       Symbology = "ean8"
	UPCA       Symbology = "upca"
	UPCE       Symbology = "upce"
	PDF417     Symbology = "pdf417"
	Aztec      Symbology = "aztec"
	HanXin     Symbology = "hanxin"
	Code39     Symbology = "code39"
	Code93     Symbology = "code93"
	Codabar    Symbology = "codabar"
	ITF        Symbology = "itf"
	DataBar    Symbology = "databar"
	MaxiCode   Symbology = "maxicode"
	Other      Symbology = "other"
)

// AIMSymbology names the symbology of an AIM identifier "]cm" (ISO/IEC 15424).
func AIMSymbology(aim string) Symbology {
	if len(aim) != 3 {
		return Unknown
	}
	switch aim[1] {
	case 'Q':
		return QR
	case 'd':
		return DataMatrix
	case 'C':
		if aim[2] == '1' {
			return GS1128
		}
		return Code128
	case 'E':
		if aim[2] == '4' {
			return EAN8
		}
		return EAN13
	case 'L':
		return PDF417
	case 'z':
		return Aztec
	case 'h':
		return HanXin
	case 'A':
		return Code39
	case 'G':
		return Code93
	case 'F':
		return Codabar
	case 'I':
		return ITF
	case 'e':
		return DataBar
	case 'U':
		return MaxiCode
	}
	return Other
}

// aimCharacters are those of an identifier's second and third place.
const (
	aimCodes     = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	aimModifiers = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// aimAll holds every identifier one after the other, so that CutAIM need not allocate.
var aimAll = func() string {
	b := make([]byte, 0, 3*len(aimCodes)*len(aimModifiers))
	for _, c := range []byte(aimCodes) {
		for _, m := range []byte(aimModifiers) {
			b = append(b, ']', c, m)
		}
	}
	return string(b)
}()

// CutAIM splits the AIM identifier off the beginning of a text. It does not allocate.
func CutAIM(text []byte) (aim string, rest []byte, ok bool) {
	if len(text) < 3 || text[0] != ']' {
		return "", text, false
	}
	c, m := letter(text[1]), modifier(text[2])
	if c < 0 || m < 0 {
		return "", text, false
	}
	at := 3 * (c*len(aimModifiers) + m)
	return aimAll[at : at+3], text[3:], true
}

func letter(c byte) int {
	switch {
	case c >= 'A' && c <= 'Z':
		return int(c - 'A')
	case c >= 'a' && c <= 'z':
		return 26 + int(c-'a')
	}
	return -1
}

func modifier(c byte) int {
	if c >= '0' && c <= '9' {
		return int(c - '0')
	}
	if n := letter(c); n >= 0 {
		return 10 + n
	}
	return -1
}

// Identifier is the AIM identifier of a scan: the one that the scanner sent, or, where it
// names the symbology in another way, the plain one of that symbology; empty when neither is
// known.
func (s Scan) Identifier() string {
	if s.AIM != "" {
		return s.AIM
	}
	return identifiers[s.Symbology]
}

// identifiers are of the plain form of each symbology, without special processing.
var identifiers = map[Symbology]string{
	QR: "]Q1", DataMatrix: "]d1", Code128: "]C0", GS1128: "]C1", EAN13: "]E0", EAN8: "]E4", UPCA: "]E0", UPCE: "]E0",
	PDF417: "]L0", Aztec: "]z0", HanXin: "]h0", Code39: "]A0", Code93: "]G0", Codabar: "]F0", ITF: "]I0",
	DataBar: "]e0", MaxiCode: "]U0", Other: "]X0",
}
