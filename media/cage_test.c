// Cage: what a child that was taken over can still do. Each attempt is made with the kernel's
// own calls, in the cage of each kind; then again without Landlock, without seccomp, and
// without both, as on kernels that lack them. The table that this prints is that of
// docs/media.md.

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "media/cage.h"

// What a child may aim at.
static struct {
        pid_t server;   // this program
        pid_t sibling;  // another child in a cage of the same kind
        struct sockaddr_in tcp;
        struct sockaddr_un abstract;
        struct sockaddr_un path;
        char file[64];    // that is not there
        char victim[64];  // that is
        long secret;      // at this address in every process here
} aim;

// --- attempts: 0, or the errno with which it was refused ----------------------------

static int answer(long result) {
        return result < 0 ? errno : 0;
}

static int try_read_passwd(void) {
        return answer(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static int try_read_hosts(void) {
        return answer(open("/etc/hosts", O_RDONLY | O_CLOEXEC));
}

static int try_list_folder(void) {
        return answer(open("/etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static int try_create_file(void) {
        return answer(open(aim.file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int try_remove_file(void) {
        return answer(unlink(aim.victim));
}

static int try_connect(int family, const void *address, socklen_t length) {
        int descriptor = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

        return descriptor < 0 ? errno : answer(connect(descriptor, address, length));
}

static int try_connect_tcp(void) {
        return try_connect(AF_INET, &aim.tcp, sizeof(aim.tcp));
}

static int try_connect_abstract(void) {
        return try_connect(AF_UNIX, &aim.abstract,
                           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
                                       strlen(aim.abstract.sun_path + 1)));
}

static int try_connect_path(void) {
        return try_connect(AF_UNIX, &aim.path, sizeof(aim.path));
}

static int try_listen(void) {
        struct sockaddr_in any = {.sin_family = AF_INET};
        int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (descriptor < 0 || bind(descriptor, (struct sockaddr *)&any, sizeof(any)) < 0)
                return errno;
        return answer(listen(descriptor, 1));
}

static int try_udp(void) {
        struct sockaddr_in any = {.sin_family = AF_INET};
        int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        return descriptor < 0 ? errno
                              : answer(bind(descriptor, (struct sockaddr *)&any, sizeof(any)));
}

static int try_raw_socket(void) {
        return answer(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, 1));
}

static int try_netlink(void) {
        return answer(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0));
}

static int try_fork(void) {
        long pid = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

        if (pid == 0)
                _exit(0);
        return answer(pid);
}

static void *thread_run(void *context) {
        return context;
}

static int try_thread(void) {
        pthread_t thread;
        int code = pthread_create(&thread, NULL, thread_run, NULL);

        if (code == 0)
                pthread_join(thread, NULL);
        return code;
}

static int try_read_memory(void) {
        long got;
        struct iovec ours = {&got, sizeof(got)}, theirs = {&aim.secret, sizeof(aim.secret)};

        return answer(process_vm_readv(aim.sibling, &ours, 1, &theirs, 1, 0));
}

static int try_open_memory(void) {
        char path[64];

        snprintf(path, sizeof(path), "/proc/%d/mem", aim.sibling);
        return answer(open(path, O_RDONLY | O_CLOEXEC));
}

static int try_trace(void) {
        return answer(ptrace(PTRACE_SEIZE, aim.sibling, NULL, NULL));
}

static int try_signal_server(void) {
        return answer(kill(aim.server, 0));
}

static int try_signal_sibling(void) {
        return answer(kill(aim.sibling, 0));
}

static int try_signal_by_thread(void) {
        return answer(syscall(SYS_tgkill, aim.server, aim.server, 0));
}

static int try_signal_itself(void) {
        return answer(syscall(SYS_tgkill, getpid(), getpid(), 0));
}

static int try_limit_server(void) {
        struct rlimit limit;

        if (prlimit(aim.server, RLIMIT_CORE, NULL, &limit) < 0)
                return errno;
        return answer(prlimit(aim.server, RLIMIT_CORE, &limit, NULL));
}

static int try_raise_limit(void) {
        struct rlimit limit;

        if (getrlimit(RLIMIT_CPU, &limit) < 0)
                return 0;
        limit.rlim_cur = limit.rlim_max;
        return answer(setrlimit(RLIMIT_CPU, &limit));
}

static int try_outlive(void) {
        return answer(prctl(PR_SET_PDEATHSIG, 0));
}

static int try_new_code(void) {
        return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
                               MAP_FAILED
                       ? errno
                       : 0;
}

static int try_user_namespace(void) {
        return answer(unshare(CLONE_NEWUSER));
}

static int try_io_uring(void) {
        // Refused by the kernel itself for want of parameters, if it is let through.
        long result = syscall(SYS_io_uring_setup, 1, NULL);

        return result < 0 && errno == EFAULT ? 0 : answer(result);
}

static int try_bpf(void) {
        long result = syscall(SYS_bpf, 0, NULL, 0);

        return result < 0 && (errno == EINVAL || errno == EFAULT) ? 0 : answer(result);
}

static int try_become_other(void) {
        return answer(setgroups(0, NULL));
}

// Last, since it ends this program where it is allowed.
static int try_exec(void) {
        char *const argv[] = {(char[]){"true"}, NULL};

        return answer(execve("/bin/true", argv, argv + 1));
}

// What is expected: '-' refused, '+' allowed, '?' depends on kernel, user and settings; with
// all that there is, without Landlock, without seccomp, without both.
static const struct attempt {
        const char *name;
        int (*run)(void);
        const char *network;
        const char *reader;
} attempts[] = {
        {"read /etc/passwd", try_read_passwd, "-+-+", "---+"},
        {"read /etc/hosts", try_read_hosts, "++++", "---+"},
        {"list /etc", try_list_folder, "-+-+", "---+"},
        {"create a file", try_create_file, "---+", "---+"},
        {"remove a file", try_remove_file, "---+", "---+"},
        {"connect to loopback (TCP)", try_connect_tcp, "++++", "--?+"},
        {"connect to an abstract Unix socket", try_connect_abstract, "--?+", "--?+"},
        {"connect to a Unix socket's path", try_connect_path, "--?+", "--?+"},
        {"listen (TCP)", try_listen, "--?+", "--?+"},
        {"have a UDP socket", try_udp, "++++", "--++"},
        {"have a raw socket", try_raw_socket, "----", "----"},
        {"ask the kernel for its routes (netlink)", try_netlink, "--++", "--++"},
        {"fork", try_fork, "--++", "--++"},
        {"start a thread", try_thread, "++++", "++++"},
        {"read a sibling's memory", try_read_memory, "----", "----"},
        {"open /proc/SIBLING/mem", try_open_memory, "----", "----"},
        {"trace a sibling", try_trace, "----", "----"},
        {"signal the server", try_signal_server, "--?+", "--?+"},
        {"signal a sibling", try_signal_sibling, "--?+", "--?+"},
        {"signal a thread of the server", try_signal_by_thread, "--?+", "--?+"},
        {"signal itself", try_signal_itself, "++++", "++++"},
        {"change the server's limits", try_limit_server, "--?+", "--?+"},
        {"raise its own limits", try_raise_limit, "--++", "--++"},
        {"outlive the nursery", try_outlive, "--++", "--++"},
        {"make new code", try_new_code, "++++", "--++"},
        {"have a user namespace", try_user_namespace, "--??", "--??"},
        {"use io_uring", try_io_uring, "--??", "--??"},
        {"use bpf()", try_bpf, "--??", "--??"},
        {"leave its groups", try_become_other, "----", "----"},
        {"run another program", try_exec, "---+", "---+"},
};

#define N_ATTEMPTS ((int)(sizeof(attempts) / sizeof(attempts[0])))

// --- children -------------------------------------------------------------------

// Fork a child into the cage that writes to the pipe what happened, or only waits.
static pid_t child_start(const struct media_cage *cage, enum media_kind kind, int records,
                         int input, bool is_taken_over) {
        pid_t parent = getpid();
        pid_t pid = fork();
        int code;

        assert_true(pid >= 0);
        if (pid > 0)
                return pid;
        code = media_cage_enter(cage, kind, parent, records,
                                kind == MEDIA_NETWORK ? -1 : input);
        if (code < 0) {
                dprintf(STDERR_FILENO, "cannot enter the cage: %s\n", strerrordesc_np(-code));
                _exit(1);
        }
        (void)fcntl(MEDIA_CAGE_RECORDS, F_SETFD, FD_CLOEXEC);
        // Both tell that they are in.
        code = 0;
        (void)!write(MEDIA_CAGE_RECORDS, &code, sizeof(code));
        for (int i = 0; is_taken_over && i < N_ATTEMPTS; i++) {
                code = attempts[i].run();
                (void)!write(MEDIA_CAGE_RECORDS, &code, sizeof(code));
        }
        if (!is_taken_over)
                for (;;)
                        pause();
        _exit(0);
}

// Run all attempts; ret gets each one's errno.
static void attempts_run(const struct media_cage *cage, enum media_kind kind,
                         int ret[N_ATTEMPTS]) {
        int ends[2], code;
        pid_t pid;

        code = open(aim.victim, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_true(code >= 0);
        close(code);
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        aim.sibling = child_start(cage, kind, ends[1], ends[0], false);
        assert_int_equal(read(ends[0], &code, sizeof(code)), sizeof(code));
        pid = child_start(cage, kind, ends[1], ends[0], true);
        close(ends[1]);
        assert_int_equal(read(ends[0], &code, sizeof(code)), sizeof(code));
        // The last one leaves no answer where another program runs in its place.
        memset(ret, 0, N_ATTEMPTS * sizeof(*ret));
        for (int i = 0; i < N_ATTEMPTS - 1; i++)
                assert_int_equal(read(ends[0], &ret[i], sizeof(*ret)), sizeof(*ret));
        waitpid(pid, NULL, 0);
        kill(aim.sibling, SIGKILL);
        waitpid(aim.sibling, NULL, 0);
        (void)!read(ends[0], &ret[N_ATTEMPTS - 1], sizeof(*ret));
        close(ends[0]);
        unlink(aim.file);
        unlink(aim.victim);
}

// --- the table ------------------------------------------------------------------

static int listener_open(int family, const void *address, socklen_t length) {
        int descriptor = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(descriptor >= 0);
        assert_int_equal(bind(descriptor, address, length), 0);
        assert_int_equal(listen(descriptor, 50), 0);
        return descriptor;
}

static int setup(void **state) {
        static int listeners[3];
        socklen_t length = sizeof(aim.tcp);

        aim.server = getpid();
        snprintf(aim.file, sizeof(aim.file), "/tmp/eavesdrop-cage-%d", getpid());
        snprintf(aim.victim, sizeof(aim.victim), "%s-victim", aim.file);
        aim.tcp = (struct sockaddr_in){.sin_family = AF_INET,
                                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        listeners[0] = listener_open(AF_INET, &aim.tcp, sizeof(aim.tcp));
        assert_int_equal(getsockname(listeners[0], (struct sockaddr *)&aim.tcp, &length), 0);
        aim.abstract.sun_family = aim.path.sun_family = AF_UNIX;
        snprintf(aim.abstract.sun_path + 1, sizeof(aim.abstract.sun_path) - 1,
                 "eavesdrop-cage-%d", getpid());
        listeners[1] = listener_open(AF_UNIX, &aim.abstract,
                                     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
                                                 strlen(aim.abstract.sun_path + 1)));
        snprintf(aim.path.sun_path, sizeof(aim.path.sun_path), "/tmp/eavesdrop-cage-%d.sock",
                 getpid());
        listeners[2] = listener_open(AF_UNIX, &aim.path, sizeof(aim.path));
        *state = listeners;
        return 0;
}

static int teardown(void **state) {
        const int *listeners = *state;

        for (int i = 0; i < 3; i++)
                close(listeners[i]);
        unlink(aim.path.sun_path);
        return 0;
}

enum { AS_IS, WITHOUT_LANDLOCK, WITHOUT_SECCOMP, WITHOUT_BOTH, N_COLUMNS };

static void kind_check(const char *title, enum media_kind kind) {
        struct media_cage cages[N_COLUMNS];
        int results[N_COLUMNS][N_ATTEMPTS];
        struct error error = {0};
        int n_wrong = 0;

        for (int i = 0; i < N_COLUMNS; i++) {
                assert_int_equal(media_cage_init(&cages[i], &error), 0);
                if (i == WITHOUT_LANDLOCK || i == WITHOUT_BOTH)
                        cages[i].landlock = 0;
                if (i == WITHOUT_SECCOMP || i == WITHOUT_BOTH)
                        cages[i].network.n = cages[i].reader.n = 0;
                attempts_run(&cages[i], kind, results[i]);
        }
        printf("%s: errno of each attempt; Landlock ABI %d\n", title, cages[AS_IS].landlock);
        printf("%-40s %16s %16s %16s %16s\n", "", "as it is", "no Landlock", "no seccomp",
               "neither");
        for (int i = 0; i < N_ATTEMPTS; i++) {
                const char *expected =
                        kind == MEDIA_NETWORK ? attempts[i].network : attempts[i].reader;

                printf("%-40s", attempts[i].name);
                for (int k = 0; k < N_COLUMNS; k++) {
                        const char *name =
                                results[k][i] ? strerrorname_np(results[k][i]) : "allowed";
                        // Without Landlock here, its columns are those without.
                        int column = cages[AS_IS].landlock ? k : k | WITHOUT_LANDLOCK;
                        bool is_wrong = expected[column] != '?' &&
                                        (expected[column] == '+') != (results[k][i] == 0);

                        printf(" %15s%c", name, is_wrong ? '!' : ' ');
                        n_wrong += is_wrong;
                }
                printf("\n");
        }
        for (int i = 0; i < N_COLUMNS; i++)
                media_cage_deinit(&cages[i]);
        assert_int_equal(n_wrong, 0);
}

static void test_network(void **state) {
        (void)state;
        kind_check("a network source", MEDIA_NETWORK);
}

static void test_upload(void **state) {
        (void)state;
        kind_check("an upload", MEDIA_UPLOAD);
}

static void test_file(void **state) {
        (void)state;
        kind_check("a file", MEDIA_FILE);
}

// As kernels with an older Landlock would have it, and no seccomp: what is refused from which
// ABI on.
static void test_older_landlocks(void **state) {
        static const struct {
                int (*run)(void);
                int abi;
        } rows[] = {{try_list_folder, 1},   {try_create_file, 1},      {try_connect_tcp, 4},
                    {try_listen, 4},        {try_connect_abstract, 6}, {try_signal_server, 6},
                    {try_signal_sibling, 6}};
        struct media_cage cage;
        int n_abis;

        (void)state;
        assert_int_equal(media_cage_init(&cage, NULL), 0);
        n_abis = cage.landlock;
        cage.network.n = cage.reader.n = 0;
        for (cage.landlock = 1; cage.landlock <= n_abis; cage.landlock++) {
                int results[N_ATTEMPTS];

                attempts_run(&cage, MEDIA_UPLOAD, results);
                for (int i = 0; i < N_ATTEMPTS; i++)
                        for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++)
                                if (attempts[i].run == rows[k].run &&
                                    (results[i] != 0) != (cage.landlock >= rows[k].abi))
                                        fail_msg("ABI %d: %s: %d", cage.landlock,
                                                 attempts[i].name, results[i]);
        }
        media_cage_deinit(&cage);
}

// --- what a child needs ----------------------------------------------------------------

// Exit status: how many descriptors are open, or 100 when one of them is not what it should be.
static int descriptors_count(enum media_kind kind) {
        int n = 0;

        for (int i = 0; i < 1024; i++)
                n += fcntl(i, F_GETFD) >= 0;
        if (kind != MEDIA_NETWORK && fcntl(MEDIA_CAGE_INPUT, F_GETFL) & O_ACCMODE)
                return 100;
        return (fcntl(MEDIA_CAGE_RECORDS, F_GETFL) & O_ACCMODE) == O_WRONLY ? n : 100;
}

static int status_of_count(enum media_kind kind, bool is_crossed) {
        struct media_cage cage;
        pid_t parent = getpid();
        int ends[2], wait_status;
        pid_t pid;

        assert_int_equal(media_cage_init(&cage, NULL), 0);
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        if (is_crossed) {
                // The input is where the records go, and the other way round.
                assert_int_equal(dup2(ends[0], 60), 60);
                assert_int_equal(dup2(ends[1], 61), 61);
        }
        pid = fork();
        if (pid == 0) {
                int input = kind == MEDIA_NETWORK ? -1 : ends[0];
                int records = ends[1];

                if (is_crossed) {
                        dup2(60, MEDIA_CAGE_RECORDS);
                        dup2(61, MEDIA_CAGE_INPUT);
                        input = kind == MEDIA_NETWORK ? -1 : MEDIA_CAGE_RECORDS;
                        records = MEDIA_CAGE_INPUT;
                }
                if (media_cage_enter(&cage, kind, parent, records, input) < 0)
                        _exit(101);
                _exit(descriptors_count(kind));
        }
        waitpid(pid, &wait_status, 0);
        close(ends[0]);
        close(ends[1]);
        close(60);
        close(61);
        media_cage_deinit(&cage);
        return WEXITSTATUS(wait_status);
}

static void test_descriptors_are_those_and_no_other(void **state) {
        (void)state;
        assert_int_equal(status_of_count(MEDIA_NETWORK, false), 4);
        assert_int_equal(status_of_count(MEDIA_UPLOAD, false), 5);
        assert_int_equal(status_of_count(MEDIA_NETWORK, true), 4);
        assert_int_equal(status_of_count(MEDIA_FILE, true), 5);
}

static void test_a_child_whose_parent_is_gone_does_not_begin(void **state) {
        struct media_cage cage;
        pid_t pid;
        int wait_status;

        (void)state;
        assert_int_equal(media_cage_init(&cage, NULL), 0);
        pid = fork();
        if (pid == 0)
                _exit(media_cage_enter(&cage, MEDIA_NETWORK, 1 + getppid(), 1, -1) == -ESRCH);
        waitpid(pid, &wait_status, 0);
        assert_int_equal(WEXITSTATUS(wait_status), 1);
        media_cage_deinit(&cage);
}

int main(void) {
#ifdef __SANITIZE_THREAD__
        // Its threads start in ways that the cage refuses.
        printf("[  SKIPPED ] 6 test(s): not under ThreadSanitizer\n");
        return 0;
#endif
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_network, setup, teardown),
                cmocka_unit_test_setup_teardown(test_upload, setup, teardown),
                cmocka_unit_test_setup_teardown(test_file, setup, teardown),
                cmocka_unit_test_setup_teardown(test_older_landlocks, setup, teardown),
                cmocka_unit_test(test_descriptors_are_those_and_no_other),
                cmocka_unit_test(test_a_child_whose_parent_is_gone_does_not_begin),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
