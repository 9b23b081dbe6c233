// The backlog beyond the memory limit: to disk and back.
#include "decode/spool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audio/pcm.h"
#include "decode/scheduler_rig.h"

static int setup(void **state) {
        return scheduler_rig_open(
                state, 1,
                (struct scheduler_config){
                        .n_engines = 1,
                        .spool_folder = "spool.test/deep",
                        .backlog_bytes_max = (size_t)4 * AUDIO_RATE * sizeof(float),
                        .spool_bytes_max = (uint64_t)40 * AUDIO_RATE * 2,
                });
}

// The file had no name from the start: nothing is left but the folders.
static int teardown(void **state) {
        scheduler_rig_teardown(state);
        return rmdir("spool.test/deep") == 0 && rmdir("spool.test") == 0 ? 0 : -1;
}

static void job_check(void *context, const struct job *job, int result,
                      struct hypothesis *hypothesis) {
        struct scheduler_rig *rig = context;

        for (size_t i = 0; i < job->n_samples; i++)
                assert_true(job->samples[i] == 0.25f);
        rig_on_answer(rig, job, result, hypothesis);
}

static void a_backlog_goes_to_disk_and_comes_back(void **state) {
        struct scheduler_rig *rig = *state;
        struct flow *a = rig_flow_for(rig, false, job_check, rig);
        struct scheduler_stats stats;

        engine_script_hold(rig->script);
        for (int i = 0; i < 30; i++) {
                struct job *job = rig_job((char)('a' + i), true, 2, i);

                for (size_t j = 0; j < job->n_samples; j++)
                        job->samples[j] = 0.25f;
                flow_submit(a, job);
        }
        // Two in memory, twenty on disk, and what finds no room there stays in memory too.
        stats = scheduler_stats(rig->scheduler);
        assert_int_equal(stats.n_spooled, 20);
        assert_int_equal(stats.spool_bytes, (uint64_t)40 * AUDIO_RATE * 2);
        assert_true(stats.is_spool_full);
        assert_non_null(strstr(stats.spool_trouble, "limit"));
        engine_script_release(rig->script);
        rig_wait(rig);
        assert_string_equal(rig->answers, "abcdefghijklmnopqrstuvwxyz{|}~");
        stats = scheduler_stats(rig->scheduler);
        assert_int_equal(stats.n_spooled, 0);
        assert_int_equal(stats.spool_bytes, 0);
        assert_false(stats.is_spool_full);
}

static void what_was_spooled_goes_with_its_flow(void **state) {
        struct scheduler_rig *rig = *state;
        struct flow *a = rig_flow(rig, false);

        engine_script_hold(rig->script);
        for (int i = 0; i < 9; i++)
                flow_submit(a, rig_job('a', true, 2, i));
        assert_true(scheduler_stats(rig->scheduler).n_spooled > 0);
        rig_close_flow(rig, a);
        assert_int_equal(scheduler_stats(rig->scheduler).n_spooled, 0);
        assert_int_equal(scheduler_stats(rig->scheduler).spool_bytes, 0);
}

// Keep sound in this folder: what spool_put() says to it.
static int put_into(const char *folder, struct error *error) {
        struct spool *spool = spool_new(folder, 1 << 20);
        struct spool_place place = {0};
        const float samples[8] = {0};
        int r = spool_put(spool, samples, 8, &place, error);

        spool_free(spool);
        return r;
}

static void folders_that_others_rule_are_refused(void **state) {
        char folder[] = "/tmp/spool-test-XXXXXX";
        struct error error = {0};

        (void)state;
        assert_non_null(mkdtemp(folder));
        assert_int_equal(put_into(folder, &error), 0);
        chmod(folder, 0755);
        assert_int_equal(put_into(folder, &error), 0);
        chmod(folder, 01777);  // as /tmp itself
        assert_int_equal(put_into(folder, &error), 0);
        chmod(folder, 0777);
        assert_int_equal(put_into(folder, &error), -EPERM);
        assert_non_null(strstr(error.text, "others may write in the folder"));
        assert_non_null(strstr(error.text, folder));
        chmod(folder, 0770);
        assert_int_equal(put_into(folder, &error), -EPERM);
        chmod(folder, 0700);
        if (geteuid() == 0) {
                assert_int_equal(chown(folder, 65534, 65534), 0);
                assert_int_equal(put_into(folder, &error), -EPERM);
                assert_non_null(strstr(error.text, "belongs to another user (65534)"));
        }
        // Nothing was left in it.
        assert_int_equal(rmdir(folder), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_backlog_goes_to_disk_and_comes_back, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(what_was_spooled_goes_with_its_flow, setup,
                                                teardown),
                cmocka_unit_test(folders_that_others_rule_are_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
