package rig

import (
	"fmt"
	"net"
	"strconv"
)

// portsToTry is how many ports after a wanted one are tried.
const portsToTry = 200

// Listen opens addr, or the next free port after it: a taken port is no reason not to start.
// Port 0 takes any.
func Listen(addr string) (net.Listener, error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	port, err := strconv.Atoi(text)
	if err != nil || port < 0 || port > 65535 {
		return nil, fmt.Errorf("listen on %s: %q is not a port", addr, text)
	}
	if port == 0 {
		return net.Listen("tcp", addr)
	}
	var first error
	for p := port; p < port+portsToTry && p <= 65535; p++ {
		ln, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(p)))
		if err == nil {
			return ln, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, fmt.Errorf("listen on %s and the %d ports after it: %w", addr, portsToTry-1, first)
}

// freePorts finds one free port for each wanted address ("127.0.0.1:8443"), all different.
// Another program may still take one before it is used: the caller tries again then.
func freePorts(wanted ...string) ([]string, error) {
	var out []string
	for _, addr := range wanted {
		ln, err := Listen(addr)
		if err != nil {
			return nil, err
		}
		defer ln.Close() // all are held until all are found, so that they differ
		out = append(out, ln.Addr().String())
	}
	return out, nil
}
