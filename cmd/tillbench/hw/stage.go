package hw

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/tilld/tilld/biometric/biometrictest/stage"
	"github.com/tilld/tilld/biometric/capture"
	"github.com/tilld/tilld/internal/board/device"
)

// drawStage writes the pictures that the virtual board's palm camera is shown, one file a
// thing: a simulated hand held still, and a simulated print of it.
func drawStage(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("draw what the palm camera sees: %w", err)
	}
	hand := stage.Options{Person: 7, Try: 1, Arrive: -1}
	return errors.Join(
		draw(filepath.Join(dir, "live"), stage.Live(hand)),
		draw(filepath.Join(dir, "print"), stage.AttackOn(stage.LaserPrint, hand, 1)))
}

// draw writes a thing's pictures as a device.Stage takes them.
func draw(file string, p *stage.Presentation) error {
	film := stage.NewFilm(stage.DefaultSensor())
	b := make([]byte, 0, device.StageBytes())
	for _, l := range [...]capture.Light{device.Unlit: capture.Dark, device.LitNIR: capture.NIR, device.LitWhite: capture.White} {
		for i := range device.StagePictures {
			at := p.Settled() + time.Second + time.Duration(i)*device.StageMode().Interval
			b = append(b, stage.Still(film, p, at, l)...)
		}
	}
	return os.WriteFile(file, b, 0o600)
}
