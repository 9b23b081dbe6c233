#include "load/tsv.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

struct tsv {
        FILE *file;
        char *line;
        size_t capacity;
        size_t n_columns;
        size_t places[TSV_COLUMNS_MAX];  // of the columns asked for, in the lines
        const char *fields[TSV_COLUMNS_MAX];
};

// The next line, cut at its end. False at the end of the file.
static bool line_read(struct tsv *tsv) {
        if (getline(&tsv->line, &tsv->capacity, tsv->file) < 0)
                return false;
        tsv->line[strcspn(tsv->line, "\r\n")] = '\0';
        return true;
}

// Cut the line at its tabs and give its fields to the columns that have their places.
static void line_split(struct tsv *tsv) {
        char *rest = tsv->line, *field;

        for (size_t i = 0; i < tsv->n_columns; i++)
                tsv->fields[i] = "";
        for (size_t place = 0; (field = strsep(&rest, "\t")); place++)
                for (size_t i = 0; i < tsv->n_columns; i++)
                        if (tsv->places[i] == place)
                                tsv->fields[i] = field;
}

static int header_read(struct tsv *tsv, const char *path, const char *const *columns,
                       struct error *error) {
        bool has_line = line_read(tsv);

        for (; columns[tsv->n_columns]; tsv->n_columns++) {
                const char *at = has_line ? tsv->line : NULL, *name = columns[tsv->n_columns];
                size_t place = 0, n = strlen(name);

                while (at && (strncmp(at, name, n) != 0 || (at[n] && at[n] != '\t'))) {
                        at = strchr(at, '\t');
                        at = at ? at + 1 : NULL;
                        place++;
                }
                if (!at)
                        return error_set(error, -EINVAL,
                                         "'%s': no column '%s' in its first line", path, name);
                tsv->places[tsv->n_columns] = place;
        }
        return 0;
}

int tsv_open(struct tsv **ret, const char *path, const char *const *columns,
             struct error *error) {
        CLEANUP(tsv_closep) struct tsv *tsv = xnew(struct tsv);
        int r;

        tsv->file = fopen(path, "re");
        if (!tsv->file)
                return error_set(error, -errno, "cannot read '%s': %s", path,
                                 strerrordesc_np(errno));
        if ((r = header_read(tsv, path, columns, error)) < 0)
                return r;
        *ret = TAKE(tsv);
        return 0;
}

const char *const *tsv_next(struct tsv *tsv) {
        if (!line_read(tsv))
                return NULL;
        line_split(tsv);
        return tsv->fields;
}

struct tsv *tsv_close(struct tsv *tsv) {
        if (!tsv)
                return NULL;
        if (tsv->file)
                (void)fclose(tsv->file);
        free(tsv->line);
        return mem_free(tsv);
}
