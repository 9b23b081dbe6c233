#include "util/process_spawn.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READ, WRITE };

// All pipes of one child, while it is being started. -1: not open.
struct pipes {
        int input[2];
        int output[2];
        int errors[2];
        int report[2];  // errno of a failed exec; closed by a good one
};

static void descriptor_close(int *descriptor) {
        if (*descriptor >= 0)
                close(*descriptor);
        *descriptor = -1;
}

static void pipes_deinit(struct pipes *pipes) {
        int(*all[])[2] = {&pipes->input, &pipes->output, &pipes->errors, &pipes->report};

        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
                descriptor_close(&(*all[i])[READ]);
                descriptor_close(&(*all[i])[WRITE]);
        }
}

static int pipes_init(struct pipes *pipes, bool has_input, bool has_errors) {
        memset(pipes, -1, sizeof(*pipes));
        if ((has_input && pipe2(pipes->input, O_CLOEXEC) < 0) ||
            (has_errors && pipe2(pipes->errors, O_CLOEXEC) < 0) ||
            pipe2(pipes->output, O_CLOEXEC) < 0 || pipe2(pipes->report, O_CLOEXEC) < 0) {
                int code = -errno;

                pipes_deinit(pipes);
                return code;
        }
        return 0;
}

// --- environment ----------------------------------------------------------------

// malloc() reserves 64 MiB of address space for each of its arenas, of which every thread gets
// one: with SRT's threads that alone would be 190 MiB of PROCESS_MEMORY_MAX.
#define ARENA_VARIABLE "MALLOC_ARENA_MAX=1"

static const char *const variables[] = {PROCESS_VARIABLES};

#define N_VARIABLES (sizeof(variables) / sizeof(variables[0]))

// The child's environment: entries of ours, lent.
struct environment {
        const char *entries[1 + N_VARIABLES + PROCESS_VARIABLES_MAX + 1];
        size_t n;
};

static void environment_add(struct environment *environment, const char *name) {
        size_t length = strlen(name);

        for (char **entry = environ; *entry; entry++)
                if (strncmp(*entry, name, length) == 0 && (*entry)[length] == '=') {
                        environment->entries[environment->n++] = *entry;
                        return;
                }
}

static void environment_init(struct environment *environment, const char *const *more) {
        *environment = (struct environment){.entries = {ARENA_VARIABLE}, .n = 1};
        for (size_t i = 0; i < N_VARIABLES; i++)
                environment_add(environment, variables[i]);
        for (size_t i = 0; more && more[i]; i++) {
                assert(i < PROCESS_VARIABLES_MAX);
                environment_add(environment, more[i]);
        }
}

// --- in the child ---------------------------------------------------------------
// Between fork and exec only async-signal-safe calls: other threads of ours may have held
// any lock at the moment of the fork.

static void child_limit(int resource, uint64_t limit) {
        struct rlimit rlimit = {limit, limit};

        // A limit that cannot be lowered is already lower: fine.
        (void)setrlimit((__rlimit_resource_t)resource, &rlimit);
}

static void child_signals_reset(void) {
        struct sigaction action = {.sa_handler = SIG_DFL};
        sigset_t none;

        for (int number = 1; number < NSIG; number++)
                (void)sigaction(number, &action, NULL);  // fails for SIGKILL and SIGSTOP
        sigemptyset(&none);
        pthread_sigmask(SIG_SETMASK, &none, NULL);
}

static int child_descriptors_set(const struct pipes *pipes, int input) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        int wanted[3] = {input ? input : pipes->input[READ], pipes->output[WRITE],
                         pipes->errors[WRITE]};

        if (null < 0)
                return -errno;
        // Lifted above the standard three first, so that no dup2() below overwrites the
        // source of a later one (our own standard descriptors may have been closed).
        for (int i = 0; i < 3; i++) {
                wanted[i] = fcntl(wanted[i] < 0 ? null : wanted[i], F_DUPFD_CLOEXEC, 3);
                if (wanted[i] < 0)
                        return -errno;
        }
        for (int i = 0; i < 3; i++)
                if (dup2(wanted[i], i) < 0)
                        return -errno;
        // Also what a library of ours opened without O_CLOEXEC.
        if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
                return -errno;
        return 0;
}

