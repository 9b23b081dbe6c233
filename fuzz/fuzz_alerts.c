// Alerts: words, patterns and texts, in parts that a form feed ends. What is found lies within
// what was said, and alerts that are given the same again say the same.

#include <stdlib.h>
#include <string.h>

#include "alert/alerts.h"
#include "fuzz.h"
#include "util/log.h"
#include "util/mem.h"

struct heard {
        size_t n_rows;
        uint64_t hash;  // of what was found
};

static void on_row(void *context, struct row *row, uint8_t ret_id[ROW_ID_BYTES]) {
        struct heard *heard = context;

        if (!row->found || !*row->found || !row->text || row->n_samples < 0)
                abort();
        if (row->phase != ROW_WITHDRAWN && strlen(row->found) > strlen(row->text))
                abort();
        for (const char *at = row->found; *at; at++)
                heard->hash = (heard->hash ^ (uint8_t)*at) * 1099511628211ULL;
        heard->n_rows++;
        memset(ret_id, (int)heard->n_rows, ROW_ID_BYTES);
        row_free(row);
}

// Segments one after the other, each said as a tail before.
static struct heard texts_hear(const struct alert_config *configs, char *texts) {
        struct heard heard = {0};
        CLEANUP(alerts_freep) struct alerts *alerts = NULL;
        int64_t position = 0;

        if (alerts_new(&alerts, configs, 2, on_row, &heard, NULL) < 0)
                return heard;
        for (char *text; (text = strsep(&texts, "\f"));) {
                struct row row = {.stream = (char[]){"s"},
                                  .text = text,
                                  .position = position,
                                  .start = position / 16,
                                  .n_samples = 16000};

                alerts_on_stable(alerts, &row);
                row.text = *text ? text + 1 : text;
                alerts_on_segment(alerts, &row);
                position += 16000 + (*text == '!' ? 40000 : 0);
        }
        alerts_on_break(alerts, "s");
        return heard;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
        CLEANUP(mem_freep) char *input = xcalloc(n + 1, 1);
        CLEANUP(mem_freep) char *again = NULL;
        char *rest = memcpy(input, bytes, n);
        struct alert_config configs[2] = {
                {.name = (char[]){"final"}, .words = strsep(&rest, "\f")},
                {.name = (char[]){"stable"}, .when = ALERT_STABLE}};
        struct heard first, second;
        const char *key;

        log_configure(LOG_ERROR, LOG_TEXT);
        configs[0].patterns = configs[1].patterns = strsep(&rest, "\f");
        configs[1].words = configs[0].words;
        (void)alert_check(&configs[0], &key, NULL);
        if (!rest)
                return 0;
        again = xstrdup(rest);
        first = texts_hear(configs, rest);
        second = texts_hear(configs, again);
        if (first.n_rows != second.n_rows || first.hash != second.hash)
                abort();
        return 0;
}
