#include "util/run_queue.h"

#include <stdlib.h>
#include <uv.h>

#include "util/mem.h"

struct quantum {
        const struct loop *loop;
        nsec_t until;
        size_t left;  // of the cost
};

TAILQ_HEAD(run_queue_line, run_queue_entry);

struct run_queue {
        struct loop *loop;
        uv_prepare_t before_waiting;
        uv_check_t after_input;
        uv_idle_t no_waiting;          // active while somebody is in line
        int n_open;                    // of these handles
        struct run_queue_line fresh;   // had nothing to do lately
        struct run_queue_line served;  // wait for another round, with work or without
        struct run_queue_line round;   // to be settled
        unsigned n_rounds;
};

static struct quantum quantum_make(const struct loop *loop, nsec_t time, size_t cost) {
        return (struct quantum){.loop = loop, .until = loop_now(loop) + time, .left = cost};
}

void quantum_spend(struct quantum *quantum, size_t cost) {
        quantum->left -= cost < quantum->left ? cost : quantum->left;
}

bool quantum_is_spent(const struct quantum *quantum) {
        return !quantum->left || loop_now(quantum->loop) >= quantum->until;
}

// --- a round -------------------------------------------------------------------

// Serve the first in a line, on account of the round.
static void run_queue_serve(struct run_queue *queue, struct run_queue_line *line,
                            struct quantum *round) {
        struct run_queue_entry *entry = TAILQ_FIRST(line);
        struct quantum quantum = quantum_make(queue->loop, QUANTUM_TIME, QUANTUM_COST);

        TAILQ_REMOVE(line, entry, in_line);
        TAILQ_INSERT_TAIL(&queue->served, entry, in_line);
        entry->line = &queue->served;
        entry->has_work = false;
        entry->round = queue->n_rounds;
        entry->serve(entry->context, &quantum);
        quantum_spend(round, QUANTUM_COST - quantum.left);
}

// Whether one of those who wait is still to be served in this round. Who has had nothing to do
// since it was served leaves the line, and is fresh the next time.
static bool run_queue_has_waiting(struct run_queue *queue) {
        struct run_queue_entry *first;

        while ((first = TAILQ_FIRST(&queue->served)) && first->round != queue->n_rounds) {
                if (first->has_work)
                        return true;
                TAILQ_REMOVE(&queue->served, first, in_line);
                first->line = NULL;
        }
        return false;
}

static void run_queue_settle_all(struct run_queue *queue) {
        struct run_queue_entry *entry;

        while ((entry = TAILQ_FIRST(&queue->round))) {
                TAILQ_REMOVE(&queue->round, entry, in_round);
                entry->is_in_round = false;
                entry->settle(entry->context);
        }
}

static void run_queue_on_input(uv_check_t *check) {
        struct run_queue *queue = check->data;
        struct quantum round = quantum_make(queue->loop, ROUND_TIME, ROUND_COST);

        queue->n_rounds++;
        while (!TAILQ_EMPTY(&queue->fresh) && !quantum_is_spent(&round))
                run_queue_serve(queue, &queue->fresh, &round);
        if (run_queue_has_waiting(queue))
                run_queue_serve(queue, &queue->served, &round);
        while (run_queue_has_waiting(queue) && !quantum_is_spent(&round))
                run_queue_serve(queue, &queue->served, &round);
        if (TAILQ_EMPTY(&queue->fresh) && TAILQ_EMPTY(&queue->served))
                uv_idle_stop(&queue->no_waiting);
        run_queue_settle_all(queue);
}

static void run_queue_before_waiting(uv_prepare_t *prepare) {
        run_queue_settle_all(prepare->data);
}

// libuv does not wait for input while there is an idle handle: that is all it is for.
static void run_queue_on_idle(uv_idle_t *idle) {
        (void)idle;
}

// --- the line ------------------------------------------------------------------

void run_queue_add(struct run_queue *queue, struct run_queue_entry *entry) {
        entry->has_work = true;
        if (entry->line)
                return;
        entry->line = &queue->fresh;
        TAILQ_INSERT_TAIL(&queue->fresh, entry, in_line);
        uv_idle_start(&queue->no_waiting, run_queue_on_idle);
}

void run_queue_settle(struct run_queue *queue, struct run_queue_entry *entry) {
        if (entry->is_in_round)
                return;
        entry->is_in_round = true;
        TAILQ_INSERT_TAIL(&queue->round, entry, in_round);
}

void run_queue_remove(struct run_queue *queue, struct run_queue_entry *entry) {
        if (entry->is_in_round)
                TAILQ_REMOVE(&queue->round, entry, in_round);
        if (entry->line)
                TAILQ_REMOVE(entry->line, entry, in_line);
        entry->is_in_round = false;
        entry->line = NULL;
        entry->has_work = false;
}

// --- life ----------------------------------------------------------------------

struct run_queue *run_queue_new(struct loop *loop) {
        struct run_queue *queue = xnew(struct run_queue);

        queue->loop = loop;
        TAILQ_INIT(&queue->fresh);
        TAILQ_INIT(&queue->served);
        TAILQ_INIT(&queue->round);
        queue->before_waiting.data = queue;
        queue->after_input.data = queue;
        queue->no_waiting.data = queue;
        uv_prepare_init(loop_uv(loop), &queue->before_waiting);
        uv_check_init(loop_uv(loop), &queue->after_input);
        uv_idle_init(loop_uv(loop), &queue->no_waiting);
        uv_prepare_start(&queue->before_waiting, run_queue_before_waiting);
        uv_check_start(&queue->after_input, run_queue_on_input);
        queue->n_open = 3;
        return queue;
}

static void run_queue_on_closed(uv_handle_t *handle) {
        struct run_queue *queue = handle->data;

        if (--queue->n_open == 0)
                free(queue);
}

void run_queue_close(struct run_queue *queue) {
        uv_close((uv_handle_t *)&queue->before_waiting, run_queue_on_closed);
        uv_close((uv_handle_t *)&queue->after_input, run_queue_on_closed);
        uv_close((uv_handle_t *)&queue->no_waiting, run_queue_on_closed);
}
