package config

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet"
)

// tables is a small world of wallets and drivers.
func tables() Known {
	return Known{
		Drivers: []ScannerDriver{
			{Name: "serial", Protocols: []string{"line", "menu"}, Keys: []string{"baud"}, Example: "/dev/serial/by-id/usb-..."},
			{Name: "wedge", Protocols: []string{"wedge"}, Example: "/dev/input/by-id/usb-...-event-kbd"},
		},
		Protocols: []ScannerProtocol{
			{Name: "line", Keys: []string{"aim", "terminator", "prefix", "code_ids"}, CodeIDs: []string{"honeywell"},
				Terminators: []string{"crlf", "none"},
				Check: func(s Scanner) error {
					if s.AIM && s.CodeIDs != "" {
						return errors.New("aim and code_ids at once")
					}
					return nil
				}},
			{Name: "menu", Keys: []string{"settings", "trigger"}, Baud: 9600},
			{Name: "wedge", Keys: []string{"aim", "layout"}, Layouts: []string{"us", "de"}},
		},
		Profiles: []string{"default", "jp", "all"},
		Wallets: []Wallet{{
			Name: "wechatpay", Hosts: []string{"api.mch.weixin.qq.com"}, Schemes: []string{"wechatpay"},
			Currencies: []sale.Currency{"CNY", "JPY"}, Settings: []string{"app_id", "merchant_id", "notify_url"},
			Offers: true, OfferNeeds: []string{"notify_url"},
			Check: func(m map[string]string) (f []wallet.Fault) {
				if m["merchant_id"] == "" {
					f = append(f, wallet.Fault{Key: "merchant_id", Text: "must be digits"})
				}
				return f
			},
		}},
	}
}

const good = `environment = "live"
state = "/var/lib/tilld"

[terminal]
model = "TILLD"
serial = "000158000000000"
keys = "/etc/tilld/keys.toml"
location = "+31.23/+121.47"
ceiling = "5000.00"
[pos]
listen = "127.0.0.1:8443"
certificate = "pos.crt"
key = "pos.key"
plain = true
[display]
listen = "127.0.0.1:8090"
[control]
socket = "/run/tilld/tilld.sock"
[[scanner]]
name = "counter"
port = "/dev/serial/by-id/usb-scanner"
aim = true
[[contract]]
slot = 1
name = "wechat"
wallet = "wechatpay"
schemes = ["wechatpay"]
currencies = ["CNY", "JPY"]
endpoint = "https://api.mch.weixin.qq.com/"
key_id = "K"
key_file = "w.key"
wallet_keys = ["w.pem"]
[contract.wechatpay]
app_id = "wx"
merchant_id = "1900000001"
`

func TestGood(t *testing.T) {
	c, problems := Parse([]byte(good), "/etc/tilld", tables())
	if len(problems) != 0 {
		t.Fatalf("%v", problems)
	}
	if c.POS.Certificate != "/etc/tilld/pos.crt" || c.Contracts[0].WalletKeys[0] != "/etc/tilld/w.pem" {
		t.Errorf("relative paths: %q, %q", c.POS.Certificate, c.Contracts[0].WalletKeys)
	}
	if c.Terminal.Ceiling["CNY"] != 500000 || c.Terminal.Ceiling["JPY"] != 5000 {
		t.Errorf("ceilings: %v", c.Terminal.Ceiling)
	}
	if c.Contracts[0].Endpoint != "https://api.mch.weixin.qq.com" || c.POIID() != "TILLD-000158000000000" || c.Test() {
		t.Errorf("%+v", c)
	}
	if c.Terminal.CodeWait != 90*time.Second || c.Terminal.ClockScale != 1 || c.Scanners[0].Terminator != "crlf" || c.Log != "text" {
		t.Errorf("defaults: %+v", c)
	}
}

