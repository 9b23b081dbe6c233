#include "journal/tokenizer.h"

#include <errno.h>
#include <stdlib.h>

#include "util/fold.h"
#include "util/mem.h"

typedef int token_function(void *context, int flags, const char *token, int n, int begin,
                           int end);

// What SQLite holds is one of these.
static Fts5Tokenizer *handle_of(struct folded *folded) {
        return (Fts5Tokenizer *)folded;
}

static struct folded *folded_of(Fts5Tokenizer *handle) {
        return (struct folded *)handle;
}

static int tokenizer_create(void *context, const char **arguments, int n, Fts5Tokenizer **ret) {
        (void)context;
        (void)arguments;
        if (n > 0)
                return SQLITE_ERROR;  // there is nothing to choose
        *ret = handle_of(xnew(struct folded));
        return SQLITE_OK;
}

static void tokenizer_delete(Fts5Tokenizer *handle) {
        folded_deinit(folded_of(handle));
        free(folded_of(handle));
}

static int tokenizer_tokenize(Fts5Tokenizer *handle, void *context, int flags, const char *text,
                              int n, token_function *on_token) {
        struct folded *folded = folded_of(handle);

        (void)flags;
        fold_text(folded, text, (size_t)n, FOLD_BLANK);
        for (size_t i = 0; i < folded->n; i++) {
                const struct fold_token *token = &folded->tokens[i];
                int result = on_token(context, 0, folded->bytes + token->folded,
                                      (int)token->n_folded, (int)token->begin, (int)token->end);

                if (result != SQLITE_OK)
                        return result;
        }
        return SQLITE_OK;
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
