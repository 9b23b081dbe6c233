#include "sink/mosquitto_rig.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
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

#include "util/folder_rig.h"
#include "util/mem.h"

#define WAIT_STEP  (10 * 1000 * 1000)  // nanoseconds
#define WAIT_STEPS 3000

struct mosquitto_rig {
        struct mosquitto_rig_config config;
        char folder[64], authority[96], configuration[96], log[96], received[96];
        char port[8], user[64], password[64];
        pid_t broker, subscriber;
        unsigned n_ends;
        char *text;
};

// --- children -------------------------------------------------------------------------------

// Start a program, whose output goes to that file (NULL: nowhere).
static pid_t child_start(const char *const *argv, const char *output) {
        pid_t parent = getpid();
        pid_t pid = fork();
        int fd;

        if (pid != 0)
                return pid;
        // It ends with us, however we end.
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(1);
        fd = open(output ? output : "/dev/null", O_WRONLY | O_CREAT | O_APPEND, 0600);
        dup2(fd, STDOUT_FILENO);
        if (!output)
                dup2(fd, STDERR_FILENO);
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
}

static int child_wait(pid_t pid) {
        int status = 0;

        waitpid(pid, &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int run(const char *const *argv, const char *output) {
        return child_wait(child_start(argv, output));
}
#define RUN(output, ...) run((const char *const[]){__VA_ARGS__, NULL}, output)

// mosquitto_sub takes a lock in its handler of SIGTERM, which it may hold already, and then
// waits for ever: it is ended by `signal` SIGKILL.
static void child_end(pid_t *pid, int signal) {
        if (*pid <= 0)
                return;
        kill(*pid, SIGCONT);
        kill(*pid, signal);
        child_wait(*pid);
        *pid = 0;
}

// --- files ----------------------------------------------------------------------------------

// The caller frees it.
static char *file_read(const char *path) {
        FILE *file = fopen(path, "re");
        size_t n = 0, size = 4096;
        char *text = xcalloc(size, 1);

        for (size_t got; file && (got = fread(text + n, 1, size - n - 1, file)) > 0;) {
                n += got;
                text = xrealloc_array(text, size *= 2, 1);
        }
        text[n] = '\0';
        if (file)
                (void)fclose(file);
        return text;
}

static unsigned file_count(const char *path, const char *what) {
        CLEANUP(mem_freep) char *text = file_read(path);
        unsigned n = 0;

        for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
                n++;
        return n;
}

// Wait until `what` is in the file more than `n` times.
static void file_wait(const char *path, const char *what, unsigned n) {
        const struct timespec step = {.tv_nsec = WAIT_STEP};

        for (int i = 0; i < WAIT_STEPS; i++) {
                if (file_count(path, what) > n)
                        return;
                nanosleep(&step, NULL);
        }
        fail_msg("waited in vain for \"%s\"", what);
}

// --- the broker -----------------------------------------------------------------------------

static int port_find(void) {
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t n = sizeof(address);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (bind(fd, (const struct sockaddr *)&address, n) < 0 ||
            getsockname(fd, (struct sockaddr *)&address, &n) < 0)
                fail_msg("no free port");
        close(fd);
        return ntohs(address.sin_port);
}

static void certificates_make(const char *folder) {
        CLEANUP(mem_freep) char *ca = xasprintf("%s/ca.pem", folder);
        CLEANUP(mem_freep) char *ca_key = xasprintf("%s/ca.key", folder);
        CLEANUP(mem_freep) char *server = xasprintf("%s/server.pem", folder);
        CLEANUP(mem_freep) char *server_key = xasprintf("%s/server.key", folder);

        if (RUN(NULL, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=test CA",
                "-keyout", ca_key, "-out", ca) != 0 ||
            RUN(NULL, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-addext",
                "basicConstraints=critical,CA:FALSE", "-CA", ca, "-CAkey", ca_key, "-keyout",
                server_key, "-out", server) != 0)
                fail_msg("openssl makes no certificates");
}

static void configuration_write(struct mosquitto_rig *rig) {
        FILE *file = fopen(rig->configuration, "we");

        assert_non_null(file);
        (void)fprintf(file,
                      "listener %s 127.0.0.1\nallow_anonymous %s\npersistence true\n"
                      "persistence_location %s/\nlog_dest file %s\nlog_type all\n"
                      "max_queued_messages 0\n%s%s",
                      rig->port, rig->config.credentials ? "false" : "true", rig->folder,
                      rig->log, geteuid() == 0 ? "user root\n" : "",
                      rig->config.lines ? rig->config.lines : "");
        if (rig->config.credentials)
                (void)fprintf(file, "password_file %s/passwords\n", rig->folder);
        if (rig->config.is_tls)
                (void)fprintf(file, "certfile %s/server.pem\nkeyfile %s/server.key\n",
                              rig->folder, rig->folder);
        (void)fclose(file);
}

void mosquitto_rig_start(struct mosquitto_rig *rig) {
        unsigned n = file_count(rig->log, " running");

        rig->broker = child_start(
                (const char *const[]){"mosquitto", "-c", rig->configuration, NULL}, NULL);
        file_wait(rig->log, " running", n);
}

void mosquitto_rig_stop(struct mosquitto_rig *rig) {
        child_end(&rig->broker, SIGTERM);
}

void mosquitto_rig_freeze(struct mosquitto_rig *rig, bool is_frozen) {
        kill(rig->broker, is_frozen ? SIGSTOP : SIGCONT);
}

// --- stock clients --------------------------------------------------------------------------

// What every client is started with, up to 16 arguments.
static size_t client_argv(const struct mosquitto_rig *rig, const char *name, const char **ret) {
        const char *const common[] = {name, "-V", "5", "-h", "localhost", "-p", rig->port};
        size_t n = sizeof(common) / sizeof(common[0]);

        memcpy(ret, common, sizeof(common));
        if (rig->config.credentials) {
                ret[n++] = "-u";
                ret[n++] = rig->user;
                ret[n++] = "-P";
                ret[n++] = rig->password;
        }
        if (rig->config.is_tls) {
                ret[n++] = "--cafile";
                ret[n++] = rig->authority;
        }
        return n;
}

static void subscriber_start(struct mosquitto_rig *rig) {
        static const char *const own[] = {"-i", "subscriber", "-c", "-x", "3600",    "-q",
                                          "1",  "-t",         "#",  "-F", "%r %t %p"};
        const char *argv[32] = {0};
        size_t n = client_argv(rig, "mosquitto_sub", argv);

        memcpy(argv + n, own, sizeof(own));
        rig->subscriber = child_start(argv, rig->received);
        file_wait(rig->log, "Sending SUBACK to subscriber", 0);
}

const char *mosquitto_rig_received(struct mosquitto_rig *rig) {
        CLEANUP(mem_freep) char *end = xasprintf("end %u\n", ++rig->n_ends);
        CLEANUP(mem_freep) char *message = xasprintf("end %u", rig->n_ends);
        const char *argv[32] = {0};
        size_t n = client_argv(rig, "mosquitto_pub", argv);
        const char *const own[] = {"-q", "1", "-t", "end", "-m", message};

        // It comes last to the subscriber.
        memcpy(argv + n, own, sizeof(own));
        assert_int_equal(run(argv, NULL), 0);
        file_wait(rig->received, end, 0);
        free(rig->text);
        rig->text = file_read(rig->received);
        return rig->text;
}

char *mosquitto_rig_retained(struct mosquitto_rig *rig, const char *topic) {
        CLEANUP(mem_freep) char *output = xasprintf("%s/retained", rig->folder);
        const char *argv[32] = {0};
        size_t n = client_argv(rig, "mosquitto_sub", argv);
        const char *const own[] = {"-t", topic, "-C", "1", "-W", "1", "-F", "%p"};

        memcpy(argv + n, own, sizeof(own));
        (void)remove(output);
        (void)run(argv, output);
        return file_read(output);
}

size_t mosquitto_rig_ids(void *context, char (*ret)[ROW_ID_TEXT_MAX], size_t n) {
        CLEANUP(mem_freep) char *text = xstrdup(mosquitto_rig_received(context));
        char *rest = text, *line;
        size_t n_ids = 0;

        while (n_ids < n && (line = strsep(&rest, "\n")) != NULL) {
                const char *id = strstr(line, "\"id\":\"");

                if (id && !strstr(line, "/event "))
                        snprintf(ret[n_ids++], ROW_ID_TEXT_MAX, "%s", id + 6);
        }
        return n_ids;
}

// --- life -----------------------------------------------------------------------------------

struct mosquitto_rig *mosquitto_rig_new(const struct mosquitto_rig_config *config) {
        struct mosquitto_rig *rig;
        CLEANUP(mem_freep) char *passwords = NULL;

        if (RUN(NULL, "mosquitto_sub", "--help") == 127 || RUN(NULL, "mosquitto", "-h") == 127)
                skip();
        rig = xnew(struct mosquitto_rig);
        rig->config = *config;
        snprintf(rig->folder, sizeof(rig->folder), "/tmp/mosquitto-rig-XXXXXX");
        assert_non_null(mkdtemp(rig->folder));
        snprintf(rig->configuration, sizeof(rig->configuration), "%s/configuration",
                 rig->folder);
        snprintf(rig->authority, sizeof(rig->authority), "%s/ca.pem", rig->folder);
        snprintf(rig->log, sizeof(rig->log), "%s/log", rig->folder);
        snprintf(rig->received, sizeof(rig->received), "%s/received", rig->folder);
        snprintf(rig->port, sizeof(rig->port), "%d", port_find());
        if (config->credentials) {
                passwords = xasprintf("%s/passwords", rig->folder);
                assert_int_equal(
                        sscanf(config->credentials, "%63[^:]:%63s", rig->user, rig->password),
                        2);
                assert_int_equal(RUN(NULL, "mosquitto_passwd", "-b", "-c", passwords, rig->user,
                                     rig->password),
                                 0);
        }
        if (config->is_tls)
                certificates_make(rig->folder);
        configuration_write(rig);
        mosquitto_rig_start(rig);
        subscriber_start(rig);
        return rig;
}

struct mosquitto_rig *mosquitto_rig_free(struct mosquitto_rig *rig) {
        if (!rig)
                return NULL;
        child_end(&rig->subscriber, SIGKILL);
        child_end(&rig->broker, SIGTERM);
        folder_rig_remove(rig->folder);
        free(rig->text);
        return mem_free(rig);
}

int mosquitto_rig_port(const struct mosquitto_rig *rig) {
        return (int)strtol(rig->port, NULL, 10);
}

const char *mosquitto_rig_authority(const struct mosquitto_rig *rig) {
        return rig->authority;
}

unsigned mosquitto_rig_visits(const struct mosquitto_rig *rig) {
        return file_count(rig->log, "New connection from");
}
