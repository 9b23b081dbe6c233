#include "media/nursery.h"

#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/mem.h"

// A child, from its request until the server has been told of its end.
struct child {
        uint64_t id;  // 0: the place is free
        pid_t pid;
        int error_number;  // of the start that failed: there is no child
        int wait_status;   // once it has ended
        bool has_ended;
        bool is_start_told;
};

struct nursery {
        const struct media_nursery_config *config;
        pid_t pid;
        struct child *children;  // config->children_max places
        unsigned n_top;          // all behind it are free
        unsigned n_untold;       // children of whom there is something to tell
        struct child refusal;    // a start for which there was no place
};

static void wiping_free(void *block) {
        if (block)
                explicit_bzero(block, malloc_usable_size(block));
        free(block);
}

void media_nursery_wipe_json(void) {
        json_set_alloc_funcs(malloc, wiping_free);
}

// --- telling --------------------------------------------------------------------

static bool child_has_news(const struct child *child) {
        return child->id && (child->has_ended || !child->is_start_told);
}

// The next thing that the server does not know of this child.
static struct media_control child_news(const struct child *child) {
        struct media_control news = {.type = MEDIA_ENDED, .id = child->id};

        if (child->error_number) {
                news.type = MEDIA_FAILED;
                news.error_number = child->error_number;
        } else if (!child->is_start_told) {
                news.type = MEDIA_STARTED;
                news.pid = child->pid;
        } else if (WIFSIGNALED(child->wait_status)) {
                news.signal = WTERMSIG(child->wait_status);
        } else {
                news.status = WEXITSTATUS(child->wait_status);
        }
        return news;
}

static void child_forget(struct nursery *nursery, struct child *child) {
        *child = (struct child){0};
        while (nursery->n_top > 0 && nursery->children[nursery->n_top - 1].id == 0)
                nursery->n_top--;
}

// Tell all there is to tell of a child that is among the untold. False: the socket is full.
static bool child_tell(struct nursery *nursery, struct child *child) {
        while (child_has_news(child)) {
                struct media_control news = child_news(child);
                int code = media_control_send(nursery->config->control, &news, NULL, 0);

                if (code == -EAGAIN || code == -ENOBUFS || code == -ENOMEM)
                        return false;
                // Any other failure is the closed end, which poll() tells of.
                if (news.type == MEDIA_STARTED)
                        child->is_start_told = true;
                else
                        child_forget(nursery, child);
        }
        nursery->n_untold--;
        return true;
}

static void untold_tell(struct nursery *nursery) {
        if (nursery->refusal.id && !child_tell(nursery, &nursery->refusal))
                return;
        for (unsigned i = 0; i < nursery->n_top && nursery->n_untold > 0; i++)
                if (child_has_news(&nursery->children[i]) &&
                    !child_tell(nursery, &nursery->children[i]))
                        return;
}

// A child of whom there was nothing to tell has news. It is told now, unless others wait.
static void child_becomes_untold(struct nursery *nursery, struct child *child) {
        nursery->n_untold++;
        if (nursery->n_untold == 1)
                (void)child_tell(nursery, child);
}

// --- children ---------------------------------------------------------------------

static struct child *child_by_id(struct nursery *nursery, uint64_t id) {
        for (unsigned i = 0; i < nursery->n_top; i++)
                if (nursery->children[i].id == id)
                        return &nursery->children[i];
        return NULL;
}

static struct child *child_by_pid(struct nursery *nursery, pid_t pid) {
        for (unsigned i = 0; i < nursery->n_top; i++)
                if (nursery->children[i].id && nursery->children[i].pid == pid &&
                    !nursery->children[i].has_ended)
                        return &nursery->children[i];
        return NULL;
}

// A free place; when all are taken, that of a refusal.
static struct child *child_place(struct nursery *nursery) {
        unsigned i = 0;

        while (i < nursery->n_top && nursery->children[i].id)
                i++;
        if (i == nursery->config->children_max)
                return &nursery->refusal;
        if (i == nursery->n_top)
                nursery->n_top++;
        return &nursery->children[i];
}

// Wipe the address of the proxy, in which a password may stand. There is one thread.
static void proxy_forget(void) {
        char *proxy = getenv("http_proxy");  // NOLINT(concurrency-mt-unsafe)

        if (proxy)
                explicit_bzero(proxy, strlen(proxy));
}

