// Forms with a file, and bodies that are the file.
#include "net/form.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/mem.h"

#define TYPE "multipart/form-data; boundary=XX"

// What a body told.
struct heard {
        char file[64], bytes[256], fields[256];
        size_t n_bytes;
        bool is_tired;  // wants no more at the next field
};

static bool on_file(void *context, const char *name) {
        struct heard *heard = context;

        snprintf(heard->file, sizeof(heard->file), "%s", name ? name : "(none)");
        return true;
}

static bool on_bytes(void *context, const uint8_t *bytes, size_t n) {
        struct heard *heard = context;

        if (heard->n_bytes + n < sizeof(heard->bytes))
                memcpy(heard->bytes + heard->n_bytes, bytes, n);
        heard->n_bytes += n;
        return true;
}

static bool on_field(void *context, const char *name, const char *value) {
        struct heard *heard = context;
        size_t n = strlen(heard->fields);

        snprintf(heard->fields + n, sizeof(heard->fields) - n, "%s=%s;", name, value);
        return !heard->is_tired;
}

static struct form *form_of(struct heard *heard, const char *type) {
        const struct form_listener listener = {on_file, on_bytes, on_field, heard};

        return form_new(type, "file", &listener);
}

static bool feed(struct form *form, const char *text) {
        return form_feed(form, (const uint8_t *)text, strlen(text));
}

#define PART(name, more, value)                                                                \
        "--XX\r\nContent-Disposition: form-data; name=\"" name "\"" more "\r\n\r\n" value "\r" \
        "\n"

static void fields_stand_before_and_behind_the_file(void **state) {
        struct heard heard = {0};
        CLEANUP(form_freep) struct form *form = form_of(&heard, TYPE);

        (void)state;
        assert_true(feed(form, PART("model", "", "small")));
        assert_true(feed(form, PART("file", "; filename=\"a.wav\"", "sound")));
        assert_true(feed(form, PART("words[]", "", "one") PART("words[]", "", "two") "--XX--"));
        assert_true(form_end(form));
        assert_string_equal(heard.file, "a.wav");
        assert_string_equal(heard.bytes, "sound");
        assert_string_equal(heard.fields, "model=small;words[]=one;words[]=two;");
        assert_null(form_mistake(form));
}

static void a_body_that_is_no_form_is_the_file(void **state) {
        struct heard heard = {0};
        CLEANUP(form_freep) struct form *form = form_of(&heard, "audio/wav");

        (void)state;
        assert_true(feed(form, "so") && feed(form, "und"));
        assert_true(form_end(form));
        assert_string_equal(heard.file, "(none)");
        assert_string_equal(heard.bytes, "sound");
        assert_int_equal(form_file_size(form, 5), 5);
}

static void what_is_wrong_is_told(void **state) {
        static const struct {
                const char *type, *body, *field, *words;
        } wrong[] = {
                {TYPE, PART("file", "", "a") PART("file", "", "b"), "file", "one file"},
                {TYPE, PART("model", "", "m") "--XX--", "file", "no file"},
                {TYPE, PART("file", "", "") "--XX--", "file", "empty"},
                {TYPE, PART("file", "", "a"), NULL, "last boundary"},
                {TYPE, "--XXnonsense", NULL, "boundary"},
                {NULL, "", "file", "empty"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                struct heard heard = {0};
                CLEANUP(form_freep) struct form *form = form_of(&heard, wrong[i].type);
                const struct form_mistake *mistake;

                assert_false((!wrong[i].body[0] || feed(form, wrong[i].body)) &&
                             form_end(form));
                mistake = form_mistake(form);
                assert_non_null(mistake);
                assert_int_equal(mistake->status, 400);
                assert_non_null(strstr(mistake->words, wrong[i].words));
                if (wrong[i].field)
                        assert_string_equal(mistake->field, wrong[i].field);
                else
                        assert_null(mistake->field);
        }
}

static void a_value_has_a_limit_and_no_zero_byte(void **state) {
        struct heard heard = {0};
        CLEANUP(form_freep) struct form *form = form_of(&heard, TYPE);
        CLEANUP(form_freep) struct form *other = form_of(&heard, TYPE);
        CLEANUP(mem_freep) char *value = xcalloc(FORM_VALUE_MAX + 2, 1);
        static const char zero[] = "--XX\r\nContent-Disposition: form-data; "
                                   "name=\"prompt\"\r\n\r\na\0b\r\n--XX--";

        (void)state;
        memset(value, 'x', FORM_VALUE_MAX + 1);
        assert_true(feed(form, "--XX\r\nContent-Disposition: form-data; name=prompt\r\n\r\n"));
        assert_false(feed(form, value));
        assert_string_equal(form_mistake(form)->field, "prompt");
        assert_false(form_feed(other, (const uint8_t *)zero, sizeof(zero) - 1));
        assert_non_null(strstr(form_mistake(other)->words, "zero byte"));
}

static void what_stands_around_the_file_has_a_limit(void **state) {
        struct heard heard = {0};
        CLEANUP(form_freep) struct form *form = form_of(&heard, TYPE);
        CLEANUP(mem_freep) char *chunk = xcalloc(64 * 1024 + 1, 1);
        size_t n = 0;

        (void)state;
        memset(chunk, '-', (size_t)64 * 1024);
        while (feed(form, chunk))
                assert_true(++n <= 16);
        assert_int_equal(form_mistake(form)->status, 413);
}

static void who_wants_no_more_is_told_no_more(void **state) {
        struct heard heard = {.is_tired = true};
        CLEANUP(form_freep) struct form *form = form_of(&heard, TYPE);

        (void)state;
        assert_false(feed(form, PART("a", "", "1") PART("b", "", "2")));
        assert_string_equal(heard.fields, "a=1;");
        assert_null(form_mistake(form));
}

static void a_form_without_a_boundary_is_none(void **state) {
        struct heard heard = {0};

        (void)state;
        assert_null(form_of(&heard, "multipart/form-data"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(fields_stand_before_and_behind_the_file),
                cmocka_unit_test(a_body_that_is_no_form_is_the_file),
                cmocka_unit_test(what_is_wrong_is_told),
                cmocka_unit_test(a_value_has_a_limit_and_no_zero_byte),
                cmocka_unit_test(what_stands_around_the_file_has_a_limit),
                cmocka_unit_test(who_wants_no_more_is_told_no_more),
                cmocka_unit_test(a_form_without_a_boundary_is_none),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
