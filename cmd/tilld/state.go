package main

import "github.com/tilld/tilld/cmd/tilld/internal/config"

func (e *env) checkState(cfg *config.Config) config.Problems { return nil }
