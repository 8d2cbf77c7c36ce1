package stage_test

import (
	"fmt"
	"time"

	"github.com/tilld/tilld/biometric/biometrictest/stage"
	"github.com/tilld/tilld/biometric/capture"
)

// A screen throws back next to nothing of the lamp at 850 nm; a hand does.
func Example() {
	film := stage.NewFilm(stage.Sensor{})
	for _, p := range []*stage.Presentation{
		stage.Live(stage.Options{Person: 1}),
		stage.Attack(stage.TabletScreen, 1),
	} {
		at := p.Settled() + 100*time.Millisecond
		dark, lit := stage.Still(film, p, at, capture.Dark), stage.Still(film, p, at, capture.NIR)
		brighter := 0
		for i := range lit {
			if int(lit[i])-int(dark[i]) > 30 {
				brighter++
			}
		}
		fmt.Println(p.Name, "lit up by the lamp:", brighter > len(lit)/10)
	}
	// Output:
	// bonafide lit up by the lamp: true
	// tablet-screen lit up by the lamp: false
}
