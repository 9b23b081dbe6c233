// A window that fails: whoever owns the stream is told, and the stream goes on.
#include <string.h>

#include "pipeline/stream_rig.h"

static void a_lost_window_is_told_and_the_next_ones_are_heard(void **state) {
        struct stream_rig *rig = stream_rig_need(state);

        rig->is_broken = true;
        stream_rig_push(rig, rig->speech.samples, rig->speech.n);
        stream_rig_push_silence(rig, 2);
        assert_true(rig->n_failed > 0);
        assert_int_equal(rig->capture.n_finals, 0);
        assert_non_null(strstr(rig->failure, "s of speech could not be decoded: Input/output"));
        assert_int_equal(stream_backlog(rig->stream), 0);
        rig->is_broken = false;
        rig->n_failed = 0;
        stream_rig_push(rig, rig->speech.samples, rig->speech.n);
        stream_rig_push_silence(rig, 2);
        assert_int_equal(rig->n_failed, 0);
        assert_true(rig->capture.n_finals > 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                STREAM_TEST(a_lost_window_is_told_and_the_next_ones_are_heard),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
