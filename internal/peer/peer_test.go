package peer_test

import (
	"encoding/json"
	"testing"

	"github.com/tilld/tilld/internal/peer"
)

func TestPackagesAreThoseOfTheLock(t *testing.T) {
	var have map[string]string
	if err := json.Unmarshal(peer.Node(t, "testdata/versions.js"), &have); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"@adyen/api-library":     "32.1.0",
		"alipay-sdk":             "4.14.0",
		"jsqr":                   "1.4.0",
		"wechatpay-axios-plugin": "0.9.6",
		"wechatpay-node-v3":      "2.2.1",
	} {
		if have[name] != want {
			t.Errorf("%s is %q, want %q", name, have[name], want)
		}
	}
}
