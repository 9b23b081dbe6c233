#include "sink/nats_worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "sink/nats_publisher.h"
#include "util/mem.h"
#include "util/thread.h"

// Pointers to batches go through a pair of sockets, and their ownership with them: each side
// sees by itself that the other is gone, whenever that is.
struct nats_worker {
        uv_poll_t watch;
        int socket;
        void (*on_done)(void *context, struct nats_batch *batch);
        void *context;
};

// The thread's own.
struct worker_thread {
        struct nats_plan plan;
        int socket;
};

// --- batches ---------------------------------------------------------------------------

struct nats_batch *nats_batch_new(size_t n) {
        struct nats_batch *batch = xnew(struct nats_batch);

        batch->messages = xcalloc(n, sizeof(*batch->messages));
        batch->n = n;
        return batch;
}

struct nats_batch *nats_batch_free(struct nats_batch *batch) {
        if (!batch)
                return NULL;
        for (size_t i = 0; i < batch->n; i++) {
                free(batch->messages[i].subject);
                free(batch->messages[i].id);
                free(batch->messages[i].body);
        }
        free(batch->messages);
        return mem_free(batch);
}

// False when the other side is gone; the batch stays the caller's.
static bool batch_send(int socket, struct nats_batch *batch) {
        return send(socket, &batch, sizeof(batch), MSG_NOSIGNAL) == sizeof(batch);
}

// NULL when there is none, or will never be one.
static struct nats_batch *batch_receive(int socket, int flags) {
        struct nats_batch *batch;
        ssize_t n;

        do
                n = recv(socket, &batch, sizeof(batch), flags);
        while (n < 0 && errno == EINTR);
        return n == sizeof(batch) ? batch : NULL;
}

// --- the thread ------------------------------------------------------------------------

static bool is_left(void *context) {
        const struct worker_thread *thread = context;
        struct nats_batch *batch;

        return recv(thread->socket, &batch, sizeof(batch), MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void *worker_run(void *context) {
        struct worker_thread *thread = context;
        struct nats_publisher *publisher = nats_publisher_new(&thread->plan, is_left, thread);
        struct nats_batch *batch;

        while ((batch = batch_receive(thread->socket, 0))) {
                nats_publisher_publish(publisher, batch);
                if (!batch_send(thread->socket, batch))
                        nats_batch_free(batch);
        }
        nats_publisher_free(publisher);
        close(thread->socket);
        nats_plan_deinit(&thread->plan);
        return mem_free(thread);
}

static int thread_launch(struct nats_plan *plan, int socket) {
        struct worker_thread *thread = xnew(struct worker_thread);
        pthread_t id;
        int r;

        thread->plan = *plan;
        *plan = (struct nats_plan){0};
        thread->socket = socket;
        r = thread_start(&id, "nats", worker_run, thread);
        if (r < 0) {
                nats_plan_deinit(&thread->plan);
                free(thread);
                return r;
        }
        pthread_detach(id);
        return 0;
}

// --- the loop's side -------------------------------------------------------------------

void nats_plan_deinit(struct nats_plan *plan) {
        nats_address_deinit(&plan->address);
        free(plan->authority);
        free(plan->credentials);
        free(plan->stream);
        free(plan->pattern);
        *plan = (struct nats_plan){0};
}

static void worker_on_readable(uv_poll_t *watch, int status, int events) {
        struct nats_worker *worker = watch->data;
        struct nats_batch *batch = batch_receive(worker->socket, MSG_DONTWAIT);

        (void)status, (void)events;
        if (batch)
                worker->on_done(worker->context, batch);
}

int nats_worker_start(struct nats_worker **ret, struct loop *loop, struct nats_plan *plan,
                      void (*on_done)(void *context, struct nats_batch *batch), void *context,
                      struct error *error) {
        struct nats_worker *worker;
        int sockets[2], r;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0) {
                r = -errno;
                nats_plan_deinit(plan);
                return error_set(error, r, "no socket to be had: %s", strerrordesc_np(-r));
        }
        r = thread_launch(plan, sockets[1]);
        if (r < 0) {
                close(sockets[0]);
                close(sockets[1]);
                return error_set(error, r, "no thread to be had: %s", strerrordesc_np(-r));
        }
        worker = xnew(struct nats_worker);
        worker->socket = sockets[0];
        worker->on_done = on_done;
        worker->context = context;
        worker->watch.data = worker;
        if (uv_poll_init(loop_uv(loop), &worker->watch, worker->socket) < 0 ||
            uv_poll_start(&worker->watch, UV_READABLE, worker_on_readable) < 0)
                abort();  // the loop's own memory is at its end
        *ret = worker;
        return 0;
}

void nats_worker_send(struct nats_worker *worker, struct nats_batch *batch) {
        if (!batch_send(worker->socket, batch))
                abort();  // the thread lives as long as we do, and one pointer has room
}

static void worker_on_closed(uv_handle_t *handle) {
        free(handle->data);
}

struct nats_worker *nats_worker_leave(struct nats_worker *worker) {
        if (!worker)
                return NULL;
        // Nothing comes after this; what came before is taken.
        shutdown(worker->socket, SHUT_RD);
        for (struct nats_batch *batch; (batch = batch_receive(worker->socket, MSG_DONTWAIT));)
                nats_batch_free(batch);
        uv_poll_stop(&worker->watch);
        close(worker->socket);
        uv_close((uv_handle_t *)&worker->watch, worker_on_closed);
        return NULL;
}
