package pos

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/health"
	"github.com/tilld/tilld/agent/pos/nexocrypto"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/internal/secret"
)

// Till is what this package needs of an agent.Till, with the meaning said there.
type Till interface {
	Pay(ctx context.Context, r agent.PayRequest) (agent.Reply, error)
	Reverse(ctx context.Context, r agent.ReverseRequest) (agent.Reply, error)
	Refund(ctx context.Context, r agent.RefundRequest) (agent.Reply, error)
	Status(ctx context.Context, ref sale.MessageKey) (agent.StatusOf, agent.Reply, error)
	Abort(ctx context.Context, ref sale.MessageKey, reason string) error
	Delivered(k sale.MessageKey)
	Busy() bool
}

var _ Till = (*agent.Till)(nil)

// Key is a passphrase that the till shares with its points of sale. Several keys may be in
// use while one replaces another.
type Key struct {
	Identifier string
	Version    int64
	Passphrase *secret.Bytes
}

// Terminal is how the till introduces itself.
type Terminal struct {
	POIID   string // "<model>-<serial>"
	Model   string
	Serial  string
	Version string // of the software
}

// Limits bound what a client may cost. Zero values mean the defaults.
type Limits struct {
	Answer time.Duration // a request without an outcome is given up: 120 s
	Space  time.Duration // between two spaces of a waiting answer: 5 s
	Read   time.Duration // to send a request: 10 s
	Write  time.Duration // to take a piece of an answer: 10 s
	Conns  int           // open connections: 128
}

// Options is what a Server is made of.
type Options struct {
	Till     Till
	Terminal Terminal
	// Environment is "test" or "live". "test" is written into every answer and receipt.
	Environment string
	// Listen is the address that Serve will be given a listener for. It is checked here, so
	// that a dangerous configuration is refused before anything listens.
	Listen string
	// GetCertificate returns the till's certificate. It is asked at every handshake, so that
	// the certificate can be renewed while the server runs.
	GetCertificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// Plain permits messages that are not encrypted (inside TLS). Loopback only.
	Plain bool
	// SaleIDs are the points of sale that may talk to this terminal. Empty permits all, on
	// loopback only.
	SaleIDs []string
	Keys    []Key
	// Hosts are the names of the contracts, for Diagnosis. One is reachable unless the board
	// holds a cause "unreachable" with its name, or "offline".
	Hosts  []string
	Health *health.Board
	Log    *slog.Logger
	Limits Limits
	// Goods, if not nil, is what a point of sale hears at /goods; in plain mode only.
	Goods *Goods
}

// Server answers points of sale. It is made by New and run once by Serve.
type Server struct {
	o    Options
	ring nexocrypto.Ring
	test bool
}

// Defaults of Limits.
const (
	defaultAnswer = 120 * time.Second
	defaultSpace  = 5 * time.Second
	defaultRead   = 10 * time.Second
	defaultWrite  = 10 * time.Second
	defaultConns  = 128
)

// New checks the options and derives the keys. The passphrases may be wiped afterwards.
func New(o Options) (*Server, error) {
	if err := errors.Join(o.check()...); err != nil {
		return nil, fmt.Errorf("set up the POS interface: %w", err)
	}
	s := &Server{o: o, test: o.Environment == "test"}
	for _, k := range o.Keys {
		key, err := nexocrypto.Derive(k.Identifier, k.Version, k.Passphrase)
		if err != nil {
			return nil, fmt.Errorf("set up the POS interface: %w", err)
		}
		s.ring = append(s.ring, key)
	}
	s.o.Keys = nil
	l := &s.o.Limits
	for _, d := range []struct {
		to    *time.Duration
		value time.Duration
	}{{&l.Answer, defaultAnswer}, {&l.Space, defaultSpace}, {&l.Read, defaultRead}, {&l.Write, defaultWrite}} {
		if *d.to == 0 {
			*d.to = d.value
		}
	}
	if l.Conns == 0 {
		l.Conns = defaultConns
	}
	return s, nil
}

// check finds every mistake at once.
func (o *Options) check() (errs []error) {
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if o.Till == nil || o.Health == nil || o.Log == nil || o.GetCertificate == nil {
		bad("a till, a health board, a log and a certificate are needed")
	}
	if o.Environment != "test" && o.Environment != "live" {
		bad("environment %q is neither test nor live", o.Environment)
	}
	if o.Terminal.POIID == "" || o.Terminal.POIID != o.Terminal.Model+"-"+o.Terminal.Serial {
		bad("POIID %q is not <model>-<serial>, %s-%s", o.Terminal.POIID, o.Terminal.Model, o.Terminal.Serial)
	}
	l := o.Limits
	if l.Answer < 0 || l.Space < 0 || l.Read < 0 || l.Write < 0 || l.Conns < 0 {
		bad("a limit is negative")
	}
	if slices.Contains(o.SaleIDs, "") {
		bad("sale_ids: an empty SaleID")
	}
	seen := map[string]bool{}
	for _, k := range o.Keys {
		id := fmt.Sprintf("%s/%d", k.Identifier, k.Version)
		if seen[id] {
			bad("key %q version %d occurs twice", k.Identifier, k.Version)
		}
		seen[id] = true
	}
	if !o.Plain && len(o.Keys) == 0 {
		bad("neither plain nor a key: no message could be read")
	}
	if o.GetCertificate != nil && (o.Environment == "test" || o.Environment == "live") {
		if err := o.checkCertificate(); err != nil {
			bad("%w", err)
		}
	}
	if !loopback(o.Listen) {
		errs = append(errs, o.exposed(o.Listen)...)
	}
	return errs
}

// exposed lists what forbids listening beyond this machine: there, whoever can reach the
// port could ask for payments and give money back.
func (o *Options) exposed(address string) (errs []error) {
	if o.Plain {
		errs = append(errs, fmt.Errorf("listen %s: plain messages are possible on loopback only (set plain = false)", address))
	}
	if len(o.Keys) == 0 {
		errs = append(errs, fmt.Errorf("listen %s: off loopback a key is needed", address))
	}
	if len(o.SaleIDs) == 0 {
		errs = append(errs, fmt.Errorf("listen %s: off loopback the list of SaleIDs is needed", address))
	}
	return errs
}

// loopback reports whether an address surely cannot be reached from elsewhere. A name other
// than localhost could be anything.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// terminalName is the common name that the SDKs demand of a terminal's certificate.
var terminalName = regexp.MustCompile(`^[a-zA-Z0-9]+-[a-zA-Z0-9]+\.(live|test)\.terminal\.adyen\.com$|^legacy-terminal-certificate\.(live|test)\.terminal\.adyen\.com$`)

func (o *Options) checkCertificate() error {
	leaf, err := o.leaf()
	if err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	name := leaf.Subject.CommonName
	if !terminalName.MatchString(name) {
		return fmt.Errorf("certificate: the common name %q is not <model>-<serial>.%s.terminal.adyen.com: no SDK would accept it", name, o.Environment)
	}
	if !strings.Contains(name, "."+o.Environment+".terminal.") {
		return fmt.Errorf("certificate: the common name %q is of another environment than %s", name, o.Environment)
	}
	return nil
}

func (o *Options) leaf() (*x509.Certificate, error) {
	c, err := o.GetCertificate(&tls.ClientHelloInfo{})
	if err != nil {
		return nil, err
	}
	if c == nil || len(c.Certificate) == 0 {
		return nil, errors.New("there is none")
	}
	if c.Leaf != nil {
		return c.Leaf, nil
	}
	return x509.ParseCertificate(c.Certificate[0])
}
