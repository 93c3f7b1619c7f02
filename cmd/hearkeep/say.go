package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/hear"
)

type sayCmd struct {
	What string `arg:"" help:"A recording (WAV, FLAC or MP3; - for standard input), or a sentence."`
	Out  string `help:"Write the answer's sound to this WAV file." type:"path" placeholder:"FILE"`
	Play bool   `help:"Play the answer's sound (with pw-play, paplay or aplay)."`
	JSON bool   `help:"Print one JSON event a line." name:"json"`
	deviceFile
}

// event is one line of the answer of POST /v1/say.
type event struct {
	Event      string `json:"event"`
	Words      string `json:"words"`
	Speech     bool   `json:"speech"`
	Understood bool   `json:"understood"`
	Did        string `json:"did"`
	Sound      []byte `json:"sound"`
	Recording  string `json:"recording"`
	Reason     string `json:"reason"`
	Failed     bool   `json:"failed"`
	Title      string `json:"title"`
	Detail     string `json:"detail"`
}

// Run sends what was given and prints what happens as it happens.
func (cmd sayCmd) Run(ctx context.Context, c *console) error {
	d, err := cmd.load()
	if err != nil {
		return err
	}
	mediaType, body, err := cmd.body(c)
	if err != nil {
		return err
	}
	resp, err := post(ctx, d, "/v1/say", mediaType, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(make([]byte, 64<<10), 64<<20) // an answer's sound is one line
	var last event
	var unplayed error
	for lines.Scan() {
		last = event{}
		if err := json.Unmarshal(lines.Bytes(), &last); err != nil {
			return notHearkeep(d.URL, err)
		}
		err := cmd.show(ctx, c, d, last, lines.Bytes())
		if errors.Is(err, errUnplayed) { // what follows is told all the same
			unplayed, err = err, nil
		}
		if err != nil {
			return err
		}
	}
	if last.Event == "failed" {
		return &hearkeep.Error{Code: hearkeep.Internal, Message: last.Title, Hint: last.Detail}
	}
	if err := lines.Err(); err != nil || last.Event != "kept" && last.Event != "not-kept" {
		return codedError{exitUnreachable, hearkeep.Errorf(hearkeep.Unavailable, "The connection to your keep broke off.").WithHint("Look at your keep's page to see whether it was kept.").Because(err)}
	}
	if last.Failed {
		return codedError{exitPartly, hearkeep.Errorf(hearkeep.Unavailable, "It was answered, and could not be kept.").WithHint("See the line above, and the keep's page.")}
	}
	return unplayed
}

// body is the recording, or the sentence to be spoken. What looks like a
// file's name must be a file.
func (cmd sayCmd) body(c *console) (mediaType string, body io.Reader, err error) {
	if cmd.What == "-" {
		return "application/octet-stream", io.LimitReader(c.in, hear.MaxBytes+1), nil
	}
	info, err := os.Stat(cmd.What)
	switch {
	case err == nil && info.IsDir():
		return "", nil, hearkeep.Errorf(hearkeep.Invalid, "%s is a folder.", cmd.What).WithHint("Name a recording, or write a sentence in quotes.")
	case err == nil && info.Size() > hear.MaxBytes:
		return "", nil, hearkeep.Errorf(hearkeep.TooLarge, "That file is too large.").WithHint("At most %d MiB.", hear.MaxBytes>>20)
	case err == nil:
		data, err := os.ReadFile(cmd.What)
		if err != nil {
			return "", nil, err
		}
		return "application/octet-stream", bytes.NewReader(data), nil
	case !errors.Is(err, fs.ErrNotExist) && !strings.Contains(cmd.What, " "), looksLikeFile(cmd.What):
		return "", nil, hearkeep.Errorf(hearkeep.NotFound, "There is no file %s.", cmd.What).WithHint("Name a recording, or write a sentence in quotes.").Because(err)
	}
	return "text/plain; charset=utf-8", strings.NewReader(cmd.What), nil
}

func looksLikeFile(s string) bool {
	s = strings.ToLower(s)
	for _, suffix := range []string{".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a"} {
		if strings.HasSuffix(s, suffix) {
			return true
		}
	}
	return strings.HasPrefix(s, "/") || strings.HasPrefix(s, "./") || strings.HasPrefix(s, "../")
}

func (cmd sayCmd) show(ctx context.Context, c *console, d device, e event, line []byte) error {
	if cmd.JSON {
		if _, err := fmt.Fprintf(c.out, "%s\n", line); err != nil {
			return err
		}
		return cmd.sound(ctx, e)
	}
	switch e.Event {
	case "heard":
		heard := e.Words
		switch {
		case !e.Speech:
			heard = "(no speech)"
		case heard == "":
			heard = "(not transcribed)"
		}
		fmt.Fprintln(c.out, "heard   ", heard)
	case "answered":
		if e.Did != "" {
			fmt.Fprintln(c.out, "did     ", e.Did)
		}
		fmt.Fprintln(c.out, "answered", e.Words)
	case "kept":
		fmt.Fprintf(c.out, "kept     %s/recordings/%s\n", d.URL, e.Recording)
	case "not-kept":
		fmt.Fprintln(c.out, "not kept", e.Reason)
	}
	return cmd.sound(ctx, e)
}

// errUnplayed says that the answer was given in words only.
var errUnplayed = hearkeep.Errorf(hearkeep.Unavailable, "The answer could not be played.").
	WithHint("Install alsa-utils, or write it to a file with --out.")

// sound writes or plays an answer.
func (cmd sayCmd) sound(ctx context.Context, e event) error {
	wav := e.Sound
	if len(wav) == 0 {
		return nil
	}
	if cmd.Out != "" {
		if err := os.WriteFile(cmd.Out, wav, 0o600); err != nil {
			return err
		}
	}
	if !cmd.Play {
		return nil
	}
	return play(ctx, wav)
}

// play lets the sound system play a WAV file, by the first program that can.
func play(ctx context.Context, wav []byte) error {
	for _, player := range [][]string{{"pw-play", "-"}, {"paplay"}, {"aplay", "-q"}} {
		path, err := exec.LookPath(player[0])
		if err != nil {
			continue
		}
		p := exec.CommandContext(ctx, path, player[1:]...)
		p.Stdin = bytes.NewReader(wav)
		if err := p.Run(); err == nil {
			return nil
		}
	}
	return codedError{exitPartly, errUnplayed}
}
