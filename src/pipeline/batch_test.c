// Many files through ffmpeg, the scheduler and a scripted engine, in their order.
#include "pipeline/batch.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audio/pcm.h"
#include "cli/batch_rig.h"
#include "util/mem.h"

// The very first window takes longer than a few windows of other files.
static int answer_first_last(void *context, const struct job *job, struct hypothesis *ret) {
        struct batch_rig *rig = context;

        pthread_mutex_lock(&rig->lock);
        while (job->samples[0] * 32768 == 100 && rig->n_seen < 5)
                pthread_cond_wait(&rig->change, &rig->lock);
        pthread_mutex_unlock(&rig->lock);
        return rig_answer_plainly(context, job, ret);
}

static int answer_if_positive(void *context, const struct job *job, struct hypothesis *ret) {
        (void)ret;
        rig_note(context, job);
        return job->samples[0] < 0 ? -ENOMEM : rig_answer_plainly(context, job, ret);
}

static void test_files_come_out_in_their_order(void **state) {
        struct batch_rig *rig = batch_rig_new();
        CLEANUP(mem_freep) char *text = NULL;
        CLEANUP(mem_freep) char *expected = xstrdup("");

        (void)state;
        for (int i = 0; i < 20; i++) {
                char name[16];

                snprintf(name, sizeof(name), "%02d.wav", i);
                // Long and short ones take turns.
                rig_add_wav(rig, name, (size_t)(i % 3 == 0 ? 31 : 1) * AUDIO_RATE,
                            (int16_t)(100 + i));
        }
        rig->n_engines = 2;
        text = batch_rig_run(rig, answer_first_last);
        for (int i = 0; i < 20; i++) {
                CLEANUP(mem_freep) char *before = expected;
                CLEANUP(mem_freep) char *second = xstrdup("");

                if (i % 3 == 0) {
                        free(second);
                        second = xasprintf("%s: at 30.00 level %d\n", rig->files[i], 100 + i);
                }
                expected = xasprintf("%s%s: at 0.00 level %d\n%s", before, rig->files[i],
                                     100 + i, second);
        }
        assert_string_equal(text, expected);
        batch_rig_free(rig);
}

static void test_bad_files_do_not_stop_the_others(void **state) {
        struct batch_rig *rig = batch_rig_new();
        CLEANUP(mem_freep) char *text = NULL;
        CLEANUP(mem_freep) char *expected = NULL;
        FILE *file;

        (void)state;
        rig_add_file(rig, "missing.wav");
        file = fopen(rig_add_file(rig, "empty.wav"), "w");
        fclose(file);
        file = fopen(rig_add_file(rig, "not-sound.wav"), "w");
        fputs("This is a letter, not a recording.\n", file);
        fclose(file);
        rig_add_wav(rig, "undecodable.wav", AUDIO_RATE, -5);
        rig_add_wav(rig, "short.wav", AUDIO_RATE / 20, 7);
        rig_add_wav(rig, "good.wav", AUDIO_RATE, 9);
        text = batch_rig_run(rig, answer_if_positive);
        expected = xasprintf("%s: at 0.00 level 7\n%s: at 0.00 level 9\n", rig->files[4],
                             rig->files[5]);
        assert_string_equal(text, expected);
        assert_int_equal(rig->n_failed, 4);
        batch_rig_free(rig);
}

static void test_json_of_what_could_be_read(void **state) {
        struct batch_rig *rig = batch_rig_new();
        CLEANUP(mem_freep) char *text = NULL;
        FILE *file;

        (void)state;
        rig->format = TRANSCRIPT_JSON;
        file = fopen(rig_add_file(rig, "not-sound.wav"), "w");
        fputs("This is a letter, not a recording.\n", file);
        fclose(file);
        rig_add_wav(rig, "undecodable.wav", AUDIO_RATE, -5);
        rig_add_wav(rig, "good.wav", (size_t)2 * AUDIO_RATE, 9);
        text = batch_rig_run(rig, answer_if_positive);
        assert_null(strstr(text, "not-sound"));
        assert_non_null(strstr(text, "undecodable.wav\",\"language\":null,\"duration\":1.0,"
                                     "\"segments\":[]}\n"));
        assert_non_null(strstr(text, "\"language\":\"de\",\"duration\":2.0,"));
        assert_int_equal(rig->n_failed, 2);
        batch_rig_free(rig);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_files_come_out_in_their_order),
                cmocka_unit_test(test_bad_files_do_not_stop_the_others),
                cmocka_unit_test(test_json_of_what_could_be_read),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
