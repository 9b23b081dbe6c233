#include "util/run_queue.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>
#include <uv.h>

#include "util/mem.h"

struct quantum {
        const struct loop *loop;
        nsec_t until;
        size_t left;  // of the cost
};

TAILQ_HEAD(run_queue_line, run_queue_node);

// Who waits to be served: flows by the queue, entries by their flow.
struct run_queue_lines {
        struct run_queue_line fresh;   // had nothing to do lately
        struct run_queue_line served;  // wait for another round, with work or without
};

// Of FQ-CoDel, whose flows are found by a hash as well.
#define FLOWS 1024

struct run_queue_flow {
        struct run_queue_node node;
        struct run_queue_lines lines;
};

TAILQ_HEAD(run_queue_flushes, run_queue_entry);

struct run_queue {
        struct loop *loop;
        uv_prepare_t before_waiting;
        uv_check_t after_input;
        uv_idle_t no_waiting;            // active while somebody is in line
        int n_open;                      // of these handles
        struct run_queue_lines lines;    // of flows
        struct run_queue_flushes round;  // to be flushed at its end
        unsigned n_rounds;
        unsigned n_passes;  // in which each flow is served once
        size_t n_served;    // entries, in this pass
        uint64_t salt;
        struct run_queue_flow flows[FLOWS];
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

// --- lines -----------------------------------------------------------------------

static void lines_init(struct run_queue_lines *lines) {
        TAILQ_INIT(&lines->fresh);
        TAILQ_INIT(&lines->served);
}

static bool lines_are_empty(const struct run_queue_lines *lines) {
        return TAILQ_EMPTY(&lines->fresh) && TAILQ_EMPTY(&lines->served);
}

static void lines_add(struct run_queue_lines *lines, struct run_queue_node *node) {
        node->has_work = true;
        if (node->line)
                return;
        node->line = &lines->fresh;
        TAILQ_INSERT_TAIL(&lines->fresh, node, in_line);
}

static void line_remove(struct run_queue_node *node) {
        if (node->line)
                TAILQ_REMOVE(node->line, node, in_line);
        node->line = NULL;
        node->has_work = false;
}

// The first of those who wait that is still to be served in this round. Who has had nothing to
// do since it was served leaves the line, and is fresh the next time.
static struct run_queue_node *lines_waiting(struct run_queue_lines *lines, unsigned round) {
        struct run_queue_node *first;

        while ((first = TAILQ_FIRST(&lines->served)) && first->round != round) {
                if (first->has_work)
                        return first;
                line_remove(first);
        }
        return NULL;
}

// Whose turn it is in this round, NULL for nobody's; it goes to the end of the line. The fresh
// go first, unless it is about one who has waited.
static struct run_queue_node *lines_take(struct run_queue_lines *lines, unsigned round,
                                         bool has_waited) {
        struct run_queue_node *node = has_waited ? NULL : TAILQ_FIRST(&lines->fresh);

        if (!node)
                node = lines_waiting(lines, round);
        if (!node)
                return NULL;
        line_remove(node);
        node->line = &lines->served;
        node->round = round;
        TAILQ_INSERT_TAIL(&lines->served, node, in_line);
        return node;
}

// --- a round -------------------------------------------------------------------

// Serve an entry of the flow whose turn it is in this pass, on account of the round. False when
// there is none left.
static bool run_queue_serve_one(struct run_queue *queue, bool has_waited,
                                struct quantum *round) {
        struct run_queue_flow *flow =
                (struct run_queue_flow *)lines_take(&queue->lines, queue->n_passes, has_waited);
        struct run_queue_entry *entry;

