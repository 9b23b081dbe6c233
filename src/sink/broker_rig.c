#include "sink/broker_rig.h"

#include <arpa/inet.h>
#include <grp.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/mem.h"

#define PATIENCE_MS       30000
#define LOOK_MS           20
#define POSTGRESQL_OLDEST 12
#define POSTGRESQL_NEWEST 30

#define NOBODY 65534  // user and group

// --- children --------------------------------------------------------------------------

static void pause_ms(long ms) {
        const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

        nanosleep(&pause, NULL);
}

// PostgreSQL does not run as root: as a user of no rights, then.
static void privileges_drop(void) {
        if (geteuid() == 0 &&
            (setgroups(0, NULL) < 0 || setgid(NOBODY) < 0 || setuid(NOBODY) < 0))
                _exit(126);
}

// Its words go to a file of the folder.
static pid_t child_start(const struct rig_broker *broker, const char *const *argv,
                         bool is_unprivileged) {
        CLEANUP(mem_freep) char *log = xasprintf("%s/log", broker->folder);
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid > 0)
                return pid;
        if (is_unprivileged)
                privileges_drop();
        prctl(PR_SET_PDEATHSIG, SIGKILL);  // also when an assertion ends the test
        if (!argv[0] || chdir(broker->folder) < 0 || !freopen(log, "a", stdout) ||
            dup2(STDOUT_FILENO, STDERR_FILENO) < 0)
                _exit(126);
        execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
}

static void child_run(const struct rig_broker *broker, const char *const *argv,
                      bool is_unprivileged) {
        pid_t pid = child_start(broker, argv, is_unprivileged);
        int status;

        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

static bool is_answering(const struct rig_broker *broker) {
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons((uint16_t)broker->port),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool is = connect(client, (struct sockaddr *)&address, sizeof(address)) == 0;

        close(client);
        return is;
}

int rig_broker_mute(int *port) {
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons((uint16_t)*port),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
        socklen_t n = sizeof(address);

        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
        assert_int_equal(bind(listener, (struct sockaddr *)&address, n), 0);
        assert_int_equal(listen(listener, 8), 0);
        assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &n), 0);
        *port = ntohs(address.sin_port);
        return listener;
}

static void folder_make(struct rig_broker *broker) {
        *broker = (struct rig_broker){0};
        close(rig_broker_mute(&broker->port));
        snprintf(broker->folder, sizeof(broker->folder), "/tmp/eavesdrop-broker-XXXXXX");
        assert_non_null(mkdtemp(broker->folder));
        if (geteuid() == 0)
                assert_int_equal(chown(broker->folder, NOBODY, NOBODY), 0);
}

void rig_broker_stop(struct rig_broker *broker, int signal_number) {
        if (broker->pid == 0)
                return;
        assert_int_equal(kill(broker->pid, signal_number), 0);
        assert_int_equal(waitpid(broker->pid, NULL, 0), broker->pid);
        broker->pid = 0;
}

void rig_broker_remove(struct rig_broker *broker) {
        const char *argv[] = {"/bin/rm", "-rf", broker->folder, NULL};
        pid_t pid;

        if (broker->folder[0] == '\0')
                return;
        rig_broker_stop(broker, SIGKILL);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                execv(argv[0], (char *const *)(uintptr_t)argv);
                _exit(127);
        }
        waitpid(pid, NULL, 0);
}

static void file_write(const char *path, const char *text) {
        FILE *file = fopen(path, "w");

        assert_non_null(file);
        fputs(text, file);
        assert_int_equal(fclose(file), 0);
}

void rig_broker_certify(const struct rig_broker *broker) {
        child_run(broker,
                  (const char *[]){"/usr/bin/openssl", "req", "-x509", "-newkey", "ec",
                                   "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                                   "-days", "2", "-subj", "/CN=localhost", "-addext",
                                   "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out",
                                   "certificate.pem", NULL},
                  false);
}

