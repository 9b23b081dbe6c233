#include "journal/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "journal/database.h"
#include "journal/row_store.h"
#include "journal/search_words.h"
#include "util/line_text.h"
#include "util/mem.h"
#include "util/word_list.h"

#define SPAN_ROWS 1024  // of a row of `spans` (database.c)

// Names that are looked at for those that a query asks for: sessions may have thousands.
#define STREAMS_MAX 256

struct reader {
        struct database database;
        char *path;
        dev_t device;  // of the file that is open
        ino_t inode;
        const struct query *query;  // while it is answered
        uint64_t n_damaged;
};

// --- what SQL asks us ------------------------------------------------------------------------

// No list has everything, and what is no text is in every list.
static bool stream_passes(char *const *list, const char *stream) {
        return !list || !stream || word_list_matches(list, stream);
}

// is_wanted(stream, language). What is of all streams, or in no language, concerns everybody.
static void is_wanted(sqlite3_context *context, int n, sqlite3_value **values) {
        const struct reader *reader = sqlite3_user_data(context);
        const struct query *query = reader->query;
        const char *stream = (const char *)sqlite3_value_text(values[0]);
        const char *language = (const char *)sqlite3_value_text(values[1]);

        (void)n;
        sqlite3_result_int(context, stream_passes(query->streams, stream) &&
                                            stream_passes(query->readable, stream) &&
                                            (!query->languages || !language ||
                                             word_list_has(query->languages, language)));
}

// Steps of SQLite's machine between two looks at whether it is to stop.
#define PROGRESS_STEPS 10000

// --- opening ---------------------------------------------------------------------------------

int reader_open(struct reader **ret, const char *folder, struct error *error) {
        CLEANUP(reader_closep) struct reader *reader = xnew(struct reader);
        int r = database_open(&reader->database, folder, DATABASE_READ, error);
        struct stat file;

        if (r != 0)
                return r;
        reader->path = xasprintf("%s/" DATABASE_FILE, folder);
        if (stat(reader->path, &file) == 0) {
                reader->device = file.st_dev;
                reader->inode = file.st_ino;
        }
        if (sqlite3_create_function_v2(reader->database.sqlite, "is_wanted", 2,
                                       SQLITE_UTF8 | SQLITE_DIRECTONLY, reader, is_wanted, NULL,
                                       NULL, NULL) != SQLITE_OK)
                return database_error(reader->database.sqlite, reader->path, error);
        *ret = TAKE(reader);
        return 0;
}

static int on_progress(void *context) {
        const atomic_bool *is_stopping = context;

        return atomic_load(is_stopping);
}

void reader_stop_on(struct reader *reader, const atomic_bool *is_stopping) {
        sqlite3_progress_handler(reader->database.sqlite, PROGRESS_STEPS, on_progress,
                                 (void *)(uintptr_t)is_stopping);
}

struct reader *reader_close(struct reader *reader) {
        if (!reader)
                return NULL;
        database_close(&reader->database);
        free(reader->path);
        return mem_free(reader);
}

uint64_t reader_damaged(const struct reader *reader) {
        return reader->n_damaged;
}

bool reader_is_current(const struct reader *reader) {
        struct stat file;

        return stat(reader->path, &file) == 0 && file.st_dev == reader->device &&
               file.st_ino == reader->inode;
}

int64_t reader_version(const struct reader *reader) {
        return database_number(reader->database.sqlite, "PRAGMA data_version", 0);
}

// --- which rows ------------------------------------------------------------------------------

// Where a page is looked for.
struct scope {
        int64_t above, below;  // rows between these numbers, which are not among them
        int64_t end;           // the last row that there is
        char *only_stream;     // owned; NULL when there may be several
};

