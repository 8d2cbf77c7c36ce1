// Command empty is a Go program that does nothing: what it takes of the address space is what
// the runtime takes. It waits for its standard input to end.
package main

import "os"

func main() { os.Stdin.Read(make([]byte, 1)) }
