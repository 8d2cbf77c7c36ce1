package main

import (
	"maps"
	"runtime"
	"slices"
	"time"
)

// released is a date before which this program did not exist: no clock that says earlier
// can be right. It moves with releases, not with builds, so that builds stay reproducible.
func released() time.Time { return time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC) }

type versionCmd struct{}

func (versionCmd) Help() string {
	return `Examples:
  tilld version
  tilld version --json`
}

func (versionCmd) Run(e *env) error {
	if e.json {
		e.encode(map[string]string{"version": version, "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH})
		return nil
	}
	e.printf("tilld %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
