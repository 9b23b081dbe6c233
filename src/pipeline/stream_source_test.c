// A stream whose sound is fetched, by a media process that does as it is told
// (tests/e2e/fake_nursery.py).
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "pipeline/stream_rig.h"
#include "source/media_backend.h"
#include "source/source_rig.h"
#include "util/mem.h"

#define SPOKEN ((size_t)2 * AUDIO_RATE)  // in the middle of a sentence

struct fetched {
        char folder[32];
        char *program, *sound;
        struct media_backend *media;
};

static void sound_write(const char *path, const float *samples, size_t n) {
        FILE *file = fopen(path, "wb");

        assert_non_null(file);
        for (size_t i = 0; i < n; i++) {
                int16_t sample = (int16_t)lrintf(samples[i] * 32767);

                assert_int_equal(fwrite(&sample, sizeof(sample), 1, file), 1);
        }
        assert_int_equal(fclose(file), 0);
}

// A stream in the rig's place that fetches the begin of the rig's speech.
static void fetched_open(struct fetched *fetched, struct stream_rig *rig, const char *url) {
        struct source_config source = {.name = "office", .url = url};

        *fetched = (struct fetched){.folder = "/tmp/eavesdrop-stream-XXXXXX"};
        assert_non_null(mkdtemp(fetched->folder));
        fetched->program = xasprintf("%s/eavesdrop-media", fetched->folder);
        fetched->sound = xasprintf("%s/speech", fetched->folder);
        sound_write(fetched->sound, rig->speech.samples, SPOKEN);
        rig_nursery_write(fetched->program, fetched->sound);
        source.media = fetched->media = media_backend_new(rig->loop, fetched->program);
        stream_rig_fetch(rig, &source);
        loop_advance(rig->loop, 0);
}

static void fetched_close(struct fetched *fetched, struct stream_rig *rig) {
        rig->stream = stream_close(rig->stream);
        while (source_children() > 0)
                loop_turn(rig->loop);
        media_backend_free(fetched->media);
        unlink(fetched->program);
        unlink(fetched->sound);
        rmdir(fetched->folder);
        free(fetched->program);
        free(fetched->sound);
}

static void a_jump_of_the_sources_clock_begins_a_generation(void **state) {
        struct stream_rig *rig = stream_rig_need(state);
        struct fetched fetched;
        struct stream_facts facts;

        fetched_open(&fetched, rig, "http://127.0.0.1/jumps");
        do {
                loop_turn(rig->loop);
                facts = stream_facts(rig->stream);
        } while (facts.generation == 0);
        assert_int_equal(facts.generation, 1);
        assert_int_equal(stream_position(rig->stream), SPOKEN);
        // What was being said when the clock jumped is text now, though no pause has come.
        stream_rig_wait(rig);
        assert_int_equal(rig->capture.n_finals, 1);
        assert_int_equal(rig->capture.finals[0].end, SPOKEN);
        assert_string_equal(stream_state(rig->stream).state, "online");
        fetched_close(&fetched, rig);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                STREAM_TEST(a_jump_of_the_sources_clock_begins_a_generation),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
