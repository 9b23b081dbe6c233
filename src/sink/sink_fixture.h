#pragma once
// Sink fixture: two scripted sinks, "house" and "other", on a journal in memory and a fake
// clock.
//
// Threads: the test's.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "sink/journal_fixture.h"
#include "sink/sink_scripted_rig.h"

struct bench {
        struct loop *loop;
        struct journal *journal;
        struct sinks *sinks;
        struct sink_config configs[2];
        struct sink_script script, other;
};

static inline int setup(void **state) {
        struct bench *bench = xnew(struct bench);

        bench->loop = loop_new_fake(1700000000 * NSEC_PER_SEC);
        journal_open(&bench->journal, bench->loop, NULL, NULL);
        bench->configs[0].name = xstrdup("house");
        bench->configs[1].name = xstrdup("other");
        bench->script.name = "house";
        bench->other.name = "other";
        sink_script_add(&bench->script);
        sink_script_add(&bench->other);
        *state = bench;
        return 0;
}

static inline int teardown(void **state) {
        struct bench *bench = *state;

        sinks_close(bench->sinks);
        sink_script_remove(&bench->other);
        sink_script_remove(&bench->script);
        journal_close(bench->journal);
        loop_free(bench->loop);
        free(bench->configs[0].name);
        free(bench->configs[1].name);
        free(bench);
        return 0;
}

static inline void bench_open(struct bench *bench, size_t n) {
        bench->sinks = sinks_open_types(sink_scripted_types, bench->loop, bench->journal,
                                        bench->configs, n);
        loop_turn(bench->loop);
}

static inline struct row *row_make(const char *text) {
        struct row *row = xnew(struct row);

        row->stream = xstrdup("garage");
        row->language = xstrdup("en");
        row->text = xstrdup(text);
        row->end = 1700000000000;
        return row;
}

static inline void bench_say(struct bench *bench, const char *text) {
        journal_append(bench->journal, row_make(text), NULL, NULL);
}

// A round for what was read, another for what is read then, and so on.
static inline void bench_turn(struct bench *bench) {
        for (int i = 0; i < 8; i++)
                loop_turn(bench->loop);
}

static inline struct sink_state bench_state(const struct bench *bench) {
        struct sink_state state;

        sinks_get(bench->sinks, 0, &state);
        return state;
}

static inline void append_kind(struct bench *bench, enum row_kind kind, const char *stream) {
        struct row *row = xnew(struct row);

        row->kind = kind;
        row->stream = xstrdup(stream);
        journal_append(bench->journal, row, NULL, NULL);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
