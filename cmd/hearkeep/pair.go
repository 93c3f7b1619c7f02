package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/hearkeep/hearkeep"
)

// device is what a paired terminal remembers: where its keep is, the
// write-only token, and the keep's own certificate authority if it has one.
type device struct {
	URL   string `json:"url"`
	Token string `json:"token"`
	CA    string `json:"ca,omitempty"` // PEM; empty for the authorities that the system trusts
}

// door tells one door of one keep from others: a token begins with the id of
// its door.
func (d device) door() string { return d.URL + " " + d.Token[:min(len(d.Token), 4+21)] }

// deviceFile is where a device is remembered.
type deviceFile struct {
	Device string `help:"Where this terminal's token is kept (mode 0600)." type:"path" placeholder:"FILE"`
}

func (f deviceFile) path() (string, error) { return remembered(f.Device, "device") }

// remembered is the file of a flag, or the user's own for what it is called.
func remembered(file, what string) (string, error) {
	if file != "" {
		return file, nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", hearkeep.Errorf(hearkeep.Invalid, "This user has no configuration folder.").WithHint("Name a file with --%s.", what).Because(err)
	}
	return filepath.Join(dir, "hearkeep", what+".json"), nil
}

func (f deviceFile) load() (device, error) {
	path, err := f.path()
	if err != nil {
		return device{}, err
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return device{}, hearkeep.Errorf(hearkeep.Unauthorized, "This terminal is not connected to a keep.").
			WithHint("Copy the line that begins with hearkeep pair from your keep's page and run it here.")
	}
	if err != nil {
		return device{}, err
	}
	var d device
	if err := json.Unmarshal(data, &d); err != nil {
		return device{}, hearkeep.Errorf(hearkeep.Invalid, "The file %s is damaged.", path).WithHint("Remove it and pair again.").Because(err)
	}
	return d, nil
}

func (f deviceFile) save(d device) (string, error) {
	path, err := f.path()
	if err != nil {
		return "", err
	}
	return path, writeSecret(path, d)
}

// writeSecret writes a file that its user alone may read, whole or not at all.
func writeSecret(path string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".hearkeep-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(append(data, '\n'))
	if err = errors.Join(err, temp.Close()); err != nil {
		return err
	}
	return os.Rename(temp.Name(), path)
}

type pairCmd struct {
	URL  string `arg:"" help:"Where the keep is, such as http://localhost:8484."`
	Code string `arg:"" help:"The one-use code from the keep's page."`
	CA   string `name:"ca" help:"Trust this keep by its own certificate authority: hearkeep-ca.crt of its trust page." type:"path" placeholder:"FILE"`
	deviceFile
}

// Run exchanges the code for a token and remembers it.
func (cmd pairCmd) Run(ctx context.Context, c *console) error {
	base, err := keepURL(cmd.URL)
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]string{"code": cmd.Code})
	if err != nil {
		return err
	}
	keep := device{URL: base}
	if cmd.CA != "" {
		certs, err := os.ReadFile(cmd.CA)
		if err != nil {
			return hearkeep.Errorf(hearkeep.Invalid, "The file %s cannot be read.", cmd.CA).Because(err)
		}
		keep.CA = string(certs)
	}
	resp, err := post(ctx, keep, "/v1/pair", "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var got struct {
		Token string `json:"token"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&got); err != nil || got.Token == "" {
		return notHearkeep(base, err)
	}
	keep.Token = got.Token
	before, beforeErr := cmd.load()
	path, err := cmd.save(keep)
	if err != nil {
		return err
	}
	if beforeErr == nil && before.door() != keep.door() {
		fmt.Fprintf(c.out, "It takes the place of another connection that this terminal had, at %s.\n", before.URL)
	}
	fmt.Fprintf(c.out, "This terminal can now add to your keep at %s; it can read nothing of it.\nIts token is in %s. Try:\n\n  %s say \"set a timer for ten minutes\"\n", base, path, os.Args[0])
	return nil
}

// keepURL checks an address and cuts its path. Speech does not travel over a
// network in the clear: plain http is for this machine.
func keepURL(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return "", hearkeep.Errorf(hearkeep.Invalid, "%q is not the address of a keep.", raw).WithHint("Such as http://localhost:8484.").Because(err)
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme == "http" && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return "", hearkeep.Errorf(hearkeep.Invalid, "Speech is not sent over a network without encryption.").WithHint("Use an https address, or an SSH tunnel to localhost.")
	}
	return u.Scheme + "://" + u.Host, nil
}

// post sends a body and turns every answer but 200 into an error.
func post(ctx context.Context, d device, path, mediaType string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.URL+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", mediaType)
	if d.Token != "" {
		req.Header.Set("Authorization", "Bearer "+d.Token)
	}
	resp, err := d.send(req, 5*time.Minute)
	if err != nil || resp.StatusCode == http.StatusOK {
		return resp, err
	}
	return nil, problemOf(d.URL, resp)
}

// send sends a request to the keep and nowhere else. A timeout of 0 is none.
func (d device) send(req *http.Request, timeout time.Duration) (*http.Response, error) {
	by := http.DefaultTransport
	if d.CA != "" {
		var err error
		if by, err = d.transport(); err != nil {
			return nil, err
		}
	}
	return d.sendBy(by, req, timeout)
}

// transport makes connections to the keep, trusting its own authority where it
// has one.
func (d device) transport() (*http.Transport, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if d.CA != "" {
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM([]byte(d.CA)) {
			return nil, hearkeep.Errorf(hearkeep.Invalid, "That is no certificate authority.").WithHint("Get hearkeep-ca.crt from the keep's trust page.")
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	}
	return transport, nil
}

// sendBy is send over connections that are kept.
func (d device) sendBy(by http.RoundTripper, req *http.Request, timeout time.Duration) (*http.Response, error) {
	client := http.Client{
		Transport:     by,
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // never carry a token elsewhere
	}
	resp, err := client.Do(req)
	if untrusted := (*tls.CertificateVerificationError)(nil); errors.As(err, &untrusted) {
		return nil, codedError{exitUnreachable, hearkeep.Errorf(hearkeep.Unavailable, "This terminal does not trust what answers at %s.", d.URL).
			WithHint("If the keep has an authority of its own: get hearkeep-ca.crt from its trust page, compare the fingerprint, and give it with --ca hearkeep-ca.crt.").Because(err)}
	}
	if err != nil {
		return nil, codedError{exitUnreachable, hearkeep.Errorf(hearkeep.Unavailable, "No Hearkeep answers at %s.", d.URL).
			WithHint("Is it running? Start it with hearkeep serve.").Because(err)}
	}
	return resp, nil
}

// problemOf reads what an answer says is wrong, and closes it.
func problemOf(url string, resp *http.Response) error {
	defer resp.Body.Close()
	var problem struct {
		Code   hearkeep.Code `json:"code"`
		Title  string        `json:"title"`
		Detail string        `json:"detail"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&problem); err != nil || problem.Title == "" {
		return notHearkeep(url, fmt.Errorf("status %s", resp.Status))
	}
	return &hearkeep.Error{Code: problem.Code, Message: problem.Title, Hint: problem.Detail}
}

func notHearkeep(url string, err error) error {
	return codedError{exitUnreachable, hearkeep.Errorf(hearkeep.Unavailable, "What answers at %s is not Hearkeep.", url).Because(err)}
}