static _Noreturn void child_run(const struct nursery *nursery,
                                const struct media_request *request,
                                const int descriptors[MEDIA_DESCRIPTORS_MAX]) {
        int input = request->has_input ? descriptors[1] : -1;
        int code = media_cage_enter(nursery->config->cage, request->kind, nursery->pid,
                                    descriptors[0], input);

        if (request->kind != MEDIA_NETWORK)
                proxy_forget();
        if (code < 0) {
                dprintf(STDERR_FILENO, "nursery: cannot lock a child in: %s\n",
                        strerrordesc_np(-code));
                _exit(MEDIA_NURSERY_STATUS_NOT_CAGED);
        }
        _exit(nursery->config->run(request, MEDIA_CAGE_RECORDS,
                                   input < 0 ? -1 : MEDIA_CAGE_INPUT));
}

// Limit a child's processor time. Only here, never by the child, so that what the server allows
// is not taken back by a child that begins late.
static void cpu_limit(pid_t pid, rlim_t soft, rlim_t hard) {
        struct rlimit limit;

        if (prlimit(pid, RLIMIT_CPU, NULL, &limit) < 0)
                return;
        limit.rlim_max = hard < limit.rlim_max ? hard : limit.rlim_max;
        limit.rlim_cur = soft < limit.rlim_max ? soft : limit.rlim_max;
        (void)prlimit(pid, RLIMIT_CPU, &limit, NULL);
}

// Fork a child. Its process id, or the negative errno of why there is none.
static pid_t child_fork(const struct nursery *nursery, const struct child *place,
                        const struct media_request *request,
                        const int descriptors[MEDIA_DESCRIPTORS_MAX]) {
        pid_t pid;

        if (place == &nursery->refusal)
                return -EAGAIN;
        // Descriptors that were sent but did not arrive: this process has too many.
        if (descriptors[0] < 0 || (request->has_input && descriptors[1] < 0))
                return -EMFILE;
        pid = fork();
        if (pid == 0)
                child_run(nursery, request, descriptors);
        if (pid < 0)
                return -errno;
        if (request->kind == MEDIA_UPLOAD)
                cpu_limit(pid, MEDIA_CAGE_UPLOAD_CPU_FIRST, MEDIA_CAGE_UPLOAD_CPU_MAX);
        if (request->kind == MEDIA_LIVE)
                cpu_limit(pid, MEDIA_CAGE_UPLOAD_CPU_FIRST, MEDIA_CAGE_LIVE_CPU_MAX);
        return pid;
}

static void child_start(struct nursery *nursery, const struct media_control *control,
                        const int descriptors[MEDIA_DESCRIPTORS_MAX]) {
        struct child *place = child_place(nursery);
        pid_t pid = child_fork(nursery, place, &control->request, descriptors);

        *place = (struct child){.id = control->id,
                                .pid = pid > 0 ? pid : 0,
                                .error_number = pid > 0 ? 0 : -pid};
        child_becomes_untold(nursery, place);
}

static void child_signal(struct nursery *nursery, const struct media_control *control) {
        const struct child *child = child_by_id(nursery, control->id);

        // Until it is reaped, which is when it counts as ended, its number is its own.
        if (child && !child->has_ended && child->pid > 0)
                (void)kill(child->pid, control->signal);
}

static void child_allow_cpu(struct nursery *nursery, const struct media_control *control) {
        const struct child *child = child_by_id(nursery, control->id);

        if (child && !child->has_ended && child->pid > 0)
                cpu_limit(child->pid, control->seconds, RLIM_INFINITY);
}

static void children_reap(struct nursery *nursery) {
        int wait_status;
        pid_t pid;

        while ((pid = waitpid(-1, &wait_status, WNOHANG)) > 0) {
                struct child *child = child_by_pid(nursery, pid);

                if (!child)
                        continue;
                child->has_ended = true;
                child->wait_status = wait_status;
                if (child->is_start_told)
                        child_becomes_untold(nursery, child);
        }
}

static void children_kill(struct nursery *nursery) {
        for (unsigned i = 0; i < nursery->n_top; i++)
                if (nursery->children[i].pid > 0 && !nursery->children[i].has_ended)
                        (void)kill(nursery->children[i].pid, SIGKILL);
        while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
                ;
}

