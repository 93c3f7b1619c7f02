package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/backup"
	"github.com/hearkeep/hearkeep/internal/incident"
	"golang.org/x/sys/unix"
)

// fileControl is where commands beside a server ask it to do what only the
// process that has the folder may: a socket that its owner alone can use.
const fileControl = "control"

// errNoServer says that nobody listens there.
var errNoServer = errors.New("no server runs on this folder")

// controlAsk is the one line that a command sends; the lines of the answer follow.
type controlAsk struct {
	Backup *controlBackup `json:"backup,omitempty"`
	Keep   bool           `json:"keep,omitempty"` // the ledger's head, outside of its database

	Incident *controlIncident `json:"incident,omitempty"`
}

type controlBackup struct {
	To     string `json:"to"`
	KeysTo string `json:"keys_to"`
}

// controlReply is a line of the answer. The last one has Made or Error.
type controlReply struct {
	Step  string        `json:"step,omitempty"`
	Made  *backup.Made  `json:"made,omitempty"`
	Kept  bool          `json:"kept,omitempty"`
	Error *controlError `json:"error,omitempty"`

	Incident *incidentTold `json:"incident,omitempty"`
}

type controlError struct {
	Code    hearkeep.Code `json:"code"`
	Message string        `json:"message"`
	Hint    string        `json:"hint,omitempty"`
	Cause   string        `json:"cause,omitempty"`
}

// control answers commands until the context ends. The folder is held, so that
// a socket which is there already is of a server that was killed.
func control(f *folder, desk *incident.Desk, log *slog.Logger) func(context.Context) error {
	return func(ctx context.Context) error {
		l, err := listenIn(f.path, fileControl)
		if err != nil {
			log.Error("commands cannot reach this server", "err", err)
			<-ctx.Done()
			return nil
		}
		var running sync.WaitGroup
		stop := context.AfterFunc(ctx, func() { l.Close() })
		defer stop()
		for {
			conn, err := l.Accept()
			if err != nil {
				running.Wait()
				return nil // closed by the context
			}
			running.Go(func() { answer(ctx, f, desk, conn) })
		}
	}
}

// listenIn listens on a socket in a folder, however long its path is: a
// socket's own path may have a hundred bytes.
func listenIn(folder, name string) (net.Listener, error) {
	dir, path, err := shortPath(folder, name)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // its path ends with dir
	return unlinking{l, filepath.Join(folder, name)}, os.Chmod(filepath.Join(folder, name), 0o600)
}

type unlinking struct {
	net.Listener
	path string
}

func (u unlinking) Close() error { return errors.Join(u.Listener.Close(), os.Remove(u.path)) }

func shortPath(folder, name string) (*os.File, string, error) {
	dir, err := os.Open(folder)
	if err != nil {
		return nil, "", err
	}
	return dir, fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), name), nil
}

// answer does what one command asks. Who hangs up wants it no more.
func answer(ctx context.Context, f *folder, desk *incident.Desk, conn net.Conn) {
	defer conn.Close()
	if !isOwn(conn) {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out := json.NewEncoder(conn)
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	line, err := bufio.NewReader(io.LimitReader(conn, 64<<10)).ReadBytes('\n')
	if err != nil {
		return
	}
	conn.SetReadDeadline(time.Time{})
	go func() {
		io.Copy(io.Discard, conn)
		cancel()
	}()
	var a controlAsk
	if json.Unmarshal(line, &a) != nil || a.Backup == nil && !a.Keep && a.Incident == nil {
		out.Encode(controlReply{Error: explained(hearkeep.Errorf(hearkeep.Invalid, "The server is of another version than this command."))})
		return
	}
	if a.Keep {
		if err := f.ledger.Keep(ctx); err != nil {
			out.Encode(controlReply{Error: explained(err)})
			return
		}
		out.Encode(controlReply{Kept: true})
		return
	}
	if a.Incident != nil {
		told, err := a.Incident.run(ctx, desk)
		if err != nil {
			out.Encode(controlReply{Error: explained(err)})
			return
		}
		out.Encode(controlReply{Incident: &told})
		return
	}
	tell := func(step string) { out.Encode(controlReply{Step: step}) }
	made, err := f.backups.Make(ctx, backup.Places{To: a.Backup.To, KeysTo: a.Backup.KeysTo, By: hearkeep.RoleOperator}, tell)
	if err != nil {
		out.Encode(controlReply{Error: explained(err)})
		return
	}
	out.Encode(controlReply{Made: &made})
}

// isOwn reports whether the other end is a process of this user, or of root.
func isOwn(conn net.Conn) bool {
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return false
	}
	own := false
	err = raw.Control(func(fd uintptr) {
		cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
		own = err == nil && (cred.Uid == 0 || int(cred.Uid) == os.Geteuid())
	})
	return err == nil && own
}

func explained(err error) *controlError {
	var told *hearkeep.Error
	if !errors.As(err, &told) {
		return &controlError{Message: err.Error()}
	}
	e := &controlError{Code: told.Code, Message: told.Message, Hint: told.Hint}
	if told.Err != nil {
		e.Cause = told.Err.Error()
	}
	return e
}

// askForBackup asks the server that runs on a folder; errNoServer where none
// does.
func askForBackup(ctx context.Context, cmd backupCmd, tell func(string)) (made backup.Made, err error) {
	dir, path, err := shortPath(cmd.Keep, fileControl)
	if err != nil {
		return made, folderError(cmd.Keep, err)
	}
	defer dir.Close()
	conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err != nil {
		return made, errNoServer
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err := json.NewEncoder(conn).Encode(controlAsk{Backup: &controlBackup{cmd.To, cmd.KeysTo}}); err != nil {
		return made, fmt.Errorf("ask the server: %w", err)
	}
	for in := json.NewDecoder(conn); ; {
		var a controlReply
		if err := in.Decode(&a); err != nil {
			return made, hearkeep.Errorf(hearkeep.Unavailable, "The server ended before the backup did.").
				WithHint("The backup before is as it was. Run it again.").Because(errors.Join(err, ctx.Err()))
		}
		switch {
		case a.Made != nil:
			return *a.Made, nil
		case a.Error != nil:
			err := hearkeep.Errorf(a.Error.Code, "%s", a.Error.Message).WithHint("%s", a.Error.Hint)
			if a.Error.Cause != "" {
				err = err.Because(errors.New(a.Error.Cause))
			}
			return made, err
		default:
			tell(a.Step)
		}
	}
}

// askToKeep asks the server that runs on a folder to keep the ledger's head
// outside of its database; errNoServer where none does.
func askToKeep(ctx context.Context, keep string) error {
	dir, path, err := shortPath(keep, fileControl)
	if err != nil {
		return folderError(keep, err)
	}
	defer dir.Close()
	conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err != nil {
		return errNoServer
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err := json.NewEncoder(conn).Encode(controlAsk{Keep: true}); err != nil {
		return fmt.Errorf("ask the server: %w", err)
	}
	var a controlReply
	if err := json.NewDecoder(conn).Decode(&a); err != nil {
		return fmt.Errorf("ask the server: %w", errors.Join(err, ctx.Err()))
	}
	if a.Error != nil {
		return hearkeep.Errorf(a.Error.Code, "%s", a.Error.Message).WithHint("%s", a.Error.Hint)
	}
	return nil
}
