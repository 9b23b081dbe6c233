// The page's files: what browsers are told of them, and how they travel.
#include "api/web.h"

#include <zlib.h>

#include "net/exchange_fixture.h"

static struct web *web;

static void on_web_exchange(struct net_fixture *net, struct exchange *exchange) {
        if (strncmp(net->path, "/web/", strlen("/web/")) == 0)
                web_answer_file(web, exchange, net->path + strlen("/web/"));
        else
                web_answer_page(web, exchange);
}

static int web_setup(void **state) {
        struct net_fixture *net;

        client_setup(state);
        net = *state;
        net->on_exchange = on_web_exchange;
        web = web_new();
        return 0;
}

static int web_teardown(void **state) {
        web = web_free(web);
        return net_teardown(state);
}

// The answer to a GET with these further headers, each with its "\r\n", in net->output.
static void ask(struct net_fixture *net, const char *path, const char *headers) {
        CLEANUP(mem_freep)
        char *request = xasprintf("GET %s HTTP/1.1\r\n" HEAD "Connection: close\r\n%s\r\n",
                                  path, headers);
        int fd = client_connect(net);

        client_say(net, fd, request);
        assert_true(client_read(net, fd, SIZE_MAX));
        close(fd);
}

// The value of a header of the answer; NULL: it has none. The caller frees it.
static char *header(const struct net_fixture *net, const char *name) {
        CLEANUP(mem_freep) char *line = xasprintf("\r\n%s: ", name);
        const char *end = strstr(net->output, "\r\n\r\n");
        const char *found = strstr(net->output, line);

        assert_non_null(end);
        if (!found || found > end)
                return NULL;
        found += strlen(line);
        return xasprintf("%.*s", (int)strcspn(found, "\r"), found);
}

static const char *body(const struct net_fixture *net) {
        const char *end = strstr(net->output, "\r\n\r\n");

        assert_non_null(end);
        return end + strlen("\r\n\r\n");
}

static size_t body_length(const struct net_fixture *net) {
        return net->n_output - (size_t)(body(net) - net->output);
}

static void expect_header(const struct net_fixture *net, const char *name, const char *value) {
        CLEANUP(mem_freep) char *found = header(net, name);

        assert_non_null(found);
        assert_string_equal(found, value);
}

static void each_file_has_its_type(void **state) {
        static const struct {
                const char *path, *type, *begin;
        } cases[] = {
                {"/", "text/html; charset=utf-8", "<!doctype html>"},
                {"/s/17", "text/html; charset=utf-8", "<!doctype html>"},
                {"/captions/stage", "text/html; charset=utf-8", "<!doctype html>"},
                {"/web/index.html", "text/html; charset=utf-8", "<!doctype html>"},
                {"/web/app.js", "text/javascript; charset=utf-8", "//"},
                {"/web/texts.js", "text/javascript; charset=utf-8", "//"},
                {"/web/style.css", "text/css; charset=utf-8", "/*"},
                {"/web/icon.svg", "image/svg+xml", "<svg"},
        };
        struct net_fixture *net = *state;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                ask(net, cases[i].path, "");
                expect_status(net, "200");
                expect_header(net, "Content-Type", cases[i].type);
                expect_header(net, "X-Content-Type-Options", "nosniff");
                assert_memory_equal(body(net), cases[i].begin, strlen(cases[i].begin));
        }
}

static void nothing_runs_but_our_files(void **state) {
        static const char *const paths[] = {"/", "/web/app.js", "/web/icon.svg"};
        struct net_fixture *net = *state;

        for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
                CLEANUP(mem_freep) char *policy = NULL;

                ask(net, paths[i], "");
                policy = header(net, "Content-Security-Policy");
                assert_non_null(policy);
                assert_non_null(strstr(policy, "default-src 'none'; script-src 'self';"));
                assert_non_null(strstr(policy, "connect-src 'self';"));
                assert_non_null(strstr(policy, "base-uri 'none'; form-action 'none';"));
                assert_null(strstr(policy, "unsafe"));
                assert_null(strstr(policy, "*"));
                assert_null(strstr(policy, "http"));
                expect_header(net, "Referrer-Policy", "no-referrer");
        }
}

