package wallettest

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// readFlat reads <xml> with one level of elements, each once.
func readFlat(body []byte) (map[string]string, error) {
	var doc struct {
		XMLName xml.Name   `xml:"xml"`
		Attrs   []xml.Attr `xml:",any,attr"`
		Text    string     `xml:",chardata"`
		All     []struct {
			XMLName xml.Name
			Attrs   []xml.Attr `xml:",any,attr"`
			Text    string     `xml:",chardata"`
			Inner   []struct {
				XMLName xml.Name
			} `xml:",any"`
		} `xml:",any"`
	}
	dec := xml.NewDecoder(bytes.NewReader(body))
	if err := dec.Decode(&doc); err != nil {
		return nil, errors.New("not the XML it should be")
	}
	if dec.InputOffset() != int64(len(body)) || len(doc.Attrs) > 0 || strings.TrimSpace(doc.Text) != "" {
		return nil, errors.New("more than the elements of a request")
	}
	in := map[string]string{}
	for _, e := range doc.All {
		name := e.XMLName.Local
		if _, twice := in[name]; twice || len(e.Attrs) > 0 || len(e.Inner) > 0 || e.XMLName.Space != "" {
			return nil, fmt.Errorf("element %.40q stands twice or holds more than text", name)
		}
		in[name] = e.Text
	}
	return in, nil
}

// flatSign is the signature over all fields that are not empty, in capital hex.
func flatSign(kind string, in map[string]string, key string) string {
	text := ""
	for _, name := range slices.Sorted(maps.Keys(in)) {
		if name != "sign" && in[name] != "" {
			text += name + "=" + in[name] + "&"
		}
	}
	text += "key=" + key
	if kind == "MD5" {
		return fmt.Sprintf("%X", md5.Sum([]byte(text)))
	}
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return fmt.Sprintf("%X", mac.Sum(nil))
}

// writeFlat writes an answer in the form that the wallet's own servers use: every value in
// CDATA.
func writeFlat(out map[string]string) []byte {
	var b bytes.Buffer
	b.WriteString("<xml>")
	for _, name := range slices.Sorted(maps.Keys(out)) {
		fmt.Fprintf(&b, "<%s><![CDATA[%s]]></%s>\n", name, out[name], name)
	}
	b.WriteString("</xml>")
	return b.Bytes()
}
