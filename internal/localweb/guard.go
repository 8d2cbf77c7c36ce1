// Package localweb is what the till's web pages share: a guard that keeps them on this
// machine, streams of server-sent events, and the choice of a language.
package localweb

import (
	"net"
	"net/http"
	"net/netip"
)

// Guard lets a request through to h only when it comes from this machine and means it:
//
//   - the peer's address is a loopback address;
//   - Host is "localhost" or a loopback address, so that a foreign name which resolves to
//     127.0.0.1 (DNS rebinding) gets nothing;
//   - a request that changes something is not from another origin (Sec-Fetch-Site, and
//     Origin where a browser does not send that). Another port of this machine is another
//     origin.
//
// It also sets the headers that every answer carries. The page's Content-Security-Policy is
// the handler's business.
func Guard(h http.Handler) http.Handler {
	cross := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head := w.Header()
		head.Set("X-Content-Type-Options", "nosniff")
		head.Set("Referrer-Policy", "no-referrer")
		head.Set("Cross-Origin-Resource-Policy", "same-origin")
		head.Set("Cache-Control", "no-store")
		switch {
		case !loopbackPeer(r.RemoteAddr):
			http.Error(w, "this page is for the machine it runs on", http.StatusForbidden)
		case !LoopbackHost(r.Host):
			http.Error(w, "unknown host name\nhint: open the page as http://127.0.0.1 or http://localhost", http.StatusMisdirectedRequest)
		case cross.Check(r) != nil:
			http.Error(w, "refused: the request comes from another site's page", http.StatusForbidden)
		default:
			h.ServeHTTP(w, r)
		}
	})
}

func loopbackPeer(addr string) bool {
	ap, err := netip.ParseAddrPort(addr)
	return err == nil && ap.Addr().Unmap().IsLoopback()
}

// LoopbackHost reports whether a Host header ("127.0.0.1:8090", "localhost", "[::1]:80")
// names this machine by a name that nobody else can point here.
func LoopbackHost(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	} else if len(host) > 2 && host[0] == '[' && host[len(host)-1] == ']' {
		name = host[1 : len(host)-1]
	}
	if name == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.Zone() == "" && ip.IsLoopback()
}
