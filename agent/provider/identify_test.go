package provider_test

import (
	"testing"

	"github.com/tilld/tilld/agent/provider"
)

func TestEnrolledPalmPays(t *testing.T) {
	d := newDesk(t, nil)
	if e := d.enrol(wang, "wang"); e.Name != "W*** M***" || e.Replaced {
		t.Fatalf("%+v", e)
	}
	a := d.pay(wang, "wang")
	if a.Outcome != provider.Matched || a.Credential.Len() != 18 || a.Name != "W*** M***" || !a.Expires.After(d.clock.Now()) {
		t.Fatalf("%+v", a)
	}
	if got := d.pay(wang, "stranger").Outcome; got != provider.NotMatched {
		t.Errorf("a stranger: %s", got)
	}
	if got := d.pay(li, "li").Outcome; got != provider.NotEnrolled {
		t.Errorf("a member without a template: %s", got)
	}
	if got := d.pay("nobody", "wang").Outcome; got != provider.NotEnrolled {
		t.Errorf("nobody: %s", got)
	}
	if err := d.client.Ready(); err != nil {
		t.Error(err)
	}
}
