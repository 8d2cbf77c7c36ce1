package unionpay

import (
	"fmt"

	"github.com/tilld/tilld/agent/terminal"
)

// SecretText computes secret_text, the terminal's serial number and the random factor under
// the terminal's key, as base64 of 64 bits. Its formula is unconfirmed: an acquirer gives it
// with a known answer. Without one the field is left out.
type SecretText func(serial string, factor []byte) (string, error)

// terminalHead writes the constant part of termInfo, the terminal information of PBOC notice
// 259 of 2021, up to the factor. Inside braces, as the gateway's nested fields are
// (secondary).
func terminalHead(t terminal.Info) []byte {
	b := []byte("{")
	field := func(k, v string) {
		if v == "" {
			return
		}
		if len(b) > 1 {
			b = append(b, '&')
		}
		b = append(append(append(b, k...), '='), v...)
	}
	field("device_type", t.DeviceType)
	field("serial_num", t.Serial)
	if t.AppVersion != "" {
		field("app_version", fmt.Sprintf("%-8.8s", t.AppVersion))
	}
	field("network_license", t.NetworkLicense)
	field("location", t.Location)
	if t.Location == "" {
		field("device_ip", t.DeviceIP)
	}
	return b
}

// appendTerminal appends the whole of termInfo: head, factor and secret_text.
func appendTerminal(dst, head, factor []byte, secretText string) []byte {
	dst = append(dst, head...)
	if len(factor) > 0 {
		dst = append(append(dst, "&encrypt_rand_num="...), factor...)
	}
	if secretText != "" {
		dst = append(append(dst, "&secret_text="...), secretText...)
	}
	return append(dst, '}')
}
