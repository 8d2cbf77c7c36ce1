package attach

import (
	"time"

	"github.com/tilld/tilld/internal/board/device"
)

// Makes are the scanners on a byte stream, by what they speak, in the words of the protocols
// that a configuration names. Each is as it comes from its factory.
func Makes() map[string]func() Model {
	return map[string]func() Model{
		"line":      func() Model { return device.NewLine("\r\n") },
		"honeywell": func() Model { return device.NewHoneywell() },
		"mindeo":    func() Model { return device.NewHoneywell() },
		"newland":   func() Model { return device.NewNewland() },
		"ssi":       func() Model { return device.NewSSI(device.SSIConfig{}) },
		"gm65":      func() Model { return device.NewGM65(device.GM65Config{}) },
		"datalogic": func() Model { return device.NewDatalogic(time.Now) },
	}
}
