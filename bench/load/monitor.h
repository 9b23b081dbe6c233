#pragma once
// Monitor: what a server takes of the machine while it is measured: CPU time and memory, by its
// process id (children included), or as it tells itself at /metrics when it is one of ours.
//
// Threads: loop thread only.

#include <math.h>

#include "util/cleanup.h"
#include "util/error.h"
#include "util/loop.h"

struct monitor;

struct monitor_figures {
        double seconds;      // between the two samples that the CPU time is of
        double cpu_seconds;  // within them
        double idle_bytes;   // resident memory at the first sample
        double peak_bytes;   // at most, of all samples; NAN: nothing could be had
        const char *by;      // "pid", "metrics" or NULL: not known
};

// Begin to sample once a second. `pid` 0: ask http://HOST:PORT/metrics of the URL's host (a
// server that has none is left alone). -ESRCH when there is no such process here.
int monitor_open(struct monitor **ret, struct loop *loop, const char *url, int pid,
                 struct error *error);
struct monitor *monitor_close(struct monitor *monitor);

// The span of time that CPU is counted over begins, and ends, at the next sample.
void monitor_begin(struct monitor *monitor);
void monitor_end(struct monitor *monitor);

// "ws://HOST:PORT/PATH?QUERY" to "http://HOST:PORT/metrics"; the caller frees it.
char *monitor_metrics_url(const char *url);

struct monitor_figures monitor_figures(const struct monitor *monitor);

DEFINE_CLEANUP(struct monitor *, monitor_close);
