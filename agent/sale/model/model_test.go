// Package model checks the Promela model of a payment with Spin. It has tests only.
package model

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"
)

var figures = flag.Bool("figures", false, "print the table of figures")

type bug struct {
	n        int
	attempts int
	what     string
	caught   string
	deep     bool // so far from the start that the shortest way there is not searched
}

func (b bug) String() string { return fmt.Sprintf("bug %d: %s", b.n, b.what) }

// bugs are the seeded mutations: each must be caught, by the property named.
var bugs = []bug{
	{1, 1, "a code is sent before the journal has it", "told_unpaid_but_charged", false},
	{2, 1, "\"does not exist\" is taken for failed", "told_unpaid_but_charged", false},
	{3, 1, "the answer to a reverse is taken for proof", "told_unpaid_but_charged", false},
	{5, 2, "a second attempt before the first is final", "charged_twice", false},
	{6, 2, "a scan is sent while an offered code is open", "charged_twice", false},
	{7, 1, "reversed without undo, because nobody answers", "given_back_without_undo", false},
	{8, 1, "a code is sent again after a restart", "code_sent_twice", false},
	{9, 1, "\"paid\" is told before it is on record", "told_two_endings", false},
	{10, 1, "an offered code is shown before it is on record", "told_unpaid_but_charged", false},
	{11, 1, "an abort is answered while an offered code is open", "told_unpaid_but_charged", false},
	{12, 1, "a reverse is sent before undo is on record", "given_back_without_undo", false},
	{13, 1, "a query counts from its answer, not from its question", "told_unpaid_but_charged", true},
	{14, 1, "the answer to a close is taken for proof", "told_unpaid_but_charged", true},
	{15, 1, "an abort is acknowledged before undo is on record", "told_paid_after_abort", true},
	{16, 1, "an answer about another order counts", "told_paid_but_not_charged", false},
	{17, 1, "SENDING found at start-up is taken for unsent", "told_unpaid_but_charged", false},
	{18, 1, "reverse without tombstone or quiet time", "told_given_back_but_charged", true},
	{19, 1, "\"does not exist\" counts for an order that was paid", "told_given_back_but_charged", true},
	{20, 1, "an offered code is given up before expiry and quiet time", "told_unpaid_but_charged", true},
	{21, 2, "a scan is sent though the offered code was paid", "charged_twice", false},
	{22, 1, "an order of lost records is taken for an offered one", "told_unpaid_but_charged", true},
}

// unlimited is the bug that only shows as a payment that never ends.
const unlimited = 4

// run is one check and what came of it.
type run struct {
	name   string
	states int
	depth  int
	took   time.Duration
	result string
}

// TestModel runs the clean model, which must hold and must end, and each seeded bug, which
// must be caught.
func TestModel(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped with -short: the model is checked in child processes, see make model")
	}
	for _, tool := range []string{"spin", "gcc"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("%s is not installed, and CI checks the model; hint: sudo apt-get install spin gcc libc6-dev", tool)
			}
			t.Skipf("skipped: the model is not checked, for %s is not installed; hint: sudo apt-get install spin gcc libc6-dev", tool)
		}
	}
	var mu sync.Mutex
	rows := map[string]run{}
	note := func(t *testing.T, r run) {
		t.Logf("%s: %d states, depth %d, %s: %s", r.name, r.states, r.depth, r.took.Round(100*time.Millisecond), r.result)
		mu.Lock()
		defer mu.Unlock()
		rows[r.name] = r
	}
	order := []string{"clean: safety, 2 attempts, faults without end", "clean: always ends, 1 attempt, 1 fault"}
	t.Run("checks", func(t *testing.T) {
		t.Run("safety", func(t *testing.T) {
			t.Parallel()
			p := check(t, order[0], safe, "-DATTEMPTS=2")
			if p.errors() != 0 {
				t.Fatalf("the model is not safe:\n%s", p.story(t))
			}
			p.everyMoveHappens(t)
			p.result = "0 errors, every move of the table happens"
			note(t, p.run)
		})
		t.Run("ends", func(t *testing.T) {
			t.Parallel()
			p := check(t, order[1], ends, "-DATTEMPTS=1", "-DLIVE", "-DFAULTS=1")
			if p.errors() != 0 {
				t.Fatalf("a payment may never end:\n%s", p.story(t))
			}
			p.result = "0 errors, it always ends"
			note(t, p.run)
		})
		for _, b := range bugs {
			order = append(order, b.String())
		}
		t.Run("bugs", func(t *testing.T) {
			t.Parallel()
			verifiers := map[bool]*verifier{false: newVerifier(t, shortest), true: newVerifier(t, anyWay)}
			for _, b := range bugs {
				name := b.String()
				t.Run(strconv.Itoa(b.n), func(t *testing.T) {
					t.Parallel()
					p := verifiers[b.deep].check(t, name, b.n, b.attempts)
					if p.errors() == 0 {
						t.Fatalf("%s: not caught", name)
					}
					story := p.story(t)
					if !strings.Contains(story, "BROKEN: "+b.caught+"\n") {
						t.Fatalf("%s: want %s, caught by:\n%s", name, b.caught, story)
					}
					t.Logf("how it goes wrong:\n%s", story)
					p.result = "caught: " + b.caught
					note(t, p.run)
				})
			}
		})
		name := fmt.Sprintf("bug %d: queries without end", unlimited)
		order = append(order, name)
		t.Run(strconv.Itoa(unlimited), func(t *testing.T) {
			t.Parallel()
			p := check(t, name, ends, "-DATTEMPTS=1", "-DLIVE", "-DFAULTS=0", fmt.Sprintf("-DMUTANT=%d", unlimited))
			if p.errors() == 0 || !strings.Contains(p.out, "acceptance cycle") {
				t.Fatalf("%s: not caught", name)
			}
			t.Logf("how it never ends:\n%s", p.story(t))
			p.result = "caught: it never ends"
			note(t, p.run)
		})
	})
	if *figures && !t.Failed() {
		w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "check\tstates\tdepth\ttime\tresult")
		for _, name := range order {
			r := rows[name]
			fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s\n", r.name, r.states, r.depth, r.took.Round(100*time.Millisecond), r.result)
		}
		w.Flush()
	}
}

