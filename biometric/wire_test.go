package biometric

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

func TestSealedJSON(t *testing.T) {
	s := newTill(t, payBinding()).seal(t)
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > MaxSealedJSON {
		t.Errorf("%d bytes", len(b))
	}
	var got Sealed
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, s) {
		t.Error("something else came back")
	}
	for name, change := range map[string][2]string{
		"unknown name":      {`"epoch":3`, `"epoch":3,"more":1`},
		"twice":             {`"epoch":3`, `"epoch":4,"epoch":3`},
		"capital letters":   {`"epoch":3`, `"Epoch":3`},
		"twice inside":      {`"minor":1250`, `"minor":1,"minor":1250`},
		"no epoch":          {`"epoch":3,`, ``},
		"a float":           {`"minor":1250`, `"minor":1250.5`},
		"a float of no use": {`"minor":1250`, `"minor":1250.0`},
		"null":              {`"epoch":3`, `"epoch":null`},
		"a bad purpose":     {`"purpose":"pay"`, `"purpose":"enrol"`},
		"a line break":      {`"verdict":"`, `"verdict":"\n`},
		"no base64":         {`"verdict":"`, `"verdict":"!`},
		"a nonce of 3":      {`"nonce":"MDEyMzQ1Njc4OWFiY2RlZg=="`, `"nonce":"MDEy"`},
		"loose base64":      {`"nonce":"MDEyMzQ1Njc4OWFiY2RlZg=="`, `"nonce":"MDEyMzQ1Njc4OWFiY2RlZh=="`},
		"no signature":      {`"signature":"`, `"signature":"","signature_":"`},
	} {
		c := bytes.Replace(b, []byte(change[0]), []byte(change[1]), 1)
		if bytes.Equal(c, b) {
			t.Errorf("%s: nothing was changed", name)
		}
		if err := new(Sealed).UnmarshalJSON(c); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if err := new(Sealed).UnmarshalJSON(append(bytes.Clone(b), '1')); err == nil {
		t.Error("something behind it: taken")
	}
	if err := new(Sealed).UnmarshalJSON(append(bytes.Clone(b), make([]byte, MaxSealedJSON)...)); err == nil {
		t.Error("too long: taken")
	}
}

func FuzzSealedJSON(f *testing.F) {
	for _, b := range []Binding{payBinding(), enrolBinding()} {
		j, err := json.Marshal(newTill(f, b).seal(f))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(j)
	}
	l := newTill(f, payBinding())
	f.Fuzz(func(t *testing.T, b []byte) {
		var s Sealed
		if s.UnmarshalJSON(b) != nil {
			return
		}
		j, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var again Sealed
		if err := again.UnmarshalJSON(j); err != nil || !reflect.DeepEqual(again, s) {
			t.Fatalf("%s came back as %s, %v", b, j, err)
		}
		if s.Verify(&l.signer.PublicKey) == nil {
			t.Fatal("a signature was forged")
		}
		if _, err := Open(s, l.private); err == nil {
			t.Fatal("something was opened")
		}
	})
}
