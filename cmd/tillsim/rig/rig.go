package rig

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tilld/tilld/agent/pos/posclient"
	"github.com/tilld/tilld/agent/terminal/authority"
	"github.com/tilld/tilld/agent/wallet/wallettest"
	"github.com/tilld/tilld/drivers/driverstest"
	"github.com/tilld/tilld/drivers/sense"
)

// Options says how to build a rig.
type Options struct {
	Tilld string // the daemon's program
	// Dir is the rig's own folder. What a former rig left in it is removed.
	Dir string
	// Scale divides the clock tables of the till and of the wallets; zero means 1.
	Scale int
	// Serial is the terminal's serial number, 9 to 15 digits.
	Serial string
	// POS and Display are wanted addresses; a taken port means the next free one. Empty
	// means any port on 127.0.0.1.
	POS, Display string
	// Also names wallets beside the three that every rig has: see wallettest.Further.
	Also []string
	// Palm adds a palm reader, and the provider behind it.
	Palm bool
	// Camera, with Palm, comes between the simulated camera and the till; may be nil.
	Camera func(sense.Camera) sense.Camera
	// Opened, with Palm, is shown each protected template that the provider opened; may be nil.
	Opened func(template []byte)
	// Boxes puts a box into the link to each wallet that can drop everything without a word.
	Boxes bool
	// CodeWait is how long a customer may take to show a code. Zero means 90 s.
	CodeWait time.Duration
	// Notify is told in one line what the rig does by itself: that the daemon died and was
	// started again. May be nil.
	Notify func(line string)
}

// Model is the first half of the terminal's name.
const Model = "TILLD"

// LegacySaleID is the only point of sale that sells through WeChat Pay's API v2, where a rig
// has it: for all others it would take the place of v3.
const LegacySaleID = "LEGACY"

// maxSocket is what the kernel takes for the path of a Unix socket, without the final zero.
const maxSocket = 107

// marker is the first line of a folder that may be wiped.
const marker = "made by tillsim\n"

// Rig is a running till and everything around it. Its methods are safe for concurrent use.
type Rig struct {
	World *wallettest.World
	Watch *Watcher
	Palm  *Palm // nil without Options.Palm

	o        Options
	settings settings
	roots    *x509.CertPool
	pty      *driverstest.Pty
	boxes    []*wallettest.Middlebox

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup

	// running serialises everything that starts or ends the daemon.
	running sync.Mutex
	child   *child
	down    bool // by Kill: nobody but Restart starts it
	closed  bool
}

// Start builds a rig and returns once the daemon is ready and its stream is followed.
func Start(ctx context.Context, o Options) (*Rig, error) {
	if o.Scale < 1 {
		o.Scale = 1
	}
	if o.CodeWait <= 0 {
		o.CodeWait = 90 * time.Second
	}
	if o.Notify == nil {
		o.Notify = func(string) {}
	}
	r := &Rig{o: o}
	r.ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if err := r.build(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("build a till in %s: %w", o.Dir, err), r.Close())
	}
	return r, nil
}

func (r *Rig) build(ctx context.Context) (err error) {
	if err := makeFolder(r.o.Dir); err != nil {
		return err
	}
	if r.World, err = wallettest.NewWorld(wallettest.Options{ClockScale: r.o.Scale, BillsAtOnce: true, Also: r.o.Also}); err != nil {
		return err
	}
	if r.pty, err = driverstest.OpenPty(r.path("scanner")); err != nil {
		return err
	}
	if err := r.certify(); err != nil {
		return err
	}
	contracts, err := r.contracts()
	if err != nil {
		return err
	}
	r.settings = settings{
		State: r.path("state"), Keys: r.path("keys.toml"), Model: Model, Serial: r.o.Serial,
		Scale: r.o.Scale, CodeWait: r.o.CodeWait.String(),
		POSCertificate: r.path("pos.crt"), POSKey: r.path("pos.key"),
		Socket: r.path("tilld.sock"), ScannerPort: r.path("scanner"), Contracts: contracts,
	}
	if len(r.settings.Socket) > maxSocket {
		return &Error{Op: "use", Subject: r.o.Dir, Hint: "name a shorter --dir", Err: fmt.Errorf("a socket's path may have %d characters", maxSocket)}
	}
	if err := os.Mkdir(r.settings.State, 0o700); err != nil {
		return err
	}
	if r.o.Palm {
		if err := r.buildPalm(); err != nil {
			return err
		}
	}
	if err := r.firstStart(ctx); err != nil {
		return err
	}
	r.Watch = NewWatcher(r.DisplayURL())
	r.wg.Go(func() { r.Watch.Run(r.ctx) })
	r.wg.Go(r.supervise)
	return r.Watch.AwaitStream(ctx, 1)
}

