//go:build amd64 || arm64

package speech

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// refuseCalls has the kernel refuse system calls to the calling thread and to
// what it executes.
func refuseCalls() error {
	return seccomp(filter(uint32(os.Getpid())))
}

// seccomp sets a filter; the thread must not be able to gain privileges.
func seccomp(program []unix.SockFilter) error {
	prog := unix.SockFprog{Len: uint16(len(program)), Filter: unsafe.SliceData(program)}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return errno
	}
	return nil
}

// Where the kernel puts a system call before a filter: struct seccomp_data.
// Of an argument, the lower half, which comes first on the processors here.
const (
	callNumber = 0
	callArch   = 4
	callArgs   = 16
)

// namespaces are the flags of clone that make a new one.
const namespaces = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC |
	unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET

// filter is the program that judges system calls. Landlock closes the files;
// this closes what Landlock leaves open: sockets, other processes, ownership,
// modes and times of files, and the parts of the kernel no engine needs. What
// it does not name, engines and C libraries of other systems may need, unless
// the kernel got it after this was written.
//
// self is the worker's process, which exec does not change. It may signal
// itself, as the runtime of Go does, and by the handle it got when it started
// them the engines it runs; Landlock refuses other signals from version 6 on.
func filter(self uint32) []unix.SockFilter {
	p := []unix.SockFilter{
		loadWord(callArch),
		jump(unix.BPF_JEQ, auditArch, 1, 0),
		answer(unix.SECCOMP_RET_KILL_PROCESS), // another numbering of calls
		loadWord(callNumber),
		jump(unix.BPF_JGT, newestCall, 0, 1), // also the x32 numbering
		answer(refuse(unix.ENOSYS)),
		// Its flags are in memory, where no filter sees them; C libraries then
		// use clone.
		jump(unix.BPF_JEQ, unix.SYS_CLONE3, 0, 1),
		answer(refuse(unix.ENOSYS)),
	}
	for _, calls := range [][]uint32{refusedCalls(), refusedHere()} {
		for _, call := range calls {
			p = append(p, jump(unix.BPF_JEQ, call, 0, 1), answer(refuse(unix.EPERM)))
		}
	}
	for _, call := range []uint32{unix.SYS_KILL, unix.SYS_TKILL, unix.SYS_TGKILL, unix.SYS_RT_SIGQUEUEINFO, unix.SYS_RT_TGSIGQUEUEINFO, unix.SYS_PIDFD_OPEN} {
		p = append(p, onlyOf(call, self)...)
	}
	p = append(p, onlyOf(unix.SYS_PRLIMIT64, 0)...) // its own limits
	return append(p,
		jump(unix.BPF_JEQ, unix.SYS_CLONE, 0, 4),
		loadWord(callArgs),
		jump(unix.BPF_JSET, namespaces, 0, 1),
		answer(refuse(unix.EPERM)),
		answer(unix.SECCOMP_RET_ALLOW),

		jump(unix.BPF_JEQ, unix.SYS_IOCTL, 0, 4), // no typing into a terminal
		loadWord(callArgs+8),
		jump(unix.BPF_JEQ, unix.TIOCSTI, 1, 0),
		jump(unix.BPF_JEQ, unix.TIOCLINUX, 0, 1),
		answer(refuse(unix.EPERM)),

		answer(unix.SECCOMP_RET_ALLOW),
	)
}

// onlyOf allows a call where its first argument is one process.
func onlyOf(call, pid uint32) []unix.SockFilter {
	return []unix.SockFilter{
		jump(unix.BPF_JEQ, call, 0, 4),
		loadWord(callArgs),
		jump(unix.BPF_JEQ, pid, 1, 0),
		answer(refuse(unix.EPERM)),
		answer(unix.SECCOMP_RET_ALLOW),
	}
}

// refuse is the verdict that a call fails with an error.
func refuse(e unix.Errno) uint32 { return unix.SECCOMP_RET_ERRNO | uint32(e) }

func loadWord(offset uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
}

// jump skips yes or no instructions.
func jump(test uint16, k uint32, yes, no uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_K | test, Jt: yes, Jf: no, K: k}
}

func answer(verdict uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: verdict}
}

// newestCall is the highest number that was given when this was written; all
// processors here count alike from 424 on.
const newestCall = unix.SYS_RSEQ_SLICE_YIELD