// The usual limit. Threads reserve as much for a stack as the main one may have: a limit of
// gigabytes would leave them no room.
#define STACK_MAX ((uint64_t)8 << 20)

static void child_limits_set(const struct process_config *config) {
        child_limit(RLIMIT_CORE, 0);
        child_limit(RLIMIT_STACK, STACK_MAX);
        child_limit(RLIMIT_AS,
                    config->memory_limit ? config->memory_limit : PROCESS_MEMORY_MAX);
        if (config->cpu_limit)
                child_limit(RLIMIT_CPU, config->cpu_limit);
        // One that cannot be nicer already is.
        if (config->niceness)
                (void)!nice(config->niceness);
}

static _Noreturn void child_run(const struct process_config *config, const struct pipes *pipes,
                                const struct environment *environment, pid_t parent) {
        int report = fcntl(pipes->report[WRITE], F_DUPFD_CLOEXEC, 3);
        int code;

        child_signals_reset();
        (void)setsid();
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(127);  // the parent died before the line above took effect
        child_limits_set(config);
        code = child_descriptors_set(pipes, config->stdin_descriptor);
        // Not before: the descriptors above are copies of ours, which may be many.
        if (config->file_limit)
                child_limit(RLIMIT_NOFILE, config->file_limit);
        if (code == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                code = -errno;
        if (code == 0) {
                execvpe(config->argv[0], (char *const *)(uintptr_t)config->argv,
                        (char *const *)(uintptr_t)environment->entries);
                code = -errno;
        }
        (void)!write(report, &code, sizeof(code));
        _exit(127);
}

// --- in the parent --------------------------------------------------------------

static int exec_wait(int report, pid_t pid) {
        int code = 0;
        ssize_t n;

        do
                n = read(report, &code, sizeof(code));
        while (n < 0 && errno == EINTR);
        if (n != (ssize_t)sizeof(code))
                return 0;
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
        return code < 0 ? code : -EIO;
}

// fork() with all signals held back, so that no handler of ours runs in the child.
static pid_t child_fork(const struct process_config *config, const struct pipes *pipes) {
        pid_t parent = getpid();
        struct environment environment;
        sigset_t all, before;
        pid_t pid;

        environment_init(&environment, config->variables);
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        pid = fork();
        if (pid == 0)
                child_run(config, pipes, &environment, parent);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        return pid;
}

static int error_of_exec(const char *program, int code, struct error *error) {
        if (code == -ENOENT)
                return error_set(error, code, "program '%s' not found", program);
        return error_set(error, code, "cannot run '%s': %s", program, strerrordesc_np(-code));
}

int process_spawn(const struct process_config *config, bool has_errors,
                  struct process_ends *ret, struct error *error) {
        struct pipes pipes;
        pid_t pid;
        int pidfd;
        int code = pipes_init(&pipes, config->has_stdin, has_errors);

        if (code < 0)
                return error_set(error, code, "cannot make a pipe for '%s': %s",
                                 config->argv[0], strerrordesc_np(-code));
        pid = child_fork(config, &pipes);
        if (pid < 0) {
                code = -errno;
                pipes_deinit(&pipes);
                return error_of_exec(config->argv[0], code, error);
        }
        descriptor_close(&pipes.report[WRITE]);
        code = exec_wait(pipes.report[READ], pid);
        pidfd = code == 0 ? pidfd_open(pid, 0) : -1;
        if (code == 0 && pidfd < 0) {
                code = -errno;
                kill(pid, SIGKILL);
                waitpid(pid, NULL, 0);
        }
        if (code < 0) {
                pipes_deinit(&pipes);
                return error_of_exec(config->argv[0], code, error);
        }
        *ret = (struct process_ends){.pid = pid,
                                     .pidfd = pidfd,
                                     .input = pipes.input[WRITE],
                                     .output = pipes.output[READ],
                                     .errors = pipes.errors[READ]};
        pipes.input[WRITE] = pipes.output[READ] = pipes.errors[READ] = -1;
        pipes_deinit(&pipes);
        return 0;
}
