#include "auth/tokens.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "auth/token_file.h"
#include "util/folder.h"
#include "util/log.h"
#include "util/mem.h"

// A token as somebody who asks.
struct holder {
        struct token token;
        struct principal principal;
        struct principal_life life;
};

// All that are known; each is held once.
struct holders {
        struct holder **items;
        size_t n;
};

struct tokens {
        struct tokens_place place;
        struct holders holders;
        bool is_set;
};

// --- one -------------------------------------------------------------------------------------

static void holder_life_free(const struct principal_life *life) {
        struct holder *holder =
                (struct holder *)((uintptr_t)life - offsetof(struct holder, life));

        token_deinit(&holder->token);
        free(holder);
}

// Takes the token.
static struct holder *holder_new(struct token *token) {
        struct holder *holder = xnew(struct holder);

        holder->token = *token;
        *token = (struct token){0};
        holder->life = (struct principal_life){
                .n_holders = 1, .expires = holder->token.expires, .free = holder_life_free};
        holder->principal = (struct principal){
                .name = holder->token.name,
                .scopes = holder->token.scopes,
                .streams = holder->token.streams,
                .life = &holder->life,
        };
        return holder;
}

static bool streams_equal(char *const *a, char *const *b) {
        if (!a || !b)
                return a == b;
        while (*a && *b && strcmp(*a, *b) == 0) {
                a++;
                b++;
        }
        return !*a && !*b;
}

static bool token_equals(const struct token *a, const struct token *b) {
        return strcmp(a->name, b->name) == 0 &&
               memcmp(a->hash, b->hash, sizeof(a->hash)) == 0 && a->scopes == b->scopes &&
               a->expires == b->expires && streams_equal(a->streams, b->streams);
}

// --- all -------------------------------------------------------------------------------------

// Takes the token. One that was known already stays who it was.
static void holders_add(struct holders *holders, struct token *token,
                        const struct holders *before) {
        struct holder *holder = NULL;

        for (size_t i = 0; i < before->n && !holder; i++)
                if (token_equals(&before->items[i]->token, token))
                        holder = before->items[i];
        if (holder) {
                principal_hold(&holder->principal);
                token_deinit(token);
        } else {
                holder = holder_new(token);
        }
        holders->items = xrealloc_array(holders->items, holders->n + 1, sizeof(holder));
        holders->items[holders->n++] = holder;
}

static void holders_deinit(struct holders *holders) {
        for (size_t i = 0; i < holders->n; i++)
                principal_release(&holders->items[i]->principal);
        free(holders->items);
        *holders = (struct holders){0};
}

static bool holders_have(const struct holders *holders, const struct holder *holder) {
        for (size_t i = 0; i < holders->n; i++)
                if (holders->items[i] == holder)
                        return true;
        return false;
}

static int texts_add(struct holders *holders, const struct token_text *texts, size_t n,
                     const struct holders *before, struct error *error) {
        for (size_t i = 0; i < n; i++) {
                CLEANUP(token_deinit) struct token token = {0};
                int r = token_read(&token, &texts[i], error);

                if (r < 0)
                        return r;
                holders_add(holders, &token, before);
        }
        return 0;
}

static int file_add(struct holders *holders, const char *path, const struct holders *before,
                    bool *ret_is_there, struct error *error) {
        CLEANUP(token_list_deinit) struct token_list list = {0};
        int r = token_file_read(&list, path, error);

        *ret_is_there = r == 0;
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        return texts_add(holders, list.items, list.n, before, error);
}

// --- the owner's -----------------------------------------------------------------------------

static int owner_make(const char *path, char **ret_secret, struct error *error) {
        CLEANUP(mem_freep)
        char *folder = xasprintf("%.*s", (int)(strrchr(path, '/') - path), path);
        CLEANUP(mem_freep) char *secret = token_secret_new();
        int r;

        if (!secret)
                return error_set(error, -EIO, "the system gives no random numbers");
        (void)folder_make(folder);  // what is wrong with it, making the file tells
        r = secret_file_make(path, secret, error);
        if (r == 0)
                *ret_secret = TAKE(secret);
        return r;
}

static void owner_add(struct holders *holders, const char *path, const struct holders *before) {
        CLEANUP(mem_freep) char *secret = NULL;
        struct token token = {.scopes = SCOPE_READ | SCOPE_LISTEN | SCOPE_MANAGE};
        struct error error = {0};
        int r = secret_file_read(&secret, path, &error);

        if (r == -ENOENT)
                r = owner_make(path, &secret, &error);
        if (r < 0) {
                log_warning("server", "no-owner-token",
                            "nobody can manage the server by HTTP with the owner's token: %s",
                            error.text);
                return;
        }
        token.name = xstrdup("owner");
        token_hash(secret, token.hash);
        holders_add(holders, &token, before);
}

// --- life ------------------------------------------------------------------------------------

int tokens_reload(struct tokens *tokens, struct error *error) {
        const struct tokens_place *place = &tokens->place;
        CLEANUP(holders_deinit) struct holders holders = {0}, before = {0};
        bool has_file = false;
        int r = texts_add(&holders, place->listed, place->n_listed, &tokens->holders, error);

        if (r == 0)
                r = file_add(&holders, place->file, &tokens->holders, &has_file, error);
        if (r < 0)
                return r;
        owner_add(&holders, place->owner, &tokens->holders);
        tokens->is_set = tokens->is_set || has_file || place->n_listed > 0;
        before = tokens->holders;
        tokens->holders = holders;
        holders = (struct holders){0};
        for (size_t i = 0; i < before.n; i++)
                if (!holders_have(&tokens->holders, before.items[i]))
                        before.items[i]->life.is_revoked = true;
        return 0;
}

int tokens_move(struct tokens *tokens, const struct tokens_place *place, struct error *error) {
        tokens->place = *place;
        return tokens_reload(tokens, error);
}

int tokens_open(struct tokens **ret, const struct tokens_place *place, struct error *error) {
        CLEANUP(tokens_closep) struct tokens *tokens = xnew(struct tokens);
        int r;

        r = tokens_move(tokens, place, error);
        if (r == 0)
                *ret = TAKE(tokens);
        return r;
}

struct tokens *tokens_close(struct tokens *tokens) {
        if (!tokens)
                return NULL;
        for (size_t i = 0; i < tokens->holders.n; i++)
                tokens->holders.items[i]->life.is_revoked = true;
        holders_deinit(&tokens->holders);
        return mem_free(tokens);
}

bool tokens_are_set(const struct tokens *tokens) {
        return tokens->is_set;
}

// All are compared, each to its end, so that how long it takes tells nothing of any.
const struct principal *tokens_find(const struct tokens *tokens, const char *secret,
                                    int64_t now) {
        const struct principal *found = NULL;
        uint8_t hash[TOKEN_HASH_BYTES];

        if (token_secret_check(secret, NULL) < 0)
                return NULL;
        token_hash(secret, hash);
        for (size_t i = 0; i < tokens->holders.n; i++) {
                const struct holder *holder = tokens->holders.items[i];

                if (CRYPTO_memcmp(holder->token.hash, hash, sizeof(hash)) == 0 &&
                    !principal_is_over(&holder->principal, now))
                        found = &holder->principal;
        }
        return found;
}
