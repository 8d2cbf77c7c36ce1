package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
)

// sizeFigure is the size of what is shipped to the smallest board.
var sizeFigure = Figure{
	Name:   "size",
	What:   "stripped binary, linux/arm (v7)",
	Target: "≤ 16 MB",
	Measure: func(ctx context.Context, b *Bench) (Measured, error) {
		path := filepath.Join(filepath.Dir(b.Tilld), "linux-arm", "tilld")
		built, err := buildArm(ctx)
		if err != nil {
			if _, statErr := os.Stat(path); statErr != nil {
				return Measured{}, &notHere{err.Error(), "make build GOARCH=arm in a checkout, then make bench"}
			}
			built = path
		}
		st, err := os.Stat(built)
		if err != nil {
			return Measured{}, err
		}
		return Measured{Values: []Value{atMost("tilld", float64(st.Size())/1e6, "MB", 16)}}, nil
	},
}

// buildArm builds tilld as it ships, if there are a checkout and a toolchain.
func buildArm(ctx context.Context) (string, error) {
	if _, err := os.Stat("go.mod"); err != nil {
		return "", errors.New("there is no checkout here, and no linux-arm/tilld beside tilld")
	}
	if err := command(exec.CommandContext(ctx, "make", "--no-print-directory", "build", "GOARCH=arm")); err != nil {
		return "", err
	}
	return filepath.Join("bin", "linux-arm", "tilld"), nil
}
