package terminal

import (
	"bytes"
	"fmt"
	"io/fs"
)

// bootFile holds a random id that the kernel makes at each boot.
const bootFile = "proc/sys/kernel/random/boot_id"

// serialFiles name this board, the best first: the device tree on ARM, the firmware's
// tables on a PC (readable by root alone), and the installation's id, which a copied card
// carries along.
var serialFiles = []struct{ file, prefix string }{
	{"proc/device-tree/serial-number", "dt"},
	{"sys/firmware/devicetree/base/serial-number", "dt"},
	{"sys/class/dmi/id/product_uuid", "dmi"},
	{"sys/class/dmi/id/product_serial", "dmi"},
	{"sys/class/dmi/id/board_serial", "dmi"},
	{"etc/machine-id", "machine"},
}

// placeholders are what makers leave where a serial number belongs.
var placeholders = [][]byte{
	[]byte("0"), []byte("none"), []byte("default string"), []byte("to be filled by o.e.m."),
	[]byte("system serial number"), []byte("not specified"), []byte("uninitialized"),
	[]byte("00000000-0000-0000-0000-000000000000"), []byte("0000000000000000"),
}

// BoardSerial names the board that a journal is bound to. The root is "/" as a file system.
func BoardSerial(root fs.FS) (string, error) {
	for _, s := range serialFiles {
		data, err := fs.ReadFile(root, s.file)
		if err != nil {
			continue
		}
		// The device tree ends its strings with a zero byte.
		text := bytes.TrimSpace(bytes.Trim(data, "\x00\n "))
		if len(text) == 0 || len(text) > 128 || placeholder(text) {
			continue
		}
		return s.prefix + ":" + string(text), nil
	}
	return "", fmt.Errorf("find the board's serial number: none in /%s and the places after it", serialFiles[0].file)
}

func placeholder(text []byte) bool {
	low := bytes.ToLower(text)
	for _, p := range placeholders {
		if bytes.Equal(low, p) {
			return true
		}
	}
	return false
}

// BootID is the kernel's id of this boot: elapsed time counts afresh in another one.
func BootID(root fs.FS) (string, error) {
	data, err := fs.ReadFile(root, bootFile)
	if err != nil {
		return "", fmt.Errorf("read the boot id: %w", err)
	}
	return string(bytes.TrimSpace(data)), nil
}