// --- the loop ---------------------------------------------------------------------

static void control_obey(struct nursery *nursery, const struct media_control *control,
                         const int descriptors[MEDIA_DESCRIPTORS_MAX]) {
        switch (control->type) {
        case MEDIA_DO_START:
                if (!child_by_id(nursery, control->id))
                        child_start(nursery, control, descriptors);
                break;
        case MEDIA_DO_SIGNAL:
                child_signal(nursery, control);
                break;
        case MEDIA_DO_CPU:
                child_allow_cpu(nursery, control);
                break;
        case MEDIA_STARTED:
        case MEDIA_ENDED:
        case MEDIA_FAILED:
                break;
        }
}

// A packet that is not understood: a start is refused, anything else is only told of.
static void control_refuse(struct nursery *nursery, const struct media_control *control,
                           const struct error *error) {
        dprintf(STDERR_FILENO, "nursery: %s\n", error->text);
        if (control->type != MEDIA_DO_START || control->id == 0 ||
            child_by_id(nursery, control->id))
                return;
        nursery->refusal = (struct child){.id = control->id, .error_number = EPROTO};
        child_becomes_untold(nursery, &nursery->refusal);
}

// Read one packet. 1: there may be more; 0: the other end is closed; -EAGAIN: none is left;
// another negative errno: the socket is broken.
static int control_read(struct nursery *nursery) {
        struct media_control control;
        struct error error;
        int descriptors[MEDIA_DESCRIPTORS_MAX];
        int code =
                media_control_receive(nursery->config->control, &control, descriptors, &error);

        if (code == -EPROTO)
                control_refuse(nursery, &control, &error);
        else if (code == 1)
                control_obey(nursery, &control, descriptors);
        for (int i = 0; i < MEDIA_DESCRIPTORS_MAX; i++)
                if (descriptors[i] >= 0)
                        close(descriptors[i]);
        explicit_bzero(&control, sizeof(control));
        return code == -EPROTO || code == -EINTR ? 1 : code;
}

// Take all signals that came; several children's ends may be one. True: it is to end.
static bool signals_read(int signals) {
        struct signalfd_siginfo information;
        bool is_to_end = false;

        while (read(signals, &information, sizeof(information)) == (ssize_t)sizeof(information))
                is_to_end |= information.ssi_signo == SIGTERM;
        return is_to_end;
}

// Serve until there is nobody to serve any more.
static int nursery_serve(struct nursery *nursery, int signals) {
        for (;;) {
                bool may_read = nursery->refusal.id == 0;
                struct pollfd polled[] = {
                        {.fd = nursery->config->control,
                         .events = (short)((may_read ? POLLIN : 0) |
                                           (nursery->n_untold ? POLLOUT : 0))},
                        {.fd = signals, .events = POLLIN},
                };
                if (poll(polled, 2, -1) < 0 && errno != EINTR)
                        return -errno;
                if (polled[0].revents & (POLLHUP | POLLERR | POLLNVAL))
                        return 0;
                if (polled[1].revents & POLLIN) {
                        if (signals_read(signals))
                                return 0;
                        children_reap(nursery);
                }
                if (polled[0].revents & POLLOUT)
                        untold_tell(nursery);
                if (polled[0].revents & POLLIN) {
                        int code = control_read(nursery);

                        if (code <= 0 && code != -EAGAIN)
                                return code;
                }
        }
}

int media_nursery_run(const struct media_nursery_config *config) {
        struct nursery nursery = {.config = config, .pid = getpid()};
        sigset_t handled;
        int signals, code;

        assert(config->children_max >= 1 && config->children_max <= MEDIA_NURSERY_CHILDREN_MAX);
        (void)signal(SIGPIPE, SIG_IGN);
        sigemptyset(&handled);
        sigaddset(&handled, SIGCHLD);
        sigaddset(&handled, SIGTERM);
        pthread_sigmask(SIG_BLOCK, &handled, NULL);
        signals = signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK);
        if (signals < 0)
                return -errno;
        nursery.children = xcalloc(config->children_max, sizeof(*nursery.children));
        code = nursery_serve(&nursery, signals);
        children_kill(&nursery);
        free(nursery.children);
        close(signals);
        return code;
}
