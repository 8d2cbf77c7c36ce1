package main

import "errors"

type certCmd struct{}

func (certCmd) Run(e *env) error { return errors.New("not yet") }
