package main

import (
	"encoding/hex"
	"errors"
	"maps"
	"strings"
	"time"

	"github.com/tilld/tilld/internal/secret"
	"github.com/tilld/tilld/scanner"
	"github.com/tilld/tilld/scanner/paycode"
)

// decodeLine is what a line of decode --jsonl holds.
type decodeLine struct {
	Name    string `json:"name"`
	Profile string `json:"profile"`
	Dir     string `json:"dir"`
	Hex     string `json:"hex"`
	Given   string `json:"given"`
}

// decodedScan is one scan of an answer. Texts are shown: these are test vectors.
type decodedScan struct {
	Symbology string `json:"sym"`
	AIM       string `json:"aim,omitempty"`
	Text      string `json:"text"`
}

// decodeLines answers lines of JSON.
func (e *env) decodeLines() error {
	refused, err := answerLines(e.stdin, e.stdout, func(line []byte) (any, error) {
		var in decodeLine
		if err := unmarshalLine(line, &in); err != nil {
			return nil, err
		}
		return in.answer()
	})
	return linesDone("decode", refused, err)
}

// answer plays one line. Its fields are scans and reply_hex; name, error, payment and what
// the device told where they apply.
func (l decodeLine) answer() (map[string]any, error) {
	if l.Dir != "in" && l.Dir != "" {
		return nil, errors.New("dir is not in: only what comes from a device is decoded")
	}
	row, err := profileNamed(l.Profile)
	if err != nil {
		return nil, err
	}
	data, err := hex.DecodeString(l.Hex)
	if err != nil {
		return nil, errors.New("hex is not pairs of hexadecimal digits")
	}
	defer secret.Zero(data)
	codec, err := row.make()
	if err != nil {
		return nil, err
	}
	a := collected{scans: []decodedScan{}, fields: map[string]any{}}
	p := player{make: row.make, codec: codec, now: time.Unix(1_000_000_000, 0), emit: a.take}
	silence := strings.HasPrefix(l.Given, "silence-")
	if !silence {
		if err := p.given(l.Given); err != nil {
			return nil, err
		}
	}
	p.received(data)
	if silence {
		if err := p.given(l.Given); err != nil {
			return nil, err
		}
	}
	return a.answer(l.Name), nil
}

// collected is what came of one line.
type collected struct {
	scans   []decodedScan
	drop    scanner.DropReason // the first
	refused bool               // a scan may not pay whatever its text
	reply   []byte
	fields  map[string]any
}

func (c *collected) take(_ time.Time, r scanner.Result) {
	c.reply = append(c.reply, r.Reply...)
	if r.Event != nil {
		maps.Copy(c.fields, r.Event.Fields())
	}
	switch {
	case r.Drop != "":
		if c.drop == "" {
			c.drop = r.Drop
		}
	case len(r.Text) > 0:
		s := scanner.Scan{AIM: r.AIM, Symbology: r.Symbology}
		sym := string(r.Symbology)
		if sym == "" {
			sym = "unknown"
		}
		c.scans = append(c.scans, decodedScan{Symbology: sym, AIM: r.AIM, Text: string(r.Text)})
		c.refused = c.refused || s.Identifier() != "" && !paycode.PayingSymbology(s.Identifier())
	}
}

func (c *collected) answer(name string) map[string]any {
	// What led to a scan or to an error is no news of its own.
	out := map[string]any{}
	maps.Copy(out, c.fields)
	if len(c.scans) > 0 || c.drop != "" {
		delete(out, "events")
		delete(out, "char")
	}
	out["scans"] = c.scans
	out["reply_hex"] = hex.EncodeToString(c.reply)
	if name != "" {
		out["name"] = name
	}
	if c.drop != "" {
		out["error"] = string(c.drop)
	}
	if c.refused {
		out["payment"] = "refused"
	}
	return out
}
