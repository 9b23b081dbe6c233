// Tokens as the server has them: found, read again, revoked, expired; and the files they are
// in.
#include "auth/tokens.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "auth/token_file.h"
#include "util/mem.h"

#define SECRET "evd_correct-horse-battery"
#define OTHER  "evd_another-horse-battery"
#define NOW    ((int64_t)1764500000000)
#define NEVER  NULL

#define HASH "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define ITEM "{\"name\": \"a\", \"hash\": \"" HASH "\", \"scopes\": [\"read\"]}"

struct fixture {
        char folder[32];
        char *file, *owner;
        struct tokens_place place;
        struct tokens *tokens;
};

static int setup(void **state) {
        struct fixture *fixture = xnew(struct fixture);

        snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/tokens-test-XXXXXX");
        if (!mkdtemp(fixture->folder))
                return -1;
        fixture->file = xasprintf("%s/" TOKEN_FILE_NAME, fixture->folder);
        fixture->owner = xasprintf("%s/" TOKENS_OWNER_FILE, fixture->folder);
        fixture->place = (struct tokens_place){.file = fixture->file, .owner = fixture->owner};
        *state = fixture;
        return 0;
}

static int teardown(void **state) {
        struct fixture *fixture = *state;

        tokens_close(fixture->tokens);
        (void)unlink(fixture->file);
        (void)unlink(fixture->owner);
        assert_int_equal(rmdir(fixture->folder), 0);
        free(fixture->file);
        free(fixture->owner);
        free(fixture);
        return 0;
}

static void tokens_begin(struct fixture *fixture) {
        struct error error = {0};

        if (tokens_open(&fixture->tokens, &fixture->place, &error) < 0)
                fail_msg("%s", error.text);
}

static int list_take(void *context, struct token_list *list, struct error *error) {
        const struct token_text *text = context;

        (void)error;
        list->items = xrealloc_array(list->items, list->n + 1, sizeof(*list->items));
        list->items[list->n++] = (struct token_text){
                .name = xstrdup(text->name),
                .hash = xstrdup(text->hash),
                .scopes = xstrdup(text->scopes),
                .streams = xstrdup(text->streams),
                .expires = xstrdup(text->expires),
        };
        return 0;
}

static int list_empty(void *context, struct token_list *list, struct error *error) {
        (void)context;
        (void)error;
        token_list_deinit(list);
        return 0;
}

static void file_add(struct fixture *fixture, const char *name, const char *secret,
                     const char *streams, const char *expires) {
        CLEANUP(mem_freep) char *hash = token_hash_text(secret);
        struct token_text text = {.name = (char *)(uintptr_t)name,
                                  .hash = hash,
                                  .scopes = (char *)(uintptr_t) "read listen",
                                  .streams = (char *)(uintptr_t)streams,
                                  .expires = (char *)(uintptr_t)expires};
        struct error error = {0};

        if (token_file_change(fixture->file, list_take, &text, &error) < 0)
                fail_msg("%s", error.text);
}

static void the_owners_token_is_made_once(void **state) {
        struct fixture *fixture = *state;
        CLEANUP(mem_freep) char *secret = NULL;
        CLEANUP(mem_freep) char *again = NULL;
        const struct principal *owner;
        struct stat there;

        tokens_begin(fixture);
        assert_int_equal(stat(fixture->owner, &there), 0);
        assert_int_equal(there.st_mode & 0777, 0600);
        assert_int_equal(secret_file_read(&secret, fixture->owner, NULL), 0);
        owner = tokens_find(fixture->tokens, secret, NOW);
        assert_non_null(owner);
        assert_string_equal(owner->name, "owner");
        assert_true(principal_may(owner, SCOPE_MANAGE) && principal_may_read(owner, NULL));
        assert_false(tokens_are_set(fixture->tokens));
        assert_int_equal(tokens_reload(fixture->tokens, NULL), 0);
        assert_int_equal(secret_file_read(&again, fixture->owner, NULL), 0);
        assert_string_equal(again, secret);
        assert_ptr_equal(tokens_find(fixture->tokens, secret, NOW), owner);
}

