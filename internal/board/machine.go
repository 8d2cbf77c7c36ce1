package board

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Machine is what to start.
type Machine struct {
	Kernel    Kernel
	Initramfs string
	Memory    int      // MiB; 0 is 384
	Append    []string // words for the kernel's command line, which /init reads
	// Disk is a raw image; empty for a board without one. Block replaces it by other options
	// of QEMU's.
	Disk  string
	Block []string
	// RTC is the time the board's clock begins with, "1970-01-01"; empty is the present.
	RTC string
	// TPM runs swtpm, whose commands arrive at the port "tpm".
	TPM bool
}

// Board is a running machine.
type Board struct {
	// Serial is the device's end of the board's serial line, Hands that of the port through
	// which the board asks for what only the outside can do.
	Serial, Hands net.Conn
	Pins          *Pins

	dir  string
	cmd  *exec.Cmd
	tpm  *exec.Cmd
	done chan struct{}
	err  error // valid after done
}

// wires are the sockets between QEMU and this program.
type wires struct {
	dir       string
	listeners map[string]*net.UnixListener
}

func (w *wires) listen(name string) error {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(w.dir, name)})
	if err == nil {
		w.listeners[name] = l
	}
	return err
}

// accept takes QEMU's connection. It connects before the machine runs.
func (w *wires) accept(name string) (net.Conn, error) {
	l := w.listeners[name]
	l.SetDeadline(time.Now().Add(20 * time.Second)) // only a closed listener refuses
	return l.Accept()
}

func (w *wires) close() {
	for _, l := range w.listeners {
		l.Close()
	}
}

// Start runs the machine and calls console for each line that it writes there, from one
// goroutine. The caller ends it with Close. It ends with ctx, too.
func Start(ctx context.Context, m Machine, console func(line string)) (b *Board, err error) {
	dir, err := os.MkdirTemp("", "board-")
	if err != nil {
		return nil, err
	}
	b = &Board{dir: dir, done: make(chan struct{})}
	started := b
	w := &wires{dir: dir, listeners: map[string]*net.UnixListener{}}
	defer w.close()
	defer func() {
		if err != nil {
			started.Close()
		}
	}()
	for _, name := range []string{"serial", "hands", "qtest", "qmp"} {
		if err := w.listen(name); err != nil {
			return nil, err
		}
	}
	if m.TPM {
		if err := b.startTPM(ctx); err != nil {
			return nil, err
		}
	}
	args := m.args(dir)
	b.cmd = exec.CommandContext(ctx, args[0], args[1:]...)
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	b.cmd.WaitDelay = 2 * time.Second
	out, err := b.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	b.cmd.Stderr = b.cmd.Stdout
	if err := b.run(out, console); err != nil {
		return nil, fmt.Errorf("start the board: %w", err)
	}
	if b.Serial, err = w.accept("serial"); err != nil {
		return nil, fmt.Errorf("start the board: no serial line: %w", err)
	}
	if b.Hands, err = w.accept("hands"); err != nil {
		return nil, fmt.Errorf("start the board: no port for the hands: %w", err)
	}
	b.Pins, err = findPins(w)
	return b, err
}

// run starts QEMU and reads its console. The kernel ends QEMU when the thread that started it
// ends, so that one lives as long.
func (b *Board) run(out io.Reader, console func(string)) error {
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := b.cmd.Start()
		started <- err
		defer close(b.done)
		if b.err = err; err != nil {
			return
		}
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			console(strings.TrimRight(lines.Text(), "\r"))
		}
		io.Copy(io.Discard, out) // a line that is too long
		b.err = b.cmd.Wait()
	}()
	return <-started
}