// makeFolder makes an empty folder. It removes only what a rig made.
func makeFolder(dir string) error {
	mark := filepath.Join(dir, ".tillsim")
	text, err := os.ReadFile(mark)
	if err == nil && string(text) == marker {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	} else if old, err := os.ReadDir(dir); err == nil && len(old) > 0 {
		return &Error{Op: "use", Subject: dir, Hint: "name an empty folder, or one that tillsim made", Err: errors.New("it holds files of somebody else's")}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(mark, []byte(marker), 0o600)
}

// Error says what was being done, on what, why it failed, and what to do about it.
type Error struct {
	Op, Subject, Hint string
	Err               error
}

func (e *Error) Error() string    { return fmt.Sprintf("%s %s: %v", e.Op, e.Subject, e.Err) }
func (e *Error) Unwrap() error    { return e.Err }
func (e *Error) HintText() string { return e.Hint }

func (r *Rig) path(name string) string { return filepath.Join(r.o.Dir, name) }

// certify makes the shop's authority and the certificate of the nexo interface.
func (r *Rig) certify() error {
	shop := r.path("authority")
	if err := authority.Create(shop, authority.Options{Shop: "tillsim"}); err != nil {
		return err
	}
	cert, key, err := authority.Issue(shop, authority.Leaf{Model: Model, Serial: r.o.Serial, Environment: "test"})
	if err != nil {
		return err
	}
	if err := os.WriteFile(r.path("pos.crt"), cert, 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(r.path("pos.key"), key, 0o600); err != nil {
		return err
	}
	ca, err := os.ReadFile(filepath.Join(shop, authority.CertFile))
	if err != nil {
		return err
	}
	r.roots = x509.NewCertPool()
	if !r.roots.AppendCertsFromPEM(ca) {
		return errors.New("the shop's authority cannot be read back")
	}
	return nil
}

// contracts writes the wallets' files and makes a contract with each of them.
func (r *Rig) contracts() ([]contract, error) {
	dir := r.path("wallets")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	list, err := r.World.Write(dir)
	if err != nil {
		return nil, err
	}
	var out []contract
	for i, c := range list {
		if r.o.Boxes {
			box, err := wallettest.NewMiddlebox(strings.TrimPrefix(c.Endpoint, "https://"), 0)
			if err != nil {
				return nil, err
			}
			r.boxes = append(r.boxes, box)
			c.Endpoint = box.Endpoint()
		}
		var verify []string
		if len(c.WalletKeyPEM) > 0 {
			verify = []string{c.WalletKeyFile}
		}
		made := contract{Slot: i + 1, Name: c.Name, Wallet: c.Wallet, Schemes: c.Schemes, Currencies: c.Currencies,
			Endpoint: c.Endpoint, CAFile: c.CAFile, KeyID: c.KeyID, KeyFile: c.KeyFile, WalletKeys: verify,
			Settings: c.Settings, Files: c.FilePaths, Offer: c.Offers}
		if c.Wallet == wallettest.WeChatPayV2 {
			// Before v3, which sells for everybody.
			made.SaleIDs = []string{LegacySaleID}
			out = slices.Insert(out, 0, made)
			continue
		}
		out = append(out, made)
	}
	return out, nil
}

// firstStart chooses ports, writes the configuration and starts the daemon. Somebody else
// may take a port between the choice and the start: then others are chosen.
func (r *Rig) firstStart(ctx context.Context) error {
	wanted := []string{r.o.POS, r.o.Display}
	for i, w := range wanted {
		if w == "" {
			wanted[i] = "127.0.0.1:0"
		}
	}
	for try := 1; ; try++ {
		free, err := freePorts(wanted...)
		if err != nil {
			return err
		}
		r.settings.POSListen, r.settings.DisplayListen = free[0], free[1]
		if err := r.settings.write(r.Config()); err != nil {
			return err
		}
		if err := r.register(ctx); err != nil {
			return err
		}
		c, err := r.startChild(ctx)
		if err == nil {
			r.child = c
			return nil
		}
		if try == 3 || !strings.Contains(err.Error(), "address already in use") {
			return err
		}
	}
}

func (r *Rig) startChild(ctx context.Context) (*child, error) {
	return startChild(ctx, r.o.Tilld, []string{"run", "--config", r.Config()}, r.Log())
}

// Config is the daemon's configuration file, Log the file its words go to.
func (r *Rig) Config() string { return r.path("tilld.toml") }
func (r *Rig) Log() string    { return r.path("tilld.log") }

// Socket is where the daemon's command line reaches it.
func (r *Rig) Socket() string { return r.settings.Socket }

// Authority is the certificate that points of sale must trust.
func (r *Rig) Authority() string { return filepath.Join(r.path("authority"), authority.CertFile) }

// Scanner is the link under which the daemon finds the scanner.
func (r *Rig) Scanner() string { return r.pty.Path() }

// DisplayURL is where the daemon serves its pages.
func (r *Rig) DisplayURL() string { return "http://" + r.settings.DisplayListen }

// NexoURL is where points of sale talk to the daemon.
func (r *Rig) NexoURL() string { return "https://" + r.settings.POSListen + "/nexo" }

// POIID is the terminal's name in nexo messages.
func (r *Rig) POIID() string { return Model + "-" + r.o.Serial }

// POS makes a point of sale that talks to the till.
func (r *Rig) POS(saleID string) (*posclient.Client, error) {
	return posclient.New(posclient.Options{URL: r.NexoURL(), Roots: r.roots, SaleID: saleID, POIID: r.POIID()})
}

// Scan sends what a scanner sends for a code: the text, with its AIM identifier, and a line end.
func (r *Rig) Scan(text string) error {
	_, err := r.pty.Write([]byte(text + "\r\n"))
	return err
}

// Unplug pulls the scanner's plug; Replug puts it back, as another device under the same link.
func (r *Rig) Unplug() error { return r.pty.Hangup() }

// Replug puts the scanner's plug back.
func (r *Rig) Replug() error { return r.pty.Replug() }

// Silence makes the boxes drop everything without a word, or let it pass again.
func (r *Rig) Silence(on bool) {
	for _, box := range r.boxes {
		box.Blackhole(on)
	}
}

// Kill ends the daemon with SIGKILL and returns once it is gone. It stays down until Restart.
func (r *Rig) Kill() {
	r.running.Lock()
	defer r.running.Unlock()
	if r.child != nil {
		r.child.kill()
		r.child = nil
	}
	r.down = true
}

// Restart starts the daemon after Kill and returns once it is ready and followed again.
func (r *Rig) Restart(ctx context.Context) error {
	streams := r.Watch.Streams()
	if err := r.start(ctx); err != nil {
		return err
	}
	return r.Watch.AwaitStream(ctx, streams+1)
}

func (r *Rig) start(ctx context.Context) error {
	r.running.Lock()
	defer r.running.Unlock()
	if r.closed || r.child != nil {
		return nil
	}
	c, err := r.startChild(ctx)
	if err != nil {
		return err
	}
	r.child, r.down = c, false
	return nil
}

// PID is the daemon's process id, 0 while it is down.
func (r *Rig) PID() int {
	r.running.Lock()
	defer r.running.Unlock()
	if r.child == nil {
		return 0
	}
	return r.child.cmd.Process.Pid
}

// reviveAfter is the pause before a daemon that died is started again; a daemon that cannot
// start is tried again as often.
const reviveAfter = time.Second

// supervise starts the daemon again when it dies without having been asked to.
func (r *Rig) supervise() {
	look := time.NewTicker(reviveAfter)
	defer look.Stop()
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-look.C:
		}
		if why, died := r.buryDead(); died {
			r.o.Notify("tilld is down (" + why + "); starting it again")
			if err := r.start(r.ctx); err != nil && r.ctx.Err() == nil {
				r.o.Notify(err.Error())
			}
		}
	}
}

// buryDead forgets a child that is gone; died is also true while one that should be there
// could not be started.
func (r *Rig) buryDead() (why string, died bool) {
	r.running.Lock()
	defer r.running.Unlock()
	if r.closed || r.down {
		return "", false
	}
	if r.child == nil {
		return "it did not start", true
	}
	select {
	case <-r.child.done:
		why = "exit status 0"
		if r.child.err != nil {
			why = r.child.err.Error()
		}
		r.child = nil
		return why, true
	default:
		return "", false
	}
}

// Close stops the daemon first, then everything around it. What the daemon leaves undone
// is in its state directory.
func (r *Rig) Close() error {
	r.cancel()
	r.running.Lock()
	r.closed = true
	c := r.child
	r.child = nil
	r.running.Unlock()
	var errs []error
	if c != nil {
		errs = append(errs, c.stop())
	}
	r.wg.Wait()
	for _, box := range r.boxes {
		errs = append(errs, box.Close())
	}
	if r.Palm != nil {
		errs = append(errs, r.Palm.close())
	}
	if r.pty != nil {
		errs = append(errs, r.pty.Close())
	}
	if r.World != nil {
		errs = append(errs, r.World.Close())
	}
	return errors.Join(errs...)
}
