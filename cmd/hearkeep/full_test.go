package main

import (
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A disk that is really full: keeping fails loudly, and signing in, looking
// and erasing go on. Where this machine lets nobody mount, the rooms' own
// tests of full disks stand alone.
func TestFullDisk(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=64m"); err != nil {
		if !errors.Is(err, syscall.EPERM) && !errors.Is(err, syscall.EACCES) {
			t.Fatal(err)
		}
		t.Logf("no disk of a fixed size can be mounted here: %v", err)
		return
	}
	defer syscall.Unmount(disk, syscall.MNT_DETACH)
	h := &house{device: filepath.Join(t.TempDir(), "device.json")}
	h.start(t, filepath.Join(disk, "keep"))
	defer h.server.cmd.Process.Kill()
	h.browser = h.server.browser()
	must(t, h.settle(h.setup, "Anna", h.device))
	if out, code := h.run("say", "what time is it"); code != 0 {
		t.Fatalf("say: exit %d\n%s", code, out)
	}
	fill := filepath.Join(disk, "fill")
	if err := os.WriteFile(fill, make([]byte, 64<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}

	out, code := h.run("say", "what day is it")
	if code != exitPartly || !strings.Contains(out, "The disk is full") || !strings.Contains(out, "answered ") {
		t.Errorf("say on a full disk: exit %d, want 3, answered and not kept\n%s", code, out)
	}
	status, _, err := h.server.browser().post("/sign-in", url.Values{"name": {"Anna"}, "passphrase": {passphrase}})
	if err != nil || status != http.StatusOK {
		t.Errorf("sign in: status %d, %v", status, err)
	}
	status, page, err := h.get("/")
	if err != nil || status != http.StatusOK || !strings.Contains(page, "The disk is full") {
		t.Errorf("the history: status %d, %v, want it with the warning", status, err)
	}
	ids := recordingLink.FindStringSubmatch(page)
	if ids == nil {
		t.Fatal("the history shows no recording")
	}
	status, page, err = h.post("/recordings/"+ids[1]+"/erase", url.Values{})
	if err != nil || status != http.StatusOK || !strings.Contains(page, "eceipt") {
		t.Errorf("erase: status %d, %v", status, err)
	}
	must(t, os.Remove(fill))
	if out, code := h.run("say", "what day is it"); code != 0 {
		t.Errorf("say with room again: exit %d\n%s", code, out)
	}
	must(t, h.stop(syscall.SIGTERM))
	if out, code := h.run("check", "--keep", h.keep); code != 0 {
		t.Errorf("check: exit %d\n%s", code, out)
	}
}
