package main

import (
	"strings"
	"testing"
	"time"

	"github.com/tilld/tilld/internal/board/hands"
)

func names(p *plan) string {
	var list []string
	for _, j := range p.jobs {
		list = append(list, j.kind.name+"/"+j.part.name)
	}
	return strings.Join(list, " ")
}

func TestChoose(t *testing.T) {
	p, err := choose(nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	if got := names(p); !strings.HasPrefix(got, "armmp/suite v7/suite arm64/suite ") || !strings.Contains(got, "armmp/watchdog") || !strings.Contains(got, "arm64/clock") {
		t.Errorf("everything is %s", got)
	}
	if p, err = choose([]string{"arm64"}, []string{"suite"}, ""); err != nil || names(p) != "arm64/suite" {
		t.Errorf("%v, %v", p, err)
	}
	if _, err = choose([]string{"sparc"}, nil, ""); err == nil {
		t.Error("a board that there is not was chosen")
	}
}

func TestVerdictOfABoot(t *testing.T) {
	good := hands.Verdict{Device: "hidpos", Rule: "x", OK: true}.Line()
	bad := hands.Verdict{Device: "hidpos", Rule: "x"}.Line()
	for _, c := range []struct {
		name   string
		resets bool
		lines  []string
		ok     bool
	}{
		{"all went well", false, []string{good, "board: off after 9 s"}, true},
		{"a check failed", false, []string{bad, "board: off after 9 s"}, false},
		{"it went silent", false, []string{good}, false},
		{"nothing was checked", false, []string{"board: off after 9 s"}, false},
		{"init gave up", false, []string{good, "board: FAILED no disk", "board: off after 9 s"}, false},
		{"it was reset", true, []string{good, "board: frozen"}, true},
		{"it was not reset", true, []string{good, "board: frozen", "board: off after 9 s"}, false},
		{"it was reset too early", true, []string{good}, false},
	} {
		out := &strings.Builder{}
		k := &console{plan: &plan{out: out, log: out}, job: &job{resets: c.resets}, last: time.Now()}
		for _, l := range c.lines {
			k.line(l)
		}
		if err := k.verdict(); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