// Of the rows, those that may lie in the query's stretch of time. They are read by number; that
// they are roughly in the order of time keeps most of the others from being read in vain.
static int spans_find(struct reader *reader, const struct query *query, struct scope *scope,
                      struct error *error) {
        CLEANUP(database_finalizep) sqlite3_stmt *statement = NULL;
        int r = database_prepare(&statement, reader->database.sqlite,
                                 "SELECT min(span), max(span) FROM spans "
                                 "WHERE end_ms >= ?1 AND start_ms < ?2",
                                 error);

        if (r != 0)
                return r;
        sqlite3_bind_int64(statement, 1, query->since ? query->since : INT64_MIN);
        sqlite3_bind_int64(statement, 2, query->until ? query->until : INT64_MAX);
        if (sqlite3_step(statement) != SQLITE_ROW)
                return database_error(reader->database.sqlite, reader->path, error);
        scope->below = 0;  // none
        if (sqlite3_column_type(statement, 0) == SQLITE_NULL)
                return 0;
        scope->above = sqlite3_column_int64(statement, 0) * SPAN_ROWS - 1;
        scope->below = (sqlite3_column_int64(statement, 1) + 1) * SPAN_ROWS;
        return 0;
}

// The only stream that it asks for, by its name; NULL when there may be others.
static char *only_name(char *const *streams) {
        return streams[0] && !streams[1] && !strpbrk(streams[0], "*?[\\") ? streams[0] : NULL;
}

// Go through the names, from one to the next in the index.
static int names_match(sqlite3_stmt *statement, const struct query *query,
                       struct scope *scope) {
        CLEANUP(mem_freep) char *name = xstrdup("");
        int code;

        for (int i = 0; i < STREAMS_MAX; i++) {
                sqlite3_bind_text(statement, 1, name, -1, SQLITE_TRANSIENT);
                code = sqlite3_step(statement);
                if (code == SQLITE_DONE && !scope->only_stream)
                        scope->below = 0;  // nothing is of these streams
                if (code != SQLITE_ROW)
                        return code;
                free(name);
                name = xstrdup((const char *)sqlite3_column_text(statement, 0));
                sqlite3_reset(statement);
                if (!word_list_matches(query->streams, name))
                        continue;
                if (scope->only_stream) {
                        scope->only_stream = mem_free(scope->only_stream);
                        return SQLITE_DONE;
                }
                scope->only_stream = xstrdup(name);
        }
        free(scope->only_stream);
        scope->only_stream = xstrdup(only_name(query->streams));
        return SQLITE_DONE;
}

// Rows of no one stream are always asked for: where they may be among the query's, its streams
// do not narrow it.
static int streams_find(struct reader *reader, const struct query *query, struct scope *scope,
                        struct error *error) {
        CLEANUP(database_finalizep) sqlite3_stmt *statement = NULL;
        int r;

        if (!query->streams || !query->kinds || query->kinds & 1U << ROW_FORGOTTEN)
                return 0;
        r = database_prepare(&statement, reader->database.sqlite,
                             "SELECT stream FROM rows INDEXED BY rows_in_stream "
                             "WHERE stream > ?1 ORDER BY stream LIMIT 1",
                             error);
        if (r == 0 && names_match(statement, query, scope) != SQLITE_DONE)
                r = database_error(reader->database.sqlite, reader->path, error);
        return r;
}

static int scope_find(struct reader *reader, const struct query *query, struct query_page *page,
                      struct scope *scope, struct error *error) {
        struct row_cursor after = query->after;
        int r = 0;

        scope->below = INT64_MAX;
        scope->end = database_number(reader->database.sqlite,
                                     "SELECT seq FROM sqlite_sequence WHERE name = 'rows'", 0);
        if (query->since || query->until)
                r = spans_find(reader, query, scope, error);
        page->is_other_epoch = after.epoch != 0 && after.epoch != reader->database.epoch;
        if (after.epoch == reader->database.epoch) {
                if (query->is_newest_first && after.row < scope->below)
                        scope->below = after.row;
                if (!query->is_newest_first && after.row > scope->above)
                        scope->above = after.row;
        }
        return r == 0 ? streams_find(reader, query, scope, error) : r;
}

