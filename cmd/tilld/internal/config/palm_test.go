package config

import (
	"reflect"
	"strings"
	"testing"
)

const goodPalm = `
[palm]
camera = "0bda:5830 serial=T1 if=0"
lamp_nir = "GPIO23"
lamp_white = "GPIO24"
provider = "palm.example"
endpoint = "https://palm.example/"
root_keys = ["root.pem"]
merchant = "M-1"
key_file = "palm.key"
`

func TestPalm(t *testing.T) {
	c, problems := Parse([]byte(good+goodPalm), "/etc/tilld", tables())
	if n := problems.Count(Mistake); n != 0 {
		t.Fatalf("%v", problems)
	}
	want := Palm{Camera: "0bda:5830 serial=T1 if=0", LampNIR: "GPIO23", LampWhite: "GPIO24", Provider: "palm.example", Title: "palm.example",
		Endpoint: "https://palm.example", RootKeys: []string{"/etc/tilld/root.pem"}, Merchant: "M-1", KeyFile: "/etc/tilld/palm.key",
		MemberCode: "[0-9]{6,12}", Line: c.Palm.Line}
	if !reflect.DeepEqual(c.Palm, want) || !c.Palm.Fitted() {
		t.Errorf("%+v", c.Palm)
	}
	if m, ok := c.Palm.Match(); !ok || m.String() != c.Palm.Camera {
		t.Errorf("%v %t", m, ok)
	}
	for _, change := range []struct{ old, new, mistake string }{
		{`"0bda:5830 serial=T1 if=0"`, `"the grey one"`, "names no device"},
		{`lamp_nir = "GPIO23"`, ``, "palm.lamp_nir: is missing"},
		{`"GPIO24"`, `"GPIO23"`, "taken already"},
		{`"palm.example"`, `"Palm!"`, "cannot name a provider"},
		{`"https://palm.example/"`, `"http://palm.example/"`, "not https:// and a host"},
		{`"https://palm.example/"`, `"https://palm.example/api"`, "not https:// and a host"},
		{`"M-1"`, `"M 1"`, "merchant's number"},
		{`root_keys = ["root.pem"]`, ``, "palm.root_keys"},
		{`key_file = "palm.key"`, ``, "palm.key_file"},
		{`merchant =`, `member_code = "[0-9"` + "\nmerchant =", "palm.member_code"},
		{`merchant =`, `camra = 1` + "\nmerchant =", "unknown key"},
	} {
		_, problems := Parse([]byte(good+strings.Replace(goodPalm, change.old, change.new, 1)), "/etc/tilld", tables())
		if problems.Count(Mistake) == 0 || !strings.Contains(text(problems), change.mistake) {
			t.Errorf("%s: %s", change.new, text(problems))
		}
	}
}

func TestPalmOnTheDesk(t *testing.T) {
	desk := strings.Replace(goodPalm, `"0bda:5830 serial=T1 if=0"`, `"desk:cam.sock"`, 1)
	desk = strings.NewReplacer("lamp_nir = \"GPIO23\"\n", "", "lamp_white = \"GPIO24\"\n", "").Replace(desk)
	test := strings.Replace(good, `environment = "live"`, `environment = "test"`, 1)
	c, problems := Parse([]byte(test+desk), "/etc/tilld", tables())
	if problems.Count(Mistake) != 0 || !c.Palm.Desk || c.Palm.Camera != "/etc/tilld/cam.sock" {
		t.Errorf("%+v: %s", c.Palm, text(problems))
	}
	_, problems = Parse([]byte(good+desk), "/etc/tilld", tables())
	if !strings.Contains(text(problems), `palm.camera: is for environment = "test" only`) {
		t.Error(text(problems))
	}
}
