package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/tilld/tilld/cmd/tilld/internal/config"
)

type checkCmd struct{}

func (checkCmd) Help() string {
	return `Every mistake at once, sorted by line, each with what to do. It looks at the files that the
configuration names and at the state directory, never at the network. Nothing is changed.
Exit 0: the daemon would start with it. Exit 1: it would not.

Examples:
  tilld check -config /etc/tilld/tilld.toml
  tilld check -config /etc/tilld/tilld.toml --json`
}

// checked is what check says.
type checked struct {
	File     string           `json:"file"`
	OK       bool             `json:"ok"`
	Mistakes int              `json:"mistakes"`
	Warnings int              `json:"warnings"`
	Problems []config.Problem `json:"problems"`
}

func (checkCmd) Run(e *env) error {
	_, problems, err := e.examine()
	if err != nil {
		return err
	}
	out := checked{File: e.config, Mistakes: problems.Count(config.Mistake), Warnings: problems.Count(config.Warning), Problems: problems}
	out.OK = out.Mistakes == 0
	if out.Problems == nil {
		out.Problems = []config.Problem{}
	}
	if e.json {
		e.encode(out)
	} else {
		for _, p := range problems {
			e.problem(p)
		}
		if out.OK && out.Warnings == 0 {
			e.printf("%s: good\n", e.config)
		} else {
			e.printf("%s: %s, %s\n", e.config, count(out.Mistakes, "mistake"), count(out.Warnings, "warning"))
		}
	}
	if !out.OK {
		return errSaid
	}
	return nil
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func (e *env) problem(p config.Problem) {
	at := e.config
	if p.Line > 0 {
		at = fmt.Sprintf("%s:%d", e.config, p.Line)
	}
	e.printf("%s: %s\n", at, p)
	if p.Hint != "" {
		e.printf("  hint: %s\n", p.Hint)
	}
}

// examine reads the configuration and finds everything that is wrong with it, with the
// files it names and with the state directory.
func (e *env) examine() (*config.Config, config.Problems, error) {
	cfg, problems, err := e.examineFiles()
	if err != nil {
		return nil, nil, err
	}
	problems = append(problems, e.checkKeys(cfg)...)
	problems = append(problems, e.checkState(cfg)...)
	problems.Sort()
	return cfg, problems, nil
}

// examineFiles is examine without the state directory, which the daemon itself opens.
func (e *env) examineFiles() (*config.Config, config.Problems, error) {
	cfg, problems, err := config.Load(e.config, known())
	if err != nil {
		return nil, nil, fail("read configuration", e.config, rootPath(err)).withHint("name the configuration: -config FILE")
	}
	data, err := os.ReadFile(e.config)
	if err != nil {
		return nil, nil, fail("read configuration", e.config, rootPath(err))
	}
	problems = append(problems, config.CheckFiles(cfg, data, time.Now(), released())...)
	problems.Sort()
	return cfg, slices.Compact(problems), nil
}

// rootPath drops the path that the message says already.
func rootPath(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
