package authority

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"
)

// File serves a certificate from two PEM files and notices when they were replaced. It is
// safe for concurrent use.
type File struct {
	cert, key string

	mu      sync.Mutex
	current *tls.Certificate
	stamp   [2]time.Time
	looked  time.Time
}

// lookEvery bounds how often the files' times are asked.
const lookEvery = 10 * time.Second

// Open reads the certificate and its key. The key's file must be its owner's alone.
func Open(certFile, keyFile string) (*File, error) {
	f := &File{cert: certFile, key: keyFile}
	if err := f.load(time.Now()); err != nil {
		return nil, err
	}
	return f, nil
}

// GetCertificate is for tls.Config. A replaced pair that cannot be read yet (one of the two
// files is still the old one) leaves the last good one in use.
func (f *File) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := time.Now(); now.Sub(f.looked) >= lookEvery {
		f.looked = now
		if stamp, err := f.times(); err == nil && stamp != f.stamp {
			_ = f.load(now) // tried again at the next look
		}
	}
	return f.current, nil
}

func (f *File) times() (out [2]time.Time, err error) {
	for i, path := range []string{f.cert, f.key} {
		info, err := os.Stat(path)
		if err != nil {
			return out, err
		}
		out[i] = info.ModTime()
	}
	return out, nil
}

// load reads both files; mu is held, or f is new.
func (f *File) load(now time.Time) error {
	stamp, err := f.times()
	if err != nil {
		return fmt.Errorf("read the terminal's certificate: %w (hint: tilld cert makes one)", err)
	}
	certPEM, err := os.ReadFile(f.cert)
	if err != nil {
		return fmt.Errorf("read the terminal's certificate: %w", err)
	}
	keyPEM, err := readKey(f.key)
	if err != nil {
		return fmt.Errorf("read the terminal's key: %w", err)
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return fmt.Errorf("read the terminal's certificate %s with the key %s: %w", f.cert, f.key, err)
	}
	f.current, f.stamp, f.looked = &pair, stamp, now
	return nil
}
