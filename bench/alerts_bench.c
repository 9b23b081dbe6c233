// alerts_bench TEXT-FILE: what a segment costs with a thousand alerts of ten words each, and
// with ten patterns beside them. The file has a segment on each line.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "alert/alerts.h"
#include "util/mem.h"

#define N_ALERTS 1000
#define ROUNDS   20

static const char *const patterns =
        "gr[ae]y\n\\bfire\\w*\n\\d{3}\n(call|fetch) (a|the) doctor\n"
        "help|aid\n^please\nnow!?$\n\\w+ing\\b\nno[, ]+no\n(.)\\1\\1";

static uint64_t n_rows;

static void on_row(void *context, struct row *row, uint8_t ret_id[ROW_ID_BYTES]) {
        (void)context;
        memset(ret_id, 0, ROW_ID_BYTES);
        n_rows++;
        row_free(row);
}

static char *words_of(size_t i) {
        return xasprintf("alarm%zu\nhelp me %zu\ncall %zu doctors\nthe house %zu\n"
                         "burning%zu\nthere is a fire in room %zu\nknife%zu\n"
                         "somebody is at door %zu\nwater%zu\nthe end of %zu",
                         i, i, i, i, i, i, i, i, i, i);
}

static double seconds_now(void) {
        struct timespec now;

        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
        return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

// Microseconds for each of the texts; -1 when there are no such alerts.
static double texts_time(const struct alert_config *configs, char **texts, size_t n) {
        CLEANUP(alerts_freep) struct alerts *alerts = NULL;
        struct error error;
        double begin;

        if (alerts_new(&alerts, configs, N_ALERTS, on_row, NULL, &error) < 0) {
                fprintf(stderr, "%s\n", error.text);
                return -1;
        }
        begin = seconds_now();
        for (size_t i = 0; i < ROUNDS * n; i++) {
                const struct row row = {.stream = (char[]){"kitchen"},
                                        .text = texts[i % n],
                                        .position = (int64_t)i * 16000,
                                        .start = (int64_t)i * 1000,
                                        .n_samples = 16000};

                alerts_on_segment(alerts, &row);
        }
        return (seconds_now() - begin) / (double)(ROUNDS * n) * 1e6;
}

int main(int argc, char **argv) {
        struct alert_config *configs = xcalloc(N_ALERTS, sizeof(*configs));
        char *texts[1000], *line = NULL, *longest = xcalloc(10001, 1);
        size_t n = 0, size = 0, bytes = 0;
        FILE *file = argc == 2 ? fopen(argv[1], "re") : NULL;

        if (!file) {
                fprintf(stderr, "usage: alerts_bench TEXT-FILE\n");
                return 2;
        }
        for (ssize_t got; n < 1000 && (got = getline(&line, &size, file)) > 0;) {
                bytes += (size_t)got;
                texts[n++] = xstrdup(line);
        }
        if (n == 0 || texts[0][0] == '\0')
                return 2;
        for (size_t i = 0; i < 10000; i++)
                longest[i] = texts[0][i % strlen(texts[0])];
        for (size_t i = 0; i < N_ALERTS; i++)
                configs[i] = (struct alert_config){
                        .name = (char[]){"a"}, .words = words_of(i), .cooldown = 1};
        printf("%zu texts of %zu bytes on average\n", n, bytes / n);
        printf("1000 alerts of 10 words:  %.1f us a segment\n", texts_time(configs, texts, n));
        printf("  one of 10,000 bytes:    %.1f us\n", texts_time(configs, &longest, 1));
        configs[0].patterns = xstrdup(patterns);
        printf("and 10 patterns:          %.1f us a segment\n", texts_time(configs, texts, n));
        configs[0].patterns = xstrdup("(\\w+\\s*)+[:;]$");
        printf("and one that goes astray: %.1f us a segment\n", texts_time(configs, texts, n));
        printf("rows: %llu\n", (unsigned long long)n_rows);
        return 0;
}
