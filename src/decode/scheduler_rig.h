#pragma once
// Scheduler rig: a scheduler on a scripted engine and a fake clock, whose answers are written
// down as letters. Only in tests.
//
// Threads: main thread.

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "decode/engine_scripted.h"
#include "decode/scheduler.h"

#define RIG_ANSWERS_MAX 256
#define RIG_FLOWS_MAX   32

struct scheduler_rig {
        struct loop *loop;
        struct engine_script *script;
        struct scheduler *scheduler;
        char answers[RIG_ANSWERS_MAX];  // one letter per answer, in the order they came
        size_t n_answers;
        int results[RIG_ANSWERS_MAX];
        unsigned beams[RIG_ANSWERS_MAX];
        bool has_lead[RIG_ANSWERS_MAX];
        struct flow *flows[RIG_FLOWS_MAX];  // that the teardown closes
};

// A test with a rig of its own: one engine that takes one job; and two that take four each.
#define SCHEDULER_TEST(function) \
        cmocka_unit_test_setup_teardown(function, scheduler_rig_setup, scheduler_rig_teardown)
#define SCHEDULER_TEST_MANY(function)                                       \
        cmocka_unit_test_setup_teardown(function, scheduler_rig_setup_many, \
                                        scheduler_rig_teardown)

int scheduler_rig_setup(void **state);
int scheduler_rig_setup_many(void **state);
int scheduler_rig_teardown(void **state);

// Set up a rig whose engines take `capacity` jobs each; the engine and its model are filled in.
int scheduler_rig_open(void **state, size_t capacity, struct scheduler_config config);

// A job that is known by the letter, which travels in its prompt. '!' fails, and the filters
// refuse what '~' says.
struct job *rig_job(char letter, bool is_final, double seconds, nsec_t deadline);

// A partial job of two seconds whose answer may become the final one.
struct job *rig_job_speculative(char letter);

// A flow whose answers are written down; one with a listener of its own; and one of an owner's.
// They are closed with the rig, or before.
struct flow *rig_flow(struct scheduler_rig *rig, bool is_bulk);
struct flow *rig_flow_for(struct scheduler_rig *rig, bool is_bulk, flow_listener listener,
                          void *context);
struct flow *rig_flow_of(struct scheduler_rig *rig, const char *owner, flow_listener listener,
                         void *context);
void rig_close_flow(struct scheduler_rig *rig, struct flow *flow);

// Write an answer down: the listener of rig_flow(), whose context is the rig.
void rig_on_answer(void *context, const struct job *job, int result,
                   struct hypothesis *hypothesis);

// Let an answer pass: the listener of a test that counts something else.
void rig_ignore_answer(void *context, const struct job *job, int result,
                       struct hypothesis *hypothesis);

// Hold the engine with a first job 'x' inside, so that what follows has to queue. Returns its
// flow.
struct flow *rig_block(struct scheduler_rig *rig);

// Let everything be answered; or wait until the engines have been given so many jobs.
void rig_wait(struct scheduler_rig *rig);
void rig_wait_submitted(struct scheduler_rig *rig, unsigned n);

// Let an engine that is held hear all that was decided before now.
void rig_wait_told(struct scheduler_rig *rig);

// One turn of the loop, after which the engines may run.
void rig_grant(struct scheduler_rig *rig);
