// Command guest is /init of the virtual board. It mounts, loads the kernel's modules, plugs
// device models into the kernel, serves the hands, and runs the programs under test as its
// children. The machine is off when they have ended.
//
// Words on the kernel's command line say what to do; internal/board writes them:
//
//	board.run=PROGRAM|ARG|...   run this program, then turn the machine off
//	board.watchdog=SECONDS      arm the watchdog; it is fed as long as tilld feeds ours
//	board.disk=/dev/vda         mount this disk at /data
//	board.modules=NAME:P=V;...  parameters for modules
//
// What it says on the console begins with "board:". Everything a child writes is passed on.
//
//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tilld/tilld/internal/board/hands"
)

func main() {
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "guest: this is /init of the virtual board; run \"make board\"")
		os.Exit(2)
	}
	err := run(context.Background())
	if err != nil {
		say("FAILED %v", err)
	}
	say("off after %.2f s", hands.Now().Seconds())
	unix.Sync()
	unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	select {} // when PID 1 returns the kernel panics
}

// run is the board's life.
func run(ctx context.Context) error {
	if err := mounts(); err != nil {
		return err
	}
	words, err := commandLine()
	if err != nil {
		return err
	}
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return err
	}
	say("kernel %s up after %.2f s", strings.TrimSpace(string(release)), hands.Now().Seconds())
	if err := loadModules(words["board.modules"]); err != nil {
		return err
	}
	if err := loopback(); err != nil {
		return err
	}
	if disk := words["board.disk"]; disk != "" {
		if err := mountDisk(ctx, disk); err != nil {
			return err
		}
	}
	kids := newChildren()
	go kids.reap()
	world, err := newWorld(ctx, words, kids)
	if err != nil {
		return err
	}
	defer world.close()
	say("ready after %.2f s", hands.Now().Seconds())
	program := strings.Split(words["board.run"], "|")
	if program[0] == "" {
		return errors.New("nothing to run: the command line has no board.run")
	}
	cmd := exec.Command(filepath.Join("/bin", program[0]), program[1:]...)
	cmd.Env = append(environment(), hands.Env+"="+socket)
	begun := time.Now()
	if err := kids.run(cmd, passOn); err != nil {
		return fmt.Errorf("%s: %w after %.1f s", program[0], err, time.Since(begun).Seconds())
	}
	say("%s ended well after %.1f s", program[0], time.Since(begun).Seconds())
	return nil
}

// say writes a line of our own to the console.
func say(format string, args ...any) { fmt.Printf("board: "+format+"\n", args...) }

// passOn writes what a child says to the console.
func passOn(r io.Reader) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		fmt.Println(lines.Text())
	}
	io.Copy(io.Discard, r)
}

// environment is what every child gets: init itself has none.
func environment() []string {
	return []string{"PATH=/bin", "HOME=/tmp", "TMPDIR=/tmp", "TERM=dumb"}
}
