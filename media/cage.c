#include "media/cage.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "media/cage_calls.h"
#include "media/cage_files.h"
#include "util/mem.h"

// The sanitizers' shadow memory is terabytes of address space.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_MEMORY_LIMIT false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_MEMORY_LIMIT false
#endif
#endif
#ifndef HAS_MEMORY_LIMIT
#define HAS_MEMORY_LIMIT true
#endif

int media_cage_init(struct media_cage *ret, struct error *error) {
        int code;

        *ret = (struct media_cage){.landlock = media_cage_files_abi()};
        code = media_cage_calls_make(&ret->network, MEDIA_NETWORK, error);
        if (code == 0)
                code = media_cage_calls_make(&ret->reader, MEDIA_UPLOAD, error);
        if (code < 0)
                media_cage_deinit(ret);
        return code;
}

void media_cage_deinit(struct media_cage *cage) {
        cage->network.instructions = mem_free(cage->network.instructions);
        cage->reader.instructions = mem_free(cage->reader.instructions);
        cage->network.n = cage->reader.n = 0;
}

// Default signals, but for a reader that is gone, which is an error when writing.
static void signals_reset(void) {
        struct sigaction action = {.sa_handler = SIG_DFL};
        sigset_t none;

        for (int number = 1; number < NSIG; number++)
                (void)sigaction(number, &action, NULL);  // fails for SIGKILL and SIGSTOP
        action.sa_handler = SIG_IGN;
        (void)sigaction(SIGPIPE, &action, NULL);
        sigemptyset(&none);
        pthread_sigmask(SIG_SETMASK, &none, NULL);
}

static int descriptors_reduce(int records, int input) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        int first = (input >= 0 ? MEDIA_CAGE_INPUT : MEDIA_CAGE_RECORDS) + 1;

        // Lifted above where any of them goes first.
        null = fcntl(null, F_DUPFD_CLOEXEC, MEDIA_CAGE_INPUT + 1);
        records = fcntl(records, F_DUPFD_CLOEXEC, MEDIA_CAGE_INPUT + 1);
        if (input >= 0)
                input = fcntl(input, F_DUPFD_CLOEXEC, MEDIA_CAGE_INPUT + 1);
        if (dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
            dup2(records, MEDIA_CAGE_RECORDS) < 0 ||
            (first > MEDIA_CAGE_INPUT && dup2(input, MEDIA_CAGE_INPUT) < 0) ||
            close_range((unsigned)first, ~0U, 0) < 0)
                return -errno;
        return 0;
}

static void limit_set(__rlimit_resource_t resource, rlim_t most) {
        struct rlimit limit = {most, most};

        // A limit that cannot be lowered is already lower: fine.
        (void)setrlimit(resource, &limit);
}

static void limits_set(enum media_kind kind) {
        limit_set(RLIMIT_CORE, 0);
        limit_set(RLIMIT_NOFILE, MEDIA_CAGE_FILES_MAX);
        if (HAS_MEMORY_LIMIT)
                limit_set(RLIMIT_AS, MEDIA_CAGE_MEMORY_MAX);
        // One that cannot be nicer already is.
        if (kind == MEDIA_UPLOAD)
                (void)!nice(MEDIA_CAGE_UPLOAD_NICENESS);
}

// Where the server runs as root, its children keep the name but none of the powers.
static int capabilities_drop(void) {
        struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

        return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}

int media_cage_enter(const struct media_cage *cage, enum media_kind kind, pid_t parent,
                     int records, int input) {
        int code;

        signals_reset();
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
                return -errno;
        if (getppid() != parent)
                return -ESRCH;  // it died before the line above took effect
        code = descriptors_reduce(records, input);
        if (code < 0)
                return code;
        limits_set(kind);
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;
        code = capabilities_drop();
        // Hides it from its siblings, which run as the same user.
        if (code == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
                code = -errno;
        if (code == 0 && cage->landlock > 0)
                code = media_cage_files_enter(cage->landlock, kind);
        if (code == 0)
                code = media_cage_calls_enter(kind == MEDIA_NETWORK ? &cage->network
                                                                    : &cage->reader);
        return code;
}
