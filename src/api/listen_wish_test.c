#include "api/listen_wish.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "pipeline/hub_names.h"

static void expect_mistake(const char *query, const char *field) {
        struct listen_mistake mistake;
        struct listen_wish wish;

        assert_false(listen_wish_read(query, &wish, &mistake));
        assert_true(mistake.detail[0]);
        if (field)
                assert_string_equal(mistake.field, field);
        else
                assert_null(mistake.field);
        listen_wish_deinit(&wish);
}

static void what_is_left_out_is_as_in_the_program(void **state) {
        struct listen_mistake mistake;
        struct listen_wish wish;

        (void)state;
        assert_true(listen_wish_read("stream=K%C3%BCche%20oben", &wish, &mistake));
        assert_string_equal(wish.stream, "K\xc3\xbc"
                                         "che oben");
        assert_int_equal(wish.rate, AUDIO_RATE);
        assert_int_equal(wish.format, PCM_S16);
        assert_int_equal(wish.channels, 1);
        assert_false(wish.is_kept || wish.is_unkept);
        listen_wish_deinit(&wish);
        assert_true(listen_wish_read("stream=x&keep=0", &wish, &mistake));
        assert_true(wish.is_unkept && !wish.is_kept);
        listen_wish_deinit(&wish);
        assert_true(listen_wish_read("stream=...", &wish, &mistake));
        listen_wish_deinit(&wish);
        assert_true(listen_wish_read("rate=8000&keep=1&format=f32&stream=x&token=t", &wish,
                                     &mistake));
        assert_int_equal(wish.rate, 8000);
        assert_int_equal(wish.format, PCM_F32);
        assert_true(wish.is_kept && !wish.is_unkept);
        listen_wish_deinit(&wish);
        assert_true(listen_wish_read("stream=x&format=mulaw&channels=8", &wish, &mistake));
        assert_int_equal(wish.format, PCM_MULAW);
        assert_int_equal(wish.channels, 8);
        listen_wish_deinit(&wish);
}

static void what_is_wrong_is_named(void **state) {
        char name[7 + HUB_NAME_MAX + 2] = "stream=";

        (void)state;
        memset(name + 7, 'x', HUB_NAME_MAX + 1);
        expect_mistake("", "stream");
        expect_mistake("stream=", "stream");
        expect_mistake(name, "stream");
        expect_mistake("stream=a%0Ab", "stream");
        expect_mistake("stream=a%FFb", "stream");
        expect_mistake("stream=a*", "stream");
        expect_mistake("stream=a,b", "stream");
        expect_mistake("stream=a/b", "stream");
        expect_mistake("stream=%2F", "stream");
        expect_mistake("stream=.", "stream");
        expect_mistake("stream=%2E.", "stream");
        expect_mistake("stream=x&rate=192001", "rate");
        expect_mistake("stream=x&rate=7999", "rate");
        expect_mistake("stream=x&rate=0", "rate");
        expect_mistake("stream=x&rate=1000000000", "rate");
        expect_mistake("stream=x&rate=-8000", "rate");
        expect_mistake("stream=x&rate=", "rate");
        expect_mistake("stream=x&format=S16", "format");
        expect_mistake("stream=x&channels=0", "channels");
        expect_mistake("stream=x&channels=9", "channels");
        expect_mistake("stream=x&keep=true", "keep");
        expect_mistake("stream=x&stream=y", NULL);
        expect_mistake("stream=x&language=en", NULL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_left_out_is_as_in_the_program),
                cmocka_unit_test(what_is_wrong_is_named),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