// --- PostgreSQL ------------------------------------------------------------------------

// A program of PostgreSQL's newest version that is installed; NULL: none.
static char *postgresql_program(const char *name) {
        for (int version = POSTGRESQL_NEWEST; version >= POSTGRESQL_OLDEST; version--) {
                CLEANUP(mem_freep)
                char *path = xasprintf("/usr/lib/postgresql/%d/bin/%s", version, name);

                if (access(path, X_OK) == 0)
                        return TAKE(path);
        }
        return NULL;
}

bool rig_postgresql_make(struct rig_broker *broker) {
        CLEANUP(mem_freep) char *initdb = postgresql_program("initdb");
        CLEANUP(mem_freep) char *data = NULL;
        CLEANUP(mem_freep) char *password = NULL;
        CLEANUP(mem_freep) char *password_option = NULL;

        *broker = (struct rig_broker){0};
        if (!initdb)
                return false;
        folder_make(broker);
        data = xasprintf("%s/data", broker->folder);
        password = xasprintf("%s/password", broker->folder);
        password_option = xasprintf("--pwfile=%s", password);
        file_write(password, RIG_BROKER_PASSWORD "\n");
        child_run(broker,
                  (const char *[]){initdb, "-D", data, "-U", "eavesdrop", password_option, "-A",
                                   "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8",
                                   "--no-sync", NULL},
                  true);
        return true;
}

void rig_postgresql_start(struct rig_broker *broker) {
        CLEANUP(mem_freep) char *postgres = postgresql_program("postgres");
        CLEANUP(mem_freep) char *data = xasprintf("%s/data", broker->folder);
        CLEANUP(mem_freep) char *port = xasprintf("%d", broker->port);
        CLEANUP(mem_freep)
        char *sockets = xasprintf("unix_socket_directories=%s", broker->folder);
        CLEANUP(mem_freep)
        char *answers = xasprintf("%s/.s.PGSQL.%d", broker->folder, broker->port);
        const char *argv[] = {
                postgres, "-D",    data, "-p",        port, "-c", "listen_addresses=127.0.0.1",
                "-c",     sockets, "-c", "fsync=off", NULL};

        broker->pid = child_start(broker, argv, true);
        for (int waited = 0; access(answers, F_OK) < 0 || !is_answering(broker);
             waited += LOOK_MS) {
                assert_true(waited < PATIENCE_MS);
                pause_ms(LOOK_MS);
        }
}

// --- NATS ------------------------------------------------------------------------------

static const char *const nats_servers[] = {"/usr/sbin/nats-server", "/usr/bin/nats-server",
                                           "/usr/local/bin/nats-server", NULL};

static const char *nats_program(void) {
        for (size_t i = 0; nats_servers[i]; i++)
                if (access(nats_servers[i], X_OK) == 0)
                        return nats_servers[i];
        return NULL;
}

bool rig_nats_make(struct rig_broker *broker) {
        *broker = (struct rig_broker){0};
        if (!nats_program())
                return false;
        folder_make(broker);
        return true;
}

void rig_nats_start(struct rig_broker *broker, const char *configuration) {
        CLEANUP(mem_freep) char *path = xasprintf("%s/nats.conf", broker->folder);
        CLEANUP(mem_freep)
        char *text = xasprintf("listen: \"127.0.0.1:%d\"\n"
                               "jetstream: {store_dir: \"%s/jetstream\"}\n"
                               "%s\n",
                               broker->port, broker->folder,
                               configuration ? configuration
                                             : "authorization: {user: eavesdrop, password: "
                                               "\"" RIG_BROKER_PASSWORD "\"}");

        file_write(path, text);
        broker->pid =
                child_start(broker, (const char *[]){nats_program(), "-c", path, NULL}, false);
        for (int waited = 0; !is_answering(broker); waited += LOOK_MS) {
                assert_true(waited < PATIENCE_MS);
                pause_ms(LOOK_MS);
        }
}
