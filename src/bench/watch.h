#pragma once
// Watch: what a server takes of the machine while it is measured: CPU time and memory, by its
// process id (children included), or as it tells itself at /metrics when it is one of ours.
//
// Threads: loop thread only.

#include <math.h>

#include "util/cleanup.h"
#include "util/error.h"
#include "util/loop.h"

struct watch;

struct watch_figures {
        double seconds;      // between the two samples that the CPU time is of
        double cpu_seconds;  // within them
        double idle_bytes;   // resident memory at the first sample
        double peak_bytes;   // at most, of all samples; NAN: nothing could be had
        const char *by;      // "pid", "metrics" or NULL: not known
};

// Begin to sample once a second. `pid` 0: ask http://HOST:PORT/metrics of the URL's host (a
// server that has none is left alone). -ESRCH when there is no such process here.
int watch_open(struct watch **ret, struct loop *loop, const char *url, int pid,
               struct error *error);
struct watch *watch_close(struct watch *watch);

// The span of time that CPU is counted over begins, and ends, at the next sample.
void watch_begin(struct watch *watch);
void watch_end(struct watch *watch);

// "ws://HOST:PORT/PATH?QUERY" to "http://HOST:PORT/metrics"; the caller frees it.
char *watch_metrics_url(const char *url);

struct watch_figures watch_figures(const struct watch *watch);

DEFINE_CLEANUP(struct watch *, watch_close);
