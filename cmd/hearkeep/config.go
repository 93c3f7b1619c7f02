package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"
	"github.com/hearkeep/hearkeep"
)

// settings gives flags their values from a YAML file whose keys are the
// flags' names. A flag on the command line wins, then HEARKEEP_*, then the
// file. A key that no flag has is an error: a misspelt setting must not be
// silently ignored.
type settings struct {
	path   string
	values map[string]any
}

// configPath finds --config before anything is parsed, since the other flags
// may come from that file.
func configPath(args []string) string {
	for i, a := range args {
		if a == "--config" && i+1 < len(args) {
			return args[i+1]
		}
		if path, ok := strings.CutPrefix(a, "--config="); ok {
			return path
		}
	}
	return os.Getenv("HEARKEEP_CONFIG")
}

// Validate reads the file and refuses unknown keys.
func (s *settings) Validate(app *kong.Application) error {
	if s.path == "" {
		return nil
	}
	if err := s.read(); err != nil {
		return err
	}
	known := map[string]bool{}
	for _, node := range append(app.Leaves(true), app.Node) {
		for _, flag := range node.Flags {
			known[flag.Name] = true
		}
	}
	for key := range s.values {
		if !known[key] {
			return fmt.Errorf("%s: no setting is called %q", s.path, key)
		}
	}
	return nil
}

func (s *settings) read() error {
	if s.values != nil {
		return nil
	}
	data, err := os.ReadFile(s.path)
	if err != nil {
		return err
	}
	s.values = map[string]any{}
	if err := yaml.Unmarshal(data, &s.values); err != nil {
		return fmt.Errorf("%s: %s", s.path, yaml.FormatError(err, false, false))
	}
	return nil
}

// Resolve returns the file's value for a flag, nil where it has none.
func (s *settings) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if s.path == "" || os.Getenv("HEARKEEP_"+strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))) != "" {
		return nil, nil
	}
	if err := s.read(); err != nil {
		return nil, err
	}
	return s.values[flag.Name], nil
}

// folderError says what a folder lacks.
func folderError(path string, err error) error {
	switch {
	case errors.Is(err, os.ErrPermission):
		return hearkeep.Errorf(hearkeep.Forbidden, "The folder %s may not be used by this user.", path).
			WithHint("Give it to this user, or name another with --keep.").Because(err)
	case errors.Is(err, os.ErrNotExist):
		return hearkeep.Errorf(hearkeep.NotFound, "There is no keep at %s.", path).
			WithHint("Name the folder with --keep, or run hearkeep serve to make one.").Because(err)
	}
	return err
}
