#include "alert/alerts_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "audio/pcm.h"

static void on_row(void *context, struct row *row, uint8_t ret_id[ROW_ID_BYTES]) {
        struct alerts_rig *rig = context;

        assert_true(rig->n_rows < sizeof(rig->rows) / sizeof(rig->rows[0]));
        assert_int_equal(row->kind, ROW_ALERT);
        row->id[ROW_ID_BYTES - 1] = ++rig->next_id;
        memcpy(ret_id, row->id, sizeof(row->id));
        rig->rows[rig->n_rows++] = row;
}

void alerts_rig_start(struct alerts_rig *rig) {
        struct error error = {0};

        if (!rig->stream)
                rig->stream = "kitchen";
        if (alerts_new(&rig->alerts, rig->configs, rig->n, on_row, rig, &error) < 0)
                fail_msg("%s", error.text);
}

void alerts_rig_open(struct alerts_rig *rig, const char *words, const char *patterns) {
        *rig = (struct alerts_rig){.n = 1};
        // Configurations have texts of their own, which alerts do not write to.
        rig->configs[0] = (struct alert_config){
                .name = (char *)(uintptr_t) "help",
                .words = (char *)(uintptr_t)words,
                .patterns = (char *)(uintptr_t)patterns,
        };
        alerts_rig_start(rig);
}

void alerts_rig_close(struct alerts_rig *rig) {
        rig->alerts = alerts_free(rig->alerts);
        for (size_t i = 0; i < rig->n_rows; i++)
                row_free(rig->rows[i]);
        rig->n_rows = 0;
}

static struct row row_of(const struct alerts_rig *rig, double begin, double end,
                         const char *text) {
        return (struct row){
                .kind = ROW_SEGMENT,
                .stream = (char *)(uintptr_t)rig->stream,
                .session = (char *)(uintptr_t)rig->session,
                .language = (char *)(uintptr_t)rig->language,
                .generation = rig->generation,
                .start = RIG_WALL + (int64_t)(begin * 1000),
                .end = RIG_WALL + (int64_t)(end * 1000),
                .position = (int64_t)(begin * AUDIO_RATE),
                .n_samples = (int64_t)((end - begin) * AUDIO_RATE),
                .text = (char *)(uintptr_t)text,
                .confidence = 0.5F,
        };
}

uint8_t alerts_rig_final(struct alerts_rig *rig, double begin, double end, const char *text) {
        struct row row = row_of(rig, begin, end, text);

        row.id[ROW_ID_BYTES - 1] = ++rig->next_id;
        alerts_on_segment(rig->alerts, &row);
        return row.id[ROW_ID_BYTES - 1];
}

void alerts_rig_tail(struct alerts_rig *rig, double begin, double end, const char *text) {
        const struct row row = row_of(rig, begin, end, text);

        alerts_on_stable(rig->alerts, &row);
}

size_t alerts_rig_came(struct alerts_rig *rig) {
        size_t n = rig->n_rows - rig->n_seen;

        rig->n_seen = rig->n_rows;
        return n;
}

const struct row *alerts_rig_row(const struct alerts_rig *rig, int i) {
        int at = (int)rig->n_rows + i;

        assert_true(i < 0 && at >= 0);
        return rig->rows[at];
}
