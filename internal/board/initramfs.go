package board

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
)

// File is a file of the initramfs.
type File struct {
	Name string // "/bin/tilld"
	From string // the file on this machine; Text where empty
	Text string
	Mode os.FileMode // permissions
}

// WriteInitramfs writes the root file system with which a kernel starts: init as /init, the
// modules in the order in which /init loads them (/lib/modules/order), and files. Nothing else
// is in there: no shell, no library. It is not compressed: unpacking costs an emulated board
// more than reading.
func WriteInitramfs(name, init string, modules []Module, files ...File) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() {
		if closed := f.Close(); err == nil {
			err = closed
		}
	}()
	b := bufio.NewWriterSize(f, 1<<20)
	w := cpio{w: b}
	var order strings.Builder
	all := []File{{Name: "/init", From: init, Mode: 0o755}}
	for _, m := range modules {
		order.WriteString(m.Name + "\n")
		all = append(all, File{Name: "/lib/modules/" + m.Name + ".ko", From: m.File, Mode: 0o644})
	}
	all = append(all, File{Name: "/lib/modules/order", Text: order.String(), Mode: 0o644})
	all = append(all, files...)
	w.special("dev", 0o040755, 0, 0)
	w.special("dev/console", 0o020600, 5, 1) // the kernel opens it before /init can make it
	seen := map[string]bool{"dev": true}
	for _, f := range all {
		if err := w.parents(f.Name, seen); err != nil {
			return err
		}
		if err := w.file(f); err != nil {
			return err
		}
	}
	if err := w.end(); err != nil {
		return err
	}
	return b.Flush()
}

// cpio writes the "newc" format: Documentation/driver-api/early-userspace/buffer-format.rst.
type cpio struct {
	w   io.Writer
	ino uint32
	err error
}

func (c *cpio) header(name string, mode, size, major, minor uint32) {
	c.ino++
	c.write(fmt.Sprintf("070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		c.ino, mode, 0, 0, 1, 0, size, 0, 0, major, minor, len(name)+1, 0))
	c.write(name + "\x00")
	c.pad(110 + len(name) + 1)
}

func (c *cpio) write(s string) {
	if c.err == nil {
		_, c.err = io.WriteString(c.w, s)
	}
}

// pad fills up to a multiple of four.
func (c *cpio) pad(n int) { c.write("\x00\x00\x00"[:-n&3]) }

func (c *cpio) special(name string, mode, major, minor uint32) { c.header(name, mode, 0, major, minor) }

// parents writes the folders above a file that have not been written.
func (c *cpio) parents(name string, seen map[string]bool) error {
	path := strings.TrimPrefix(name, "/")
	for i, b := range path {
		if b == '/' && !seen[path[:i]] {
			seen[path[:i]] = true
			c.special(path[:i], 0o040755, 0, 0)
		}
	}
	return c.err
}

func (c *cpio) file(f File) error {
	name := strings.TrimPrefix(f.Name, "/")
	mode := 0o100000 | uint32(f.Mode.Perm())
	if f.From == "" {
		c.header(name, mode, uint32(len(f.Text)), 0, 0)
		c.write(f.Text)
		c.pad(len(f.Text))
		return c.err
	}
	in, err := os.Open(f.From)
	if err != nil {
		return err
	}
	defer in.Close()
	stat, err := in.Stat()
	if err != nil {
		return err
	}
	c.header(name, mode, uint32(stat.Size()), 0, 0)
	if c.err != nil {
		return c.err
	}
	if _, err := io.CopyN(c.w, in, stat.Size()); err != nil {
		return fmt.Errorf("copy %s: %w", f.From, err)
	}
	c.pad(int(stat.Size()))
	return c.err
}

func (c *cpio) end() error {
	c.special("TRAILER!!!", 0, 0, 0)
	return c.err
}
