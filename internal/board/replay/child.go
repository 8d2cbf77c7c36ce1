package replay

import (
	"os/exec"
	"syscall"
)

// Alone has a command's mounts be its own and end with it, and the command end with the
// thread that starts it. Starting it needs root.
func Alone(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Unshareflags: syscall.CLONE_NEWNS}
}
