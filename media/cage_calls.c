#include "media/cage_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/mem.h"

// A comparison's macro of libseccomp leaves out the second number where it needs none.
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

// --- the lists ------------------------------------------------------------------
// By name, since not every architecture and library has all of them.

// No child does any of these, whatever it reads.
static const char *const never[] = {
        // Other programs and processes. Threads are clone() with CLONE_THREAD, below.
        "execve", "execveat", "fork", "vfork", "setsid", "setpgid", "wait4", "waitid",
        // Other processes' memory, descriptors and fate.
        "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise",
        "process_mrelease", "pidfd_open", "pidfd_getfd", "pidfd_send_signal", "kcmp",
        "get_robust_list", "move_pages", "migrate_pages", "kill", "tkill", "rt_sigqueueinfo",
        "rt_tgsigqueueinfo", "setpriority", "ioprio_set", "sched_setaffinity", "sched_setattr",
        "sched_setparam", "sched_setscheduler", "setrlimit",
        // Memory and messages that processes share.
        "shmget", "shmat", "shmctl", "shmdt", "msgget", "msgsnd", "msgrcv", "msgctl", "semget",
        "semop", "semtimedop", "semctl", "mq_open", "mq_unlink",
        // Files: all that changes them.
        "creat", "truncate", "rename", "renameat", "renameat2", "unlink", "unlinkat", "rmdir",
        "mkdir", "mkdirat", "mknod", "mknodat", "link", "linkat", "symlink", "symlinkat",
        "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchown", "fchownat",
        "utime", "utimes", "futimesat", "utimensat", "setxattr", "lsetxattr", "fsetxattr",
        "setxattrat", "removexattr", "lremovexattr", "fremovexattr", "removexattrat",
        "fallocate", "chdir", "fchdir", "chroot", "name_to_handle_at", "open_by_handle_at",
        "fanotify_init", "fanotify_mark", "inotify_init", "inotify_init1", "inotify_add_watch",
        // Who it is, and what it sees of the machine.
        "setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid",
        "setfsgid", "setgroups", "capset", "personality", "unshare", "setns", "mount",
        "umount2", "umount", "pivot_root", "move_mount", "open_tree", "fsopen", "fsconfig",
        "fsmount", "fspick", "mount_setattr", "statmount", "listmount",
        // The kernel's rarer doors, through which others have come before.
        "io_uring_register", "io_uring_enter", "bpf", "perf_event_open", "userfaultfd",
        "add_key", "request_key", "keyctl", "memfd_secret", "modify_ldt", "iopl", "ioperm",
        "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module",
        "reboot", "swapon", "swapoff", "acct", "quotactl", "quotactl_fd", "syslog",
        "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname",
        "setdomainname", "vhangup", "uselib", "lookup_dcookie", "nfsservctl", "sysfs",
        "_sysctl", "vmsplice", "seccomp",
        // Being a server.
        "listen", "accept", "accept4", NULL};

// Calls of which a library asks whether the kernel has them, and knows another way.
static const char *const unknown[] = {"clone3", "openat2", "io_uring_setup", NULL};

// What a child that reads a descriptor does not do either: open a file, have a socket.
static const char *const never_of_readers[] = {
        "open",       "openat",     "socket",   "socketpair", "connect",      "bind",
        "sendto",     "sendmsg",    "sendmmsg", "recvfrom",   "recvmsg",      "recvmmsg",
        "socketcall", "stat",       "lstat",    "access",     "faccessat",    "faccessat2",
        "readlink",   "readlinkat", "getdents", "getdents64", "memfd_create", NULL};

// --- the filter -----------------------------------------------------------------

// A filter under construction. The first error sticks.
struct draft {
        scmp_filter_ctx context;
        int code;
};

