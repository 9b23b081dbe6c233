#include "api/timeline_bins.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "source/source.h"
#include "util/mem.h"

size_t timeline_bins_count(int64_t from, int64_t to, int64_t step) {
        return (size_t)((to - from - 1) / step + 1);
}

void timeline_bins_init(struct timeline_bins *ret, int64_t from, int64_t to, int64_t step) {
        size_t n = timeline_bins_count(from, to, step);

        *ret = (struct timeline_bins){
                .from = from,
                .to = to,
                .step = step,
                .bins = xcalloc(n, sizeof(*ret->bins)),
                .n = n,
                .out_since = INT64_MAX,
        };
        for (size_t i = 0; i < n; i++) {
                ret->bins[i].start = from + (int64_t)i * step;
                ret->bins[i].end = i + 1 < n ? ret->bins[i].start + step : to;
        }
}

void timeline_bins_deinit(struct timeline_bins *bins) {
        free(bins->bins);
        *bins = (struct timeline_bins){0};
}

// Spread [begin, end) over the bins that it lies in. Several sessions of one name may speak at
// once: a bin has no more than its length.
static void stretch_add(struct timeline_bins *bins, int64_t begin, int64_t end,
                        bool is_outage) {
        begin = begin > bins->from ? begin : bins->from;
        end = end < bins->to ? end : bins->to;
        while (begin < end) {
                struct timeline_bin *bin = &bins->bins[(begin - bins->from) / bins->step];
                int64_t *sum = is_outage ? &bin->outage : &bin->speech;
                int64_t until = end < bin->end ? end : bin->end;

                *sum += until - begin;
                if (*sum > bin->end - bin->start)
                        *sum = bin->end - bin->start;
                begin = until;
        }
}

// A recording that has ended is not missed.
static bool is_outage(const char *state) {
        static const enum source_state outages[] = {SOURCE_CONNECTING, SOURCE_STALLED,
                                                    SOURCE_OFFLINE, SOURCE_FAILED};

        for (size_t i = 0; i < sizeof(outages) / sizeof(outages[0]); i++)
                if (strcmp(state, source_state_name(outages[i])) == 0)
                        return true;
        return false;
}

static void state_add(struct timeline_bins *bins, const struct row *row) {
        if (is_outage(row->state ? row->state : "")) {
                if (bins->out_since == INT64_MAX)
                        bins->out_since = row->start;
                return;
        }
        stretch_add(bins, bins->out_since, row->start, true);
        bins->out_since = INT64_MAX;
}

void timeline_bins_add(struct timeline_bins *bins, const struct row *row) {
        bool is_within = row->start >= bins->from && row->start < bins->to;

        if (row->kind == ROW_SEGMENT)
                stretch_add(bins, row->start, row->end, false);
        else if (row->kind == ROW_STATUS)
                state_add(bins, row);
        else if (row->kind == ROW_ALERT && row->phase == ROW_FIRED && is_within)
                bins->bins[(row->start - bins->from) / bins->step].n_alerts++;
}

void timeline_bins_end(struct timeline_bins *bins, int64_t now) {
        stretch_add(bins, bins->out_since, now, true);
        bins->out_since = INT64_MAX;
}
