#include "journal/row_store.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "journal/database.h"
#include "journal/row_words.h"
#include "util/mem.h"

// --- the columns -----------------------------------------------------------------------------

// A row is written, read and summed up column by column; row, crc and words stand apart.
enum column_type { COLUMN_TEXT, COLUMN_INT64, COLUMN_UINT32, COLUMN_ID, COLUMN_FLOAT };

struct column {
        size_t offset;
        enum column_type type;
};

#define COLUMN(member, type) \
        { offsetof(struct row, member), type }
static const struct column columns[] = {
        COLUMN(kind, COLUMN_UINT32),      COLUMN(id, COLUMN_ID),
        COLUMN(stream, COLUMN_TEXT),      COLUMN(start, COLUMN_INT64),
        COLUMN(end, COLUMN_INT64),        COLUMN(session, COLUMN_TEXT),
        COLUMN(dialect, COLUMN_TEXT),     COLUMN(channel, COLUMN_TEXT),
        COLUMN(principal, COLUMN_TEXT),   COLUMN(generation, COLUMN_UINT32),
        COLUMN(position, COLUMN_INT64),   COLUMN(n_samples, COLUMN_INT64),
        COLUMN(language, COLUMN_TEXT),    COLUMN(model, COLUMN_TEXT),
        COLUMN(confidence, COLUMN_FLOAT), COLUMN(state, COLUMN_TEXT),
        COLUMN(reason, COLUMN_TEXT),      COLUMN(alert, COLUMN_TEXT),
        COLUMN(found, COLUMN_TEXT),       COLUMN(phase, COLUMN_UINT32),
        COLUMN(segment, COLUMN_ID),       COLUMN(firing, COLUMN_ID),
        COLUMN(text, COLUMN_TEXT),
};
#define N_COLUMNS (sizeof(columns) / sizeof(columns[0]))
#define FIRST     2  // of them in a statement, behind row and crc
#define WORDS     (FIRST + (int)N_COLUMNS)
#define INSERT_ROWS                                                                          \
        "INSERT INTO rows(row, crc, kind, id, stream, start_ms, end_ms, session, dialect, "  \
        "channel, principal, generation, position, n_samples, language, model, confidence, " \
        "state, reason, alert, found, phase, segment, firing, text, words) VALUES(?, ?, ?, " \
        "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_Static_assert(FIRST + N_COLUMNS + 1 == ROW_STORE_N_COLUMNS, "as many as are selected");
_Static_assert(sizeof(enum row_kind) == sizeof(uint32_t), "kind is COLUMN_UINT32");
_Static_assert(sizeof(enum row_phase) == sizeof(uint32_t), "phase is COLUMN_UINT32");

static const uint8_t no_id[ROW_ID_BYTES];

static const void *field(const struct row *row, size_t i) {
        return (const char *)row + columns[i].offset;
}

static void *field_writable(struct row *row, size_t i) {
        return (char *)row + columns[i].offset;
}

// --- the checksum ----------------------------------------------------------------------------

static uint32_t sum_add(uint32_t sum, const void *bytes, size_t n) {
        return (uint32_t)crc32_z(sum, bytes, n);
}

static uint32_t sum_number(uint32_t sum, uint64_t number) {
        uint64_t bytes = htole64(number);

        return sum_add(sum, &bytes, sizeof(bytes));
}

static uint32_t sum_text(uint32_t sum, const char *text) {
        size_t n = text ? strlen(text) : 0;

        sum = sum_number(sum, text ? n : UINT64_MAX);
        return n ? sum_add(sum, text, n) : sum;
}

static uint32_t sum_float(uint32_t sum, float number) {
        uint32_t bits;

        memcpy(&bits, &number, sizeof(bits));
        return sum_number(sum, bits);
}

static uint32_t sum_column(uint32_t sum, const struct row *row, size_t i) {
        const void *value = field(row, i);

        switch (columns[i].type) {
        case COLUMN_TEXT:
                return sum_text(sum, *(char *const *)value);
        case COLUMN_INT64:
                return sum_number(sum, (uint64_t) * (const int64_t *)value);
        case COLUMN_UINT32:
                return sum_number(sum, *(const uint32_t *)value);
        case COLUMN_ID:
                return sum_add(sum, value, ROW_ID_BYTES);
        case COLUMN_FLOAT:
                return sum_float(sum, *(const float *)value);
        }
        return sum;
}

