// Forms, cut anywhere.
#include "net/multipart.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/mem.h"

#define TYPE "multipart/form-data; boundary=\"edge\""

// What was told, as "name|file:bytes;" for each part.
struct told {
        char text[4096];
        size_t n;
};

static void told_add(struct told *told, const void *bytes, size_t n) {
        assert_true(n < sizeof(told->text) - told->n);
        memcpy(told->text + told->n, bytes, n);
        told->n += n;
        told->text[told->n] = '\0';
}

static bool on_part(void *context, const char *name, const char *file) {
        told_add(context, name, strlen(name));
        if (file) {
                told_add(context, "|", 1);
                told_add(context, file, strlen(file));
        }
        told_add(context, ":", 1);
        return strcmp(name, "stop") != 0;
}

static bool on_bytes(void *context, const uint8_t *bytes, size_t n) {
        assert_true(n > 0);
        told_add(context, bytes, n);
        return true;
}

static bool on_part_end(void *context) {
        told_add(context, ";", 1);
        return true;
}

static struct multipart *parser_new(struct told *told, const char *type) {
        const struct multipart_listener listener = {.on_part = on_part,
                                                    .on_bytes = on_bytes,
                                                    .on_part_end = on_part_end,
                                                    .context = told};

        *told = (struct told){0};
        return multipart_new(type, &listener);
}

// Feed the body in pieces of so many bytes, each in a block of its own.
static bool feed(struct multipart *multipart, const char *body, size_t piece) {
        size_t n = strlen(body);

        for (size_t at = 0; at < n; at += piece) {
                size_t length = n - at < piece ? n - at : piece;
                CLEANUP(mem_freep) char *copy = xcalloc(length, 1);

                memcpy(copy, body + at, length);
                if (!multipart_feed(multipart, (const uint8_t *)copy, length))
                        return false;
        }
        return true;
}

static void parts_are_told_however_they_are_cut(void **state) {
        static const char body[] =
                "a line before\r\n--edge \t\r\nContent-Disposition: form-data; "
                "name=\"language\"\r\n"
                "\r\nen\r\n--edge\r\nX: y\r\ncontent-disposition:form-data ; filename=\"a "
                "\\\"b\\\".wav\" "
                "; name=file\r\nContent-Type: "
                "audio/wav\r\n\r\nso\r\nun\r\r\n--edgd\r\n-\n\r\n--edge\r\n"
                "Content-Disposition: form-data; name=empty\r\n\r\n\r\n--edge\r\n"
                "Content-Disposition: form-data; "
                "name=bare\r\n\r\n--edge--\r\nwhatever\r\n--edge\r\n";

        (void)state;
        for (size_t piece = 1; piece < sizeof(body); piece++) {
                struct told told;
                CLEANUP(multipart_freep) struct multipart *multipart = parser_new(&told, TYPE);

                assert_true(feed(multipart, body, piece));
                assert_true(multipart_is_whole(multipart));
                assert_string_equal(told.text,
                                    "language:en;file|a "
                                    "\"b\".wav:so\r\nun\r\r\n--edgd\r\n-\n;empty:;bare:;");
        }
}

static void a_boundary_may_be_the_first_thing(void **state) {
        static const char body[] =
                "--edge\r\nContent-Disposition: form-data; name=a\r\n\r\n\rb\r\n--edge--";
        struct told told;
        CLEANUP(multipart_freep) struct multipart *multipart = parser_new(&told, TYPE);

        (void)state;
        assert_true(feed(multipart, body, 3));
        assert_true(multipart_is_whole(multipart));
        assert_string_equal(told.text, "a:\rb;");
}

static void what_makes_no_sense_is_refused(void **state) {
        static const char *const bodies[] = {
                "--edge\r\nContent-Type: audio/wav\r\n\r\nx",
                "--edge\r\n\r\nx",
                "--edge\r\nContent-Disposition: attachment; name=a\r\n\r\nx",
                "--edge\r\nContent-Disposition: form-data; filename=a\r\n\r\nx",
                "--edgex\r\n",
                "--edge-x",
                "--edge\rx",
        };
        CLEANUP(mem_freep) char *long_head = xcalloc(MULTIPART_HEAD_MAX + 100, 1);

        (void)state;
        for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
                struct told told;
                CLEANUP(multipart_freep) struct multipart *multipart = parser_new(&told, TYPE);

                assert_false(feed(multipart, bodies[i], 5));
                assert_non_null(multipart_trouble(multipart));
                assert_false(multipart_feed(multipart, (const uint8_t *)"x", 1));
        }
        memset(long_head, 'x', MULTIPART_HEAD_MAX + 50);
        long_head[snprintf(long_head, MULTIPART_HEAD_MAX, "--edge\r\n")] = 'x';
        {
                struct told told;
                CLEANUP(multipart_freep) struct multipart *multipart = parser_new(&told, TYPE);

                assert_false(feed(multipart, long_head, 1000));
                assert_non_null(multipart_trouble(multipart));
        }
}

static void parts_are_counted(void **state) {
        struct told told;
        CLEANUP(multipart_freep) struct multipart *multipart = parser_new(&told, TYPE);
        static const char part[] =
                "\r\n--edge\r\nContent-Disposition: form-data; name=a\r\n\r\n";

        (void)state;
        for (int i = 0; i < MULTIPART_PARTS_MAX; i++)
                assert_true(feed(multipart, part, sizeof(part)));
        assert_false(feed(multipart, part, sizeof(part)));
        assert_non_null(multipart_trouble(multipart));
}

static void the_listener_ends_it_without_trouble(void **state) {
        struct told told;
        CLEANUP(multipart_freep) struct multipart *multipart = parser_new(&told, TYPE);

        (void)state;
        assert_false(feed(multipart,
                          "--edge\r\nContent-Disposition: form-data; name=stop\r\n\r\nmore",
                          100));
        assert_null(multipart_trouble(multipart));
        assert_string_equal(told.text, "stop:");
}

static void a_boundary_is_needed(void **state) {
        static const char long_one[] =
                "multipart/form-data; boundary=1234567890123456789012345678901234567890"
                "1234567890123456789012345678901";
        static const char *const types[] = {
                "multipart/form-data",
                "multipart/form-data; boundary=",
                "multipart/form-data; boundary=\"\"",
                long_one,
                "multipart/mixed; boundary=edge",
                "audio/wav",
        };
        struct told told;

        (void)state;
        for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
                assert_null(parser_new(&told, types[i]));
        assert_true(multipart_is_meant("Multipart/Form-Data;boundary=x"));
        assert_true(multipart_is_meant("multipart/form-data"));
        assert_false(multipart_is_meant("multipart/form-datas"));
        assert_false(multipart_is_meant("audio/wav"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(parts_are_told_however_they_are_cut),
                cmocka_unit_test(a_boundary_may_be_the_first_thing),
                cmocka_unit_test(what_makes_no_sense_is_refused),
                cmocka_unit_test(parts_are_counted),
                cmocka_unit_test(the_listener_ends_it_without_trouble),
                cmocka_unit_test(a_boundary_is_needed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