        if (!flow)
                return false;
        entry = (struct run_queue_entry *)lines_take(&flow->lines, queue->n_rounds, has_waited);
        if (entry) {
                struct quantum quantum = quantum_make(queue->loop, QUANTUM_TIME, QUANTUM_COST);

                entry->serve(entry->context, &quantum);
                quantum_spend(round, QUANTUM_COST - quantum.left);
                queue->n_served++;
        }
        flow->node.has_work = !lines_are_empty(&flow->lines);
        return true;
}

// Pass by pass, until the round is spent or everybody was served; and one more who has waited,
// since those who are fresh may take all of each round.
static void run_queue_serve(struct run_queue *queue) {
        struct quantum round = quantum_make(queue->loop, ROUND_TIME, ROUND_COST);

        queue->n_rounds++;
        do {
                queue->n_passes++;
                queue->n_served = 0;
                while (!quantum_is_spent(&round) && run_queue_serve_one(queue, false, &round))
                        ;
        } while (queue->n_served && !quantum_is_spent(&round));
        queue->n_passes++;
        if (quantum_is_spent(&round))
                run_queue_serve_one(queue, true, &round);
}

static void run_queue_flush_all(struct run_queue *queue) {
        struct run_queue_entry *entry;

        while ((entry = TAILQ_FIRST(&queue->round))) {
                TAILQ_REMOVE(&queue->round, entry, in_round);
                entry->is_in_round = false;
                entry->flush(entry->context);
        }
}

static void run_queue_on_input(uv_check_t *check) {
        struct run_queue *queue = check->data;

        run_queue_serve(queue);
        if (lines_are_empty(&queue->lines))
                uv_idle_stop(&queue->no_waiting);
        run_queue_flush_all(queue);
}

static void run_queue_before_waiting(uv_prepare_t *prepare) {
        run_queue_flush_all(prepare->data);
}

// libuv does not wait for input while there is an idle handle: that is all it is for.
static void run_queue_on_idle(uv_idle_t *idle) {
        (void)idle;
}

// --- the line ------------------------------------------------------------------

// FNV-1a, from a beginning that peers do not know.
unsigned run_queue_flow(const struct run_queue *queue, const void *owner, size_t n) {
        const uint8_t *bytes = owner;
        uint64_t hash = queue->salt;

        for (size_t i = 0; i < n; i++)
                hash = (hash ^ bytes[i]) * 0x100000001b3;
        return (unsigned)((hash ^ hash >> 32) % FLOWS);
}

void run_queue_add(struct run_queue *queue, struct run_queue_entry *entry) {
        struct run_queue_flow *flow = &queue->flows[entry->flow];

        lines_add(&flow->lines, &entry->node);
        lines_add(&queue->lines, &flow->node);
        uv_idle_start(&queue->no_waiting, run_queue_on_idle);
}

void run_queue_want_flush(struct run_queue *queue, struct run_queue_entry *entry) {
        if (entry->is_in_round)
                return;
        entry->is_in_round = true;
        TAILQ_INSERT_TAIL(&queue->round, entry, in_round);
}

void run_queue_remove(struct run_queue *queue, struct run_queue_entry *entry) {
        if (entry->is_in_round)
                TAILQ_REMOVE(&queue->round, entry, in_round);
        entry->is_in_round = false;
        line_remove(&entry->node);
}

// --- life ----------------------------------------------------------------------

static struct run_queue *run_queue_new(struct loop *loop) {
        struct run_queue *queue = xnew(struct run_queue);

        queue->loop = loop;
        TAILQ_INIT(&queue->round);
        lines_init(&queue->lines);
        for (size_t i = 0; i < FLOWS; i++)
                lines_init(&queue->flows[i].lines);
        // Without a random number owners can only be chosen to share a flow.
        if (getrandom(&queue->salt, sizeof(queue->salt), GRND_NONBLOCK) < 0)
                queue->salt = (uint64_t)loop_now(loop);
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

// The handles close in the background, while loop_free() runs libuv's loop to its end.
static void run_queue_close(void *adopted) {
        struct run_queue *queue = adopted;

        uv_close((uv_handle_t *)&queue->before_waiting, run_queue_on_closed);
        uv_close((uv_handle_t *)&queue->after_input, run_queue_on_closed);
        uv_close((uv_handle_t *)&queue->no_waiting, run_queue_on_closed);
}

struct run_queue *run_queue_of(struct loop *loop) {
        if (!loop_adopted(loop))
                loop_adopt(loop, run_queue_new(loop), run_queue_close);
        return loop_adopted(loop);
}