static void a_file_that_is_known_is_not_sent_again(void **state) {
        struct net_fixture *net = *state;
        CLEANUP(mem_freep) char *tag = NULL;
        CLEANUP(mem_freep) char *known = NULL;
        CLEANUP(mem_freep) char *several = NULL;

        ask(net, "/web/app.js", "");
        expect_header(net, "Cache-Control", "no-cache");
        tag = header(net, "ETag");
        assert_non_null(tag);
        known = xasprintf("If-None-Match: %s\r\n", tag);
        ask(net, "/web/app.js", known);
        expect_status(net, "304");
        assert_int_equal(body_length(net), 0);
        expect_header(net, "ETag", tag);

        several = xasprintf("If-None-Match: \"other\", %s\r\n", tag);
        ask(net, "/web/app.js", several);
        expect_status(net, "304");
        ask(net, "/web/style.css", known);
        expect_status(net, "200");
        ask(net, "/web/app.js", "If-None-Match: \"other\"\r\n");
        expect_status(net, "200");
}

static void who_unpacks_gets_it_packed(void **state) {
        struct net_fixture *net = *state;
        CLEANUP(mem_freep) char *plain = NULL;
        CLEANUP(mem_freep) char *plain_tag = NULL;
        CLEANUP(mem_freep) char *packed_tag = NULL;
        CLEANUP(mem_freep) char *unpacked = NULL;
        z_stream stream = {0};
        size_t n_plain;

        ask(net, "/web/app.js", "");
        plain_tag = header(net, "ETag");
        n_plain = body_length(net);
        plain = xstrdup(body(net));
        for (int again = 0; again < 2; again++) {  // it is packed once, and kept
                ask(net, "/web/app.js", "Accept-Encoding: br, gzip\r\n");
                expect_status(net, "200");
                expect_header(net, "Content-Encoding", "gzip");
                expect_header(net, "Vary", "Accept-Encoding");
                assert_true(body_length(net) < n_plain / 2);
        }
        packed_tag = header(net, "ETag");
        assert_string_not_equal(packed_tag, plain_tag);

        unpacked = xcalloc(n_plain + 1, 1);
        stream.next_in = (z_const Bytef *)body(net);
        stream.avail_in = (uInt)body_length(net);
        stream.next_out = (Bytef *)unpacked;
        stream.avail_out = (uInt)n_plain;
        assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
        assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
        assert_int_equal(inflateEnd(&stream), Z_OK);
        assert_int_equal(stream.total_out, n_plain);
        assert_string_equal(unpacked, plain);
}

static void who_does_not_unpack_gets_it_plain(void **state) {
        static const char *const headers[] = {"", "Accept-Encoding: br\r\n",
                                              "Accept-Encoding: gzip;q=0\r\n"};
        struct net_fixture *net = *state;

        for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
                CLEANUP(mem_freep) char *encoding = NULL;

                ask(net, "/", headers[i]);
                encoding = header(net, "Content-Encoding");
                assert_null(encoding);
                assert_memory_equal(body(net), "<!doctype html>", strlen("<!doctype html>"));
        }
}

static void there_is_nothing_else(void **state) {
        static const char *const paths[] = {"/web/", "/web/web.c", "/web/app.jsx",
                                            "/web/APP.JS", "/web/../web/app.js"};
        struct net_fixture *net = *state;

        for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
                ask(net, paths[i], "");
                expect_status(net, "404");
        }
}

#define with_web(test) cmocka_unit_test_setup_teardown(test, web_setup, web_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                with_web(each_file_has_its_type),
                with_web(nothing_runs_but_our_files),
                with_web(a_file_that_is_known_is_not_sent_again),
                with_web(who_unpacks_gets_it_packed),
                with_web(who_does_not_unpack_gets_it_plain),
                with_web(there_is_nothing_else),
        };

        return cmocka_run_group_tests_name("web", tests, NULL, NULL);
}