static void call_refuse(struct draft *draft, const char *name, int error_number,
                        const struct scmp_arg_cmp *arguments, unsigned n) {
        int number = seccomp_syscall_resolve_name(name);
        int code;

        if (number == __NR_SCMP_ERROR || draft->code < 0)
                return;
        code = seccomp_rule_add_array(draft->context, SCMP_ACT_ERRNO((uint32_t)error_number),
                                      number, n, arguments);
        // -EDOM: not on this architecture.
        if (code < 0 && code != -EDOM)
                draft->code = code;
}

static void call_refuse_if(struct draft *draft, const char *name, int error_number,
                           struct scmp_arg_cmp argument) {
        call_refuse(draft, name, error_number, &argument, 1);
}

static void calls_refuse(struct draft *draft, const char *const *names, int error_number) {
        for (; *names; names++)
                call_refuse(draft, *names, error_number, NULL, 0);
}

// Arguments that make a call another one.
static void calls_refuse_by_argument(struct draft *draft) {
        static const int options[] = {PR_SET_PDEATHSIG,  PR_SET_DUMPABLE, PR_SET_PTRACER,
                                      PR_SET_MM,         PR_CAP_AMBIENT,  PR_CAPBSET_DROP,
                                      PR_SET_SECUREBITS, PR_SET_KEEPCAPS, PR_SET_SECCOMP};
        static const unsigned long requests[] = {TIOCSTI, TIOCLINUX, FIOSETOWN, SIOCSPGRP};
        // A descriptor can be told to signal any process when something happens to it.
        static const int commands[] = {F_SETOWN, F_SETOWN_EX, F_SETSIG};

        call_refuse_if(draft, "clone", EPERM, SCMP_A0_64(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
        for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
                call_refuse_if(draft, "prctl", EPERM,
                               SCMP_A0_32(SCMP_CMP_EQ, (uint32_t)options[i]));
        for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
                call_refuse_if(draft, "ioctl", EPERM,
                               SCMP_A1_32(SCMP_CMP_EQ, (uint32_t)requests[i]));
        for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
                struct scmp_arg_cmp command = SCMP_A1_32(SCMP_CMP_EQ, (uint32_t)commands[i]);

                call_refuse_if(draft, "fcntl", EPERM, command);
                call_refuse_if(draft, "fcntl64", EPERM, command);
        }
        // Limits: its own may be read, by their old name or this one.
        call_refuse_if(draft, "prlimit64", EPERM, SCMP_A0_32(SCMP_CMP_NE, 0));
        call_refuse_if(draft, "prlimit64", EPERM, SCMP_A2_64(SCMP_CMP_NE, 0));
}

// No code that is not there already: a reader loads no libraries any more.
static void code_refuse(struct draft *draft) {
        struct scmp_arg_cmp is_code = SCMP_A2_32(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC);

        call_refuse_if(draft, "mmap", EACCES, is_code);
        call_refuse_if(draft, "mmap2", EACCES, is_code);
        call_refuse_if(draft, "mprotect", EACCES, is_code);
        call_refuse_if(draft, "pkey_mprotect", EACCES, is_code);
}

// Files may be read (Landlock says which), not written or made.
static void writing_refuse(struct draft *draft) {
        static const uint32_t flags[] = {O_WRONLY, O_RDWR, O_CREAT, O_TRUNC,
                                         O_TMPFILE & ~O_DIRECTORY};

        for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
                call_refuse_if(draft, "open", EACCES,
                               SCMP_A1_32(SCMP_CMP_MASKED_EQ, flags[i], flags[i]));
                call_refuse_if(draft, "openat", EACCES,
                               SCMP_A2_32(SCMP_CMP_MASKED_EQ, flags[i], flags[i]));
        }
}

#define SOCKET_TYPE_MASK 0xf  // without SOCK_CLOEXEC and SOCK_NONBLOCK

