#include "journal/tokenizer.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "util/mem.h"
#include "util/unspaced.h"
#include "util/utf8.h"

typedef int token_function(void *context, int flags, const char *token, int n, int begin,
                           int end);

// SQLite's own tokenizer is within ours and gets what is between characters of scripts without
// blanks.
struct unspaced_tokenizer {
        fts5_tokenizer spaced;
        Fts5Tokenizer *inner;
};

static void tokenizer_delete(Fts5Tokenizer *handle) {
        struct unspaced_tokenizer *tokenizer = (struct unspaced_tokenizer *)handle;

        if (tokenizer->inner)
                tokenizer->spaced.xDelete(tokenizer->inner);
        free(tokenizer);
}

static int tokenizer_create(void *context, const char **arguments, int n, Fts5Tokenizer **ret) {
        // Marks are parts of words in the scripts of India, where they are vowels.
        static const char *inner_arguments[] = {"remove_diacritics", "2", "categories",
                                                "L* M* N* Co"};
        fts5_api *api = context;
        struct unspaced_tokenizer *tokenizer;
        void *inner_context;
        int result;

        (void)arguments;
        if (n > 0)
                return SQLITE_ERROR;  // there is nothing to choose
        tokenizer = xnew(struct unspaced_tokenizer);
        result = api->xFindTokenizer(api, "unicode61", &inner_context, &tokenizer->spaced);
        if (result == SQLITE_OK)
                result = tokenizer->spaced.xCreate(inner_context, inner_arguments, 4,
                                                   &tokenizer->inner);
        if (result != SQLITE_OK) {
                tokenizer_delete((Fts5Tokenizer *)tokenizer);
                return result;
        }
        *ret = (Fts5Tokenizer *)tokenizer;
        return SQLITE_OK;
}

// --- text into tokens ------------------------------------------------------------------------

// Who is told of tokens, and where in the whole text the part of it is that the inner tokenizer
// was given.
struct token_receiver {
        token_function *on_token;
        void *context;
        int shift;
};

static int token_pass_on(void *context, int flags, const char *token, int n, int begin,
                         int end) {
        const struct token_receiver *receiver = context;

        return receiver->on_token(receiver->context, flags, token, n, begin + receiver->shift,
                                  end + receiver->shift);
}

static int spaced_tokenize(struct unspaced_tokenizer *tokenizer,
                           struct token_receiver *receiver, int flags, const char *text,
                           int begin, int end) {
        if (begin == end)
                return SQLITE_OK;
        receiver->shift = begin;
        return tokenizer->spaced.xTokenize(tokenizer->inner, receiver, flags, text + begin,
                                           end - begin, token_pass_on);
}

// The code point at `text`; 0 of a byte that is none. *ret_step: its bytes.
static uint32_t point_at(const char *text, int n, int *ret_step) {
        int step = utf8_step(text, (size_t)n);

        *ret_step = abs(step);
        return step > 0 ? utf8_point(text, step) : 0;
}

// Where the marks that begin at `begin` end. *ret_length: that, but for what follows a mark
// which chooses a shape: the same character in another shape is the same token.
static int marks_end(const char *text, int n, int begin, int *ret_length) {
        bool has_shape = false;
        int step;

        *ret_length = begin;
        for (; begin < n; begin += step) {
                uint32_t point = point_at(text + begin, n - begin, &step);

                if (!unspaced_is_mark(point))
                        break;
                has_shape |= unspaced_is_variation(point);
                if (!has_shape)
                        *ret_length = begin + step;
        }
        return begin;
}

static int tokenizer_tokenize(Fts5Tokenizer *handle, void *context, int flags, const char *text,
                              int n, token_function *on_token) {
        struct unspaced_tokenizer *tokenizer = (struct unspaced_tokenizer *)handle;
        struct token_receiver receiver = {.on_token = on_token, .context = context};
        int begin = 0;  // of what the inner tokenizer did not get yet
        int result, step;

        for (int i = 0; i < n; i += step) {
                int length, end;

                if (!unspaced_is_letter(point_at(text + i, n - i, &step)))
                        continue;
                end = marks_end(text, n, i + step, &length);
                result = spaced_tokenize(tokenizer, &receiver, flags, text, begin, i);
                if (result == SQLITE_OK)
                        result = on_token(context, 0, text + i, length - i, i, end);
                if (result != SQLITE_OK)
                        return result;
                begin = end;
                step = end - i;
        }
        return spaced_tokenize(tokenizer, &receiver, flags, text, begin, n);
}

// --- FTS5 ------------------------------------------------------------------------------------

// NULL without FTS5.
static fts5_api *api_find(sqlite3 *db) {
        sqlite3_stmt *statement = NULL;
        fts5_api *api = NULL;

        if (sqlite3_prepare_v2(db, "SELECT fts5(?1)", -1, &statement, NULL) == SQLITE_OK) {
                sqlite3_bind_pointer(statement, 1, (void *)&api, "fts5_api_ptr", NULL);
                sqlite3_step(statement);
        }
        sqlite3_finalize(statement);
        return api;
}

int tokenizer_register(sqlite3 *db, struct error *error) {
        fts5_tokenizer tokenizer = {tokenizer_create, tokenizer_delete, tokenizer_tokenize};
        fts5_api *api = api_find(db);

        if (!api)
                return error_set(error, -ENOSYS, "SQLite has no full text search (FTS5)");
        if (api->xCreateTokenizer(api, "eavesdrop", api, &tokenizer, NULL) != SQLITE_OK)
                return error_set(error, -ENOMEM, "SQLite does not take a tokenizer: %s",
                                 sqlite3_errmsg(db));
        return 0;
}
