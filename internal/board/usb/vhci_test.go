package usb

import "testing"

func TestFirstSocket(t *testing.T) {
	const head, rest = "hub port sta spd dev      sockfd local_busid\nhs  0030 ", " 000 00000000 000000 0-0\nhs  0031 004 000 00000000 000000 0-0\n"
	for sta, want := range map[string]bool{"004": true, "006": false} {
		if n, free := firstSocket(head + sta + rest); n != "0030" || free != want {
			t.Errorf("status %s: socket %q, free %v", sta, n, free)
		}
	}
	if _, free := firstSocket(""); free {
		t.Error("a list without sockets has a free one")
	}
}