// --- SQL -------------------------------------------------------------------------------------

// What is bound; a number stands for the same in every shape of the statement.
enum {
        PARAMETER_WHAT = 1,
        PARAMETER_ABOVE,
        PARAMETER_BELOW,
        PARAMETER_KINDS,
        PARAMETER_SINCE,
        PARAMETER_UNTIL,
        PARAMETER_LIMIT,
        PARAMETER_ID
};

#define BETWEEN(number) number " > ?2 AND " number " < ?3"

static bool id_is_any(const struct query *query) {
        static const uint8_t any[ROW_ID_BYTES];

        return memcmp(query->id, any, sizeof(any)) == 0;
}

// Every way is one through an index in the order of rows, so that nothing is sorted.
static const char *from_where(const struct query *query, const char *only_stream) {
        if (query->words)
                return " FROM found CROSS JOIN rows ON rows.row = found.rowid "
                       "WHERE found.found MATCH ?1 AND " BETWEEN("found.rowid");
        if (!id_is_any(query))
                return " FROM rows INDEXED BY rows_by_id WHERE " BETWEEN("row");
        if (query->kinds && !(query->kinds & 1U << ROW_SEGMENT))
                return " FROM rows INDEXED BY rows_unspoken "
                       "WHERE kind <> 0 AND " BETWEEN("row");
        if (only_stream)
                return " FROM rows INDEXED BY rows_in_stream "
                       "WHERE stream = ?1 AND " BETWEEN("row");
        return " FROM rows NOT INDEXED WHERE " BETWEEN("row");
}

static char *sql_make(const struct query *query, const char *only_stream) {
        bool has_marks = query->words && query->has_marks;
        bool has_lists = query->streams || query->readable || query->languages;

        return xasprintf("SELECT " ROW_STORE_COLUMNS "%s%s%s%s%s%s%s%s ORDER BY %s%s LIMIT ?7",
                         has_marks ? ", highlight(found.found, 0, char(1), char(2))" : "",
                         from_where(query, only_stream),                                 //
                         id_is_any(query) ? "" : " AND rows.id = ?8",                    //
                         query->kinds ? " AND 1 << rows.kind & ?4" : "",                 //
                         query->since ? " AND rows.end_ms >= ?5" : "",                   //
                         query->until ? " AND rows.start_ms < ?6" : "",                  //
                         has_lists ? " AND is_wanted(rows.stream, rows.language)" : "",  //
                         query->is_without_sessions ? " AND rows.session IS NULL" : "",  //
                         query->words ? "found.rowid" : "row",                           //
                         query->is_newest_first ? " DESC" : "");
}

// `what`: the words' expression, or the only stream, or nothing.
static void sql_bind(sqlite3_stmt *statement, const struct query *query, const char *what,
                     const struct scope *scope, size_t limit) {
        if (what)
                sqlite3_bind_text(statement, PARAMETER_WHAT, what, -1, SQLITE_STATIC);
        sqlite3_bind_int64(statement, PARAMETER_ABOVE, scope->above);
        sqlite3_bind_int64(statement, PARAMETER_BELOW, scope->below);
        sqlite3_bind_int64(statement, PARAMETER_KINDS, query->kinds);
        sqlite3_bind_int64(statement, PARAMETER_SINCE, query->since);
        sqlite3_bind_int64(statement, PARAMETER_UNTIL, query->until);
        if (!id_is_any(query))
                sqlite3_bind_blob(statement, PARAMETER_ID, query->id, ROW_ID_BYTES,
                                  SQLITE_STATIC);
        // One more tells whether there is something behind the page.
        sqlite3_bind_int64(statement, PARAMETER_LIMIT, (int64_t)limit + 1);
}

// --- a page ----------------------------------------------------------------------------------

static void row_take(struct reader *reader, sqlite3_stmt *statement, struct query_page *page) {
        const char *marked;

        if (!row_store_read(statement, reader->database.epoch, &page->rows[page->n])) {
                reader->n_damaged++;
                return;
        }
        if (page->marked) {
                marked = (const char *)sqlite3_column_text(statement, ROW_STORE_N_COLUMNS);
                page->marked[page->n] = xstrdup(marked ? marked : "");
        }
        page->n++;
}

