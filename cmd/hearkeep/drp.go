package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/rights"
)

// agentFlags let agents ask in people's names. See docs/drp.md.
type agentFlags struct {
	Directory string `name:"drp-directory" help:"The file of agents that may ask in people's names (Data Rights Protocol), with their keys. It is read again when it changes, and on SIGHUP." type:"path" placeholder:"FILE"`
	Business  string `name:"drp-business-id" help:"With --drp-directory: the id under which agents know this keep." placeholder:"ID"`
}

// agents answers agents; nil where none may ask. A directory that is not in
// order keeps the program from starting.
func (f agentFlags) agents(desk *rights.Desk) (*rights.Agents, error) {
	if f.Directory == "" && f.Business == "" {
		return nil, nil
	}
	if f.Directory == "" || f.Business == "" {
		return nil, hearkeep.Errorf(hearkeep.Invalid, "--drp-directory and --drp-business-id go together.")
	}
	directory, err := rights.OpenDirectory(f.Directory)
	if err != nil {
		return nil, err
	}
	return rights.NewAgents(rights.AgentsConfig{Desk: desk, Directory: directory, Business: f.Business})
}

// runAgents looks for whom agents ask, calls them back, and reads the
// directory again, until ctx ends.
func runAgents(a *rights.Agents, log *slog.Logger) func(context.Context) error {
	return func(ctx context.Context) error {
		if a == nil {
			<-ctx.Done()
			return nil
		}
		told := make(chan os.Signal, 1)
		signal.Notify(told, syscall.SIGHUP)
		defer signal.Stop(told)
		watched := make(chan error, 1)
		go func() { watched <- a.Directory.Watch(ctx, told, log) }()
		err := a.Run(ctx)
		<-watched
		return err
	}
}
