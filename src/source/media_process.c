#include "source/media_process.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "source/media_socket.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/process.h"

#define PROGRAM_INSTALLED "/usr/libexec/eavesdrop/" MEDIA_PROCESS_PROGRAM

#define ABOUT "media"  // in log lines

// An end within so long of the start counts towards the delay before the next.
#define SHORT_LIFE (10 * NSEC_PER_SEC)
#define DELAY_MAX  60U  // seconds

#define LOOK_INTERVAL (1 * NSEC_PER_SEC)  // for answers that do not come

#define WORDS_MAX 200

// The sanitizers reserve terabytes of addresses; a program built with one has no limit.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEMORY_LIMIT UINT64_MAX
#else
#define MEMORY_LIMIT 0  // as usual
#endif

struct media_process {
        struct loop *loop;
        char *program;            // NULL: media_process_find() knows
        struct process *process;  // NULL: it does not run
        struct media_socket *socket;
        uint64_t last_id;
        LIST_HEAD(, media_process_child) children;
        struct loop_timer *look;
        nsec_t started;
        nsec_t next_start;       // not before
        bool is_suspected;       // it seemed stuck when it was last looked at
        unsigned n_short_lives;  // in a row
};

static unsigned n_children;

unsigned media_process_children(void) {
        return n_children;
}

int media_process_id(const struct media_process *process) {
        return process->process ? process_id(process->process) : 0;
}

// --- where it is ----------------------------------------------------------------

// Beside our own program; NULL where that cannot be told.
static char *program_beside(void) {
        char path[PATH_MAX];
        ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
        char *slash;

        if (n <= 0)
                return NULL;
        path[n] = '\0';
        slash = strrchr(path, '/');
        return slash ? xasprintf("%.*s/" MEDIA_PROCESS_PROGRAM, (int)(slash - path), path)
                     : NULL;
}

int media_process_find(char **ret, struct error *error) {
        CLEANUP(mem_freep) char *beside = program_beside();
        const char *places[] = {beside, PROGRAM_INSTALLED};

        for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
                if (places[i] && access(places[i], X_OK) == 0) {
                        *ret = xstrdup(places[i]);
                        return 0;
                }
        return error_set(error, -ENOENT,
                         "streams and files need the program " MEDIA_PROCESS_PROGRAM
                         ", which is neither beside eavesdrop nor at " PROGRAM_INSTALLED
                         ": install it there, say where it is (media: PATH), or have ffmpeg "
                         "read them (media: ffmpeg)");
}

// --- children -------------------------------------------------------------------

static void child_end(struct media_process_child *child,
                      const struct media_process_exit *exit) {
        LIST_REMOVE(child, link);
        child->id = 0;
        child->process_id = 0;
        n_children--;
        child->on_ended(child->context, exit);
}

static struct media_process_child *child_by_id(const struct media_process *process,
                                               uint64_t id) {
        struct media_process_child *child;

        LIST_FOREACH(child, &process->children, link)
        if (child->id == id)
                return child;
        return NULL;
}

// The process is gone, and its children with it. They are told of once they are all out of the
// list: what is started then belongs to the next process.
static void children_end(struct media_process *process, const char *words) {
        const struct media_process_exit exit = {.words = words};
        LIST_HEAD(, media_process_child) gone = LIST_HEAD_INITIALIZER(gone);
        struct media_process_child *child;

        while ((child = LIST_FIRST(&process->children))) {
                LIST_REMOVE(child, link);
                LIST_INSERT_HEAD(&gone, child, link);
        }
        while ((child = LIST_FIRST(&gone)))
                child_end(child, &exit);
}

static void process_on_packet(void *context, const struct media_control *packet) {
        struct media_process *process = context;
        struct media_process_child *child = child_by_id(process, packet->id);
        struct media_process_exit exit = {.status = packet->status, .signal = packet->signal};

        if (!child)
                return;
        child->asked_at = -1;
        switch (packet->type) {
        case MEDIA_STARTED:
                child->process_id = packet->pid;
                break;
        case MEDIA_ENDED:
                child_end(child, &exit);
                break;
        case MEDIA_FAILED:
                exit.words = strerrordesc_np(packet->error_number);
                child_end(child, &exit);
                break;
        case MEDIA_DO_START:
        case MEDIA_DO_SIGNAL:
        case MEDIA_DO_CPU:
                break;  // are ours to say
        }
}

// --- its end --------------------------------------------------------------------

static void delay_set(struct media_process *process) {
        nsec_t now = loop_now(process->loop);
        unsigned delay = 0;

        process->n_short_lives =
                now - process->started < SHORT_LIFE ? process->n_short_lives + 1 : 0;
        if (process->n_short_lives > 1)
                delay = process->n_short_lives < 8 ? 1U << (process->n_short_lives - 2)
                                                   : DELAY_MAX;
        process->next_start = now + (delay < DELAY_MAX ? delay : DELAY_MAX) * NSEC_PER_SEC;
}

static void process_over(struct media_process *process, const char *words) {
        log_warning(ABOUT, "media-process-ended", "%s", words);
        loop_timer_cancel(process->look);
        process->process = process_close(process->process);
        process->socket = media_socket_close(process->socket);
        delay_set(process);
        children_end(process, words);
}

// Its exit tells more than its socket's end, which comes first.
static void process_on_broken(void *context, const char *words) {
        struct media_process *process = context;

        log_debug(ABOUT, "media-process", "%s", words);
        process_stop(process->process);
}

static void process_on_exit(void *context, const struct process_exit *exit) {
        char words[WORDS_MAX];

        if (exit->signal)
                snprintf(words, sizeof(words), "the media process was ended by signal %d (%s)",
                         exit->signal, sigdescr_np(exit->signal));
        else
                snprintf(words, sizeof(words), "the media process ended with status %d",
                         exit->status);
        process_over(context, words);
}

