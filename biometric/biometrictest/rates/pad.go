package rates

import (
	"maps"
	"slices"
)

// Outcomes counts how presentations of one kind were judged.
type Outcomes struct {
	BonaFide     int `json:"bona_fide"`
	Attack       int `json:"attack"`
	Undetermined int `json:"undetermined"` // and those that nothing could be judged of
}

// N is how many presentations there were.
func (o Outcomes) N() int { return o.BonaFide + o.Attack + o.Undetermined }

// Liveness is the rates of ISO/IEC 30107-3, each over all presentations of its kind:
// undetermined is a non-response, and lowers no other rate.
type Liveness struct {
	BPCER       Rate         `json:"bpcer"` // bona fide, judged an attack
	BPNRR       Rate         `json:"bpnrr"` // bona fide, undetermined
	Instruments []Instrument `json:"instruments"`
	Worst       string       `json:"worst,omitempty"` // the instrument of the highest APCER
}

// Instrument is the rates of one kind of attack.
type Instrument struct {
	Name  string `json:"name"`
	APCER Rate   `json:"apcer"` // judged bona fide
	APNRR Rate   `json:"apnrr"` // undetermined
}

// Judge states the rates of bona fide presentations and of attacks by instrument.
func Judge(bonaFide Outcomes, attacks map[string]Outcomes) Liveness {
	l := Liveness{
		BPCER: Rate{bonaFide.Attack, bonaFide.N()},
		BPNRR: Rate{bonaFide.Undetermined, bonaFide.N()},
	}
	worst := -1.0
	for _, name := range slices.Sorted(maps.Keys(attacks)) {
		o := attacks[name]
		i := Instrument{Name: name, APCER: Rate{o.BonaFide, o.N()}, APNRR: Rate{o.Undetermined, o.N()}}
		l.Instruments = append(l.Instruments, i)
		if shown, _ := i.APCER.Shown(); i.APCER.Known() && shown > worst {
			worst, l.Worst = shown, name
		}
	}
	return l
}

// Of is the rates of one instrument.
func (l Liveness) Of(name string) (Instrument, bool) {
	for _, i := range l.Instruments {
		if i.Name == name {
			return i, true
		}
	}
	return Instrument{}, false
}

// ACER is the mean of the worst APCER and the BPCER as they are shown. It is of no use
// without them (ISO/IEC 30107-3:2023 has dropped it); false where one is not known.
func (l Liveness) ACER() (acer float64, below, ok bool) {
	worst, found := l.Of(l.Worst)
	if !found || !l.BPCER.Known() {
		return 0, false, false
	}
	a, under := worst.APCER.Shown()
	b, below := l.BPCER.Shown()
	return (a + b) / 2, under || below, true
}
