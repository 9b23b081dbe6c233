#pragma once
// Run queue: work whose size others decide, done a bit at a time.
//
// Each round of the loop takes in what has arrived, then serves the queue for a few
// milliseconds, then sends what was gathered, and looks for input again, however much work is
// left. Whoever was served goes to the end of the line, and who had nothing to do for a while
// is served before those who always have (as the flow queues of FQ-CoDel, RFC 8290): a talker
// need not wait for a flood.
//
// Entries of one owner share a flow. The flows are served in turn, and in each flow its
// entries: three hundred connections of one address have no more of a round than one of another
// has, if that wants as much.
//
// Threads: loop thread only.
// Memory:  an entry lies within its owner, who removes it before it is freed.

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "util/loop.h"

// What an entry may do in one round: so long, and so much. A step that was begun is finished,
// so that steps should be small against it.
#define QUANTUM_TIME (2 * NSEC_PER_MSEC)
#define QUANTUM_COST ((size_t)64 * 1024)

// And all of them together. One that has waited is served in any case.
#define ROUND_TIME (4 * NSEC_PER_MSEC)
#define ROUND_COST (8 * QUANTUM_COST)

struct run_queue;
struct quantum;

// Say that work was done: as many bytes as were looked at or made, or what is as dear.
void quantum_spend(struct quantum *quantum, size_t cost);

// Whether it is another's turn.
bool quantum_is_spent(const struct quantum *quantum);

// A place in a line. The queue's own.
struct run_queue_node {
        TAILQ_ENTRY(run_queue_node) in_line;
        struct run_queue_line *line;  // NULL: in none
        bool has_work;
        unsigned round;  // in which it was last served
};

struct run_queue_entry {
        struct run_queue_node node;
        // Do work until it is done or the quantum is spent; then run_queue_add() again.
        void (*serve)(void *context, struct quantum *quantum);
        // The round ends: send what was gathered in it. May be NULL where
        // run_queue_want_flush() is not called.
        void (*flush)(void *context);
        void *context;
        unsigned flow;  // as run_queue_flow() gives it; 0 is a flow, too

        // The queue's own.
        TAILQ_ENTRY(run_queue_entry) in_round;
        bool is_in_round;
};

// The loop's run queue: who has work that is done a bit in each round. It is made when it is
// first asked for, and goes with the loop.
struct run_queue *run_queue_of(struct loop *loop);

// The flow of an owner, whom `n` bytes name: the same for the same bytes while the queue lives.
// There are 1024 flows, so that two owners share one now and then; which do cannot be foreseen.
unsigned run_queue_flow(const struct run_queue *queue, const void *owner, size_t n);

// The entry has work. Where it stands in line already, there it stays.
void run_queue_add(struct run_queue *queue, struct run_queue_entry *entry);

// Call the entry's flush() once at the round's end, which is before the loop waits.
void run_queue_want_flush(struct run_queue *queue, struct run_queue_entry *entry);

// Forget the entry.
void run_queue_remove(struct run_queue *queue, struct run_queue_entry *entry);
