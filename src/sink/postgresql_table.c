#include "sink/postgresql_table.h"

#include <errno.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

#define IDENTIFIER_MAX 63  // bytes: the server cuts longer ones, without a word

struct table_column {
        const char *name, *type, *constraint;
};

static const struct table_column fields[] = {
        {"id", "uuid", " primary key"},
        {"kind", "text", " not null"},
        {"cursor", "text", ""},
        {"stream", "text", ""},
        {"session", "text", ""},
        {"dialect", "text", ""},
        {"channel", "text", ""},
        {"principal", "text", ""},
        {"generation", "bigint", ""},
        {"start", "timestamptz", ""},
        {"end", "timestamptz", ""},
        {"position", "double precision", ""},
        {"duration", "double precision", ""},
        {"language", "text", ""},
        {"text", "text", ""},
        {"words", "jsonb", ""},
        {"confidence", "real", ""},
        {"model", "text", ""},
        {"state", "text", ""},
        {"reason", "text", ""},
        {"alert", "text", ""},
        {"found", "text", ""},
        {"phase", "text", ""},
        {"segment", "uuid", ""},
        {"firing", "uuid", ""},
};
#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))

const char postgresql_table_look[] =
        "select attname, attnotnull and not atthasdef and attidentity = '' from pg_attribute "
        "where attrelid = to_regclass($1) and attnum > 0 and not attisdropped order by attnum";

// --- its name --------------------------------------------------------------------------

// As an identifier, which may then hold anything.
static void identifier_write(FILE *file, const char *text, size_t n) {
        fputc('"', file);
        for (size_t i = 0; i < n; i++) {
                if (text[i] == '"')
                        fputc('"', file);
                fputc(text[i], file);
        }
        fputc('"', file);
}

static bool is_identifier(size_t n) {
        return n > 0 && n <= IDENTIFIER_MAX;
}

static FILE *memory_open(char **ret, size_t *ret_n) {
        FILE *file = open_memstream(ret, ret_n);

        if (!file)
                abort();  // out of memory
        return file;
}

static void memory_close(FILE *file) {
        if (fclose(file) != 0)
                abort();  // out of memory
}

static int name_read(char **ret, const char *name, struct error *error) {
        const char *dot = strchr(name, '.');
        const char *last = dot ? dot + 1 : name;
        FILE *file;
        size_t n;

        if ((dot && !is_identifier((size_t)(dot - name))) || !is_identifier(strlen(last)) ||
            strchr(last, '.'))
                return error_set(error, -EINVAL,
                                 "table: \"%s\" is neither a table's name nor "
                                 "\"schema.table\", of at most %d bytes each",
                                 name, IDENTIFIER_MAX);
        file = memory_open(ret, &n);
        if (dot) {
                identifier_write(file, name, (size_t)(dot - name));
                fputc('.', file);
        }
        identifier_write(file, last, strlen(last));
        memory_close(file);
        return 0;
}

// --- its statements --------------------------------------------------------------------

static char *create_make(const char *table) {
        char *text;
        size_t n;
        FILE *file = memory_open(&text, &n);

        fprintf(file, "create table %s (", table);
        for (size_t i = 0; i < N_FIELDS; i++)
                fprintf(file, "%s\"%s\" %s%s", i > 0 ? ", " : "", fields[i].name,
                        fields[i].type, fields[i].constraint);
        fputc(')', file);
        memory_close(file);
        return text;
}

static char *insert_make(const char *table) {
        char *text;
        size_t n;
        FILE *file = memory_open(&text, &n);

        fprintf(file, "insert into %s (", table);
        for (size_t i = 0; i < N_FIELDS; i++)
                fprintf(file, "%s\"%s\"", i > 0 ? ", " : "", fields[i].name);
        fputs(") select ", file);
        for (size_t i = 0; i < N_FIELDS; i++)
                fprintf(file, "%s\"%s\"", i > 0 ? ", " : "", fields[i].name);
        fputs(" from jsonb_to_record($1::jsonb) as r (", file);
        for (size_t i = 0; i < N_FIELDS; i++)
                fprintf(file, "%s\"%s\" %s", i > 0 ? ", " : "", fields[i].name, fields[i].type);
        fputs(") on conflict (\"id\") do update set ", file);
        for (size_t i = 1; i < N_FIELDS; i++)
                fprintf(file, "%s\"%s\" = excluded.\"%s\"", i > 1 ? ", " : "", fields[i].name,
                        fields[i].name);
        memory_close(file);
        return text;
}

int postgresql_table_init(struct postgresql_table *ret, const char *name, struct error *error) {
        int r = name_read(&ret->name, name ? name : POSTGRESQL_TABLE_DEFAULT, error);

        if (r < 0)
                return r;
        ret->create = create_make(ret->name);
        ret->create_index = xasprintf("create index on %s (\"stream\", \"start\")", ret->name);
        ret->insert = insert_make(ret->name);
        return 0;
}

void postgresql_table_deinit(struct postgresql_table *table) {
        free(table->name);
        free(table->create);
        free(table->create_index);
        free(table->insert);
        *table = (struct postgresql_table){0};
}

// --- a table that is there -------------------------------------------------------------

static bool has_column(const PGresult *found, const char *name) {
        for (int i = 0; i < PQntuples(found); i++)
                if (strcmp(PQgetvalue(found, i, 0), name) == 0)
                        return true;
        return false;
}

static bool is_ours(const char *name) {
        for (size_t i = 0; i < N_FIELDS; i++)
                if (strcmp(fields[i].name, name) == 0)
                        return true;
        return false;
}

char *postgresql_table_compare(const struct postgresql_table *table, const PGresult *columns) {
        unsigned n_missing = 0;
        char *text;
        size_t n;
        FILE *file = memory_open(&text, &n);

        fprintf(file, "the table %s has other columns than a row:", table->name);
        for (size_t i = 0; i < N_FIELDS; i++)
                if (!has_column(columns, fields[i].name))
                        fprintf(file, "%s %s", n_missing++ == 0 ? " it lacks" : ",",
                                fields[i].name);
        for (int i = 0; i < PQntuples(columns); i++) {
                const char *name = PQgetvalue(columns, i, 0);

                if (PQgetvalue(columns, i, 1)[0] == 't' && !is_ours(name))
                        fprintf(file, "%s %s needs a value that rows do not have",
                                n_missing++ == 0 ? "" : ";", name);
        }
        memory_close(file);
        return n_missing > 0 ? text : mem_free(text);
}
