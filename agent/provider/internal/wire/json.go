package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tilld/tilld/internal/secret"
)

// Raw is a JSON value that is passed on as it is.
type Raw []byte

var (
	typeRaw    = reflect.TypeFor[Raw]()
	typeBytes  = reflect.TypeFor[[]byte]()
	typeTime   = reflect.TypeFor[time.Time]()
	typeSecret = reflect.TypeFor[*secret.Bytes]()
)

// maxItems bounds every list.
const maxItems = 64

// Decode reads one message into the struct that v points to. It refuses what encoding/json
// lets pass: unknown, missing and repeated names, names in other letters, null, text that is
// not UTF-8, base64 that is not canonical, and anything behind the value. Secrets and Raws
// are copied out of data and nowhere else, so that wiping data and them leaves nothing.
// Errors name fields and quote no values.
func Decode(data []byte, v any) error {
	if !utf8.Valid(data) {
		return errors.New("not UTF-8")
	}
	if !json.Valid(data) {
		return errors.New("not JSON")
	}
	return decode(bytes.Trim(data, space), reflect.ValueOf(v).Elem(), "")
}

const space = " \t\r\n"

// decode sets v from a valid, trimmed JSON value.
func decode(data []byte, v reflect.Value, at string) error {
	switch v.Type() {
	case typeRaw:
		v.SetBytes(append([]byte(nil), data...))
		return nil
	case typeSecret:
		text, err := plain(data, at)
		if err == nil && !Printable(text) {
			err = fmt.Errorf("%s: not printable ASCII without spaces", at)
		}
		if err == nil {
			v.Set(reflect.ValueOf(secret.Copy(text)))
		}
		return err
	case typeBytes:
		b, err := decodeBytes(data, at)
		v.SetBytes(b)
		return err
	case typeTime:
		t, err := decodeTime(data, at)
		v.Set(reflect.ValueOf(t))
		return err
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return decode(data, v.Elem(), at)
	case reflect.Struct:
		return decodeStruct(data, v, at)
	case reflect.Slice:
		return decodeList(data, v, at)
	}
	return decodeScalar(data, v, at)
}

func decodeScalar(data []byte, v reflect.Value, at string) error {
	if c := data[0]; c == 'n' || c == '[' || c == '{' {
		return fmt.Errorf("%s: not a %s", at, v.Kind())
	}
	switch v.Kind() {
	case reflect.String:
		var s string
		if json.Unmarshal(data, &s) != nil || strings.ContainsRune(s, utf8.RuneError) {
			return fmt.Errorf("%s: not a text", at)
		}
		v.SetString(s)
	case reflect.Bool:
		b := string(data) == "true"
		if !b && string(data) != "false" {
			return fmt.Errorf("%s: not true or false", at)
		}
		v.SetBool(b)
	case reflect.Int64:
		n, err := strconv.ParseInt(string(data), 10, 64)
		if err != nil {
			return fmt.Errorf("%s: not a whole number", at)
		}
		v.SetInt(n)
	case reflect.Uint32:
		n, err := strconv.ParseUint(string(data), 10, 32)
		if err != nil {
			return fmt.Errorf("%s: not a whole number from 0 to 4294967295", at)
		}
		v.SetUint(n)
	case reflect.Float64:
		n, err := strconv.ParseFloat(string(data), 64)
		if err != nil {
			return fmt.Errorf("%s: not a number", at)
		}
		v.SetFloat(n)
	default:
		panic("wire: no way to read a " + v.Type().String())
	}
	return nil
}

// plain is what stands between the quotes of a text that needs no escapes.
func plain(data []byte, at string) ([]byte, error) {
	if data[0] != '"' {
		return nil, fmt.Errorf("%s: not a text", at)
	}
	text := data[1 : len(data)-1]
	if bytes.IndexByte(text, '\\') >= 0 {
		return nil, fmt.Errorf("%s: escapes are not allowed here", at)
	}
	return text, nil
}

func decodeBytes(data []byte, at string) ([]byte, error) {
	text, err := plain(data, at)
	if err != nil {
		return nil, err
	}
	b, err := base64.StdEncoding.Strict().AppendDecode(nil, text)
	if err != nil || bytes.ContainsAny(text, "\r\n") {
		return nil, fmt.Errorf("%s: not base64", at)
	}
	return b, nil
}

func decodeTime(data []byte, at string) (time.Time, error) {
	text, err := plain(data, at)
	if err != nil {
		return time.Time{}, err
	}
	t, err := time.Parse(time.RFC3339Nano, string(text))
	if err != nil || text[len(text)-1] != 'Z' || t.Year() < 2000 || t.Year() > 2199 {
		return time.Time{}, fmt.Errorf("%s: not a time in UTC", at)
	}
	return t, nil
}

func decodeList(data []byte, v reflect.Value, at string) error {
	if data[0] != '[' {
		return fmt.Errorf("%s: not a list", at)
	}
	list := reflect.MakeSlice(v.Type(), 0, 4)
	for item := range items(data) {
		if list.Len() == maxItems {
			return fmt.Errorf("%s: more than %d items", at, maxItems)
		}
		e := reflect.New(v.Type().Elem()).Elem()
		if err := decode(item, e, at+"["+strconv.Itoa(list.Len())+"]"); err != nil {
			return err
		}
		list = reflect.Append(list, e)
	}
	v.Set(list)
	return nil
}

func decodeStruct(data []byte, v reflect.Value, at string) error {
	if data[0] != '{' {
		return fmt.Errorf("%s: not an object", cmpOr(at, "the message"))
	}
	v.SetZero()
	known := Fields(v.Type())
	var seen []string
	for name, value := range members(data) {
		i := slices.IndexFunc(known, func(f Field) bool { return f.Name == name })
		switch {
		case i < 0:
			return fmt.Errorf("%s: a name that the protocol does not know", cmpOr(at, "the message"))
		case slices.Contains(seen, name):
			return fmt.Errorf("%s: given twice", join(at, name))
		}
		seen = append(seen, name)
		if err := decode(value, v.Field(known[i].Index), join(at, name)); err != nil {
			return err
		}
	}
	for _, f := range known {
		if !f.Optional && !slices.Contains(seen, f.Name) {
			return fmt.Errorf("%s: missing", join(at, f.Name))
		}
	}
	return nil
}

func cmpOr(at, or string) string {
	if at == "" {
		return or
	}
	return at
}

func join(at, name string) string {
	if at == "" {
		return name
	}
	return at + "." + name
}

// Field is one field of a message.
type Field struct {
	Name     string
	Optional bool
	Index    int // in the struct
}

// Fields lists the fields of a message's struct in the order they are written.
func Fields(t reflect.Type) []Field {
	fields := make([]Field, 0, t.NumField())
	for i := range t.NumField() {
		name, options, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		fields = append(fields, Field{Name: name, Optional: options == "omitempty", Index: i})
	}
	return fields
}
