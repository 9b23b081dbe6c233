#include "sink/sink.h"

#include <stdlib.h>

#include "journal/journal.h"
#include "sink/sink_ops.h"
#include "sink/sink_runner.h"
#include "util/mem.h"

const char *const sink_health_names[] = {
        [SINK_WELL] = "ok",
        [SINK_WAITING] = "retrying",
        [SINK_STOPPED] = "stopped",
};

struct sinks {
        struct journal *journal;
        struct journal_watcher watcher;
        size_t n;
        struct sink **all;
};

static void sinks_on_row(void *context, const struct row *row) {
        struct sinks *sinks = context;

        // What is not written yet is told of again once it is.
        if (row->cursor.row == 0)
                return;
        for (size_t i = 0; i < sinks->n; i++)
                sink_on_row(sinks->all[i], row);
}

struct sinks *sinks_open_types(const struct sink_ops *const *types, struct loop *loop,
                               struct journal *journal, const struct sink_config *configs,
                               size_t n) {
        struct sinks *sinks = xnew(struct sinks);

        sinks->journal = journal;
        sinks->n = n;
        sinks->all = xcalloc(n, sizeof(struct sink *));
        sinks->watcher = (struct journal_watcher){
                .on_row = sinks_on_row, .on_durable = sinks_on_row, .context = sinks};
        for (size_t i = 0; i < n; i++)
                sinks->all[i] = sink_open(types, loop, journal, &configs[i]);
        journal_watch(journal, &sinks->watcher);
        return sinks;
}

struct sinks *sinks_open(struct loop *loop, struct journal *journal,
                         const struct sink_config *configs, size_t n) {
        return sinks_open_types(sink_types, loop, journal, configs, n);
}

struct sinks *sinks_close(struct sinks *sinks) {
        if (!sinks)
                return NULL;
        journal_unwatch(sinks->journal, &sinks->watcher);
        for (size_t i = 0; i < sinks->n; i++)
                sink_close(sinks->all[i]);
        free(sinks->all);
        return mem_free(sinks);
}

void sinks_on_event(struct sinks *sinks, const struct sink_event *event) {
        for (size_t i = 0; i < sinks->n; i++)
                sink_on_event(sinks->all[i], event);
}

bool sinks_want_partials(const struct sinks *sinks) {
        for (size_t i = 0; i < sinks->n; i++)
                if (sink_wants_partials(sinks->all[i]))
                        return true;
        return false;
}

void sinks_reopen(struct sinks *sinks) {
        for (size_t i = 0; i < sinks->n; i++)
                sink_reopen(sinks->all[i]);
}

size_t sinks_count(const struct sinks *sinks) {
        return sinks->n;
}

void sinks_get(const struct sinks *sinks, size_t i, struct sink_state *ret) {
        sink_get(sinks->all[i], ret);
}
