package emvco

// cpmNames are the standard's names of the tags of consumer-presented payloads.
var cpmNames = map[string]string{
	"85": "payload format indicator", "61": "application template", "62": "common data template",
	"63": "application specific transparent template", "64": "common data transparent template",
	"4F": "application identifier (AID)", "50": "application label", "57": "track 2 equivalent data",
	"5A": "account number (PAN)", "5F20": "cardholder name", "5F2D": "language preference",
	"5F50": "issuer URL", "82": "application interchange profile", "9F08": "application version number",
	"9F10": "issuer application data", "9F19": "token requestor ID", "9F24": "payment account reference",
	"9F25": "last four digits of the PAN", "9F26": "application cryptogram", "9F27": "cryptogram information data",
	"9F36": "application transaction counter", "9F37": "unpredictable number",
}

// mpmNames are the standard's names of the fields of merchant-presented payloads.
var mpmNames = map[string]string{
	"00": "payload format indicator", "01": "point of initiation", "52": "merchant category code",
	"53": "transaction currency", "54": "transaction amount", "55": "tip or convenience indicator",
	"56": "convenience fee, fixed", "57": "convenience fee, percent", "58": "country code",
	"59": "merchant name", "60": "merchant city", "61": "postal code", "62": "additional data",
	"63": "checksum (CRC)", "64": "merchant information, other language",
}

// Name is what the standard calls the tag, or "unknown tag".
func (t TLV) Name() string {
	if n := cpmNames[t.Tag]; n != "" {
		return n
	}
	return "unknown tag"
}

// Name is what the standard calls a field of the top level.
func (f Field) Name() string {
	switch n := mpmNames[f.ID]; {
	case n != "":
		return n
	case f.ID <= "51":
		return "merchant account"
	case f.ID >= "80":
		return "unreserved template"
	}
	return "reserved"
}