static void a_secret_finds_whose_it_is(void **state) {
        struct fixture *fixture = *state;
        const struct principal *phone;

        file_add(fixture, "phone", SECRET, "door-*", NEVER);
        tokens_begin(fixture);
        assert_true(tokens_are_set(fixture->tokens));
        phone = tokens_find(fixture->tokens, SECRET, NOW);
        assert_string_equal(phone->name, "phone");
        assert_true(principal_may_read(phone, "door-1"));
        assert_false(principal_may_read(phone, "hall") || principal_may_read(phone, NULL));
        assert_false(principal_may(phone, SCOPE_MANAGE));
        assert_null(tokens_find(fixture->tokens, OTHER, NOW));
        assert_null(tokens_find(fixture->tokens, SECRET "x", NOW));
        assert_null(tokens_find(fixture->tokens, "", NOW));
}

static void who_is_held_outlives_the_token(void **state) {
        struct fixture *fixture = *state;
        const struct principal *phone, *desk;

        file_add(fixture, "phone", SECRET, NULL, NEVER);
        file_add(fixture, "desk", OTHER, NULL, NEVER);
        tokens_begin(fixture);
        phone = principal_hold(tokens_find(fixture->tokens, SECRET, NOW));
        desk = principal_hold(tokens_find(fixture->tokens, OTHER, NOW));
        assert_int_equal(tokens_reload(fixture->tokens, NULL), 0);
        assert_ptr_equal(tokens_find(fixture->tokens, SECRET, NOW), phone);
        assert_false(principal_is_over(phone, NOW));

        assert_int_equal(token_file_change(fixture->file, list_empty, NULL, NULL), 0);
        assert_int_equal(tokens_reload(fixture->tokens, NULL), 0);
        assert_true(principal_is_over(phone, NOW) && principal_is_over(desk, NOW));
        assert_string_equal(phone->name, "phone");
        assert_null(tokens_find(fixture->tokens, SECRET, NOW));
        assert_true(tokens_are_set(fixture->tokens));  // the last one gone opens nothing
        fixture->tokens = tokens_close(fixture->tokens);
        principal_release(phone);
        principal_release(desk);
}

static void tokens_end(void **state) {
        struct fixture *fixture = *state;
        const struct principal *phone;

        file_add(fixture, "phone", SECRET, NULL, "2025-11-30T12:00:00Z");
        tokens_begin(fixture);
        phone = tokens_find(fixture->tokens, SECRET, 1764503999999);
        assert_non_null(phone);
        assert_true(principal_is_over(phone, 1764504000000));
        assert_null(tokens_find(fixture->tokens, SECRET, 1764504000000));
}

static void a_bad_file_changes_nothing(void **state) {
        struct fixture *fixture = *state;
        struct error error = {0};
        FILE *file;

        file_add(fixture, "phone", SECRET, NULL, NEVER);
        tokens_begin(fixture);
        assert_int_equal(chmod(fixture->file, 0640), 0);
        assert_int_equal(tokens_reload(fixture->tokens, &error), -EPERM);
        assert_non_null(strstr(error.text, "chmod 600"));
        assert_int_equal(chmod(fixture->file, 0600), 0);
        file = fopen(fixture->file, "w");
        assert_non_null(file);
        assert_int_equal(fclose(file), 0);
        assert_int_equal(tokens_reload(fixture->tokens, &error), -EINVAL);
        assert_non_null(tokens_find(fixture->tokens, SECRET, NOW));
}

