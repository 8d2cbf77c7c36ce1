package nexo

import (
	"encoding/base64"
	"net/url"
	"strings"
)

// AcquirerData is what SaleToAcquirerData says. SDKs send base64 of a JSON object, others
// k=v pairs joined by &.
type AcquirerData struct {
	JSON  Value             // an object, when it came as base64; else null
	Pairs map[string]string // when it came as pairs; else nil
}

// maxAcquirerData bounds the text; the data has at most twenty small metadata fields.
const maxAcquirerData = 16 << 10

// ReadAcquirerData takes the field as it stands in SaleData; null is none. A text that is
// valid base64 as a whole must hold a JSON object; everything else must be pairs.
func ReadAcquirerData(v Value) (AcquirerData, *Error) {
	if v.Kind == Null {
		return AcquirerData{}, nil
	}
	s, ok := v.Text()
	if !ok || len(s) > maxAcquirerData {
		return AcquirerData{}, malformed("SaleToAcquirerData is not a text of at most %d characters", maxAcquirerData)
	}
	if raw, err := base64.StdEncoding.Strict().DecodeString(s); err == nil && !strings.ContainsAny(s, "\r\n") {
		if len(raw) == 0 {
			return AcquirerData{}, nil
		}
		object, err := Parse(raw)
		if err != nil || object.Kind != Object {
			return AcquirerData{}, malformed("SaleToAcquirerData is base64, but not of a JSON object")
		}
		return AcquirerData{JSON: object}, nil
	}
	return readPairs(s)
}

func readPairs(s string) (AcquirerData, *Error) {
	pairs := map[string]string{}
	for _, pair := range strings.Split(s, "&") {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			return AcquirerData{}, malformed("SaleToAcquirerData is neither base64 nor name=value pairs")
		}
		n, err1 := url.QueryUnescape(name)
		w, err2 := url.QueryUnescape(value)
		if err1 != nil || err2 != nil || n == "" {
			return AcquirerData{}, malformed("SaleToAcquirerData has a malformed name=value pair")
		}
		if _, twice := pairs[n]; twice {
			return AcquirerData{}, malformed("SaleToAcquirerData has a name twice")
		}
		pairs[n] = w
	}
	return AcquirerData{Pairs: pairs}, nil
}

// Metadata is what the point of sale wants back unchanged: the members of "metadata", or
// the pairs whose names begin with "metadata.". Names come without that prefix.
func (a AcquirerData) Metadata() map[string]string {
	out := map[string]string{}
	for name, value := range a.Pairs {
		if rest, ok := strings.CutPrefix(name, "metadata."); ok && rest != "" {
			out[rest] = value
		}
	}
	for _, m := range a.JSON.At("metadata").Members() {
		if s, ok := m.Value.Text(); ok {
			out[m.Name] = s
		} else if m.Value.Kind != Null {
			out[m.Name] = string(m.Value.Append(nil))
		}
	}
	for _, m := range a.JSON.Members() {
		rest, ok := strings.CutPrefix(m.Name, "metadata.")
		if s, text := m.Value.Text(); ok && text && rest != "" {
			out[rest] = s
		}
	}
	return out
}
