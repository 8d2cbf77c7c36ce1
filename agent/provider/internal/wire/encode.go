package wire

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"time"

	"github.com/tilld/tilld/internal/secret"
)

// Encode writes a message. Secrets are revealed into the result, which the caller wipes, and
// into nothing else. A secret that needs escapes is an error.
func Encode(v any) ([]byte, error) {
	// One piece from the start: growing would leave copies behind.
	out, err := encode(make([]byte, 0, MaxRequest), reflect.ValueOf(v))
	if err != nil {
		secret.Zero(out[:cap(out)])
		return nil, err
	}
	if len(out) > MaxRequest {
		secret.Zero(out[:cap(out)])
		return nil, fmt.Errorf("write a message: %d bytes, more than %d", len(out), MaxRequest)
	}
	return out, nil
}

func encode(to []byte, v reflect.Value) ([]byte, error) {
	switch x := v.Interface().(type) {
	case Raw:
		return append(to, x...), nil
	case *secret.Bytes:
		return encodeSecret(to, x)
	case []byte:
		to = append(to, '"')
		to = base64.StdEncoding.AppendEncode(to, x)
		return append(to, '"'), nil
	case time.Time:
		to = append(to, '"')
		to = x.UTC().AppendFormat(to, time.RFC3339Nano)
		return append(to, '"'), nil
	}
	switch v.Kind() {
	case reflect.Pointer:
		return encode(to, v.Elem())
	case reflect.Struct:
		return encodeStruct(to, v)
	case reflect.Slice:
		to = append(to, '[')
		for i := range v.Len() {
			if i > 0 {
				to = append(to, ',')
			}
			var err error
			if to, err = encode(to, v.Index(i)); err != nil {
				return to, err
			}
		}
		return append(to, ']'), nil
	case reflect.String:
		text, err := json.Marshal(v.String())
		return append(to, text...), err
	case reflect.Bool:
		return strconv.AppendBool(to, v.Bool()), nil
	case reflect.Int64:
		return strconv.AppendInt(to, v.Int(), 10), nil
	case reflect.Uint32:
		return strconv.AppendUint(to, v.Uint(), 10), nil
	case reflect.Float64:
		text, err := json.Marshal(v.Float())
		return append(to, text...), err
	}
	panic("wire: no way to write a " + v.Type().String())
}

func encodeStruct(to []byte, v reflect.Value) ([]byte, error) {
	to = append(to, '{')
	begun := false
	for _, f := range Fields(v.Type()) {
		x := v.Field(f.Index)
		if f.Optional && x.IsZero() {
			continue
		}
		if begun {
			to = append(to, ',')
		}
		begun = true
		to = append(strconv.AppendQuote(to, f.Name), ':')
		var err error
		if to, err = encode(to, x); err != nil {
			return to, fmt.Errorf("write %s: %w", f.Name, err)
		}
	}
	return append(to, '}'), nil
}

func encodeSecret(to []byte, s *secret.Bytes) ([]byte, error) {
	if !Printable(s.Reveal()) {
		return to, fmt.Errorf("it holds what is not printable ASCII, or a quote or backslash")
	}
	to = append(append(to, '"'), s.Reveal()...)
	return append(to, '"'), nil
}

// Printable reports whether b is printable ASCII without space, quote or backslash.
func Printable[T string | []byte](b T) bool {
	for i := range len(b) {
		if c := b[i]; c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
