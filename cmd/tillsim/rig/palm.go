package rig

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"sync"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/provider/providertest"
	"github.com/tilld/tilld/agent/wallet/wallettest"
	"github.com/tilld/tilld/biometric/biometrictest/stage"
	"github.com/tilld/tilld/drivers/deskcam/deskcamtest"
	"github.com/tilld/tilld/drivers/sense"
)

// Palm is the palm reader of a rig: a simulated camera with lamps, whatever is held over it,
// and the provider behind it. Safe for concurrent use.
type Palm struct {
	Provider *providertest.Provider

	set *stage.Set
	ln  net.Listener

	mu    sync.Mutex
	try   uint64
	heard []providertest.Request // since Record; nil while nobody does
}

// The provider and the shop in every rig.
const (
	palmProvider = "palm.example"
	palmTitle    = "Palm Pay"
	palmMerchant = "M-PALM"
	// PalmWallet is the wallet that the provider's credentials are codes of.
	PalmWallet = wallettest.WeChatPay
)

// Member is somebody with an account at the provider.
type Member struct {
	ID, Name string
	Person   uint64 // whose hand it is, to the simulation
}

// Stranger is whose palm no provider knows, to the simulation.
const Stranger = 11

// Members are the provider's customers.
func Members() []Member {
	return []Member{
		{"1002003001", "Wang Ming", 7},
		{"1002003002", "Li Hua", 13},
	}
}

// palmSettings is the [palm] section of the generated configuration.
type palmSettings struct {
	Camera, Provider, Title, Endpoint, CAFile, RootKey, Merchant, KeyFile string
}

// buildPalm starts the camera and the provider.
func (r *Rig) buildPalm() error {
	p := &Palm{set: stage.NewSet(stage.Real{})}
	r.Palm = p
	var err error
	if p.ln, err = net.Listen("unix", r.path("camera.sock")); err != nil {
		return fmt.Errorf("play a camera: %w", err)
	}
	r.wg.Go(func() {
		if err := deskcamtest.Serve(r.ctx, p.ln, r.camera(p.set.Camera(stage.Sensor{})), p.set.Lamp()); err != nil {
			r.o.Notify(err.Error())
		}
	})
	p.Provider, err = providertest.New(providertest.Options{Name: palmProvider, Simulated: true, Issue: r.issue, Void: r.takeBack,
		Consent: agent.ConsentVersion, Seen: p.overhear, Opened: r.o.Opened})
	if err != nil {
		return err
	}
	for _, m := range Members() {
		if err := p.Provider.AddMember(providertest.Member{ID: m.ID, Name: m.Name}); err != nil {
			return err
		}
	}
	address, err := p.Provider.Listen("127.0.0.1:0")
	if err != nil {
		return err
	}
	root, err := x509.MarshalPKIXPublicKey(p.Provider.RootKey())
	if err != nil {
		return err
	}
	r.settings.Palm = &palmSettings{Camera: "desk:" + r.path("camera.sock"), Provider: palmProvider, Title: palmTitle, Endpoint: "https://" + address,
		CAFile: r.path("palm-ca.pem"), RootKey: r.path("palm-root.pem"), Merchant: palmMerchant, KeyFile: r.path("palm.key")}
	return errors.Join(os.WriteFile(r.settings.Palm.CAFile, p.Provider.CA(), 0o644),
		os.WriteFile(r.settings.Palm.RootKey, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: root}), 0o644))
}

func (r *Rig) camera(c sense.Camera) sense.Camera {
	if r.o.Camera != nil {
		return r.o.Camera(c)
	}
	return c
}

// issue makes a code that pays this one amount.
func (r *Rig) issue(_ context.Context, c providertest.Credit) ([]byte, time.Time, error) {
	code := r.World.NewCodeFor(PalmWallet, c.Minor, c.Currency)
	return []byte(code), time.Now().Add(time.Minute / time.Duration(r.o.Scale)), nil
}

func (r *Rig) takeBack(_ context.Context, _ providertest.Credit, code []byte) error {
	err := r.World.VoidCode(string(code))
	if errors.Is(err, wallettest.ErrCodeUsed) {
		return providertest.ErrSpent
	}
	return err
}

// register makes the terminal known to the provider, by the daemon's own command.
func (r *Rig) register(ctx context.Context) error {
	if r.Palm == nil {
		return nil
	}
	out, err := exec.CommandContext(ctx, r.o.Tilld, "palm", "register", "--json", "--config", r.Config()).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		return fmt.Errorf("register the terminal: %w", err)
	}
	t, err := providertest.ParseTerminal(out)
	if err != nil {
		return err
	}
	return r.Palm.Provider.Register(t)
}

func (p *Palm) close() error {
	var errs []error
	if p.ln != nil {
		if err := p.ln.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if p.Provider != nil {
		errs = append(errs, p.Provider.Close())
	}
	return errors.Join(errs...)
}

// Hold holds somebody's hand over the camera until Take.
func (p *Palm) Hold(person uint64) {
	p.set.Show(stage.Live(stage.Options{Person: person, Try: p.next()}))
}

// HoldFake holds an attack instrument over the camera that pretends to be somebody: one of
// stage.Instruments.
func (p *Palm) HoldFake(instrument string, person uint64) error {
	if !slices.Contains(stage.Instruments(), instrument) {
		return fmt.Errorf("hold a fake: no instrument %q", instrument)
	}
	try := p.next()
	p.set.Show(stage.AttackOn(instrument, stage.Options{Person: person, Try: try}, try))
	return nil
}

// Take takes away what is held over the camera.
func (p *Palm) Take() { p.set.Clear() }

// Lit reports whether a lamp shines.
func (p *Palm) Lit() bool {
	l := p.set.Lit()
	return l.NIR || l.White
}

// next numbers presentations: no two of a hand are the same.
func (p *Palm) next() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.try++
	return p.try
}