// The rows of the statement; *ret_last: the last of them that was looked at.
static int rows_take(struct reader *reader, sqlite3_stmt *statement, size_t limit,
                     struct query_page *page, int64_t *ret_last, struct error *error) {
        size_t n = 0;
        int code;

        while ((code = sqlite3_step(statement)) == SQLITE_ROW && n < limit) {
                *ret_last = sqlite3_column_int64(statement, 0);
                row_take(reader, statement, page);
                n++;
        }
        if (code != SQLITE_ROW && code != SQLITE_DONE)
                return database_error(reader->database.sqlite, reader->path, error);
        page->is_end = code == SQLITE_DONE;
        return 0;
}

// Where the next page begins: behind the last row of this one, or behind all that there is.
static struct row_cursor cursor_next(const struct reader *reader, const struct query *query,
                                     const struct query_page *page, const struct scope *scope,
                                     int64_t last) {
        struct row_cursor next = {reader->database.epoch, last};

        if (!page->is_end)
                return next;
        if (query->is_newest_first) {
                next.row = 0;
                return next;
        }
        if (next.row < scope->above)
                next.row = scope->above;
        if (next.row < scope->end)
                next.row = scope->end;
        return next;
}

static int page_read_in(struct reader *reader, const struct query *query, const char *match,
                        const struct scope *scope, struct query_page *page,
                        struct error *error) {
        size_t limit =
                query->limit && query->limit < QUERY_PAGE_MAX ? query->limit : QUERY_PAGE_MAX;
        CLEANUP(mem_freep) char *sql = sql_make(query, scope->only_stream);
        CLEANUP(database_finalizep) sqlite3_stmt *statement = NULL;
        int64_t last = 0;
        int r = database_prepare(&statement, reader->database.sqlite, sql, error);

        if (r != 0)
                return r;
        sql_bind(statement, query, match ? match : scope->only_stream, scope, limit);
        page->rows = xcalloc(limit, sizeof(*page->rows));
        if (match && query->has_marks)
                page->marked = xcalloc(limit, sizeof(*page->marked));
        r = rows_take(reader, statement, limit, page, &last, error);
        page->next = cursor_next(reader, query, page, scope, last);
        return r;
}

static int page_read(struct reader *reader, const struct query *query, const char *match,
                     struct query_page *page, struct error *error) {
        struct scope scope = {0};
        int r = scope_find(reader, query, page, &scope, error);

        if (r == 0)
                r = page_read_in(reader, query, match, &scope, page, error);
        free(scope.only_stream);
        return r;
}

// All of a page is of one moment.
static int page_read_at_once(struct reader *reader, const struct query *query,
                             const char *match, struct query_page *page, struct error *error) {
        int r = database_run(reader->database.sqlite, "BEGIN", error);

        if (r != 0)
                return r;
        reader->query = query;
        r = page_read(reader, query, match, page, error);
        reader->query = NULL;
        database_run(reader->database.sqlite, "ROLLBACK", NULL);
        return r;
}

void reader_read(struct reader *reader, const struct query *query, struct query_page *ret) {
        CLEANUP(mem_freep) char *match = NULL;
        struct query_page page = {.next = query->after};
        struct error error = {0};
        int r = query->words ? search_words_translate(&match, query->words, &error) : 0;
        bool is_query_wrong = r == -EINVAL;

        if (r == 0)
                r = page_read_at_once(reader, query, match, &page, &error);
        if (r != 0) {
                query_page_deinit(&page);
                page.next = query->after;
                page.is_query_wrong = is_query_wrong;
                page.is_damaged = r == DATABASE_E_DAMAGED;
                line_text_write(page.error, sizeof(page.error), error.text, strlen(error.text));
        }
        *ret = page;
}
