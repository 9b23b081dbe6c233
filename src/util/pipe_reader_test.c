// Pipes that the test itself writes into.
#include "util/pipe_reader.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct rig {
        struct loop *loop;
        struct pipe_reader *reader;
        int end;  // to write into
        char heard[256];
        size_t n_heard;
        size_t n_taken_at_once;  // bytes; then it pauses
        unsigned n_ends;
        bool is_closing;  // at the first bytes
};

static size_t rig_on_bytes(void *context, const uint8_t *bytes, size_t n) {
        struct rig *rig = context;

        if (n > rig->n_taken_at_once) {
                n = rig->n_taken_at_once;
                pipe_reader_pause(rig->reader);
        }
        assert_true(rig->n_heard + n < sizeof(rig->heard));
        memcpy(rig->heard + rig->n_heard, bytes, n);
        rig->n_heard += n;
        if (rig->is_closing)
                rig->reader = pipe_reader_close(rig->reader);
        return n;
}

static void rig_on_end(void *context) {
        struct rig *rig = context;

        rig->n_ends++;
        rig->reader = pipe_reader_close(rig->reader);
}

static void rig_init(struct rig *rig, const char *text) {
        const struct pipe_reader_listener listener = {rig_on_bytes, rig_on_end, rig};
        int ends[2];

        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        *rig = (struct rig){.loop = loop_new(), .end = ends[1], .n_taken_at_once = 256};
        rig->reader = pipe_reader_open(rig->loop, ends[0], &listener);
        assert_int_equal(write(rig->end, text, strlen(text)), strlen(text));
}

static void rig_deinit(struct rig *rig) {
        close(rig->end);
        rig->reader = pipe_reader_close(rig->reader);
        loop_free(rig->loop);
}

static void rig_turn(struct rig *rig) {
        for (int i = 0; i < 20; i++)
                loop_turn(rig->loop);
}

static void what_comes_is_handed_on_and_then_the_end(void **state) {
        struct rig rig;

        (void)state;
        rig_init(&rig, "one");
        rig_turn(&rig);
        assert_string_equal(rig.heard, "one");
        assert_int_equal(write(rig.end, " two", 4), 4);
        rig_turn(&rig);
        assert_string_equal(rig.heard, "one two");
        assert_int_equal(rig.n_ends, 0);
        close(rig.end);
        rig_turn(&rig);
        assert_int_equal(rig.n_ends, 1);
        rig.end = -1;
        rig_deinit(&rig);
}

static void what_was_not_taken_comes_again(void **state) {
        struct rig rig;

        (void)state;
        rig_init(&rig, "0123456789");
        rig.n_taken_at_once = 4;
        rig_turn(&rig);
        assert_string_equal(rig.heard, "0123");
        close(rig.end);
        rig_turn(&rig);
        pipe_reader_resume(rig.reader);
        rig_turn(&rig);
        assert_string_equal(rig.heard, "01234567");
        assert_int_equal(rig.n_ends, 0);
        pipe_reader_resume(rig.reader);
        rig_turn(&rig);
        assert_string_equal(rig.heard, "0123456789");
        assert_int_equal(rig.n_ends, 1);
        rig.end = -1;
        rig_deinit(&rig);
}

static void what_is_discarded_is_not_heard_but_its_end_is(void **state) {
        struct rig rig;

        (void)state;
        rig_init(&rig, "0123456789");
        rig.n_taken_at_once = 4;
        rig_turn(&rig);
        pipe_reader_discard(rig.reader);
        assert_int_equal(write(rig.end, "more", 4), 4);
        close(rig.end);
        rig_turn(&rig);
        assert_string_equal(rig.heard, "0123");
        assert_int_equal(rig.n_ends, 1);
        rig.end = -1;
        rig_deinit(&rig);
}

static void the_listener_may_close_it(void **state) {
        struct rig rig;

        (void)state;
        rig_init(&rig, "0123456789");
        rig.is_closing = true;
        rig_turn(&rig);
        assert_null(rig.reader);
        assert_int_equal(rig.n_ends, 0);
        rig_deinit(&rig);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_comes_is_handed_on_and_then_the_end),
                cmocka_unit_test(what_was_not_taken_comes_again),
                cmocka_unit_test(what_is_discarded_is_not_heard_but_its_end_is),
                cmocka_unit_test(the_listener_may_close_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
