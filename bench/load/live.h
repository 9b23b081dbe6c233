#pragma once
// Live: one measurement: N talkers at once against a WhisperLive server.
//
// Threads: main thread; live_run() runs the loop.

#include <stdbool.h>
#include <stdio.h>

#include "load/corpus.h"
#include "load/levels.h"
#include "load/monitor.h"
#include "load/score.h"
#include "util/error.h"
#include "util/loop.h"

#define LIVE_CLIENTS_MAX 4096

struct live_progress {
        size_t n_clients;
        size_t n_talking;  // connected, their schedule not yet spoken
        size_t n_over;
        double seconds;  // since the first began
        size_t n_words;  // final ones, of all
};

struct live_config {
        const char *url;       // ws://HOST:PORT
        const char *language;  // NULL: the server detects it
        const char *model;
        size_t n_clients;       // 1 to LIVE_CLIENTS_MAX
        double seconds;         // how long each talks, about
        double pause_seconds;   // between utterances
        double end_pause;       // of the server, in seconds: score.h
        double ramp_seconds;    // the clients come one after the other within this time
        double settle_seconds;  // without news before a client says END_OF_AUDIO
        double drain_seconds;   // that the server may take for its goodbye then
        int pid;                // the server's; 0: see monitor.h
        FILE *transcripts;      // see score_add(); NULL none
        void (*on_progress)(void *context, const struct live_progress *progress);
        void *context;
};

struct live_result {
        size_t n_clients;
        size_t n_refused;
        size_t n_broken;
        struct error trouble;  // of the first client that was refused or broke; code 0: none
        struct score score;    // of the clients that could speak
        double talk_seconds;   // sound sent until the schedules' ends, over all clients
        size_t n_messages;
        double lateness;  // the latest frame, seconds
        double own_cpu;   // of this process, in cores
        struct monitor_figures server;
        struct level_figures levels;
        bool was_interrupted;  // by SIGINT or SIGTERM: there are no figures
};

// Measure. Clients that cannot connect or are refused are counted in the result, which is the
// caller's, who gives it to live_result_deinit(). -ESRCH when there is no process `pid`.
int live_run(struct live_result *ret, struct loop *loop, const struct corpus *corpus,
             const struct live_config *config, struct error *error);
void live_result_deinit(struct live_result *result);