// refusedCalls are refused on every processor.
func refusedCalls() []uint32 {
	return []uint32{
		// the network, and other ways to talk to processes
		unix.SYS_SOCKET, unix.SYS_SOCKETPAIR, unix.SYS_CONNECT, unix.SYS_BIND, unix.SYS_LISTEN,
		unix.SYS_ACCEPT, unix.SYS_ACCEPT4, unix.SYS_SENDTO, unix.SYS_SENDMSG, unix.SYS_SENDMMSG,
		unix.SYS_RECVFROM, unix.SYS_RECVMSG, unix.SYS_RECVMMSG,
		unix.SYS_SHMGET, unix.SYS_SHMAT, unix.SYS_SHMCTL, unix.SYS_SEMGET, unix.SYS_SEMOP, unix.SYS_SEMTIMEDOP,
		unix.SYS_SEMCTL, unix.SYS_MSGGET, unix.SYS_MSGSND, unix.SYS_MSGRCV, unix.SYS_MSGCTL,
		unix.SYS_MQ_OPEN, unix.SYS_MQ_UNLINK,
		// other processes
		unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PROCESS_MADVISE,
		unix.SYS_PROCESS_MRELEASE, unix.SYS_PIDFD_GETFD, unix.SYS_KCMP, unix.SYS_MIGRATE_PAGES, unix.SYS_MOVE_PAGES,
		unix.SYS_SETPRIORITY, unix.SYS_IOPRIO_SET, unix.SYS_SCHED_SETAFFINITY, unix.SYS_SCHED_SETATTR,
		unix.SYS_SCHED_SETPARAM, unix.SYS_SCHED_SETSCHEDULER,
		unix.SYS_SETPGID, unix.SYS_SETSID, // it is killed as a group
		// who it is
		unix.SYS_SETUID, unix.SYS_SETGID, unix.SYS_SETREUID, unix.SYS_SETREGID, unix.SYS_SETRESUID, unix.SYS_SETRESGID,
		unix.SYS_SETFSUID, unix.SYS_SETFSGID, unix.SYS_SETGROUPS, unix.SYS_CAPSET, unix.SYS_PERSONALITY,
		unix.SYS_UNSHARE, unix.SYS_SETNS,
		unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY,
		// what Landlock does not cover, or not in each version
		unix.SYS_TRUNCATE, unix.SYS_FCHMOD, unix.SYS_FCHMODAT, unix.SYS_FCHMODAT2, unix.SYS_FCHOWN, unix.SYS_FCHOWNAT,
		unix.SYS_UTIMENSAT, unix.SYS_SETXATTR, unix.SYS_LSETXATTR, unix.SYS_FSETXATTR, unix.SYS_SETXATTRAT,
		unix.SYS_REMOVEXATTR, unix.SYS_LREMOVEXATTR, unix.SYS_FREMOVEXATTR, unix.SYS_REMOVEXATTRAT, unix.SYS_FILE_SETATTR,
		unix.SYS_INOTIFY_INIT1, unix.SYS_INOTIFY_ADD_WATCH, unix.SYS_FANOTIFY_INIT, unix.SYS_FANOTIFY_MARK,
		unix.SYS_NAME_TO_HANDLE_AT, unix.SYS_OPEN_BY_HANDLE_AT,
		// what Landlock covers, for a kernel without it
		unix.SYS_MKDIRAT, unix.SYS_MKNODAT, unix.SYS_LINKAT, unix.SYS_SYMLINKAT, unix.SYS_UNLINKAT,
		unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2,
		// the system
		unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT, unix.SYS_MOVE_MOUNT, unix.SYS_OPEN_TREE,
		unix.SYS_OPEN_TREE_ATTR, unix.SYS_FSOPEN, unix.SYS_FSCONFIG, unix.SYS_FSMOUNT, unix.SYS_FSPICK, unix.SYS_MOUNT_SETATTR,
		unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_KEXEC_LOAD, unix.SYS_KEXEC_FILE_LOAD,
		unix.SYS_REBOOT, unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_ACCT, unix.SYS_QUOTACTL, unix.SYS_QUOTACTL_FD,
		unix.SYS_SETHOSTNAME, unix.SYS_SETDOMAINNAME, unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME,
		unix.SYS_CLOCK_ADJTIME, unix.SYS_ADJTIMEX, unix.SYS_SYSLOG, unix.SYS_VHANGUP, unix.SYS_NFSSERVCTL,
		// where kernels have been broken
		unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD, unix.SYS_SECCOMP,
		unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER,
		unix.SYS_IO_SETUP, unix.SYS_IO_SUBMIT, unix.SYS_MEMFD_SECRET, unix.SYS_VMSPLICE,
	}
}
