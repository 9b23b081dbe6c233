#include "journal/archive_rig.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <glob.h>
#include <math.h>
#include <opusfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audio/pcm.h"
#include "util/mem.h"

int archive_rig_open(void **state) {
        struct archive_rig *rig = xnew(struct archive_rig);
        const char *where = getenv("TMPDIR");

        rig->folder = xasprintf("%s/archive-XXXXXX", where ? where : "/tmp");
        assert_non_null(mkdtemp(rig->folder));
        rig->loop = loop_new_fake(RIG_HOUR * NSEC_PER_MSEC);
        rig->config.folder = rig->folder;
        archive_rig_again(rig);
        *state = rig;
        return 0;
}

void archive_rig_stop(struct archive_rig *rig) {
        rig->archive = archive_close(rig->archive);
}

void archive_rig_again(struct archive_rig *rig) {
        struct error error;

        archive_rig_stop(rig);
        if (archive_open(&rig->archive, rig->loop, &rig->config, &error) < 0)
                fail_msg("%s", error.text);
}

int archive_rig_close(void **state) {
        struct archive_rig *rig = *state;
        CLEANUP(mem_freep) char *all = xasprintf("%s/audio/*/*", rig->folder);
        CLEANUP(mem_freep) char *folders = xasprintf("%s/audio/*", rig->folder);
        CLEANUP(mem_freep) char *audio = xasprintf("%s/audio", rig->folder);
        glob_t found = {0};

        archive_rig_stop(rig);
        loop_turn(rig->loop);
        loop_free(rig->loop);
        // Nobody else changes the environment. NOLINTBEGIN(concurrency-mt-unsafe)
        glob(all, 0, NULL, &found);
        glob(folders, GLOB_APPEND, NULL, &found);
        // NOLINTEND(concurrency-mt-unsafe)
        for (size_t i = 0; i < found.gl_pathc; i++)
                (void)remove(found.gl_pathv[i]);
        globfree(&found);
        rmdir(audio);
        assert_int_equal(rmdir(rig->folder), 0);
        free(rig->folder);
        free(rig->bytes);
        free(rig);
        return 0;
}

// A tone with overtones that glides, louder and softer several times a second: unlike itself at
// any other place.
float *archive_rig_voice(double seconds, unsigned seed) {
        size_t n = (size_t)(seconds * AUDIO_RATE);
        float *samples = xcalloc(n + 1, sizeof(*samples));
        double phase = 0, base = 110 + 23 * (seed % 9);

        for (size_t i = 0; i < n; i++) {
                double t = (double)i / AUDIO_RATE, value = 0;
                double pitch = base * (1 + 0.2 * sin(1.3 * t + seed) + 0.1 * sin(0.37 * t));

                phase += 2 * M_PI * pitch / AUDIO_RATE;
                for (int k = 1; k <= 3; k++)
                        value += sin(k * phase) / (k * k);
                value *= 0.12 * (1.1 + sin(2 * M_PI * 3.1 * t + seed));
                samples[i] = (float)value;
        }
        return samples;
}

void archive_rig_keep(struct archive_rig *rig, const char *stream, int64_t start,
                      double seconds, unsigned seed) {
        CLEANUP(floats_freep) float *voice = archive_rig_voice(seconds, seed);

        archive_keep(rig->archive, stream, start, voice, (size_t)(seconds * AUDIO_RATE));
}

static void on_answer(struct archive_rig *rig, const char *trouble) {
        snprintf(rig->trouble, sizeof(rig->trouble), "%s", trouble ? trouble : "");
        rig->n_answers++;
}

static void on_read(void *context, struct archive_sound *sound, const char *trouble) {
        struct archive_rig *rig = context;

        free(rig->bytes);
        rig->bytes = sound->bytes;
        rig->n_bytes = sound->n;
        on_answer(rig, trouble);
}

static void on_done(void *context, const char *trouble) {
        on_answer(context, trouble);
}

static void answer_wait(struct archive_rig *rig, size_t n_before) {
        while (rig->n_answers == n_before) {
                loop_turn(rig->loop);
                usleep(500);
        }
}

void archive_rig_read(struct archive_rig *rig, const char *stream, int64_t since, int64_t until,
                      enum archive_format format) {
        const struct archive_query query = {stream, since, until, format};
        size_t n_before = rig->n_answers;

        archive_read(rig->archive, &query, on_read, rig);
        answer_wait(rig, n_before);
}

void archive_rig_forget(struct archive_rig *rig, const char *stream, int64_t since,
                        int64_t until) {
        size_t n_before = rig->n_answers;

        archive_forget(rig->archive, stream, since, until, on_done, rig);
        answer_wait(rig, n_before);
}

void archive_rig_settle(struct archive_rig *rig) {
        // Nobody's, in a time that there is none of.
        archive_rig_forget(rig, "", 1, 2);
}

static float *wav_samples(const struct archive_rig *rig, size_t *ret_n) {
        size_t n = (rig->n_bytes - 44) / 2;
        float *samples = xcalloc(n + 1, sizeof(*samples));

        assert_memory_equal(rig->bytes, "RIFF", 4);
        pcm_to_float(PCM_S16, rig->bytes + 44, n, samples);
        *ret_n = n;
        return samples;
}

// By another reader than ours, which makes 48 kHz of it.
static float *ogg_samples(const struct archive_rig *rig, size_t *ret_n) {
        OggOpusFile *file = op_open_memory(rig->bytes, rig->n_bytes, NULL);
        float piece[5760 * 2];
        float *samples;
        size_t n = 0, seen = 0, n_all;
        int got;

        assert_non_null(file);
        assert_int_equal(op_link_count(file), 1);
        n_all = (size_t)op_pcm_total(file, -1);
        samples = xcalloc(n_all / 3 + 1, sizeof(*samples));
        while ((got = op_read_float(file, piece, 5760, NULL)) > 0) {
                assert_true(seen + (size_t)got <= n_all);
                for (int i = 0; i < got; i++)
                        if (seen++ % 3 == 0)
                                samples[n++] = piece[i];
        }
        assert_int_equal(got, 0);
        op_free(file);
        *ret_n = n;
        return samples;
}

float *archive_rig_samples(const struct archive_rig *rig, size_t *ret_n) {
        if (!rig->bytes)
                fail_msg("%s", rig->trouble);
        return memcmp(rig->bytes, "RIFF", 4) == 0 ? wav_samples(rig, ret_n)
                                                  : ogg_samples(rig, ret_n);
}

double archive_rig_likeness(const float *one, const float *other, size_t n) {
        double best = 0;

        for (size_t moved = 0; moved <= 64; moved += 4) {
                double both = 0, a = 0, b = 0;

                for (size_t i = 32; i + 32 < n; i++) {
                        float x = one[i], y = other[i + moved - 32];

                        both += (double)x * (double)y;
                        a += (double)x * (double)x;
                        b += (double)y * (double)y;
                }
                if (a > 0 && b > 0 && both / sqrt(a * b) > best)
                        best = both / sqrt(a * b);
        }
        return best;
}

char *archive_rig_file(const struct archive_rig *rig, const char *name) {
        CLEANUP(mem_freep) char *all = xasprintf("%s/audio/%s/*", rig->folder, name);
        glob_t found = {0};
        char *path;

        // NOLINTNEXTLINE(concurrency-mt-unsafe): as above
        assert_int_equal(glob(all, 0, NULL, &found), 0);
        assert_int_equal(found.gl_pathc, 1);
        path = xstrdup(found.gl_pathv[0]);
        globfree(&found);
        return path;
}
