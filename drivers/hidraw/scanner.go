package hidraw

import (
	"context"
	"errors"
	"fmt"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/scanner/hidpos"
)

// errSwitched: the device was told to become a HID POS scanner and will come back as one.
var errSwitched = fmt.Errorf("%w: it was in another mode and was told to change to HID POS", drivers.ErrGone)

// OpenScanner opens a bar code scanner and gives codec the layout of its reports. Scanners of
// Honeywell and Youjie are told to be in HID POS mode; one that was not comes back by itself,
// and until then the error is drivers.ErrGone.
func OpenScanner(ctx context.Context, c Config, codec *hidpos.Codec) (*Device, error) {
	d, err := Open(ctx, c)
	if err != nil {
		return nil, err
	}
	layout, err := scannerLayout(d.info, func(report []byte) error { return d.SetFeature(ctx, report) })
	if err == nil {
		err = codec.SetLayout(layout)
	}
	if err != nil {
		return nil, errors.Join(&drivers.Error{Op: "open", Subject: c.Path, Hint: scannerHint(err), Err: err}, d.Close())
	}
	return d, nil
}

func scannerHint(err error) string {
	switch {
	case errors.Is(err, errSwitched):
		return "it comes back by itself; if it does not, scan the code for USB HID POS in its manual"
	case errors.Is(err, hidpos.ErrNotScanner):
		return "scan the code for USB HID POS (\"HID-POS\", \"USB OEM POS\") in the scanner's manual, or configure it as a wedge"
	}
	return ""
}

// scannerLayout brings a device into HID POS mode, as far as that is known how to do, and
// says where its reports hold what.
func scannerLayout(i Info, feature func([]byte) error) (hidpos.Layout, error) {
	already := hidpos.IsScanner(i.Descriptor)
	switch i.Vendor {
	case 0x0C2E, 0x23D0: // Honeywell, Youjie
		err := feature([]byte{0xFE, 0x01})
		// One that is in the mode already may refuse to be told.
		if !already && err == nil {
			err = errSwitched
		}
		if !already {
			return hidpos.Layout{}, err
		}
	}
	return hidpos.LayoutOf(i.Vendor, i.Descriptor)
}
