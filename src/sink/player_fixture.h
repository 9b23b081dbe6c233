#pragma once
// Player fixture: plays rows into one type of sink and takes its answers, in the place of the
// runner (sink_runner.c), whose functions it has. Included by one test only.
//
// Threads: main thread.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "journal/row.h"
#include "sink/sink_ops.h"
#include "util/mem.h"

// What was answered to a send.
struct player_answer {
        enum sink_outcome outcome;
        size_t n_taken;
        char trouble[1024];  // "" where none was said
};

#define PATIENCE    (60 * NSEC_PER_SEC)
#define RETRY_PAUSE (100 * NSEC_PER_MSEC)
#define QUIET_TURNS 300
#define TURN_US     1000

// Here a sink is what a test plays rows into.
struct sink {
        struct player *player;
};

struct player {
        struct sink sink;
        struct loop *loop;
        struct loop_timer *timer;
        const struct sink_ops *ops;
        void *state;
        struct player_answer answer;
        bool is_sent, is_late;
};

void sink_answer(struct sink *sink, enum sink_outcome outcome, size_t n_taken,
                 const char *trouble, nsec_t retry) {
        struct player *player = sink->player;

        (void)retry;
        assert_true(player->is_sent);  // one answer to each send
        player->is_sent = false;
        player->answer.outcome = outcome;
        player->answer.n_taken = n_taken;
        snprintf(player->answer.trouble, sizeof(player->answer.trouble), "%s",
                 trouble ? trouble : "");
        assert_true(trouble || outcome == SINK_TAKEN);
        loop_stop(player->loop);
}

const char *sink_name(const struct sink *sink) {
        (void)sink;
        return "played";
}

void sink_tell(struct sink *sink, const char *trouble) {
        (void)sink;
        (void)trouble;
}

static inline void player_on_late(void *context) {
        struct player *player = context;

        player->is_late = true;
        loop_stop(player->loop);
}

static inline struct player *player_open_on(struct loop *loop, const struct sink_ops *ops,
                                            const struct sink_config *config) {
        struct player *player = xnew(struct player);
        struct error error = {0};

        player->sink.player = player;
        player->loop = loop;
        player->timer = loop_timer_new(player->loop, player_on_late, player);
        player->ops = ops;
        if (ops->check(config, &error) < 0 ||
            ops->open(&player->state, &player->sink, player->loop, config, &error) < 0)
                fail_msg("%s", error.text);
        return player;
}

// A sink of that type on a loop of its own. The configuration is lent.
static inline struct player *player_open(const struct sink_ops *ops,
                                         const struct sink_config *config) {
        return player_open_on(loop_new(), ops, config);
}

// On a fake clock: player_pass() lets time pass once nothing has come for a while.
static inline struct player *player_open_fake(const struct sink_ops *ops,
                                              const struct sink_config *config) {
        return player_open_on(loop_new_fake(0), ops, config);
}

static inline void player_pass(struct player *player, nsec_t duration) {
        for (int i = 0; i < QUIET_TURNS; i++) {
                loop_turn(player->loop);
                usleep(TURN_US);
        }
        loop_advance(player->loop, duration);
}

static inline bool player_is_waiting(const struct player *player) {
        return player->is_sent;
}

static inline struct player *player_close(struct player *player) {
        player->ops->close(player->state);
        loop_timer_free(player->timer);
        loop_free(player->loop);
        return mem_free(player);
}

static inline struct loop *player_loop(struct player *player) {
        return player->loop;
}

// The two halves of player_send(): what is done between them is done while rows are under way.
static inline void player_begin(struct player *player, const struct row *rows, size_t n) {
        assert_false(player->is_sent);
        player->is_sent = true;
        player->ops->send(player->state, rows, n);
}

static inline struct player_answer player_wait(struct player *player) {
        loop_timer_set(player->timer, PATIENCE);
        if (player->is_sent)
                loop_run(player->loop);
        assert_false(player->is_late);
        assert_false(player->is_sent);
        loop_timer_cancel(player->timer);
        return player->answer;
}

// Hand rows over and wait for the answer, a minute at most.
static inline struct player_answer player_send(struct player *player, const struct row *rows,
                                               size_t n) {
        player_begin(player, rows, n);
        return player_wait(player);
}

// Let the loop run for so long.
static inline void player_pause(struct player *player, nsec_t duration) {
        loop_timer_set(player->timer, duration);
        loop_run(player->loop);
        player->is_late = false;
}

// Hand them over again and again, those not taken yet, until all are. Fails when the answer is
// neither SINK_TAKEN nor SINK_RETRY, or after a minute. Returns how often it was told to retry.
static inline unsigned player_deliver(struct player *player, const struct row *rows, size_t n) {
        nsec_t end = loop_now(player->loop) + PATIENCE;
        size_t most = player->ops->batch_max;
        unsigned n_retries = 0;

        for (size_t done = 0; done < n;) {
                size_t now = n - done < most ? n - done : most;
                struct player_answer answer = player_send(player, rows + done, now);

                done += answer.outcome == SINK_TAKEN ? now : answer.n_taken;
                if (answer.outcome == SINK_TAKEN)
                        continue;
                if (answer.outcome != SINK_RETRY || loop_now(player->loop) > end)
                        fail_msg("%s", answer.trouble);
                n_retries++;
                player_pause(player, RETRY_PAUSE);
        }
        return n_retries;
}
