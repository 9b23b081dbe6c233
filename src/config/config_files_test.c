// Files, the environment and the command line: what is read, and whose word counts.
#include "config/config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/config_rig.h"
#include "util/mem.h"

static char *folder_make(void) {
        char *folder = xstrdup("/tmp/config_test.XXXXXX");

        assert_non_null(mkdtemp(folder));
        return folder;
}

static void file_write(const char *path, const char *text) {
        FILE *file = fopen(path, "w");

        assert_non_null(file);
        fputs(text, file);
        fclose(file);
}

static void test_paths_are_the_files(void **state) {
        CLEANUP(mem_freep) char *folder = folder_make();
        CLEANUP(mem_freep) char *path = xasprintf("%s/c.yaml", folder);
        CLEANUP(mem_freep) char *sound = xasprintf("%s/sound.wav", folder);
        CLEANUP(mem_freep) char *models = xasprintf("%s/models", folder);
        CLEANUP(mem_freep) char *backlog = xasprintf("%s/later", folder);
        struct config_mistakes mistakes;
        struct config *config = NULL;

        (void)state;
        file_write(path, "model: tiny.en\nmedia: ffmpeg\nmodel_dir: models\n"
                         "backlog: {folder: later}\n"
                         "streams:\n  a: sound.wav\n");
        file_write(sound, "RIFF");
        assert_int_equal(config_load(&config, path, &mistakes), 0);
        assert_string_equal(config->streams[0].url, sound);
        assert_string_equal(config->model_dir, models);
        assert_string_equal(config->backlog_folder, backlog);
        assert_string_equal(config->model, "tiny.en");  // a name, since it has no slash
        assert_string_equal(config->media, "ffmpeg");   // likewise
        config_free(config);
        unlink(sound);
        unlink(path);
        rmdir(folder);
}

static void test_files_that_cannot_be_read(void **state) {
        CLEANUP(mem_freep) char *folder = folder_make();
        CLEANUP(mem_freep) char *missing = xasprintf("%s/missing.yaml", folder);
        const struct {
                const char *path, *expected;
        } cases[] = {
                {missing, "bad.yaml:1:1: cannot read the file: No such file or directory\n"},
                {folder, "bad.yaml:1:1: cannot read the file: Is a directory\n"},
        };

        (void)state;
        for (size_t i = 0; i < 2; i++) {
                struct config_mistakes mistakes;
                struct config *config = NULL;
                CLEANUP(mem_freep) char *told = NULL;

                assert_int_equal(config_load(&config, cases[i].path, &mistakes), -EINVAL);
                assert_null(config);
                told = rig_tell_mistakes(&mistakes);
                assert_string_equal(told, cases[i].expected);
        }
        rmdir(folder);
}

// As "--config <(...)": relative paths start from where we are.
static void test_descriptors_are_read(void **state) {
        static const char text[] = "language: de\nmodel_dir: ./models\n";
        CLEANUP(mem_freep) char *path = NULL;
        struct config_mistakes mistakes;
        struct config *config = NULL;
        int ends[2];

        (void)state;
        assert_int_equal(pipe(ends), 0);
        assert_int_equal(write(ends[1], text, strlen(text)), (ssize_t)strlen(text));
        close(ends[1]);
        path = xasprintf("/dev/fd/%d", ends[0]);
        assert_int_equal(config_load(&config, path, &mistakes), 0);
        assert_string_equal(config->defaults.decoding.language, "de");
        assert_string_equal(config->model_dir, "././models");
        config_free(config);
        close(ends[0]);
}

static void test_precedence(void **state) {
        CLEANUP(mem_freep) char *folder = folder_make();
        CLEANUP(mem_freep) char *path = xasprintf("%s/c.yaml", folder);
        struct config_mistakes mistakes;
        struct config *config = NULL;

        (void)state;
        file_write(path, "listen: 127.0.0.1:1\nthreads: 1\nlanguage: de\nmodel: tiny.en\n");
        rig_set_variable("EAVESDROP_THREADS", "2");
        rig_set_variable("EAVESDROP_LANGUAGE", "auto");
        rig_set_variable("EAVESDROP_LISTEN", "127.0.0.1:2");
        rig_set_variable("EAVESDROP_MODEL", "");
        rig_set_variable("EAVESDROP_LOG_FORMAT", "json");
        assert_int_equal(config_load(&config, path, &mistakes), 0);
        assert_int_equal(config->threads, 2);
        assert_string_equal(config->defaults.decoding.language, "");
        assert_string_equal(config->model, "tiny.en");
        assert_int_equal(config->log_format, LOG_JSON);
        assert_int_equal(
                config_override(config, "listen", "127.0.0.1:3", "--listen", &mistakes), 0);
        assert_string_equal(config->listen, "127.0.0.1:3");
        assert_int_equal(config_override(config, "threads", "many", "--threads", &mistakes),
                         -EINVAL);
        assert_int_equal(config->threads, 2);
        config_free(config);

        CLEANUP(mem_freep) char *told = rig_tell_mistakes(&mistakes);

        assert_string_equal(told,
                            "--threads: \"many\" is not a whole number from 0 (all cores) "
                            "to 256\n");
        rig_set_variable("EAVESDROP_LANGUAGE", NULL);
        rig_set_variable("EAVESDROP_LISTEN", NULL);
        rig_set_variable("EAVESDROP_MODEL", NULL);
        rig_set_variable("EAVESDROP_LOG_FORMAT", NULL);
        unlink(path);
        rmdir(folder);
}

static void test_bad_environment(void **state) {
        (void)state;
        rig_expect_variable_refused(
                "EAVESDROP_THREADS", "x",
                "EAVESDROP_THREADS: \"x\" is not a whole number from 0 (all "
                "cores) to 256\n");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_paths_are_the_files),
                cmocka_unit_test(test_files_that_cannot_be_read),
                cmocka_unit_test(test_descriptors_are_read),
                cmocka_unit_test(test_precedence),
                cmocka_unit_test(test_bad_environment),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
