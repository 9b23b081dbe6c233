#include "media/cage_files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// Of linux/landlock.h since ABI 3, 4, 5 and 6; Debian 12's header knows ABI 2.
#define ACCESS_TRUNCATE     (1ULL << 14)
#define ACCESS_IOCTL_DEV    (1ULL << 15)
#define ACCESS_BIND_TCP     (1ULL << 0)
#define ACCESS_CONNECT_TCP  (1ULL << 1)
#define SCOPE_ABSTRACT_UNIX (1ULL << 0)
#define SCOPE_SIGNAL        (1ULL << 1)
#define ACCESS_ALL_OF_ABI_1 ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)

// struct landlock_ruleset_attr as of ABI 6. A kernel that knows less accepts zeros behind what
// it knows.
struct ruleset {
        uint64_t files;
        uint64_t sockets;
        uint64_t scoped;
};

// What looking up a name and checking a certificate read: glibc and its name services, the
// libraries that it loads for them, and the certificates that the machine trusts.
static const char *const network_files[] = {
        "/etc/resolv.conf",
        "/etc/hosts",
        "/etc/host.conf",
        "/etc/nsswitch.conf",
        "/etc/gai.conf",
        "/etc/services",
        "/etc/protocols",
        "/etc/localtime",
        "/etc/ld.so.cache",
        "/etc/gnutls",
        "/etc/crypto-policies",
        "/etc/ssl/certs",
        "/etc/ssl/openssl.cnf",
        "/etc/pki/tls/certs",
        "/etc/pki/ca-trust",
        "/etc/ca-certificates",
        "/run/systemd/resolve",
        "/run/resolvconf",
        "/run/NetworkManager/resolv.conf",
        "/run/NetworkManager/no-stub-resolv.conf",
        "/usr/share/ca-certificates",
        "/usr/local/share/ca-certificates",
        "/usr/share/zoneinfo",
        "/usr/lib",
        "/usr/lib64",
        "/usr/local/lib",
        "/lib",
        "/lib64",
};

int media_cage_files_abi(void) {
        long abi =
                syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

        return abi > 0 ? (int)abi : 0;
}

static int ruleset_create(int abi, enum media_kind kind) {
        struct ruleset ruleset = {.files = ACCESS_ALL_OF_ABI_1};

        if (abi >= 2)
                ruleset.files |= LANDLOCK_ACCESS_FS_REFER;
        if (abi >= 3)
                ruleset.files |= ACCESS_TRUNCATE;
        if (abi >= 5)
                ruleset.files |= ACCESS_IOCTL_DEV;
        if (abi >= 4)
                ruleset.sockets = kind == MEDIA_NETWORK ? ACCESS_BIND_TCP
                                                        : ACCESS_BIND_TCP | ACCESS_CONNECT_TCP;
        if (abi >= 6)
                ruleset.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
        return (int)syscall(SYS_landlock_create_ruleset, &ruleset, sizeof(ruleset), 0);
}

// Allow to read a file, or what is below a folder. What is not there needs no rule.
static int rule_add(int ruleset, const char *path) {
        struct landlock_path_beneath_attr rule = {.allowed_access =
                                                          LANDLOCK_ACCESS_FS_READ_FILE};
        struct stat status;
        int code = 0;

        rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
        if (rule.parent_fd < 0)
                return 0;
        if (fstat(rule.parent_fd, &status) == 0 && S_ISDIR(status.st_mode))
                rule.allowed_access |= LANDLOCK_ACCESS_FS_READ_DIR;
        if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
                code = -errno;
        close(rule.parent_fd);
        return code;
}

int media_cage_files_enter(int abi, enum media_kind kind) {
        int ruleset = ruleset_create(abi, kind);
        int code = ruleset < 0 ? -errno : 0;

        for (size_t i = 0; kind == MEDIA_NETWORK && code == 0 &&
                           i < sizeof(network_files) / sizeof(network_files[0]);
             i++)
                code = rule_add(ruleset, network_files[i]);
        if (code == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
                code = -errno;
        if (ruleset >= 0)
                close(ruleset);
        return code;
}
