#pragma once
// Token file: the tokens that `eavesdrop token` keeps, as JSON. It holds hashes, no secrets;
// nobody but its owner may read or write it all the same, since who writes it lets himself in.
//
//     {"tokens": [{"name": "phone", "hash": "sha256:...", "scopes": ["read"],
//                  "streams": ["door-*"], "expires": "2026-12-31T12:00:00Z"}]}
//
// Threads: any; blocks on the disk.

#include <stddef.h>

#include "auth/token.h"
#include "util/error.h"

#define TOKEN_FILE_NAME "tokens.json"  // in the state folder, where nothing else is said

#define TOKEN_FILE_BYTES_MAX ((size_t)1 << 20)

struct token_list {
        struct token_text *items;
        size_t n;
};

// Parse a file's text. Every token in it is a good one (token_read()), and no two have one
// name. -EINVAL with words that name the token, or the line. token_list_deinit() it in any
// case.
int token_list_parse(struct token_list *ret, const char *text, size_t n, struct error *error);

// As the file has it; the caller frees it.
char *token_list_print(const struct token_list *list);

void token_list_deinit(struct token_list *list);

// Read the file. -ENOENT when there is none; -EPERM when somebody else may read or write it, or
// it belongs to neither this process's user nor root; -EINVAL when it is none.
int token_file_read(struct token_list *ret, const char *path, struct error *error);

// Change the file, or make it: `change` is called with what is in it, and what it leaves is
// written to a temporary file that takes the place of the former once it is on disk. Another
// process that changes it is waited for. What `change` fails with is returned. Root's file is
// the folder's owner's, whose server reads it.
int token_file_change(const char *path,
                      int (*change)(void *context, struct token_list *list,
                                    struct error *error),
                      void *context, struct error *error);

// A secret alone in a file of its owner's, with at most a newline behind it; the caller frees
// it. -ENOENT and -EPERM as above, -EINVAL when it is no good secret, which is not quoted.
int secret_file_read(char **ret, const char *path, struct error *error);

// Make that file; -EEXIST when there is one.
int secret_file_make(const char *path, const char *secret, struct error *error);
