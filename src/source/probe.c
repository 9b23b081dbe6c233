#include "source/probe.h"

#include <stdio.h>
#include <stdlib.h>

#include "source/media_run.h"
#include "source/source_url.h"
#include "util/mem.h"

#define PROBE_SAMPLES ((size_t)AUDIO_RATE)  // that are listened to
#define REASON_MAX    400

struct probe {
        struct media_run *run;
        struct loop_timer *timeout;
        void (*on_done)(void *context, const struct probe_report *report);
        void *context;
        struct level level;
        size_t n_samples;
        struct media_opened *opened;  // NULL: not yet
};

const char *probe_fault_name(enum media_fault fault) {
        return media_records_fault(fault);
}

// Whether that fault can come only of somebody who is there.
static enum probe_answer reachable_by(enum media_fault fault) {
        switch (fault) {
        case MEDIA_FAULT_NAME:
        case MEDIA_FAULT_REFUSED:
        case MEDIA_FAULT_UNREACHABLE:
        case MEDIA_FAULT_TIMEOUT:
                return PROBE_NO;
        case MEDIA_FAULT_NONE:
        case MEDIA_FAULT_CREDENTIALS:
        case MEDIA_FAULT_NOT_FOUND:
        case MEDIA_FAULT_NO_AUDIO:
        case MEDIA_FAULT_NOT_MEDIA:
        case MEDIA_FAULT_DAMAGED:
        case MEDIA_FAULT_FORMAT:
        case MEDIA_FAULT_INDEX_LAST:
                return PROBE_YES;
        case MEDIA_FAULT_PROTOCOL:
        case MEDIA_FAULT_ADDRESS:
        case MEDIA_FAULT_LIMIT:
        case MEDIA_FAULT_OTHER:
                break;
        }
        return PROBE_UNKNOWN;
}

// A path that is not there may be asked for before a password is.
static enum probe_answer admitted_by(enum media_fault fault) {
        if (fault == MEDIA_FAULT_CREDENTIALS)
                return PROBE_NO;
        if (fault == MEDIA_FAULT_NOT_FOUND)
                return PROBE_UNKNOWN;
        return reachable_by(fault) == PROBE_YES ? PROBE_YES : PROBE_UNKNOWN;
}

static void probe_done(struct probe *probe, enum media_fault fault, const char *reason) {
        const struct probe_report report = {
                .fault = fault,
                .reason = reason,
                .is_reachable = probe->opened ? PROBE_YES : reachable_by(fault),
                .is_admitted = probe->opened ? PROBE_YES : admitted_by(fault),
                .opened = probe->opened,
                .seconds = (double)probe->n_samples / AUDIO_RATE,
                .level = level_read(&probe->level),
        };

        loop_timer_cancel(probe->timeout);
        probe->on_done(probe->context, &report);
}

static void probe_on_timeout(void *context) {
        struct probe *probe = context;
        char reason[REASON_MAX];

        probe->run = media_run_close(probe->run);
        snprintf(reason, sizeof(reason), "no sound within %d s",
                 (int)(PROBE_TIMEOUT / NSEC_PER_SEC));
        probe_done(probe, MEDIA_FAULT_TIMEOUT, reason);
}

static void probe_on_opened(void *context, const struct media_opened *opened) {
        struct probe *probe = context;

        probe->opened = xnew(struct media_opened);
        *probe->opened = *opened;
}

static void probe_on_samples(void *context, const float *samples, size_t n) {
        struct probe *probe = context;

        level_feed(&probe->level, samples, n);
        probe->n_samples += n;
        if (probe->n_samples < PROBE_SAMPLES)
                return;
        probe->run = media_run_close(probe->run);
        probe_done(probe, MEDIA_FAULT_NONE, "");
}

// Before a second was heard: a short recording, or there was none.
static void probe_on_end(void *context, const struct media_end *end) {
        struct probe *probe = context;

        if (probe->n_samples > 0)
                probe_done(probe, MEDIA_FAULT_NONE, "");
        else if (end->fault == MEDIA_FAULT_NONE)
                probe_done(probe, MEDIA_FAULT_NO_AUDIO, "no sound in it");
        else
                probe_done(probe, end->fault, end->text);
}

int probe_open(struct probe **ret, struct loop *loop, const struct probe_config *config,
               void (*on_done)(void *context, const struct probe_report *report), void *context,
               struct error *error) {
        CLEANUP(probe_closep) struct probe *probe = NULL;
        const char *path = source_url_file(config->url);
        const struct media_run_config run = {
                .kind = path ? MEDIA_RUN_FILE : MEDIA_RUN_NETWORK,
                .url = config->url,
                .path = path,
                .transport = config->transport,
                .is_untrusted = config->is_untrusted,
                .track = config->track,
        };
        struct media_run_listener listener = {
                .on_opened = probe_on_opened,
                .on_samples = probe_on_samples,
                .on_end = probe_on_end,
        };
        int code = config->is_untrusted ? source_url_check_untrusted(config->url, error)
                                        : source_url_check(config->url, error);

        if (code < 0)
                return code;
        probe = xnew(struct probe);
        probe->on_done = on_done;
        probe->context = context;
        listener.context = probe;
        code = media_run_open(&probe->run, config->media, &run, &listener, error);
        if (code < 0)
                return code;
        probe->timeout = loop_timer_new(loop, probe_on_timeout, probe);
        loop_timer_set(probe->timeout, PROBE_TIMEOUT);
        *ret = TAKE(probe);
        return 0;
}

struct probe *probe_close(struct probe *probe) {
        if (!probe)
                return NULL;
        media_run_close(probe->run);
        loop_timer_free(probe->timeout);
        free(probe->opened);
        return mem_free(probe);
}
