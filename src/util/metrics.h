#pragma once
// Metrics: figures for Prometheus, in its text format 0.0.4. Whoever does a thing counts it in
// plain numbers of its own; whoever is asked for all of them writes them out here.
//
//         metrics_family(metrics, METRICS_COUNTER, "eavesdrop_jobs_total", "Jobs decoded.");
//         metrics_value(metrics, METRICS_LABELS({"kind", "final"}), 5);
//
// Threads: any; a histogram and a struct metrics belong to their owners.

#include <stddef.h>
#include <stdint.h>

// --- histograms ------------------------------------------------------------------------------

#define HISTOGRAM_BOUNDS_MAX 16

// Upper bounds of the buckets, each inclusive, ascending; above the last there is one more.
struct histogram_bounds {
        size_t n;
        double items[HISTOGRAM_BOUNDS_MAX];
};

extern const struct histogram_bounds histogram_seconds;  // 10 ms to 5 minutes
extern const struct histogram_bounds histogram_turns;    // 0.1 ms to 5 s
extern const struct histogram_bounds histogram_jobs;     // 1 to 64 of something

// Plain data: zeroed is empty.
struct histogram {
        uint64_t counts[HISTOGRAM_BOUNDS_MAX + 1];  // of each bucket alone
        double sum;                                 // of what was observed
};

void histogram_observe(struct histogram *histogram, const struct histogram_bounds *bounds,
                       double value);

// Add what another one with the same bounds has.
void histogram_add(struct histogram *histogram, const struct histogram *other);

uint64_t histogram_count(const struct histogram *histogram);

// --- the text --------------------------------------------------------------------------------

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct metrics;

enum metrics_type { METRICS_COUNTER, METRICS_GAUGE, METRICS_HISTOGRAM };

// The value may be any UTF-8 text; it is escaped.
struct metrics_label {
        const char *name;
        const char *value;
};

// Labels for one line: METRICS_LABELS({"kind", "final"}, {"observer", "log"}). NULL for none.
#define METRICS_LABELS(...) ((const struct metrics_label[]){__VA_ARGS__, {0}})

struct metrics *metrics_new(void);

// Begin a family: its lines follow. `help` is one line.
void metrics_family(struct metrics *metrics, enum metrics_type type, const char *name,
                    const char *help);

// One line of the family: a counter's or a gauge's value, finite or plus infinity.
void metrics_value(struct metrics *metrics, const struct metrics_label *labels, double value);

// A family of one line without labels.
void metrics_single(struct metrics *metrics, enum metrics_type type, const char *name,
                    const char *help, double value);

// All lines of one histogram.
void metrics_histogram(struct metrics *metrics, const struct metrics_label *labels,
                       const struct histogram_bounds *bounds,
                       const struct histogram *histogram);

// The text, which the caller frees; its length in *ret_n. Frees `metrics`.
char *metrics_finish(struct metrics *metrics, size_t *ret_n);
