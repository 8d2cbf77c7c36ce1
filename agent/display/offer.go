package display

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/boombuler/barcode/qr"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/queue"
)

// picture is a QR code to be drawn: squares of one unit, quiet zone included.
type picture struct {
	Size int    `json:"size"` // units on each side
	Path string `json:"path"` // of an SVG path that covers the dark squares
	Left int64  `json:"left"` // milliseconds until the code cannot be paid any more
}

// quietZone is the empty margin around a QR code, in its squares (ISO/IEC 18004).
const quietZone = 4

// mostCode bounds the text of a code; wallets' codes have some 40 to 300 characters.
const mostCode = 1024

// drawCode makes the picture of the screen's code; nil where it has none.
func drawCode(sc agent.Screen, now time.Time) (*picture, error) {
	if sc.Code == "" {
		return nil, nil
	}
	if len(sc.Code) > mostCode {
		return nil, fmt.Errorf("draw a code: %d bytes, at most %d", len(sc.Code), mostCode)
	}
	code, err := qr.Encode(sc.Code, qr.M, qr.Auto)
	if err != nil {
		return nil, fmt.Errorf("draw a code of %d bytes: %w", len(sc.Code), err)
	}
	side := code.Bounds().Dx()
	dark := func(x, y int) bool {
		if x >= side {
			return false
		}
		r, _, _, _ := code.At(x, y).RGBA()
		return r == 0
	}
	var path []byte
	for y := range side {
		for x := 0; x < side; x++ {
			if !dark(x, y) {
				continue
			}
			from := x
			for dark(x, y) {
				x++
			}
			path = append(path, 'M')
			path = strconv.AppendInt(path, int64(from+quietZone), 10)
			path = append(path, ' ')
			path = strconv.AppendInt(path, int64(y+quietZone), 10)
			path = append(path, 'h')
			path = strconv.AppendInt(path, int64(x-from), 10)
			path = append(path, "v1h-"...)
			path = strconv.AppendInt(path, int64(x-from), 10)
			path = append(path, 'z')
		}
	}
	return &picture{Size: side + 2*quietZone, Path: string(path), Left: max(0, sc.CodeEnds.Sub(now).Milliseconds())}, nil
}

// offer hands the customer's wish for a code of ours to the till.
func (s *Server) offer(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Payment string `json:"payment"`
	}
	if !s.read(w, r, "show a code", `want {"payment": ID}`, &q) {
		return
	}
	switch err := s.o.Till.Offer(q.Payment); {
	case errors.Is(err, queue.ErrNotFound):
		s.refuse(w, http.StatusNotFound, fmt.Sprintf("show a code: no payment %.22s", q.Payment))
	case err != nil:
		s.refuse(w, http.StatusConflict, fmt.Sprintf("show a code for payment %.22s: %v", q.Payment, err))
	default:
		s.reply(w, http.StatusOK, map[string]bool{"done": true})
	}
}
