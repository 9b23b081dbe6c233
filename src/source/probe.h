#pragma once
// Probe: what is behind an address? It is opened as a stream's source would be, listened to
// for a second, and let go.
//
// Threads: loop thread only.

#include <stdbool.h>

#include "audio/level.h"
#include "media/records.h"
#include "source/source.h"
#include "util/cleanup.h"
#include "util/error.h"
#include "util/loop.h"

struct media_backend;
struct probe;

// So long it takes at most. Of several tracks a child listens to ten seconds before it chooses.
#define PROBE_TIMEOUT (20 * NSEC_PER_SEC)

struct probe_config {
        const char *url;  // lent during the call
        struct media_backend *media;
        enum source_transport transport;  // RTSP only
        const char *track;                // as in source_config; NULL: any
        bool is_untrusted;                // likewise
};

enum probe_answer { PROBE_UNKNOWN, PROBE_NO, PROBE_YES };

// What was found out. Lent during the call that tells it.
struct probe_report {
        enum media_fault fault;  // MEDIA_FAULT_NONE: sound was heard
        const char *reason;      // why there was none, without secrets; "" where there was
        enum probe_answer is_reachable, is_admitted;  // somebody is there, and lets us in
        // What it is, as far as the program that reads it tells: NULL: that is not known.
        const struct media_opened *opened;
        double seconds;              // of sound that were heard
        struct level_reading level;  // of it; NAN: none was
};

// Begin. on_done(context, report) is called once, not from inside this call, unless the probe
// is closed before; it may close it. -EINVAL: the URL is none. -EPERM, -EAGAIN and others as
// opening a source's run: it cannot be read here, or not now.
int probe_open(struct probe **ret, struct loop *loop, const struct probe_config *config,
               void (*on_done)(void *context, const struct probe_report *report), void *context,
               struct error *error);

// NULL is fine. Returns NULL.
struct probe *probe_close(struct probe *probe);

// What a fault is called: "no_audio"; MEDIA_FAULT_NONE is "none".
const char *probe_fault_name(enum media_fault fault);

DEFINE_CLEANUP(struct probe *, probe_close);