// One change to a good file, one finding.
func TestMistakes(t *testing.T) {
	for _, tc := range []struct {
		name, old, new string
		line           int
		key, text      string
	}{
		{"environment missing", `environment = "live"`, ``, 1, "environment", "is missing"},
		{"environment unknown", `"live"`, `"prod"`, 1, "environment", `"prod" is not known`},
		{"test clock in live", `model = "TILLD"`, "model = \"TILLD\"\nclock = \"system\"", 6, "terminal.clock", "for environment = \"test\" only"},
		{"scale in live", `model = "TILLD"`, "model = \"TILLD\"\nclock_scale = 2", 6, "terminal.clock_scale", "for environment"},
		{"authority in live", `key_id = "K"`, "key_id = \"K\"\nca_file = \"x\"", 31, "contract[1].ca_file", "for environment"},
		{"foreign host in live", `api.mch.weixin.qq.com/`, `api.mch.weixin.qq.com:8443`, 29, "contract[1].endpoint", "is not a host of wechatpay"},
		{"look-alike host", `api.mch.weixin.qq.com/`, `api.mch.weixin.qq.com.example`, 29, "contract[1].endpoint", "is not a host of wechatpay"},
		{"user in the endpoint", `https://api`, `https://u:p@api`, 29, "contract[1].endpoint", "is not https://"},
		{"path in the endpoint", `qq.com/`, `qq.com/v3`, 29, "contract[1].endpoint", "is not https://"},
		{"plain off loopback", `127.0.0.1:8443"`, `192.0.2.7:8443"` + "\nsale_ids = [\"S\"]", 15, "pos.plain", "loopback only"},
		{"nobody may talk off loopback", `127.0.0.1:8443`, `192.0.2.7:8443`, 10, "pos.sale_ids", "is empty"},
		{"no key at all", `plain = true`, `plain = false`, 10, "pos.keys", "no point of sale could talk"},
		{"display off loopback", `127.0.0.1:8090`, `0.0.0.0:8090`, 16, "display.listen", "is not loopback"},
		{"display by name", `127.0.0.1:8090`, `example.com:8090`, 16, "display.listen", "is not an IP address"},
		{"one port for two", `127.0.0.1:8090`, `127.0.0.1:8443`, 16, "display.listen", "is the address of [pos]"},
		{"port 0 in live", `127.0.0.1:8090`, `127.0.0.1:0`, 16, "display.listen", "is not a port"},
		{"port too large", `127.0.0.1:8090`, `127.0.0.1:65536`, 16, "display.listen", "is not a port"},
		{"keys inside state", `/etc/tilld/keys.toml`, `/var/lib/tilld/keys.toml`, 7, "terminal.keys", "inside the state directory"},
		{"keys inside state, by a detour", `/etc/tilld/keys.toml`, `/var/lib/x/../tilld/keys.toml`, 7, "terminal.keys", "inside the state directory"},
		{"long socket", `/run/tilld/tilld.sock`, "/" + strings.Repeat("x", 107), 18, "control.socket", "107"},
		{"unknown section", `[display]`, "[dispaly]\nx = 1\n[display]", 15, "dispaly", "unknown key"},
		{"ceiling with too many decimals", `"5000.00"`, `"5000.001"`, 9, "terminal.ceiling", "CNY has 2 decimals"},
		{"ceiling that is no number", `"5000.00"`, `"NaN"`, 9, "terminal.ceiling", "is not an amount"},
		{"ceiling below zero", `"5000.00"`, `"-1"`, 9, "terminal.ceiling", "is not an amount"},
		{"number too large", `slot = 1`, `slot = 9223372036854775808`, 24, "contract[1].slot", "out of range"},
		{"text for a number", `slot = 1`, `slot = "1"`, 24, "contract[1].slot", "is a string, must be a whole number"},
		{"setting missing", `merchant_id = "1900000001"`, ``, 33, "contract[1].wechatpay.merchant_id", "is missing"},
		{"offer without what it needs", `key_id = "K"`, "key_id = \"K\"\noffer = true", 34, "contract[1].wechatpay.notify_url", "shows no code without it"},
		{"table for a string", `model = "TILLD"`, `model = { a = 1 }`, 5, "terminal.model", "is a table, must be a string"},
		{"scanner as one table", "[[scanner]]", "[scanner]", 19, "scanner", "must be an array of tables"},
		{"section twice", "[display]\n", "[display]\n[display]\n", 16, "display", "stands twice"},
		{"when a code is shown", `model = "TILLD"`, "model = \"TILLD\"\noffer = \"often\"", 6, "terminal.offer", "\"often\" is not known"},
		{"nobody shows codes", `model = "TILLD"`, "model = \"TILLD\"\noffer = \"always\"", 6, "terminal.offer", "no contract shows codes"},
		{"a contract that shows none", `model = "TILLD"`, "model = \"TILLD\"\noffer_contract = \"wechat\"", 6, "terminal.offer_contract", "shows no codes"},
		{"zero byte", `"pos.crt"`, `"a\u0000b"`, 12, "pos.certificate", "zero byte"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			text := strings.Replace(good, tc.old, tc.new, 1)
			if text == good {
				t.Fatal("the file is unchanged")
			}
			_, problems := Parse([]byte(text), "/etc/tilld", tables())
			i := slices.IndexFunc(problems, func(p Problem) bool { return p.Key == tc.key && strings.Contains(p.Text, tc.text) })
			if i < 0 {
				t.Fatalf("not found among %v", problems)
			}
			if p := problems[i]; p.Line != tc.line || p.Level != Mistake || p.Hint == "" {
				t.Errorf("line %d, want %d; %+v", p.Line, tc.line, p)
			}
		})
	}
}

