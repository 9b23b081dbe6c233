#include "util/metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/mem.h"

// Of Prometheus' clients, and the two delays at which the server warns and refuses (5 and 15).
const struct histogram_bounds histogram_seconds = {
        15, {0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60, 120, 300}};

const struct histogram_bounds histogram_turns = {
        15,
        {1e-4, 2.5e-4, 5e-4, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5}};

const struct histogram_bounds histogram_jobs = {9, {1, 2, 4, 8, 12, 16, 24, 32, 64}};

struct metrics {
        char *text;
        size_t n;
        FILE *stream;  // grows the two above
        const char *family;
};

// --- histograms ------------------------------------------------------------------------------

void histogram_observe(struct histogram *histogram, const struct histogram_bounds *bounds,
                       double value) {
        size_t bucket = 0;

        while (bucket < bounds->n && value > bounds->items[bucket])
                bucket++;
        histogram->counts[bucket]++;
        histogram->sum += value;
}

void histogram_add(struct histogram *histogram, const struct histogram *other) {
        for (size_t i = 0; i <= HISTOGRAM_BOUNDS_MAX; i++)
                histogram->counts[i] += other->counts[i];
        histogram->sum += other->sum;
}

uint64_t histogram_count(const struct histogram *histogram) {
        uint64_t count = 0;

        for (size_t i = 0; i <= HISTOGRAM_BOUNDS_MAX; i++)
                count += histogram->counts[i];
        return count;
}

// --- the text --------------------------------------------------------------------------------

struct metrics *metrics_new(void) {
        struct metrics *metrics = xnew(struct metrics);

        metrics->stream = open_memstream(&metrics->text, &metrics->n);
        if (!metrics->stream)
                abort();
        return metrics;
}

void metrics_family(struct metrics *metrics, enum metrics_type type, const char *name,
                    const char *help) {
        static const char *const types[] = {
                [METRICS_COUNTER] = "counter",
                [METRICS_GAUGE] = "gauge",
                [METRICS_HISTOGRAM] = "histogram",
        };

        metrics->family = name;
        fprintf(metrics->stream, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, types[type]);
}

// In a label's value the backslash, the quote and the newline are escaped, nothing else.
static void label_write(struct metrics *metrics, const char *before,
                        const struct metrics_label *label) {
        fprintf(metrics->stream, "%s%s=\"", before, label->name);
        for (const char *byte = label->value; *byte; byte++) {
                if (*byte == '\n')
                        fputs("\\n", metrics->stream);
                else if (*byte == '\\' || *byte == '"')
                        fprintf(metrics->stream, "\\%c", *byte);
                else
                        fputc(*byte, metrics->stream);
        }
        fputc('"', metrics->stream);
}

// The value is finite or plus infinity. `bound` is the histogram's own label "le", or NULL.
static void line_write(struct metrics *metrics, const char *suffix,
                       const struct metrics_label *labels, const char *bound, double value) {
        const char *before = "{";
        char number[32];

        if (isinf(value))
                snprintf(number, sizeof(number), "+Inf");
        else
                snprintf(number, sizeof(number), "%.15g", value);
        fprintf(metrics->stream, "%s%s", metrics->family, suffix);
        for (; labels && labels->name; labels++) {
                label_write(metrics, before, labels);
                before = ",";
        }
        if (bound) {
                label_write(metrics, before, &(struct metrics_label){"le", bound});
                before = ",";
        }
        fprintf(metrics->stream, "%s %s\n", before[0] == ',' ? "}" : "", number);
}

void metrics_value(struct metrics *metrics, const struct metrics_label *labels, double value) {
        line_write(metrics, "", labels, NULL, value);
}

void metrics_single(struct metrics *metrics, enum metrics_type type, const char *name,
                    const char *help, double value) {
        metrics_family(metrics, type, name, help);
        metrics_value(metrics, NULL, value);
}

void metrics_histogram(struct metrics *metrics, const struct metrics_label *labels,
                       const struct histogram_bounds *bounds,
                       const struct histogram *histogram) {
        uint64_t count = 0;
        char bound[32];

        for (size_t i = 0; i <= bounds->n; i++) {
                count += histogram->counts[i];
                if (i < bounds->n)
                        snprintf(bound, sizeof(bound), "%g", bounds->items[i]);
                else
                        snprintf(bound, sizeof(bound), "+Inf");
                line_write(metrics, "_bucket", labels, bound, (double)count);
        }
        line_write(metrics, "_sum", labels, NULL, histogram->sum);
        line_write(metrics, "_count", labels, NULL, (double)count);
}

char *metrics_finish(struct metrics *metrics, size_t *ret_n) {
        char *text;

        if (fclose(metrics->stream) != 0)
                abort();
        text = metrics->text;
        *ret_n = metrics->n;
        free(metrics);
        return text;
}