// mode is how a model is searched.
type mode struct {
	cc  []string
	pan []string
}

// No partial order reduction anywhere: it is not sound with the power cut's rendezvous.
var (
	safe     = mode{[]string{"-O1", "-DSAFETY", "-DNOREDUCE", "-DNOBOUNDCHECK"}, []string{"-m100000", "-w22"}}
	shortest = mode{[]string{"-O0", "-DSAFETY", "-DNOREDUCE", "-DNOBOUNDCHECK", "-DBFS"}, []string{"-w20"}}
	anyWay   = mode{[]string{"-O0", "-DSAFETY", "-DNOREDUCE", "-DNOBOUNDCHECK"}, []string{"-m100000", "-w20"}}
	ends     = mode{[]string{"-O0", "-DNOREDUCE", "-DNOBOUNDCHECK", "-DNFAIR=3"}, []string{"-a", "-f", "-m100000", "-w20"}}
)

// proof is a finished search.
type proof struct {
	run
	dir, model string
	defs       []string
	env        []string
	out        string
}

// check generates, compiles and runs the verifier.
func check(t *testing.T, name string, m mode, defs ...string) *proof {
	t.Helper()
	p := newProof(t, name, defs...)
	p.generate(t)
	p.compile(t, m)
	p.search(t, "./pan", m)
	return p
}

func newProof(t *testing.T, name string, defs ...string) *proof {
	t.Helper()
	model, err := filepath.Abs("till.pml")
	if err != nil {
		t.Fatal(err)
	}
	return &proof{run: run{name: name}, dir: t.TempDir(), model: model, defs: defs}
}

func (p *proof) generate(t *testing.T) {
	t.Helper()
	p.command(t, "spin", append(append([]string{"-a"}, p.defs...), p.model)...)
}

func (p *proof) compile(t *testing.T, m mode) {
	t.Helper()
	p.command(t, "gcc", append(append([]string{"-w"}, m.cc...), "-o", "pan", "pan.c")...)
}

// search runs a verifier, and fails unless the search is complete or finds an error.
func (p *proof) search(t *testing.T, pan string, m mode) {
	t.Helper()
	began := time.Now()
	p.out = p.command(t, pan, m.pan...)
	p.took = time.Since(began)
	if strings.Contains(p.out, "max search depth too small") || strings.Contains(p.out, "out of memory") || p.errors() < 0 {
		t.Fatalf("%s: the search is not complete:\n%s", p.name, p.out)
	}
	p.states, p.depth = p.number(` *([0-9.e+]+) states, stored`), p.number(`depth reached ([0-9]+)`)
}

// command runs a program in the proof's own folder. What pan says of errors is in its output.
func (p *proof) command(t *testing.T, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = p.dir, append(os.Environ(), p.env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil && (filepath.Base(name) != "pan" || ctx.Err() != nil) {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out.String())
	}
	return out.String()
}

// number finds a figure in pan's output; -1 if there is none.
func (p *proof) number(pattern string) int {
	m := regexp.MustCompile(pattern).FindStringSubmatch(p.out)
	if m == nil {
		return -1
	}
	f, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return -1
	}
	return int(f)
}

func (p *proof) errors() int { return p.number(`errors: ([0-9]+)`) }

// story replays the error and tells what happened, a line an event.
func (p *proof) story(t *testing.T) string {
	t.Helper()
	args := append([]string{"-t", "-k", "till.pml.trail"}, p.defs...)
	var lines []string
	for line := range strings.Lines(p.command(t, "spin", append(args, p.model)...)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#processes") {
			break
		}
		if told.MatchString(line) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

var told = regexp.MustCompile(`^(till|wallet|network|customer|cashier|clock|power|disk|back office|BROKEN): |START OF CYCLE|Error: `)

// everyMoveHappens fails when a move of the model is never made: then nothing was shown
// about it. pan names the statements that were not reached by their line.
func (p *proof) everyMoveHappens(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile(p.model)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(p.out, "unreached in proctype Till") {
		t.Fatalf("pan does not say what it did not reach:\n%s", p.out)
	}
	dead := map[int]bool{}
	for _, m := range regexp.MustCompile(`till\.pml:([0-9]+), state [0-9]+, "D_STEP`).FindAllStringSubmatch(p.out, -1) {
		n, _ := strconv.Atoi(m[1])
		dead[n] = true
	}
	move := regexp.MustCompile(`\bMOVE\([^)]*\)`)
	happens := map[string]bool{}
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		if m := move.FindString(line); m != "" && !strings.HasPrefix(line, "#define") {
			happens[m] = happens[m] || !dead[n]
		}
	}
	for m, ok := range happens {
		if !ok {
			t.Errorf("%s never happens in the model", m)
		}
	}
}