static void process_on_stdout(void *context, const uint8_t *bytes, size_t n) {
        (void)context, (void)bytes, (void)n;
}

static void process_on_stderr_line(void *context, const char *line) {
        (void)context;
        log_debug(ABOUT, "media-process", "%s", line);
}

// Whoever was asked for a child and has not answered is stuck.
static bool is_stuck(const struct media_process *process) {
        nsec_t now = loop_now(process->loop);
        const struct media_process_child *child;

        if (media_socket_waiting(process->socket) >= MEDIA_PROCESS_PATIENCE)
                return true;
        LIST_FOREACH(child, &process->children, link)
        if (child->asked_at >= 0 && now - child->asked_at >= MEDIA_PROCESS_PATIENCE)
                return true;
        return false;
}

static void process_on_look(void *context) {
        struct media_process *process = context;

        // If it was us who were held up, its answers are read before the next look.
        if (!is_stuck(process) || !process->is_suspected) {
                process->is_suspected = is_stuck(process);
                if (!LIST_EMPTY(&process->children))
                        loop_timer_set(process->look, LOOK_INTERVAL);
                return;
        }
        process_kill(process->process);
        process_over(process, "the media process did not answer, and was ended");
}

// --- its beginning --------------------------------------------------------------

static int process_launch(struct media_process *process, const char *program,
                          struct error *error) {
        // What children that fetch over HTTP need beyond what all get.
        static const char *const variables[] = {"http_proxy", "no_proxy", NULL};
        const char *const argv[] = {program, NULL};
        const struct process_listener listener = {
                .on_stdout = process_on_stdout,
                .on_stderr_line = process_on_stderr_line,
                .on_exit = process_on_exit,
                .context = process,
        };
        const struct media_socket_listener socket_listener = {
                .on_packet = process_on_packet,
                .on_broken = process_on_broken,
                .context = process,
        };
        struct process_config config = {
                .argv = argv,
                .variables = variables,
                .memory_limit = MEMORY_LIMIT,
                .is_service = true,
        };
        int ends[2], code;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
                return error_set(error, -errno, "cannot make a socket for '%s': %m", program);
        config.stdin_descriptor = ends[1];
        code = process_open(&process->process, process->loop, &config, &listener, error);
        close(ends[1]);
        if (code < 0) {
                close(ends[0]);
                return code;
        }
        process->socket = media_socket_open(process->loop, ends[0], &socket_listener);
        process->started = loop_now(process->loop);
        process->is_suspected = false;
        log_debug(ABOUT, "media-process", "'%s' runs as process %d", program,
                  process_id(process->process));
        return 0;
}

static int process_need(struct media_process *process, struct error *error) {
        CLEANUP(mem_freep) char *found = NULL;
        nsec_t wait = process->next_start - loop_now(process->loop);
        int code = 0;

        if (process->process)
                return 0;
        if (wait > 0)
                return error_set(error, -EAGAIN,
                                 "the media process ended %u times in a row; it is started "
                                 "again in %.0f s",
                                 process->n_short_lives, (double)wait / (double)NSEC_PER_SEC);
        if (!process->program)
                code = media_process_find(&found, error);
        return code < 0 ? code
                        : process_launch(process, found ? found : process->program, error);
}

int media_process_start(struct media_process *process, struct media_process_child *child,
                        const struct media_request *request, const int *descriptors, size_t n,
                        struct error *error) {
        struct media_control packet = {.type = MEDIA_DO_START, .request = *request};
        int code;

        assert(loop_is_current(process->loop) && !media_process_child_lives(child));
        code = process_need(process, error);
        if (code < 0)
                return code;
        packet.id = process->last_id + 1;
        code = media_socket_send(process->socket, &packet, descriptors, n);
        explicit_bzero(&packet, sizeof(packet));
        if (code < 0)
                return error_set(error, code, "the media process cannot be asked: %s",
                                 strerrordesc_np(-code));
        child->id = ++process->last_id;
        child->process_id = 0;
        child->asked_at = loop_now(process->loop);
        LIST_INSERT_HEAD(&process->children, child, link);
        n_children++;
        loop_timer_set(process->look, LOOK_INTERVAL);
        return 0;
}

static void child_tell(struct media_process *process, struct media_control *packet,
                       struct media_process_child *child) {
        int code;

        if (!media_process_child_lives(child) || !process->socket)
                return;
        packet->id = child->id;
        code = media_socket_send(process->socket, packet, NULL, 0);
        if (code < 0)
                log_warning(ABOUT, "media-process", "the media process cannot be told: %s",
                            strerrordesc_np(-code));
}

void media_process_signal(struct media_process *process, struct media_process_child *child,
                          int number) {
        struct media_control packet = {.type = MEDIA_DO_SIGNAL, .signal = number};

        child_tell(process, &packet, child);
}

void media_process_allow_cpu(struct media_process *process, struct media_process_child *child,
                             unsigned seconds) {
        struct media_control packet = {.type = MEDIA_DO_CPU, .seconds = seconds};

        child_tell(process, &packet, child);
}

// --- life -----------------------------------------------------------------------

struct media_process *media_process_new(struct loop *loop, const char *program) {
        struct media_process *process = xnew(struct media_process);

        process->loop = loop;
        process->program = xstrdup(program);
        LIST_INIT(&process->children);
        process->look = loop_timer_new(loop, process_on_look, process);
        return process;
}

struct media_process *media_process_free(struct media_process *process) {
        if (!process)
                return NULL;
        process->process = process_close(process->process);
        process->socket = media_socket_close(process->socket);
        children_end(process, "the media process was stopped");
        process->look = loop_timer_free(process->look);
        free(process->program);
        free(process);
        return NULL;
}