static uint32_t row_sum(const struct row *row) {
        uint32_t sum = sum_number(0, (uint64_t)row->cursor.row);

        for (size_t i = 0; i < N_COLUMNS; i++)
                sum = sum_column(sum, row, i);
        sum = sum_number(sum, row->n_words);
        for (size_t i = 0; i < row->n_words; i++) {
                sum = sum_text(sum, row->words[i].text);
                sum = sum_number(sum, (uint64_t)row->words[i].begin);
                sum = sum_number(sum, (uint64_t)row->words[i].end);
                sum = sum_float(sum, row->words[i].probability);
        }
        return sum;
}

// --- reading ---------------------------------------------------------------------------------

static void column_read(sqlite3_stmt *statement, int index, struct row *row, size_t i) {
        void *value = field_writable(row, i);
        const void *bytes;

        switch (columns[i].type) {
        case COLUMN_TEXT:
                *(char **)value = xstrdup((const char *)sqlite3_column_text(statement, index));
                break;
        case COLUMN_INT64:
                *(int64_t *)value = sqlite3_column_int64(statement, index);
                break;
        case COLUMN_UINT32:
                *(uint32_t *)value = (uint32_t)sqlite3_column_int64(statement, index);
                break;
        case COLUMN_ID:
                bytes = sqlite3_column_blob(statement, index);
                if (bytes && sqlite3_column_bytes(statement, index) == ROW_ID_BYTES)
                        memcpy(value, bytes, ROW_ID_BYTES);
                break;
        case COLUMN_FLOAT:
                *(float *)value = (float)sqlite3_column_double(statement, index);
                break;
        }
}

bool row_store_read(sqlite3_stmt *statement, uint64_t epoch, struct row *ret) {
        struct row row = {.cursor = {epoch, sqlite3_column_int64(statement, 0)},
                          .is_durable = true};
        const uint8_t *words;
        bool is_right;

        for (size_t i = 0; i < N_COLUMNS; i++)
                column_read(statement, FIRST + (int)i, &row, i);
        words = sqlite3_column_blob(statement, WORDS);
        is_right =
                row_words_decode(&row, words, (size_t)sqlite3_column_bytes(statement, WORDS)) &&
                row.kind < ROW_KINDS &&
                row_sum(&row) == (uint32_t)sqlite3_column_int64(statement, 1);
        if (!is_right)
                row_deinit(&row);
        *ret = row;
        return is_right;
}

// --- writing ---------------------------------------------------------------------------------

enum store_statement { LAST, INSERT, INDEX, SELECT, UNINDEX, REMOVE, STATEMENTS };

static const char *const store_sql[STATEMENTS] = {
        [LAST] = "SELECT seq FROM sqlite_sequence WHERE name = 'rows'",
        [INSERT] = INSERT_ROWS,
        [INDEX] = "INSERT INTO found(rowid, text) VALUES(?, ?)",
        [SELECT] = "SELECT " ROW_STORE_COLUMNS " FROM rows WHERE row = ?",
        [UNINDEX] = "INSERT INTO found(found, rowid, text) VALUES('delete', ?, ?)",
        [REMOVE] = "DELETE FROM rows WHERE row = ?",
};

struct row_store {
        sqlite3 *sqlite;
        uint64_t epoch;
        sqlite3_stmt *statements[STATEMENTS];
};

int row_store_new(struct row_store **ret, const struct database *database,
                  struct error *error) {
        CLEANUP(row_store_freep) struct row_store *store = xnew(struct row_store);

        store->sqlite = database->sqlite;
        store->epoch = database->epoch;
        for (size_t i = 0; i < STATEMENTS; i++) {
                int r = database_prepare(&store->statements[i], store->sqlite, store_sql[i],
                                         error);

                if (r != 0)
                        return r;
        }
        *ret = TAKE(store);
        return 0;
}

struct row_store *row_store_free(struct row_store *store) {
        if (!store)
                return NULL;
        for (size_t i = 0; i < STATEMENTS; i++)
                sqlite3_finalize(store->statements[i]);
        return mem_free(store);
}

