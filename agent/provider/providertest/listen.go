package providertest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"sync"
	"time"
)

// server is the listener and its certificate.
type server struct {
	mu      sync.Mutex
	address string // empty before the first listen
	conf    *tls.Config
	caPEM   []byte
	srv     *http.Server // nil while down
	done    chan struct{}
}

// Listen opens the server on address, under a certificate of an authority of its own, and
// returns the address that it got.
func (p *Provider) Listen(address string) (string, error) {
	s := &p.server
	s.mu.Lock()
	caPEM, leaf, err := authority(append([]string{"127.0.0.1", "::1", "localhost"}, p.o.Hosts...), p.o.Clock())
	if err == nil {
		s.address, s.caPEM = address, caPEM
		s.conf = &tls.Config{Certificates: []tls.Certificate{leaf}, MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"}, Time: p.o.Clock}
		if p.o.ClientCAs != nil {
			s.conf.ClientCAs, s.conf.ClientAuth = p.o.ClientCAs, tls.RequireAndVerifyClientCert
		}
	}
	s.mu.Unlock()
	if err != nil {
		return "", fmt.Errorf("open provider %s: %w", p.o.Name, err)
	}
	if err := s.up(p); err != nil {
		return "", fmt.Errorf("open provider %s: %w", p.o.Name, err)
	}
	return s.address, nil
}

// CA is the certificate of the authority that terminals are to trust, PEM.
func (p *Provider) CA() []byte {
	p.server.mu.Lock()
	defer p.server.mu.Unlock()
	return p.server.caPEM
}

// Close ends the server and wipes what is kept of people.
func (p *Provider) Close() error {
	err := p.server.down()
	p.mu.Lock()
	defer p.mu.Unlock()
	for n, c := range p.nonces {
		if c.mu.TryLock() {
			c.forget()
			c.mu.Unlock()
		}
		delete(p.nonces, n)
	}
	for id, e := range p.people.enrolled {
		e.wipe()
		delete(p.people.enrolled, id)
	}
	for _, e := range p.keys.epochs {
		e.k.Wipe()
	}
	return err
}

// up opens the listener, on the same address as before; not at all before Listen.
func (s *server) up(h http.Handler) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.srv != nil || s.conf == nil {
		return nil
	}
	l, err := net.Listen("tcp", s.address)
	if err != nil {
		return err
	}
	s.address = l.Addr().String()
	srv := &http.Server{Handler: h, TLSConfig: s.conf, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: log.New(io.Discard, "", 0)} // cut connections are the point here
	s.srv, s.done = srv, make(chan struct{})
	done := s.done
	go func() {
		defer close(done)
		srv.ServeTLS(l, "", "")
	}()
	return nil
}

// down closes the listener and cuts every connection.
func (s *server) down() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.srv == nil {
		return nil
	}
	err := s.srv.Close()
	<-s.done
	s.srv = nil
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	return err
}

// authority makes a certificate authority and a server certificate for the hosts.
func authority(hosts []string, now time.Time) (caPEM []byte, leaf tls.Certificate, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, leaf, err
	}
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "tilld providertest authority"},
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, &key.PublicKey, key)
	if err != nil {
		return nil, leaf, err
	}
	if ca, err = x509.ParseCertificate(der); err != nil {
		return nil, leaf, err
	}
	leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, leaf, err
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "tilld providertest"},
		NotBefore: ca.NotBefore, NotAfter: ca.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			c.IPAddresses = append(c.IPAddresses, ip)
		} else {
			c.DNSNames = append(c.DNSNames, h)
		}
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, c, ca, &leafKey.PublicKey, key)
	if err != nil {
		return nil, leaf, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		tls.Certificate{Certificate: [][]byte{leafDER}, PrivateKey: leafKey}, nil
}