// TCP and UDP over IP, nothing else. Below and above what is compared for equality stand the
// other families, among them Unix sockets, through which other programs take orders.
static void sockets_refuse(struct draft *draft) {
        _Static_assert(AF_INET == 2 && AF_INET6 == 10, "the gaps are between these");

        call_refuse_if(draft, "socket", EAFNOSUPPORT, SCMP_A0_32(SCMP_CMP_LT, AF_INET));
        call_refuse_if(draft, "socket", EAFNOSUPPORT, SCMP_A0_32(SCMP_CMP_GT, AF_INET6));
        for (uint32_t family = AF_INET + 1; family < AF_INET6; family++)
                call_refuse_if(draft, "socket", EAFNOSUPPORT, SCMP_A0_32(SCMP_CMP_EQ, family));
        for (uint32_t type = 0; type <= SOCKET_TYPE_MASK; type++)
                if (type != SOCK_STREAM && type != SOCK_DGRAM)
                        call_refuse_if(draft, "socket", EPROTONOSUPPORT,
                                       SCMP_A1_32(SCMP_CMP_MASKED_EQ, SOCKET_TYPE_MASK, type));
        call_refuse(draft, "socketpair", EAFNOSUPPORT, NULL, 0);
}

// The program as the kernel takes it; libseccomp writes it to a file only.
static int instructions_export(const struct draft *draft, struct media_cage_filter *ret) {
        int file = memfd_create("seccomp", MFD_CLOEXEC);
        int code = file < 0 ? -errno : seccomp_export_bpf(draft->context, file);
        off_t size = code < 0 ? 0 : lseek(file, 0, SEEK_END);

        if (code == 0 && (size <= 0 || size > BPF_MAXINSNS * (off_t)sizeof(struct sock_filter)))
                code = -E2BIG;
        if (code == 0) {
                ret->instructions = xcalloc((size_t)size, 1);
                if (pread(file, ret->instructions, (size_t)size, 0) != size)
                        code = -EIO;
                ret->n = (unsigned short)((size_t)size / sizeof(struct sock_filter));
        }
        if (file >= 0)
                close(file);
        return code;
}

int media_cage_calls_make(struct media_cage_filter *ret, enum media_kind kind,
                          struct error *error) {
        struct draft draft = {.context = seccomp_init(SCMP_ACT_ALLOW)};

        *ret = (struct media_cage_filter){0};
        if (!draft.context)
                return 0;
        calls_refuse(&draft, never, EPERM);
        calls_refuse(&draft, unknown, ENOSYS);
        calls_refuse_by_argument(&draft);
        if (kind == MEDIA_NETWORK) {
                writing_refuse(&draft);
                sockets_refuse(&draft);
        } else {
                calls_refuse(&draft, never_of_readers, EACCES);
                code_refuse(&draft);
        }
        if (draft.code == 0)
                draft.code = instructions_export(&draft, ret);
        seccomp_release(draft.context);
        if (draft.code < 0) {
                ret->instructions = mem_free(ret->instructions);
                ret->n = 0;
                return error_set(error, draft.code, "cannot make the seccomp filter: %s",
                                 strerrordesc_np(-draft.code));
        }
        return 0;
}

// --- onto the child ---------------------------------------------------------------

// Where in eight bytes the lower four are.
#define LOW_HALF (__BYTE_ORDER == __BIG_ENDIAN ? 4 : 0)

static int filter_enter(struct sock_filter *instructions, unsigned short n) {
        struct sock_fprog program = {.len = n, .filter = instructions};

        if (n == 0 || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0)
                return 0;
        // The kernel was built without.
        return errno == ENOSYS || errno == EINVAL ? 0 : -errno;
}

int media_cage_calls_enter(const struct media_cage_filter *filter) {
        // abort() and threads signal their own process, whose number no filter can know that
        // was made before the fork. The other filter sees to foreign architectures.
        struct sock_filter own_signals[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_tgkill, 0, 3),
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                         offsetof(struct seccomp_data, args[0]) + LOW_HALF),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)getpid(), 1, 0),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        int code;

        if (filter->n == 0)
                return 0;
        code = filter_enter(own_signals, sizeof(own_signals) / sizeof(own_signals[0]));
        return code < 0 ? code : filter_enter(filter->instructions, filter->n);
}
