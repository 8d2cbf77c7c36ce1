// Command mutate shows that the simulation of agent/sim notices every guard: each is taken
// out in turn, and a run that passes all the same is a failure of the simulation.
//
//	go run ./internal/mutate            all of them
//	go run ./internal/mutate -only RE   those whose name matches
//
// The table (table.go) names text in the sources of agent and agent/sale and what stands there
// with the guard switched off. All edits are compiled into one test binary by way of an
// overlay; the sources stay as they are, and no switch is in the product.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

func main() {
	only := flag.String("only", "", "run the mutants whose name matches this expression")
	flag.Parse()
	if err := run(*only); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

func run(only string) error {
	dir, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer os.RemoveAll(dir)
	names, err := build(dir)
	if err != nil {
		return err
	}
	bin := filepath.Join(dir, "sim.test")
	if by, _ := notice(bin, ""); by != "" {
		return fmt.Errorf("the simulation fails without a mutant: %s", by)
	}
	if only != "" {
		names = slices.DeleteFunc(names, func(n string) bool { return !regexp.MustCompile(only).MatchString(n) })
	}
	return judge(bin, names)
}

// judge runs every mutant and prints what noticed it.
func judge(bin string, names []string) error {
	type verdict struct {
		by   string
		took time.Duration
	}
	verdicts := make([]verdict, len(names))
	next := make(chan int)
	var workers sync.WaitGroup
	for range runtime.NumCPU() {
		workers.Go(func() {
			for i := range next {
				by, took := notice(bin, names[i])
				verdicts[i] = verdict{by, took}
				if by == "" {
					by = "NOT NOTICED"
				}
				fmt.Printf("%-44s %6.1fs  %.150s\n", names[i], took.Seconds(), by)
			}
		})
	}
	for i := range names {
		next <- i
	}
	close(next)
	workers.Wait()
	var missed []string
	for i, v := range verdicts {
		if v.by == "" {
			missed = append(missed, names[i])
		}
	}
	fmt.Printf("%d of %d mutants noticed\n", len(names)-len(missed), len(names))
	if len(missed) > 0 {
		return fmt.Errorf("not noticed: %s", strings.Join(missed, ", "))
	}
	return nil
}

// stages are the tests that have to notice a mutant, the quick ones first.
var stages = [][]string{
	{"-test.run", "^TestStorm$", "-seeds", "250"},
	{"-test.run", "^Test(Offer)?Times$"},
	{"-test.run", "^TestReckless"},
	{"-test.run", "^TestStorm$", "-seeds", "3000", "-seed", "1000"},
}

// notice runs the stages with a mutant switched on, until one fails. Without a mutant the
// last stage is left out.
func notice(bin, name string) (by string, took time.Duration) {
	begin := time.Now()
	for i, args := range stages {
		if name == "" && i == len(stages)-1 {
			break
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		cmd := exec.CommandContext(ctx, bin, append(args, "-first")...)
		cmd.Env = append(os.Environ(), "TILLD_MUTANT="+name)
		cmd.Dir = filepath.Dir(bin)
		out, err := cmd.CombinedOutput()
		cancel()
		if err != nil {
			return reason(string(out), ctx.Err()), time.Since(begin)
		}
	}
	return "", time.Since(begin)
}

// reason is the line that says what was noticed.
func reason(out string, over error) string {
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		if m := regexp.MustCompile(`_test\.go:\d+: (.*)`).FindStringSubmatch(line); m != nil {
			return m[1]
		}
		if strings.HasPrefix(line, "panic:") || strings.HasPrefix(line, "fatal error:") {
			return line
		}
	}
	if over != nil {
		return "does not end"
	}
	return "fails: " + out
}

// build applies all edits and compiles the simulation with them.
func build(dir string) (names []string, err error) {
	root, err := moduleRoot()
	if err != nil {
		return nil, err
	}
	sources := map[string]string{}
	for _, e := range edits {
		path := filepath.Join(root, e.file)
		text, ok := sources[path]
		if !ok {
			b, err := os.ReadFile(path)
			if err != nil {
				return nil, fmt.Errorf("read a source: %w", err)
			}
			text = string(b)
		}
		if n := strings.Count(text, e.old); n != 1 {
			return nil, fmt.Errorf("edit of %s: the text stands there %d times, want once:\n%s", e.file, n, e.old)
		}
		on := "sale.Mutant("
		if strings.HasPrefix(e.file, "agent/sale/") {
			on = "Mutant("
		}
		for _, m := range regexp.MustCompile(`ON\(("[^"]+")\)`).FindAllStringSubmatch(e.new, -1) {
			names = append(names, strings.Trim(m[1], `"`))
		}
		sources[path] = strings.Replace(text, e.old, strings.ReplaceAll(e.new, "ON(", on), 1)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	sources[filepath.Join(root, "agent/sale/mutant.go")] = "package sale\n\nimport \"os\"\n\nvar mutant = os.Getenv(\"TILLD_MUTANT\")\n\nfunc Mutant(name string) bool { return mutant == name }\n"
	return names, compile(dir, root, sources)
}

func compile(dir, root string, sources map[string]string) error {
	replace := map[string]string{}
	for path, text := range sources {
		to := filepath.Join(dir, fmt.Sprintf("%d.go", len(replace)))
		if err := os.WriteFile(to, []byte(text), 0o600); err != nil {
			return fmt.Errorf("write an edited source: %w", err)
		}
		replace[path] = to
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		return fmt.Errorf("write the overlay: %w", err)
	}
	cmd := exec.Command("go", "test", "-c", "-overlay", file, "-o", filepath.Join(dir, "sim.test"), "./agent/sim")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("compile the mutants: %w\n%s", err, out)
	}
	return nil
}

func moduleRoot() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	return filepath.Dir(strings.TrimSpace(string(out))), nil
}
