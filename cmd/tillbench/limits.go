package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/tilld/tilld/internal/disk"
)

// recordSize is the size of a journal record that commits are measured with: a payment with
// its answer.
const recordSize = 2 << 10

// signer is the RSA-2048 key whose signature time is a limit of every wallet request.
type signer struct{ key *rsa.PrivateKey }

func newSigner() (*signer, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("make a signing key: %w", err)
	}
	return &signer{key}, nil
}

// sign takes the time of one signature as the wallets ask for it: RSASSA-PKCS1-v1_5, SHA-256.
func (s *signer) sign() (time.Duration, error) {
	digest := sha256.Sum256([]byte("a request"))
	begun := time.Now()
	_, err := rsa.SignPKCS1v15(rand.Reader, s.key, crypto.SHA256, digest[:])
	return time.Since(begun), err
}

// preallocated is the fastest durable log a file system offers: a file allocated and written
// once before, so that a write changes no metadata, and fdatasync.
type preallocated struct {
	f    *os.File
	size int64

	mu   sync.Mutex
	at   int64
	wait []chan error // of the group that the next commit takes
	busy bool
	data []byte
}

func newPreallocated(dir string, size int64) (*preallocated, error) {
	f, err := os.OpenFile(filepath.Join(dir, "preallocated"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make a preallocated file: %w", err)
	}
	p := &preallocated{f: f, size: size}
	if err := p.fill(); err != nil {
		f.Close()
		return nil, fmt.Errorf("make a preallocated file: %w", err)
	}
	return p, nil
}

// fill writes every block once: an allocated but unwritten block is still changed in the
// file system's metadata by its first write.
func (p *preallocated) fill() error {
	if err := disk.Allocate(p.f, p.size); err != nil {
		return err
	}
	block := make([]byte, 1<<20)
	for at := int64(0); at < p.size; at += int64(len(block)) {
		if _, err := p.f.WriteAt(block[:min(int64(len(block)), p.size-at)], at); err != nil {
			return err
		}
	}
	return p.f.Sync()
}

func (p *preallocated) close() { p.f.Close() }

// write makes n records durable and starts again at the front when the file is full.
func (p *preallocated) write(n int) error {
	need := n * recordSize
	if len(p.data) < need {
		p.data = make([]byte, need)
		rand.Read(p.data)
	}
	if p.at+int64(need) > p.size {
		p.at = 0
	}
	if _, err := p.f.WriteAt(p.data[:need], p.at); err != nil {
		return err
	}
	p.at += int64(need)
	return disk.Datasync(p.f)
}

// commit makes one record durable in a group with all that wait meanwhile: whoever finds no
// commit under way carries out the next one.
func (p *preallocated) commit() error {
	done := make(chan error, 1)
	p.mu.Lock()
	p.wait = append(p.wait, done)
	if p.busy {
		p.mu.Unlock()
		return <-done
	}
	p.busy = true
	for len(p.wait) > 0 {
		group := p.wait
		p.wait = nil
		p.mu.Unlock()
		err := p.write(len(group))
		for _, d := range group {
			d <- err
		}
		p.mu.Lock()
	}
	p.busy = false
	p.mu.Unlock()
	return <-done
}
