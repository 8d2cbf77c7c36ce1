package wechatpayv2

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
)

// Bounds of an answer. A trade with many coupons has some hundred fields.
const (
	maxAnswer = 128 << 10
	maxFields = 1024
)

var errForm = errors.New("the answer is not the XML it should be")

// parse reads an answer: one element xml with elements in it that hold text alone. Anything
// else is an error: a document type or an entity of its own, a comment, an attribute, a
// namespace, an element in an element, one that stands twice.
func parse(body []byte) ([]field, error) {
	if len(body) > maxAnswer {
		return nil, errors.New("the answer is too large")
	}
	d := xml.NewDecoder(bytes.NewReader(body))
	var fields []field
	seen := map[string]bool{}
	depth, rooted, name := 0, false, ""
	var value []byte
	for first := true; ; first = false {
		token, err := d.RawToken()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, errForm // its words may quote the answer
		}
		switch t := token.(type) {
		case xml.ProcInst:
			if t.Target != "xml" || !first {
				return nil, errForm
			}
		case xml.StartElement:
			depth++
			name = t.Name.Local
			switch {
			case t.Name.Space != "" || len(t.Attr) > 0 || depth > 2:
				return nil, errForm
			case depth == 1 && (rooted || name != "xml"):
				return nil, errForm
			case depth == 2 && (seen[name] || len(fields) == maxFields):
				return nil, errForm
			}
			rooted, value = true, []byte{}
		case xml.EndElement:
			// RawToken does not match end and start: with two levels, names are enough.
			if depth == 2 && t.Name.Local != name || depth == 1 && t.Name.Local != "xml" || depth == 0 || t.Name.Space != "" {
				return nil, errForm
			}
			if depth == 2 {
				seen[name] = true
				fields = append(fields, field{name, value})
			}
			depth--
		case xml.CharData:
			if depth == 2 {
				value = append(value, t...)
			} else if len(bytes.TrimSpace(t)) > 0 {
				return nil, errForm
			}
		default:
			return nil, errForm
		}
	}
	if !rooted || depth != 0 {
		return nil, errForm
	}
	return fields, nil
}

// appendXML appends a request.
func appendXML(dst []byte, fields []field) []byte {
	dst = append(dst, "<xml>"...)
	for _, f := range fields {
		if len(f.value) == 0 {
			continue
		}
		dst = append(append(append(dst, '<'), f.name...), '>')
		for _, c := range f.value {
			switch c {
			case '<':
				dst = append(dst, "&lt;"...)
			case '>':
				dst = append(dst, "&gt;"...)
			case '&':
				dst = append(dst, "&amp;"...)
			default:
				dst = append(dst, c)
			}
		}
		dst = append(append(append(dst, "</"...), f.name...), '>')
	}
	return append(dst, "</xml>"...)
}
