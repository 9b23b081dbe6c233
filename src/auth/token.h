#pragma once
// Token: a secret that says who asks. The server keeps its hash alone; the secret is shown
// once, when it is made.
//
// Threads: any; plain data.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

#define TOKEN_PREFIX      "evd_"
#define TOKEN_BYTES       32   // of chance in one that we make
#define TOKEN_LEAST       20   // characters of one that somebody chose
#define TOKEN_MOST        512  // and of any
#define TOKEN_NAME_MAX    64   // bytes
#define TOKEN_HASH_BYTES  32   // SHA-256
#define TOKENS_MAX        1000
#define TOKEN_STREAMS_MAX 64  // names and globs of one

// As configuration and file have it: texts. Lists have blanks between their words.
struct token_text {
        char *name;
        char *hash;     // "sha256:" and 64 hexadecimal digits
        char *scopes;   // "read listen"
        char *streams;  // that it may read; NULL: all
        char *expires;  // a date; NULL: never
};

// What these say.
struct token {
        char *name;
        uint8_t hash[TOKEN_HASH_BYTES];
        unsigned scopes;  // enum principal_scope
        char **streams;   // NULL at the end; NULL: all
        int64_t expires;  // Unix ms; 0: never
};

// -EINVAL with words that name the token and the key. token_deinit() it in any case.
int token_read(struct token *ret, const struct token_text *text, struct error *error);
void token_deinit(struct token *token);
void token_text_deinit(struct token_text *text);

// Whether a word is what the key may have.
bool token_name_is_good(const char *name);
bool token_hash_is_good(const char *hash);
bool token_scope_is_good(const char *word);
bool token_stream_is_good(const char *word);
bool token_expires_is_good(const char *date);

// Whether a secret may be one: its length and its letters, which are those that every way of
// sending one lets through. With words that do not quote it.
int token_secret_check(const char *secret, struct error *error);

// A new secret, which nobody guesses; the caller frees it. NULL: the system gives no chance.
char *token_secret_new(void);

// The hash of a secret; and as configuration and file have it, which the caller frees.
void token_hash(const char *secret, uint8_t ret[static TOKEN_HASH_BYTES]);
char *token_hash_text(const char *secret);
