// Search words: any bytes; what they become is understood by FTS5, or they are refused with a
// place that is within them.

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "journal/search_words.h"
#include "journal/tokenizer.h"
#include "util/mem.h"

// An index with a text in it that every ordinary word is near to.
static sqlite3 *index_open(void) {
        sqlite3 *db;

        if (sqlite3_open(":memory:", &db) != SQLITE_OK || tokenizer_register(db, NULL) != 0 ||
            sqlite3_exec(
                    db,
                    "CREATE VIRTUAL TABLE texts USING fts5(text, tokenize=eavesdrop);"
                    "INSERT INTO texts VALUES('the fire alarm rang in \u6771\u4eac'),('a')",
                    NULL, NULL, NULL) != SQLITE_OK)
                abort();
        return db;
}

static void expression_check(const char *expression) {
        static sqlite3_stmt *statement;
        int code;

        if (!statement && sqlite3_prepare_v2(index_open(),
                                             "SELECT highlight(texts, 0, '[', ']') FROM texts "
                                             "WHERE texts MATCH ? ORDER BY rowid DESC",
                                             -1, &statement, NULL) != SQLITE_OK)
                abort();
        sqlite3_bind_text(statement, 1, expression, -1, SQLITE_STATIC);
        while ((code = sqlite3_step(statement)) == SQLITE_ROW)
                ;
        if (code != SQLITE_DONE)
                abort();
        sqlite3_reset(statement);
}

static void error_check(const struct error *error, size_t n) {
        static const char before[] = "(byte ";
        const char *place = strrchr(error->text, '(');
        size_t byte;
        char *end;

        if (!place || strncmp(place, before, strlen(before)) != 0)
                abort();
        byte = strtoul(place + strlen(before), &end, 10);
        if (strcmp(end, ")") != 0 || byte < 1 || byte > n + 1)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
        CLEANUP(mem_freep) char *words = xcalloc(n + 1, 1);
        CLEANUP(mem_freep) char *expression = NULL;
        struct error error = {0};

        memcpy(words, bytes, n);
        if (search_words_translate(&expression, words, &error) == 0)
                expression_check(expression);
        else
                error_check(&error, strlen(words));
        return 0;
}
