package v4l2

import (
	"testing"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/sense"
)

func TestPairs(t *testing.T) {
	cam := func(path, port string, vendor uint16, formats ...sense.PixelFormat) Found {
		f := Found{Node: drivers.Node{Path: path, ID: drivers.ID{Vendor: vendor, Port: port}}}
		for _, px := range formats {
			f.Info.Modes = append(f.Info.Modes, sense.Mode{Pixel: px})
		}
		return f
	}
	for _, c := range []struct {
		name string
		list []Found
		want [][2]string // colour, infrared
	}{
		{"one device", []Found{cam("0", "1-1", 1, sense.GREY), cam("2", "1-1", 1, sense.MJPEG, sense.YUYV)}, [][2]string{{"2", "0"}}},
		{"two on a hub", []Found{cam("0", "1-1.1", 1, sense.MJPEG), cam("2", "1-1.2", 1, sense.Y8I, sense.GREY)}, [][2]string{{"0", "2"}}},
		{"of different vendors", []Found{cam("0", "1-1.1", 1, sense.MJPEG), cam("2", "1-1.2", 2, sense.GREY)}, nil},
		{"two plugs of the board", []Found{cam("0", "1-1", 1, sense.MJPEG), cam("2", "1-2", 1, sense.GREY)}, nil},
		{"three on a hub", []Found{cam("0", "1-1.1", 1, sense.MJPEG), cam("2", "1-1.2", 1, sense.GREY), cam("4", "1-1.3", 1, sense.GREY)}, nil},
		{"two of a kind", []Found{cam("0", "1-1", 1, sense.MJPEG), cam("2", "1-1", 1, sense.YUYV)}, nil},
		{"without formats", []Found{cam("0", "1-1", 1), cam("2", "1-1", 1, sense.YUYV)}, nil},
		{"without a place", []Found{cam("0", "", 1, sense.GREY), cam("2", "", 1, sense.YUYV)}, nil},
		{"two modules on a hub", []Found{
			cam("0", "1-1.1", 1, sense.MJPEG), cam("2", "1-1.1", 1, sense.GREY),
			cam("4", "1-1.2", 1, sense.MJPEG), cam("6", "1-1.2", 1, sense.GREY),
		}, [][2]string{{"0", "2"}, {"4", "6"}}},
	} {
		got := Pairs(c.list)
		if len(got) != len(c.want) {
			t.Errorf("%s: %d pairs", c.name, len(got))
			continue
		}
		for i, p := range got {
			if p.Colour.Node.Path != c.want[i][0] || p.Infrared.Node.Path != c.want[i][1] {
				t.Errorf("%s: %s with %s", c.name, p.Colour.Node.Path, p.Infrared.Node.Path)
			}
		}
	}
}