func TestSyntaxErrorsDoNotHideOthers(t *testing.T) {
	text := strings.Replace(good, `model = "TILLD"`, "model = \"TILLD\nnonsense\nx y z\nmodell = \"A\"", 1)
	_, problems := Parse([]byte(text), "/", tables())
	var lines []int
	for _, p := range problems {
		if p.Level == Mistake {
			lines = append(lines, p.Line)
		}
	}
	// The three broken lines, the section that lacks its model, and the mistyped key.
	if !slices.Equal(lines, []int{4, 5, 6, 7, 8}) {
		t.Errorf("lines %v: %v", lines, problems)
	}
}

func TestTestEnvironmentMayShorten(t *testing.T) {
	text := strings.NewReplacer(`"live"`, `"test"`, `model = "TILLD"`, "model = \"TILLD\"\nclock = \"system\"\nclock_scale = 100",
		"api.mch.weixin.qq.com/", "127.0.0.1:4443", ":8090", ":0", ":8443", ":0").Replace(good)
	if _, problems := Parse([]byte(text), "/", tables()); len(problems) != 0 {
		t.Fatalf("%v", problems)
	}
	// But not against the real wallet.
	text = strings.Replace(text, "127.0.0.1:4443", "api.mch.weixin.qq.com", 1)
	if _, problems := Parse([]byte(text), "/", tables()); problems.Count(Mistake) != 1 || !strings.Contains(problems[0].Text, "the real wallet") {
		t.Fatalf("%v", problems)
	}
}

func TestCeilingPerCurrency(t *testing.T) {
	text := strings.Replace(good, `ceiling = "5000.00"`, `ceiling = { CNY = "100", JPY = "20000" }`, 1)
	c, problems := Parse([]byte(text), "/", tables())
	if len(problems) != 0 || c.Terminal.Ceiling["CNY"] != 10000 || c.Terminal.Ceiling["JPY"] != 20000 {
		t.Fatalf("%v %v", c.Terminal.Ceiling, problems)
	}
}

func TestLoadRefusesWhatIsNoFile(t *testing.T) {
	big := t.TempDir() + "/big.toml"
	if err := os.WriteFile(big, make([]byte, MaxSize+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{big, t.TempDir(), "/nonexistent/tilld.toml"} {
		if _, _, err := Load(file, tables()); err == nil {
			t.Errorf("%s is read", file)
		}
	}
}

// Whatever the text: no panic, findings sorted, and every finding says what to do.
func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("a = 1\n[a]\n[[a]]\na.b = { c = [ { d = 1 } ] }\n[[a.b]]\n[a.b.c]\n"))
	f.Add([]byte("[terminal]\nceiling = { QQQ = \"1\", CNY = 1 }\n[[contract]]\n[[contract.wechatpay]]\n"))
	f.Add([]byte(good + "[[code_rule]]\nscheme = \"x\"\npatterns = [\"77#{10-12}\", \"[0-57]8\"]\n[[code_rule]]\nscheme = \"wechatpay\"\ndisable = true\n"))
	f.Add([]byte("x = \"\"\"\nmany\nlines\n\"\"\"\ny = '''\n"))
	f.Add([]byte("\xff\xfe = \x00\n= = =\n[[[\n]]]"))
	f.Add([]byte("contract = [1, \"a\", [], {}]\nscanner = {}\npos = 1979-05-27T07:32:00Z\n"))
	f.Add([]byte(strings.Repeat("[", 300) + "\n" + strings.Repeat("a.", 300) + "b = 1"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, problems := Parse(text, "/", tables())
		if c == nil {
			t.Fatal("no configuration")
		}
		last := 0
		for _, p := range problems {
			if p.Line != 0 && p.Line < last {
				t.Errorf("line %d after line %d", p.Line, last)
			}
			last = max(last, p.Line)
			if p.Text == "" || p.Level == Mistake && p.Hint == "" {
				t.Errorf("no words for %+v", p)
			}
		}
		if problems.Count(Mistake) == 0 && (len(c.Contracts) == 0 || c.State == "" || c.Control.Socket == "") {
			t.Errorf("no mistake found in %q", text)
		}
	})
}

