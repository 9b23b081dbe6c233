// Keys that are none of ours: who comes in with one, on which paths.
#include "auth/visitors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "auth/principal.h"
#include "auth/tokens.h"
#include "net/http_request_fixture.h"
#include "util/mem.h"

#define GOOD "evd_correct-horse-battery"

struct fixture {
        char folder[32];
        char *file, *owner;
        struct tokens *tokens;
        struct visitors_rules rules;
};

static enum visitors_key key_of(const struct http_request *request) {
        if (strcmp(request->path, "/habit") == 0)
                return KEY_IS_A_HABIT;
        return strcmp(request->path, "/later") == 0 ? KEY_COMES_LATER : KEY_IS_TOKEN;
}

static int setup(void **state) {
        struct fixture *fixture = xnew(struct fixture);

        snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/visitors-test-XXXXXX");
        if (!mkdtemp(fixture->folder))
                return -1;
        fixture->file = xasprintf("%s/tokens.json", fixture->folder);
        fixture->owner = xasprintf("%s/token", fixture->folder);
        fixture->rules = (struct visitors_rules){.loop = loop_new_fake(0),
                                                 .key_of = key_of,
                                                 .anonymous_scopes = SCOPE_READ | SCOPE_LISTEN};
        *state = fixture;
        return 0;
}

static int teardown(void **state) {
        struct fixture *fixture = *state;

        tokens_close(fixture->tokens);
        loop_free(fixture->rules.loop);
        (void)unlink(fixture->owner);
        assert_int_equal(rmdir(fixture->folder), 0);
        free(fixture->file);
        free(fixture->owner);
        free(fixture);
        return 0;
}

static void tokens_take(struct fixture *fixture, bool has_some) {
        CLEANUP(mem_freep) char *hash = token_hash_text(GOOD);
        const struct token_text listed = {
                .name = (char[]){"phone"}, .hash = hash, .scopes = (char[]){"listen"}};
        struct tokens_place place = {.listed = &listed,
                                     .n_listed = has_some,
                                     .file = fixture->file,
                                     .owner = fixture->owner};

        assert_int_equal(tokens_open(&fixture->tokens, &place, NULL), 0);
        fixture->rules.tokens = fixture->tokens;
}

// 0: whoever asks for a WebSocket there with that key is let in, and is called *ret_name.
static int status_of(const struct fixture *fixture, const char *path, const char *key,
                     const char **ret_name) {
        const char *headers[] = {"Host",          "localhost", "Upgrade", "websocket",
                                 "Authorization", key,         NULL};
        struct visitors *visitors = visitors_new(&fixture->rules);
        struct http_request request = {
                .peer = "127.0.0.1:1", .address = "127.0.0.1", .is_loopback = true};
        struct http_head head = {0};
        CLEANUP(mem_freep) char *words = NULL;
        int status = 403;

        if (!key)
                headers[4] = NULL;
        assert_true(request_fill(&request, &head, path, headers));
        words = visitors_admit(visitors, &request, &status);
        *ret_name = request.principal->name;
        visitors_dismiss(&request);
        visitors_free(visitors);
        http_head_deinit(&head);
        return words ? status : 0;
}

static void a_server_without_tokens_ignores_the_keys_of_stock_clients(void **state) {
        struct fixture *fixture = *state;
        const char *name;

        tokens_take(fixture, false);
        assert_int_equal(status_of(fixture, "/habit", "Bearer sk-whatever", &name), 0);
        assert_string_equal(name, "anonymous");
        assert_int_equal(status_of(fixture, "/habit", NULL, &name), 0);
        // Where keys are tokens it is a mistake that people want to hear of.
        assert_int_equal(status_of(fixture, "/", "Bearer sk-whatever", &name), 401);
        assert_string_equal(name, "unknown token");
        assert_int_equal(status_of(fixture, "/", NULL, &name), 0);
        // But not in ways in which other services' are sent.
        assert_int_equal(status_of(fixture, "/", "whatever", &name), 0);
        assert_string_equal(name, "anonymous");
}

static void a_server_with_tokens_wants_one(void **state) {
        struct fixture *fixture = *state;
        const char *name;

        tokens_take(fixture, true);
        assert_int_equal(status_of(fixture, "/habit", "Bearer sk-whatever", &name), 401);
        assert_string_equal(name, "unknown token");
        assert_int_equal(status_of(fixture, "/habit", NULL, &name), 401);
        assert_int_equal(status_of(fixture, "/habit", GOOD, &name), 0);
        assert_string_equal(name, "phone");
        // Whoever comes in without one does so with a wrong one, too.
        fixture->rules.anonymous_from = "127.0.0.0/8";
        assert_int_equal(status_of(fixture, "/habit", "Bearer sk-whatever", &name), 0);
        assert_string_equal(name, "anonymous");
        assert_int_equal(status_of(fixture, "/", "Bearer sk-whatever", &name), 401);
}

static void a_key_may_come_later(void **state) {
        struct fixture *fixture = *state;
        const char *name;

        tokens_take(fixture, true);
        assert_int_equal(status_of(fixture, "/later", NULL, &name), 0);
        assert_string_equal(name, "anonymous");
        assert_int_equal(status_of(fixture, "/later", "Bearer sk-whatever", &name), 401);
        assert_int_equal(status_of(fixture, "/later", "Bearer " GOOD, &name), 0);
        assert_string_equal(name, "phone");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_server_without_tokens_ignores_the_keys_of_stock_clients),
                TEST(a_server_with_tokens_wants_one),
                TEST(a_key_may_come_later),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
