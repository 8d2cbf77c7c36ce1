package main

import "errors"

type runCmd struct{}

func (runCmd) Run(e *env) error { return errors.New("not yet") }
