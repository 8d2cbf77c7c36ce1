package main

import (
	"strings"
	"testing"
)

// A certificate that WeChat Pay announces is fetched, and answers signed with it are believed
// though no file names it, also after the keys were read again.
func TestNewCertificate(t *testing.T) {
	s := newShop(t)
	serial, err := s.world.AnnounceKey()
	if err != nil {
		t.Fatal(err)
	}
	r := s.start()
	eventually(t, "the new certificate is fetched", func() bool { return strings.Contains(r.log.String(), serial) })
	s.world.UseAnnouncedKey()
	sell := func() {
		t.Helper()
		if code, out, errs := s.sell(r, "12.80", func() { s.scan("wechatpay") }); code != 0 || out.Ending != "paid" {
			t.Fatalf("exit %d, %+v\n%s", code, out, errs)
		}
	}
	sell()
	if code, out, errs := s.tilld("reload"); code != 0 || !strings.Contains(out, "nothing changed") {
		t.Fatalf("reload: exit %d\n%s%s", code, out, errs)
	}
	sell()
}
