#include "auth/token_file.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/folder.h"
#include "util/mem.h"

// --- the text --------------------------------------------------------------------------------

// The words of a list with blanks between; NULL when it is no list of words.
static char *words_read(const json_t *list) {
        CLEANUP(mem_freep) char *all = xstrdup("");

        if (!json_is_array(list))
                return NULL;
        for (size_t i = 0; i < json_array_size(list); i++) {
                const char *word = json_string_value(json_array_get(list, i));
                CLEANUP(mem_freep) char *before = all;

                all = word && word[0] && !strchr(word, ' ')
                              ? xasprintf("%s%s%s", before, i ? " " : "", word)
                              : NULL;
                if (!all)
                        return NULL;
        }
        return TAKE(all);
}

// One key; what is not as it should be stays NULL, or becomes "", which token_read() refuses.
static bool member_read(struct token_text *text, const char *key, const json_t *value) {
        const char *word = json_string_value(value);

        if (strcmp(key, "name") == 0)
                text->name = xstrdup(word);
        else if (strcmp(key, "hash") == 0)
                text->hash = xstrdup(word);
        else if (strcmp(key, "expires") == 0)
                text->expires = xstrdup(word ? word : "");
        else if (strcmp(key, "scopes") == 0)
                text->scopes = words_read(value);
        else if (strcmp(key, "streams") != 0)
                return false;
        else if (!(text->streams = words_read(value)))
                text->streams = xstrdup("");
        return true;
}

static int item_read(struct token_text *text, json_t *item, size_t number,
                     struct error *error) {
        CLEANUP(token_deinit) struct token token = {0};
        const char *key;
        json_t *value;
        int r;

        json_object_foreach(item, key, value) {
                if (!member_read(text, key, value))
                        return error_set(error, -EINVAL,
                                         "token %zu: unknown key; those known are name, hash, "
                                         "scopes, streams and expires",
                                         number);
        }
        r = token_read(&token, text, error);
        return r < 0 ? error_prefix(error, "token %zu", number) : 0;
}

static int names_check(const struct token_list *list, struct error *error) {
        const char *last = list->items[list->n - 1].name;

        for (size_t i = 0; i + 1 < list->n; i++)
                if (strcmp(list->items[i].name, last) == 0)
                        return error_set(error, -EINVAL, "two tokens have the name '%s'", last);
        return 0;
}

static int items_read(struct token_list *list, const json_t *items, struct error *error) {
        size_t n = json_array_size(items);

        if (n > TOKENS_MAX)
                return error_set(error, -EINVAL, "%zu tokens; the limit is %d", n, TOKENS_MAX);
        list->items = xcalloc(n + 1, sizeof(*list->items));
        for (size_t i = 0; i < n; i++) {
                json_t *item = json_array_get(items, i);
                int r;

                if (!json_is_object(item))
                        return error_set(error, -EINVAL, "token %zu is no object", i + 1);
                r = item_read(&list->items[list->n++], item, i + 1, error);
                if (r == 0)
                        r = names_check(list, error);
                if (r < 0)
                        return r;
        }
        return 0;
}

int token_list_parse(struct token_list *ret, const char *text, size_t n, struct error *error) {
        json_error_t trouble;
        json_t *root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &trouble);
        const json_t *items = json_object_get(root, "tokens");
        int r;

        *ret = (struct token_list){0};
        if (!root)
                r = error_set(error, -EINVAL, "line %d is no JSON", trouble.line);
        else if (!json_is_array(items) || json_object_size(root) != 1)
                r = error_set(error, -EINVAL, "expected {\"tokens\": [...]}");
        else
                r = items_read(ret, items, error);
        json_decref(root);
        return r;
}

static json_t *words_json(const char *words) {
        json_t *list = json_array();

        for (words += strspn(words, " "); *words; words += strspn(words, " ")) {
                size_t n = strcspn(words, " ");

                json_array_append_new(list, json_stringn(words, n));
                words += n;
        }
        return list;
}

static json_t *item_json(const struct token_text *text) {
        json_t *item = json_pack("{ssss}", "name", text->name, "hash", text->hash);

        json_object_set_new(item, "scopes", words_json(text->scopes));
        if (text->streams)
                json_object_set_new(item, "streams", words_json(text->streams));
        if (text->expires)
                json_object_set_new(item, "expires", json_string(text->expires));
        return item;
}

char *token_list_print(const struct token_list *list) {
        json_t *items = json_array(), *root = json_pack("{so}", "tokens", items);
        CLEANUP(mem_freep) char *text = NULL;

        for (size_t i = 0; i < list->n; i++)
                json_array_append_new(items, item_json(&list->items[i]));
        text = json_dumps(root, JSON_INDENT(2));
        json_decref(root);
        return xasprintf("%s\n", text ? text : "");
}

void token_list_deinit(struct token_list *list) {
        for (size_t i = 0; i < list->n; i++)
                token_text_deinit(&list->items[i]);
        free(list->items);
        *list = (struct token_list){0};
}

// --- private files ---------------------------------------------------------------------------

