package secret

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestNeverShown(t *testing.T) {
	s := Copy([]byte("canary-130061098828009406"))
	holder := struct{ Code *Bytes }{s}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "code", s, "holder", holder)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "code", s, "value", *s, "holder", holder)
	j, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	out := log.String() + string(j)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		out += fmt.Sprintf(verb, s) + fmt.Sprintf(verb, *s) + fmt.Sprintf(verb, holder)
	}
	if strings.Contains(out, "canary") || strings.Contains(out, "63616e617279") || strings.Contains(out, "99 97 110") {
		t.Fatalf("secret shown: %s", out)
	}
}

func TestWipe(t *testing.T) {
	b := []byte("secret")
	s := New(b)
	s.Wipe()
	s.Wipe()
	if !bytes.Equal(b, make([]byte, 6)) || s.Len() != 0 {
		t.Fatal("not wiped")
	}
	var none *Bytes
	none.Wipe()
	if none.Len() != 0 {
		t.Fatal("nil secret has a length")
	}
}
