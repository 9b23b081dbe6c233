// A stream through a whole day. Apart from stream_test.c, since it has 1.4 thousand million
// samples: under TSan, which would look at each, it is left out.
#include "pipeline/stream.h"

#include <stdlib.h>

#include "pipeline/stream_rig.h"

// Twenty minutes of silence, then a sentence, through a whole day.
static void a_day_has_no_drift(void **state) {
        struct stream_rig *rig = stream_rig_need(state);
        static const float zeros[2 * AUDIO_RATE];
        int64_t first_begin = 0;  // of the first text, from the first sample spoken
        size_t n_finals = 0;

        for (int visit = 0; visit < 72; visit++) {
                int64_t spoken, first;
                struct stream_facts facts;

                for (int i = 0; i < 600; i++) {
                        stream_on_audio(rig->stream, zeros, (size_t)2 * AUDIO_RATE);
                        loop_advance(rig->loop, 2 * NSEC_PER_SEC);
                }
                spoken = stream_position(rig->stream);
                stream_rig_push(rig, rig->speech.samples, rig->speech.n);
                stream_rig_push_silence(rig, 2);
                assert_true(rig->capture.n_finals > n_finals);
                // Each visit has the times of the first one, to the sample of a VAD chunk.
                first = rig->capture.finals[n_finals].begin - spoken;
                if (visit == 0)
                        first_begin = first;
                assert_true(llabs(first - first_begin) <= 50 * AUDIO_RATE / 1000);
                facts = stream_facts(rig->stream);
                // And the wall clock runs beside: it was two seconds of sound behind at first.
                assert_true(llabs(observer_wall(&facts, stream_position(rig->stream)) +
                                  2 * NSEC_PER_SEC - loop_wall(rig->loop)) <=
                            50 * NSEC_PER_MSEC);
                n_finals = rig->capture.n_finals;
        }
        assert_true(stream_position(rig->stream) > (int64_t)86400 * AUDIO_RATE);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                STREAM_TEST(a_day_has_no_drift),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