// Run a statement that gives no row, and leave it ready for the next time.
static int statement_run(struct row_store *store, enum store_statement which, const char *doing,
                         struct error *error) {
        sqlite3_stmt *statement = store->statements[which];
        int r = sqlite3_step(statement) == SQLITE_DONE
                        ? 0
                        : database_error(store->sqlite, doing, error);

        sqlite3_reset(statement);
        sqlite3_clear_bindings(statement);
        return r;
}

static void text_bind(sqlite3_stmt *statement, int index, const char *text) {
        if (text)
                sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
}

static void column_bind(sqlite3_stmt *statement, int index, const struct row *row, size_t i) {
        const void *value = field(row, i);

        switch (columns[i].type) {
        case COLUMN_TEXT:
                text_bind(statement, index, *(char *const *)value);
                break;
        case COLUMN_INT64:
                sqlite3_bind_int64(statement, index, *(const int64_t *)value);
                break;
        case COLUMN_UINT32:
                sqlite3_bind_int64(statement, index, *(const uint32_t *)value);
                break;
        case COLUMN_ID:
                if (memcmp(value, no_id, ROW_ID_BYTES) != 0)
                        sqlite3_bind_blob(statement, index, value, ROW_ID_BYTES, SQLITE_STATIC);
                break;
        case COLUMN_FLOAT:
                sqlite3_bind_double(statement, index, (double)*(const float *)value);
                break;
        }
}

static int row_next(struct row_store *store, int64_t *ret, struct error *error) {
        sqlite3_stmt *statement = store->statements[LAST];
        int code = sqlite3_step(statement), r = 0;

        if (code == SQLITE_ROW)
                *ret = sqlite3_column_int64(statement, 0) + 1;
        else if (code == SQLITE_DONE)
                *ret = 1;
        else
                r = database_error(store->sqlite, "cannot number a row", error);
        sqlite3_reset(statement);
        return r;
}

static int row_insert(struct row_store *store, const struct row *row, struct error *error) {
        sqlite3_stmt *statement = store->statements[INSERT];
        size_t n_words;
        CLEANUP(row_words_freep) uint8_t *words = row_words_encode(row, &n_words);

        sqlite3_bind_int64(statement, 1, row->cursor.row);
        sqlite3_bind_int64(statement, 2, row_sum(row));
        for (size_t i = 0; i < N_COLUMNS; i++)
                column_bind(statement, 1 + FIRST + (int)i, row, i);
        if (words)
                sqlite3_bind_blob64(statement, 1 + WORDS, words, n_words, SQLITE_STATIC);
        return statement_run(store, INSERT, "cannot write a row", error);
}

static int text_index(struct row_store *store, enum store_statement which,
                      const struct row *row, struct error *error) {
        if (!row->text || row->text[0] == '\0')
                return 0;
        sqlite3_bind_int64(store->statements[which], 1, row->cursor.row);
        text_bind(store->statements[which], 2, row->text);
        return statement_run(store, which, "cannot write the index", error);
}

int row_store_insert(struct row_store *store, struct row *row, struct error *error) {
        int r = row_next(store, &row->cursor.row, error);

        row->cursor.epoch = store->epoch;
        if (r == 0)
                r = row_insert(store, row, error);
        if (r == 0)
                r = text_index(store, INDEX, row, error);
        return r;
}

int row_store_remove(struct row_store *store, int64_t number, bool *ret_wrong,
                     struct error *error) {
        sqlite3_stmt *statement = store->statements[SELECT];
        struct row row = {0};
        int code, r = 0;

        sqlite3_bind_int64(statement, 1, number);
        code = sqlite3_step(statement);
        if (code == SQLITE_ROW && !row_store_read(statement, store->epoch, &row))
                *ret_wrong = true;
        else if (code != SQLITE_ROW && code != SQLITE_DONE)
                r = database_error(store->sqlite, "cannot read a row", error);
        sqlite3_reset(statement);
        if (r == 0)
                r = text_index(store, UNINDEX, &row, error);
        row_deinit(&row);
        if (r == 0) {
                sqlite3_bind_int64(store->statements[REMOVE], 1, number);
                r = statement_run(store, REMOVE, "cannot remove a row", error);
        }
        return r;
}
