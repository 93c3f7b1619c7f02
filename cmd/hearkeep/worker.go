package main

import "github.com/hearkeep/hearkeep/internal/speech"

type workerCmd struct{}

func (workerCmd) Run(c *console) error { return speech.RunWorker(c.in, c.out) }
