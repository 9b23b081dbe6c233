#include "cli/cells.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/columns.h"
#include "util/date.h"
#include "util/line_text.h"
#include "util/mem.h"

#define GAP 2  // blanks between columns

void cells_deinit(struct cells *cells) {
        for (size_t i = 0; i < cells->n; i++)
                for (size_t k = 0; k < CELLS_MAX; k++)
                        free(cells->rows[i][k]);
        free(cells->rows);
        cells->rows = NULL;
        cells->n = 0;
}

void cells_row(struct cells *cells) {
        cells->rows = xrealloc_array(cells->rows, cells->n + 1, sizeof(*cells->rows));
        memset(cells->rows[cells->n++], 0, sizeof(*cells->rows));
}

void cells_put(struct cells *cells, size_t column, char *text) {
        cells->rows[cells->n - 1][column] = text;
}

static size_t cell_width(const struct cells *cells, size_t row, size_t column) {
        const char *text = cells->rows[row][column];

        return text ? columns_of(text, strlen(text)) : 0;
}

static size_t column_width(const struct cells *cells, size_t column) {
        size_t width = 0;

        for (size_t i = 0; i < cells->n; i++)
                if (cell_width(cells, i, column) > width)
                        width = cell_width(cells, i, column);
        return width;
}

void cells_print(const struct cells *cells, int indent) {
        size_t widths[CELLS_MAX];

        for (size_t k = 0; k < cells->n_columns; k++)
                widths[k] = column_width(cells, k);
        for (size_t i = 0; i < cells->n; i++) {
                size_t blanks = (size_t)indent;

                for (size_t k = 0; k < cells->n_columns; k++) {
                        const char *text = cells->rows[i][k];

                        if (text && text[0])
                                printf("%*s%s", (int)blanks, "", text);
                        blanks = (text && text[0] ? 0 : blanks) + widths[k] -
                                 cell_width(cells, i, k) + (widths[k] ? GAP : 0);
                }
                putchar('\n');
        }
}

char *cells_text(const json_t *json, const char *key) {
        const char *text = json_string_value(json_object_get(json, key));

        return line_text_copy(text ? text : "");
}

char *cells_duration(double seconds) {
        uint64_t s = seconds > 0 ? (uint64_t)seconds : 0;

        if (s < 60)
                return xasprintf("%" PRIu64 " s", s);
        if (s < 3600)
                return xasprintf("%" PRIu64 " min", s / 60);
        if (s < 86400)
                return xasprintf("%" PRIu64 " h %" PRIu64 " min", s / 3600, s / 60 % 60);
        return xasprintf("%" PRIu64 " d %" PRIu64 " h", s / 86400, s / 3600 % 24);
}

char *cells_age(const json_t *json, const char *key, int64_t now) {
        const char *text = json_string_value(json_object_get(json, key));
        int64_t then;

        if (!text || !date_read(text, &then))
                return xstrdup("");
        return cells_duration((double)(now - then) / 1000);
}

void cells_json_print(const json_t *json) {
        CLEANUP(mem_freep)
        char *text = json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(15));

        puts(text ? text : "null");
}
