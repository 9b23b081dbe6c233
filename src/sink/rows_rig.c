#include "sink/rows_rig.h"

#include "util/mem.h"

#define SAMPLES_A_ROW 32000
#define BEGIN_MS      1764500000123

struct row *rig_rows_make(const char *stream, const char *prefix, size_t n) {
        static struct row_ids ids;
        static int64_t n_ever;
        struct row *rows = xcalloc(n, sizeof(*rows));

        for (size_t i = 0; i < n; i++, n_ever++) {
                struct row *row = &rows[i];

                row_id_make(&ids, BEGIN_MS + n_ever, row->id);
                row->cursor = (struct row_cursor){.epoch = 0xe1, .row = n_ever + 1};
                row->kind = ROW_SEGMENT;
                row->is_durable = true;
                row->stream = xstrdup(stream);
                row->start = BEGIN_MS + 2000 * n_ever;
                row->end = row->start + 2000;
                row->position = SAMPLES_A_ROW * n_ever;
                row->n_samples = SAMPLES_A_ROW;
                row->language = xstrdup("en");
                row->text = xasprintf("%s %zu", prefix, i);
                row->model = xstrdup("base");
                row->confidence = 0.75F;
                row->n_words = 1;
                row->words = xcalloc(1, sizeof(*row->words));
                row->words[0] = (struct row_word){.text = xstrdup(row->text),
                                                  .begin = row->position,
                                                  .end = row->position + SAMPLES_A_ROW,
                                                  .probability = 0.9F};
        }
        return rows;
}

struct row *rig_rows_free(struct row *rows, size_t n) {
        for (size_t i = 0; i < n; i++)
                row_deinit(&rows[i]);
        return mem_free(rows);
}
