// Command empty is a Go program that does nothing: what it takes of the address space is what
// the runtime takes. It says that it runs, and waits for its standard input to end.
package main

import "os"

func main() {
	os.Stdout.WriteString("\n")
	os.Stdin.Read(make([]byte, 1))
}