static void what_a_file_may_not_say_is_told(void **state) {
        static const struct {
                const char *text, *told;
        } cases[] = {
                {"", "line 1 is no JSON"},
                {"[]", "expected {\"tokens\": [...]}"},
                {"{\"tokens\": [], \"more\": 1}", "expected {\"tokens\": [...]}"},
                {"{\"tokens\": [1]}", "token 1 is no object"},
                {"{\"tokens\": [{}]}", "a token's name is made of"},
                {"{\"tokens\": [{\"nam\": \"a\"}]}", "unknown key"},
                {"{\"tokens\": [{\"name\": \"owner\"}]}", "are taken"},
                {"{\"tokens\": [{\"name\": \"a\", \"hash\": \"sha256:12\"}]}",
                 "hash: expected"},
                {"{\"tokens\": [{\"name\": \"a\", \"hash\": \"" HASH "\"}]}",
                 "scopes: expected"},
                {"{\"tokens\": [{\"name\": \"a\", \"hash\": \"" HASH
                 "\", \"scopes\": [\"all\"]}]}",
                 "scopes: expected"},
                {"{\"tokens\": [{\"name\": \"a\", \"hash\": \"" HASH
                 "\", \"scopes\": [\"read\"], \"streams\": []}]}",
                 "streams: expected"},
                {"{\"tokens\": [{\"name\": \"a\", \"hash\": \"" HASH
                 "\", \"scopes\": [\"read\"], \"expires\": \"soon\"}]}",
                 "expires: expected"},
                {"{\"tokens\": [" ITEM ", " ITEM "]}", "two tokens have the name 'a'"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                CLEANUP(token_list_deinit) struct token_list list;
                struct error error = {0};

                assert_int_equal(
                        token_list_parse(&list, cases[i].text, strlen(cases[i].text), &error),
                        -EINVAL);
                if (!strstr(error.text, cases[i].told))
                        fail_msg("%s: %s", cases[i].text, error.text);
        }
}

static void secrets_are_made_and_judged(void **state) {
        CLEANUP(mem_freep) char *one = token_secret_new();
        CLEANUP(mem_freep) char *other = token_secret_new();
        CLEANUP(mem_freep) char *hash = token_hash_text("abc");
        char long_one[TOKEN_MOST + 2] = "";
        struct error error = {0};

        (void)state;
        assert_int_equal(strlen(one), strlen(TOKEN_PREFIX) + 43);
        assert_string_not_equal(one, other);
        assert_int_equal(token_secret_check(one, &error), 0);
        assert_string_equal(hash,
                            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61"
                            "f20015ad");
        assert_int_equal(token_secret_check("nineteen-characters", &error), -EINVAL);
        assert_null(strstr(error.text, "nineteen-characters"));
        assert_int_equal(token_secret_check("twenty-characters-20", &error), 0);
        assert_int_equal(token_secret_check("twenty characters 20", &error), -EINVAL);
        memset(long_one, 'a', TOKEN_MOST + 1);
        assert_int_equal(token_secret_check(long_one, &error), -EINVAL);
}

// The configuration was read again, and has others, elsewhere.
static void they_may_be_somewhere_else(void **state) {
        struct fixture *fixture = *state;
        char *hash = token_hash_text(SECRET), *other_hash = token_hash_text(OTHER);
        const struct token_text first = {
                .name = (char[]){"a"}, .hash = hash, .scopes = (char[]){"read"}};
        const struct token_text second = {
                .name = (char[]){"b"}, .hash = other_hash, .scopes = (char[]){"read"}};
        struct tokens_place place = fixture->place;
        CLEANUP(mem_freep) char *elsewhere = xasprintf("%s/elsewhere.json", fixture->folder);
        struct error error = {0};

        fixture->place.listed = &first;
        fixture->place.n_listed = 1;
        assert_int_equal(tokens_open(&fixture->tokens, &fixture->place, NULL), 0);
        assert_non_null(tokens_find(fixture->tokens, SECRET, NOW));
        place.listed = &second;
        place.n_listed = 1;
        place.file = elsewhere;
        assert_int_equal(tokens_move(fixture->tokens, &place, NULL), 0);
        assert_null(tokens_find(fixture->tokens, SECRET, NOW));
        assert_non_null(tokens_find(fixture->tokens, OTHER, NOW));
        // One that cannot be read leaves all as they were.
        assert_int_equal(mkdir(elsewhere, 0700), 0);
        place.n_listed = 0;
        assert_true(tokens_move(fixture->tokens, &place, &error) < 0);
        assert_non_null(tokens_find(fixture->tokens, OTHER, NOW));
        assert_int_equal(rmdir(elsewhere), 0);
        assert_int_equal(tokens_move(fixture->tokens, &fixture->place, NULL), 0);
        free(hash);
        free(other_hash);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(the_owners_token_is_made_once, setup, teardown),
                cmocka_unit_test_setup_teardown(a_secret_finds_whose_it_is, setup, teardown),
                cmocka_unit_test_setup_teardown(who_is_held_outlives_the_token, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(tokens_end, setup, teardown),
                cmocka_unit_test_setup_teardown(a_bad_file_changes_nothing, setup, teardown),
                cmocka_unit_test_setup_teardown(they_may_be_somewhere_else, setup, teardown),
                cmocka_unit_test(what_a_file_may_not_say_is_told),
                cmocka_unit_test(secrets_are_made_and_judged),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
