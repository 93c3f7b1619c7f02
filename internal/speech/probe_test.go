package speech

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// A probe has a worker of the tests try something, and tell what came of it.
type (
	probing struct {
		Try string `json:"try"`
		On  string `json:"on,omitempty"`  // a path or an address
		Pid int    `json:"pid,omitempty"` // a process
	}
	probed struct {
		Refused string   `json:"refused,omitempty"` // the error
		Denied  bool     `json:"denied,omitempty"`  // and it is a lack of permission
		Lines   []string `json:"lines,omitempty"`
	}
)

// probe answers a probe event, in the worker.
func probe(ev event) (event, error) {
	var p probing
	if err := ev.decode(&p); err != nil {
		return event{}, err
	}
	lines, err := p.try()
	answer := probed{Lines: lines}
	if err != nil {
		answer.Refused, answer.Denied = err.Error(), errors.Is(err, fs.ErrPermission)
	}
	return newEvent("probed", answer, nil)
}

func (p probing) try() ([]string, error) {
	switch p.Try {
	case "read":
		_, err := os.ReadFile(p.On)
		return nil, err
	case "list":
		_, err := os.ReadDir(p.On)
		return nil, err
	case "create":
		f, err := os.Create(p.On)
		f.Close()
		return nil, err
	case "write":
		f, err := os.OpenFile(p.On, os.O_WRONLY, 0)
		f.Close()
		return nil, err
	case "mkdir":
		return nil, os.Mkdir(p.On, 0o700)
	case "remove":
		return nil, os.Remove(p.On)
	case "rename":
		return nil, os.Rename(p.On, p.On+"2")
	case "link":
		return nil, os.Link(p.On, p.On+"3")
	case "truncate":
		return nil, os.Truncate(p.On, 0)
	case "chmod":
		return nil, os.Chmod(p.On, 0o666)
	case "tcp", "udp", "unix":
		c, err := net.Dial(p.Try, p.On)
		if err == nil {
			c.Close()
		}
		return nil, err
	case "listen":
		l, err := net.Listen("tcp", p.On)
		if err == nil {
			l.Close()
		}
		return nil, err
	case "execute":
		return nil, exec.Command(p.On, "-c", "true").Run()
	case "ptrace":
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := unix.PtraceAttach(p.Pid)
		if err == nil {
			unix.Wait4(p.Pid, nil, 0, nil)
			err = unix.PtraceDetach(p.Pid)
		}
		return nil, err
	case "signal":
		return nil, unix.Kill(p.Pid, 0)
	case "memory":
		f, err := os.Open(fmt.Sprintf("/proc/%d/mem", p.Pid))
		f.Close()
		return nil, err
	case "limit":
		var now unix.Rlimit
		return nil, unix.Prlimit(p.Pid, unix.RLIMIT_NOFILE, nil, &now)
	case "namespace":
		cmd := exec.Command("/usr/bin/flite", "--version")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER}
		return nil, cmd.Run()
	case "unknown call":
		return nil, numbered(10000)
	case "numbered calls":
		return nil, refusedAll()
	case "sounds":
		dictionary, err := Native{}.withDefaults().pronounce([]string{"zbigniew"})
		return []string{dictionary}, err
	case "state":
		return state()
	case "allocate":
		b := make([]byte, 1<<30)
		for i := range b {
			b[i] = 1
		}
		return []string{fmt.Sprint(len(b))}, nil
	}
	return nil, errors.New("no such probe")
}

func numbered(call uintptr) error {
	if _, _, errno := unix.Syscall(call, ^uintptr(0), ^uintptr(0), ^uintptr(0)); errno != 0 {
		return errno
	}
	return nil
}

// refusedAll makes each call of a list; those that would end or hurt a worker
// without a cage stand in none.
func refusedAll() error {
	for _, call := range []uintptr{
		unix.SYS_BPF, unix.SYS_KEYCTL, unix.SYS_PERF_EVENT_OPEN, unix.SYS_IO_URING_SETUP, unix.SYS_USERFAULTFD,
		unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_INIT_MODULE, unix.SYS_KEXEC_LOAD,
		unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PIDFD_GETFD, unix.SYS_UNSHARE, unix.SYS_SETNS,
		unix.SYS_SOCKETPAIR, unix.SYS_SHMGET, unix.SYS_MQ_OPEN, unix.SYS_INOTIFY_INIT1, unix.SYS_SECCOMP, unix.SYS_OPEN_BY_HANDLE_AT,
	} {
		if err := numbered(call); err != unix.EPERM {
			return fmt.Errorf("call %d: got %v", call, err)
		}
	}
	return unix.EPERM
}

// state describes the process: descriptors, environment, limits, privileges.
func state() ([]string, error) {
	var lines []string
	for fd := range 300 {
		if to, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd)); err == nil {
			lines = append(lines, fmt.Sprintf("fd %d %s", fd, to))
		}
	}
	for _, variable := range os.Environ() {
		lines = append(lines, "environment "+variable)
	}
	for name, resource := range map[string]int{"core": unix.RLIMIT_CORE, "data": unix.RLIMIT_DATA, "address": unix.RLIMIT_AS} {
		var l unix.Rlimit
		if err := unix.Getrlimit(resource, &l); err != nil {
			return nil, err
		}
		lines = append(lines, fmt.Sprintf("limit %s %d %d", name, l.Cur, l.Max))
	}
	for name, option := range map[string]int{"dumpable": unix.PR_GET_DUMPABLE, "no new privileges": unix.PR_GET_NO_NEW_PRIVS, "seccomp": unix.PR_GET_SECCOMP} {
		got, err := unix.PrctlRetInt(option, 0, 0, 0, 0)
		if err != nil {
			return nil, err
		}
		lines = append(lines, fmt.Sprintf("%s %d", name, got))
	}
	var privileges [2]unix.CapUserData
	if err := unix.Capget(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &privileges[0]); err != nil {
		return nil, err
	}
	lines = append(lines, fmt.Sprintf("privileges %d", privileges[0].Permitted|privileges[1].Permitted|privileges[0].Effective))
	dir, err := os.Getwd()
	return append(lines, "folder "+dir, fmt.Sprintf("mask %o", unix.Umask(0o077))), err
}

// loseCalls makes the kernel look like one that lacks some calls, in this
// thread and what it executes.
func loseCalls(calls ...uint32) {
	runtime.LockOSThread()
	unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	program := []unix.SockFilter{loadWord(callNumber)}
	for _, call := range calls {
		program = append(program, jump(unix.BPF_JEQ, call, 0, 1), answer(refuse(unix.ENOSYS)))
	}
	err := seccomp(append(program, answer(unix.SECCOMP_RET_ALLOW)))
	if err != nil && !strings.Contains(os.Getenv(setupVariable), `"cage"`) {
		exit(err) // in the cage it is refused, and not needed again
	}
}
