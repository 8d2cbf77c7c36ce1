package hw

import (
	"os/exec"
)

// emptyPeak is the peak address space of a Go program that does nothing.
func emptyPeak() (int64, error) {
	cmd := exec.Command("/bin/empty")
	in, err := cmd.StdinPipe()
	if err != nil {
		return 0, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	defer cmd.Wait() // it ends with its input
	defer in.Close()
	if _, err := out.Read(make([]byte, 1)); err != nil { // it says that it runs
		return 0, err
	}
	return vmPeak(cmd.Process.Pid)
}