// One [[scanner]] section each, in line 19 of a good file.
func TestScanners(t *testing.T) {
	section := func(lines string) string {
		return strings.Replace(good, "port = \"/dev/serial/by-id/usb-scanner\"\naim = true", lines, 1)
	}
	for _, tc := range []struct {
		name, lines string
		line        int // 0: no mistake
		key, text   string
	}{
		{"by what it is", "device = \"0c2e:0901 serial=T0001 if=0\"\naim = true", 0, "", ""},
		{"both", "device = \"port=1-1\"\nport = \"/dev/ttyS0\"", 21, "device", "stands beside port"},
		{"neither", "aim = true", 19, "device", "neither device nor port"},
		{"empty port", "port = \"\"", 21, "port", "neither device nor port"},
		{"no device", "device = \"0c2e:0901\"", 21, "device", "two equal devices could not be told apart"},
		{"nonsense", "device = \"scanner\"", 21, "device", "four hexadecimal digits"},
		{"relative path", "port = \"ttyACM0\"", 21, "port", "is not the path"},
		{"unknown driver", "driver = \"usb\"\nport = \"/dev/x\"", 21, "driver", "is not known"},
		{"protocol of another driver", "driver = \"wedge\"\nport = \"/dev/x\"\nprotocol = \"line\"", 23, "protocol", "does not speak \"line\""},
		{"unknown protocol", "port = \"/dev/x\"\nprotocol = \"morse\"", 22, "protocol", "is not known"},
		{"baud of a keyboard", "driver = \"wedge\"\nport = \"/dev/x\"\nbaud = 9600", 23, "baud", "means nothing to protocol wedge"},
		{"layout of a line", "port = \"/dev/x\"\nlayout = \"us\"", 22, "layout", "means nothing to protocol line"},
		{"unknown layout", "driver = \"wedge\"\nport = \"/dev/x\"\nlayout = \"dvorak\"", 23, "layout", "is not known"},
		{"trigger of a line", "port = \"/dev/x\"\ntrigger = true", 22, "trigger", "means nothing"},
		{"trigger", "port = \"/dev/x\"\nprotocol = \"menu\"\ntrigger = true\nsettings = [\"BEPLVL1\"]", 0, "", ""},
		{"unknown terminator", "port = \"/dev/x\"\nterminator = \"nul\"", 22, "terminator", "is not known"},
		{"unknown code ids", "port = \"/dev/x\"\ncode_ids = \"acme\"", 22, "code_ids", "is not known"},
		{"two kinds of identifiers", "port = \"/dev/x\"\naim = true\ncode_ids = \"honeywell\"", 19, "protocol", "aim and code_ids at once"},
		{"the same device twice", "device = \"serial=A 0c2e:0901\"\n[[scanner]]\nname = \"two\"\ndevice = \"0c2e:0901 serial=A\"", 24, "device", "is taken already in line 21"},
		{"a typing error", "port = \"/dev/x\"\nlayuot = \"us\"", 22, "layuot", "unknown key"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, problems := Parse([]byte(section(tc.lines)), "/", tables())
			if tc.line == 0 {
				if problems.Count(Mistake) != 0 {
					t.Errorf("%v", problems)
				}
				return
			}
			i := slices.IndexFunc(problems, func(p Problem) bool {
				return p.Level == Mistake && strings.HasSuffix(p.Key, "]."+tc.key) && strings.Contains(p.Text, tc.text)
			})
			if i < 0 {
				t.Fatalf("not found among %v", problems)
			}
			if p := problems[i]; p.Line != tc.line || p.Hint == "" {
				t.Errorf("line %d, want %d; %+v", p.Line, tc.line, p)
			}
			if n := problems.Count(Mistake); n != 1 {
				t.Errorf("%d mistakes: %v", n, problems)
			}
			if len(c.Scanners) == 0 {
				t.Error("no scanner")
			}
		})
	}
	c, problems := Parse([]byte(section("driver = \"wedge\"\nport = \"/dev/input/event3\"\naim = true")), "/", tables())
	if len(problems) != 1 || problems[0].Level != Note || problems[0].Key != "scanner[1].port" {
		t.Errorf("a number for a name: %v", problems)
	}
	if s := c.Scanners[0]; s.Protocol != "wedge" || s.Layout != "us" || s.Baud != 0 || s.Terminator != "" || !s.AIM || s.Where() != "/dev/input/event3" {
		t.Errorf("%+v", s)
	}
	c, _ = Parse([]byte(section("device = \"0c2e:0901 serial=A\"\nprotocol = \"menu\"")), "/", tables())
	if s := c.Scanners[0]; s.Baud != 9600 || s.Match().String() != "0c2e:0901 serial=A" || s.Where() != s.Device {
		t.Errorf("%+v", s)
	}
}
