// The journal without a server: rows into it, and how long it takes to read them.
//
//         journal_bench fill FOLDER < ROWS     rows as JSON lines into the folder's journal
//         journal_bench ask FOLDER < QUERIES   answers queries, as JSON lines
//
// A row has the names of docs/journal.md; "start" and "end" are Unix milliseconds, "duration"
// may stand for "end", and "timed": true gives the text's words even times. A query has
// "words", "stream", "since", "until", "newest" (which come first), "limit", and "pages": so
// many are read one behind the other. Its answer has "seconds", of each page, and "n", rows of
// all.

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audio/pcm.h"
#include "common.h"
#include "journal/database.h"
#include "journal/reader.h"
#include "journal/row_store.h"
#include "util/array.h"
#include "util/mem.h"

#define ROWS_PER_COMMIT 10000

// --- JSON ------------------------------------------------------------------------------------

static char *text_get(const json_t *object, const char *name) {
        return xstrdup(json_string_value(json_object_get(object, name)));
}

static int64_t number_get(const json_t *object, const char *name) {
        return (int64_t)json_number_value(json_object_get(object, name));
}

// The next object of standard input; NULL at the end, which *ret_error tells from a mistake.
static json_t *object_read(int *ret_error, struct error *error) {
        json_error_t mistake;
        json_t *object;
        int next;

        while ((next = getchar()) != EOF && isspace(next))
                ;
        if (next == EOF)
                return NULL;
        ungetc(next, stdin);
        object = json_loadf(stdin, JSON_DISABLE_EOF_CHECK, &mistake);
        if (!object)
                *ret_error = error_set(error, -EINVAL, "standard input: %s", mistake.text);
        return object;
}

// --- rows ------------------------------------------------------------------------------------

// Each word of the text with its share of the row's time.
static void words_make(struct row *row) {
        size_t capacity = 0, all = strlen(row->text) + 1;

        for (const char *at = row->text; *at;) {
                size_t n = 1 + strcspn(at + 1, " "), begin = (size_t)(at - row->text);
                struct row_word *word;

                row->words =
                        array_grow(row->words, row->n_words, &capacity, sizeof(*row->words));
                word = &row->words[row->n_words++];
                *word = (struct row_word){
                        .text = xcalloc(n + 1, 1),
                        .begin = row->position + row->n_samples * (int64_t)begin / (int64_t)all,
                        .end = row->position +
                               row->n_samples * (int64_t)(begin + n) / (int64_t)all,
                        .probability = 0.9F};
                memcpy(word->text, at, n);
                at += n;
        }
}

static enum row_kind kind_get(const json_t *object) {
        const char *name = json_string_value(json_object_get(object, "kind"));

        for (int kind = 0; name && kind < ROW_KINDS; kind++)
                if (strcmp(name, row_kind_names[kind]) == 0)
                        return (enum row_kind)kind;
        return ROW_SEGMENT;
}

static struct row *row_make(const json_t *object, struct row_ids *ids) {
        struct row *row = xnew(struct row);

        row->kind = kind_get(object);
        row->stream = text_get(object, "stream");
        row->session = text_get(object, "session");
        row->language = text_get(object, "language");
        row->text = text_get(object, "text");
        row->model = text_get(object, "model");
        row->state = text_get(object, "state");
        row->reason = text_get(object, "reason");
        row->alert = text_get(object, "alert");
        row->found = text_get(object, "found");
        row->confidence = 0.9F;
        row->start = number_get(object, "start");
        row->end = number_get(object, "end");
        if (row->end == 0)
                row->end = row->start + (int64_t)(1000 * json_number_value(json_object_get(
                                                                 object, "duration")));
        row->position = (row->start % 1000000000) * (AUDIO_RATE / 1000);
        row->n_samples = (row->end - row->start) * (AUDIO_RATE / 1000);
        row_id_make(ids, row->end, row->id);
        if (row->text && json_is_true(json_object_get(object, "timed")))
                words_make(row);
        return row;
}