// The whole of a file that is nobody else's; the caller frees it.
static int private_read(char **ret, size_t *ret_n, const char *path, struct error *error) {
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        CLEANUP(mem_freep) char *text = NULL;
        struct stat there;
        ssize_t n;
        int r = 0;

        if (fd < 0)
                return error_set(error, -errno, "cannot read %s: %m", path);
        if (fstat(fd, &there) < 0 || !S_ISREG(there.st_mode))
                r = error_set(error, -EINVAL, "%s is no file", path);
        else if ((there.st_mode & 077) ||
                 (geteuid() != 0 && there.st_uid != geteuid() && there.st_uid != 0))
                r = error_set(error, -EPERM,
                              "%s may be read or written by others than the server's user: "
                              "chmod 600, and chown it to that user",
                              path);
        else if (there.st_size > (off_t)TOKEN_FILE_BYTES_MAX)
                r = error_set(error, -EFBIG, "%s has more than %zu bytes", path,
                              TOKEN_FILE_BYTES_MAX);
        if (r == 0) {
                text = xcalloc(TOKEN_FILE_BYTES_MAX + 1, 1);
                n = read(fd, text, TOKEN_FILE_BYTES_MAX);
                if (n < 0)
                        r = error_set(error, -errno, "cannot read %s: %m", path);
                else
                        *ret_n = (size_t)n;
        }
        close(fd);
        if (r == 0)
                *ret = TAKE(text);
        return r;
}

static char *folder_of(const char *path) {
        const char *slash = strrchr(path, '/');

        if (!slash)
                return xstrdup(".");
        return xasprintf("%.*s", slash == path ? 1 : (int)(slash - path), path);
}

// What root makes is the folder's owner's.
static int owner_give(int fd, const char *folder) {
        struct stat there;

        if (geteuid() != 0 || stat(folder, &there) < 0 || there.st_uid == 0)
                return 0;
        return fchown(fd, there.st_uid, there.st_gid);
}

// Make a file with that text, on disk, which nobody else may read.
static int private_make(const char *path, const char *text, struct error *error) {
        CLEANUP(mem_freep) char *folder = folder_of(path);
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        size_t n = strlen(text);
        int r = 0;

        if (fd < 0)
                return error_set(error, -errno, "cannot make %s: %m", path);
        if (owner_give(fd, folder) < 0 || write(fd, text, n) != (ssize_t)n || fsync(fd) < 0) {
                r = error_set(error, -errno, "cannot write %s: %m", path);
                (void)unlink(path);
        }
        close(fd);
        if (r == 0)
                (void)folder_sync(folder);
        return r;
}

int token_file_read(struct token_list *ret, const char *path, struct error *error) {
        CLEANUP(mem_freep) char *text = NULL;
        size_t n = 0;
        int r = private_read(&text, &n, path, error);

        *ret = (struct token_list){0};
        if (r < 0)
                return r;
        r = token_list_parse(ret, text, n, error);
        return r < 0 ? error_prefix(error, "%s", path) : 0;
}

// --- changing --------------------------------------------------------------------------------

static int list_write(const struct token_list *list, const char *path, struct error *error) {
        CLEANUP(mem_freep) char *folder = folder_of(path);
        CLEANUP(mem_freep) char *text = token_list_print(list);
        CLEANUP(mem_freep) char *temporary = xasprintf("%s.new", path);
        int r;

        (void)unlink(temporary);  // of a process that did not come to its end
        r = private_make(temporary, text, error);
        if (r < 0)
                return r;
        if (rename(temporary, path) < 0)
                return error_set(error, -errno, "cannot write %s: %m", path);
        (void)folder_sync(folder);
        return 0;
}

int token_file_change(const char *path,
                      int (*change)(void *context, struct token_list *list,
                                    struct error *error),
                      void *context, struct error *error) {
        CLEANUP(mem_freep) char *folder = folder_of(path);
        CLEANUP(token_list_deinit) struct token_list list = {0};
        int lock, r;

        (void)folder_make(folder);  // what is wrong with it, opening tells
        lock = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (lock < 0 || flock(lock, LOCK_EX) < 0) {
                r = error_set(error, -errno, "cannot use the folder %s: %m", folder);
        } else {
                r = token_file_read(&list, path, error);
                if (r == 0 || r == -ENOENT)
                        r = change(context, &list, error);
                if (r == 0)
                        r = list_write(&list, path, error);
        }
        if (lock >= 0)
                close(lock);
        return r;
}

// --- a secret alone --------------------------------------------------------------------------

int secret_file_read(char **ret, const char *path, struct error *error) {
        CLEANUP(mem_freep) char *text = NULL;
        size_t n = 0;
        int r = private_read(&text, &n, path, error);

        if (!text)
                return r;
        text[strcspn(text, "\r\n")] = '\0';
        r = token_secret_check(text, error);
        if (r < 0) {
                error_prefix(error, "%s", path);
                return r;
        }
        *ret = TAKE(text);
        return 0;
}

int secret_file_make(const char *path, const char *secret, struct error *error) {
        CLEANUP(mem_freep) char *text = xasprintf("%s\n", secret);

        return private_make(path, text, error);
}