// args is QEMU's command line.
func (m Machine) args(dir string) []string {
	at := func(name string) string { return filepath.Join(dir, name) }
	socket := func(name string) string { return "socket,id=" + name + ",path=" + at(name) }
	args := []string{"qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a53"}
	if m.Kernel.Arch == ARMHF {
		args = []string{"qemu-system-arm", "-M", "virt,highmem=off", "-cpu", "cortex-a7"} // with highmem PCI fails
	}
	memory := m.Memory
	if memory == 0 {
		memory = 384
	}
	// The board's time is what it has executed, two nanoseconds an instruction, and the world's
	// while it idles: what is measured inside does not depend on how busy this machine is.
	args = append(args, "-accel", "tcg", "-icount", "shift=1,sleep=on", "-smp", "1", "-m", fmt.Sprint(memory), "-nodefaults", "-nographic", "-no-reboot",
		"-serial", "stdio", "-kernel", m.Kernel.Image, "-initrd", m.Initramfs,
		"-append", strings.Join(append([]string{"console=ttyAMA0", "quiet", "panic=-1"}, m.Append...), " "),
		"-chardev", socket("serial"), "-device", "pci-serial,chardev=serial",
		"-device", "virtio-serial-pci", "-chardev", socket("hands"), "-device", "virtserialport,chardev=hands,name=hands",
		"-qtest", "unix:"+at("qtest"), "-qtest-log", "/dev/null", "-qmp", "unix:"+at("qmp"))
	if m.TPM {
		args = append(args, "-chardev", socket("tpm"), "-device", "virtserialport,chardev=tpm,name=tpm")
	}
	if m.RTC != "" {
		args = append(args, "-rtc", "base="+m.RTC)
	}
	if m.Disk != "" {
		args = append(args, "-drive", "if=none,id=disk,format=raw,file="+m.Disk, "-device", "virtio-blk-pci,drive=disk")
	}
	return append(args, m.Block...)
}

// Wait waits until the machine is off. A reset ends it, too.
func (b *Board) Wait() error {
	<-b.done
	return b.err
}

// Done is closed when the machine is off.
func (b *Board) Done() <-chan struct{} { return b.done }

// Kill takes the machine's power away.
func (b *Board) Kill() {
	if b.cmd != nil && b.cmd.Process != nil {
		b.cmd.Process.Kill() // an error means that it is gone already
		<-b.done
	}
}

// Close ends the machine and removes what it needed.
func (b *Board) Close() error {
	b.Kill()
	for _, c := range []net.Conn{b.Serial, b.Hands} {
		if c != nil {
			c.Close()
		}
	}
	if b.Pins != nil {
		b.Pins.close()
	}
	if b.tpm != nil {
		b.tpm.Process.Kill()
		b.tpm.Wait() // killed
	}
	return os.RemoveAll(b.dir)
}

// startTPM runs swtpm and waits for its socket.
func (b *Board) startTPM(ctx context.Context) error {
	state := filepath.Join(b.dir, "tpmstate")
	socket := filepath.Join(b.dir, "tpm")
	if err := os.Mkdir(state, 0o700); err != nil {
		return err
	}
	cmd := exec.Command("swtpm", "socket", "--tpm2", "--tpmstate", "dir="+state, "--server", "type=unixio,path="+socket,
		"--ctrl", "type=unixio,path="+filepath.Join(b.dir, "tpmctrl"), "--flags", "not-need-init,startup-clear", "--terminate")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the TPM: %w", err)
	}
	b.tpm = cmd
	until := time.Now().Add(10 * time.Second)
	for {
		if _, err := os.Stat(socket); err == nil {
			return nil
		}
		if time.Now().After(until) {
			return errors.New("start the TPM: swtpm makes no socket")
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// MakeDisk makes an empty ext4 image of size MiB.
func MakeDisk(ctx context.Context, name string, size int64) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Truncate(size<<20), f.Close()); err != nil {
		return err
	}
	mkfs := "mkfs.ext4"
	if _, err := exec.LookPath(mkfs); err != nil {
		mkfs = "/sbin/mkfs.ext4"
	}
	// Tables are written at once: the kernel would otherwise write them while the board runs.
	out, err := exec.CommandContext(ctx, mkfs, "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", name).CombinedOutput()
	if err != nil {
		return fmt.Errorf("make a disk: %w: %s", err, out)
	}
	return nil
}