static int rows_write(struct database *database, struct row_store *store, struct error *error) {
        struct row_ids ids = {0};
        json_t *object;
        int r = database_run(database->sqlite, "BEGIN", error);

        for (uint64_t n = 1; r == 0 && (object = object_read(&r, error)) != NULL; n++) {
                CLEANUP(row_freep) struct row *row = row_make(object, &ids);

                json_decref(object);
                r = row_store_insert(store, row, error);
                if (r == 0 && n % ROWS_PER_COMMIT == 0)
                        r = database_run(database->sqlite,
                                         "COMMIT; PRAGMA wal_checkpoint; BEGIN", error);
        }
        return r == 0 ? database_run(database->sqlite,
                                     "COMMIT; PRAGMA wal_checkpoint(TRUNCATE)", error)
                      : r;
}

static int fill(const char *folder, struct error *error) {
        CLEANUP(row_store_freep) struct row_store *store = NULL;
        struct database database;
        int r = database_open(&database, folder, DATABASE_WRITE, error);

        if (r == 0)
                r = row_store_new(&store, &database, error);
        if (r == 0)
                r = rows_write(&database, store, error);
        store = row_store_free(store);
        database_close(&database);
        return r;
}

// --- queries ---------------------------------------------------------------------------------

static struct query query_make(const json_t *object) {
        struct query query = {.kinds = 1U << ROW_SEGMENT, .has_marks = true};
        char *stream = text_get(object, "stream");

        query.words = text_get(object, "words");
        query.since = number_get(object, "since");
        query.until = number_get(object, "until");
        query.limit = (size_t)number_get(object, "limit");
        query.is_newest_first = json_is_true(json_object_get(object, "newest"));
        if (stream) {
                query.streams = xcalloc(2, sizeof(*query.streams));
                query.streams[0] = stream;
        }
        return query;
}

// The answer; NULL when a page told an error.
static json_t *query_answer(struct reader *reader, struct query *query, int64_t n_pages) {
        json_t *seconds = json_array();
        json_int_t n = 0;
        bool is_end = false, is_wrong = false;

        for (int64_t i = 0; i < n_pages && !is_end && !is_wrong; i++) {
                double begin = seconds_now();
                struct query_page page;

                reader_read(reader, query, &page);
                json_array_append_new(seconds, json_real(seconds_now() - begin));
                query->after = page.next;
                n += (json_int_t)page.n;
                is_end = page.is_end;
                is_wrong = page.error[0] != '\0';
                if (is_wrong)
                        fprintf(stderr, "journal_bench: %s\n", page.error);
                query_page_deinit(&page);
        }
        return json_pack(is_wrong ? "n" : "{s:o, s:I}", "seconds", seconds, "n", n);
}

static int ask(const char *folder, struct error *error) {
        CLEANUP(reader_closep) struct reader *reader = NULL;
        json_t *object;
        int r = reader_open(&reader, folder, error);

        while (r == 0 && (object = object_read(&r, error)) != NULL) {
                struct query query = query_make(object);
                int64_t n_pages = number_get(object, "pages");

                json_print(query_answer(reader, &query, n_pages ? n_pages : 1));
                fflush(stdout);
                query_deinit(&query);
                json_decref(object);
        }
        return r;
}

int main(int argc, char **argv) {
        struct error error = {0};
        int r;

        if (argc == 3 && strcmp(argv[1], "fill") == 0) {
                r = fill(argv[2], &error);
        } else if (argc == 3 && strcmp(argv[1], "ask") == 0) {
                r = ask(argv[2], &error);
        } else {
                fputs("Usage: journal_bench fill|ask FOLDER < LINES\n", stderr);
                return 2;
        }
        if (r != 0)
                fprintf(stderr, "journal_bench: %s\n", error.text);
        return r == 0 ? 0 : 1;
}
