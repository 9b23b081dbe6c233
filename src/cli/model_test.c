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

#include "cli/cli.h"
#include "models/models.h"
#include "util/mem.h"

// What a run said on both standard outputs.
static char said[64 * 1024];

// Run the verb with these words (the last is NULL) and keep what it says.
static int model_run(const char *const *words) {
        FILE *file = tmpfile();
        int out = dup(STDOUT_FILENO), complaints = dup(STDERR_FILENO), argc = 1, code;
        char verb[] = "model", *argv[8] = {verb};
        size_t n;

        for (; words[argc - 1]; argc++)
                argv[argc] = (char *)words[argc - 1];
        fflush(stdout);
        dup2(fileno(file), STDOUT_FILENO);
        dup2(fileno(file), STDERR_FILENO);
        code = cli_model(argc, argv);
        fflush(stdout);
        dup2(out, STDOUT_FILENO);
        dup2(complaints, STDERR_FILENO);
        close(out);
        close(complaints);
        rewind(file);
        n = fread(said, 1, sizeof(said) - 1, file);
        said[n] = 0;
        fclose(file);
        return code;
}

#define RUN(...) model_run((const char *const[]){__VA_ARGS__, NULL})

static void assert_said(const char *words) {
        if (!strstr(said, words))
                fail_msg("'%s' lacks '%s'", said, words);
}

static void mistakes_are_told(void **state) {
        (void)state;
        assert_int_equal(RUN(NULL), EXIT_USAGE);
        assert_said("expected list, fetch or info");
        assert_int_equal(RUN("lst"), EXIT_USAGE);
        assert_said("not lst");
        assert_int_equal(RUN("fetch"), EXIT_USAGE);
        assert_said("fetch which models?");
        assert_int_equal(RUN("fetch", "base", "bass"), EXIT_USAGE);
        assert_said("no such model (see: eavesdrop model list): bass");
        assert_int_equal(RUN("info"), EXIT_USAGE);
        assert_int_equal(RUN("info", "base", "tiny.en"), EXIT_USAGE);
        assert_int_equal(RUN("list", "base"), EXIT_USAGE);
        assert_int_equal(RUN("list", "--model-die", "x"), EXIT_USAGE);
        assert_said("did you mean --model-dir?");
}

static void help_is_given(void **state) {
        (void)state;
        assert_int_equal(RUN("--help"), EXIT_OK);
        assert_said("EAVESDROP_HUB_URL");
        assert_int_equal(RUN("fetch", "--help"), EXIT_OK);
}

static void list_tells_what_is_here(void **state) {
        char folder[] = "/tmp/model-test-XXXXXX";
        const struct model_entry *entry = models_find("silero-vad");
        CLEANUP(mem_freep) char *own = NULL;
        CLEANUP(mem_freep) char *path = NULL;

        (void)state;
        assert_non_null(mkdtemp(folder));
        own = xasprintf("%s/silero-vad", folder);
        path = xasprintf("%s/%s", own, entry->files[0].name);
        assert_int_equal(RUN("list", "--model-dir", folder), EXIT_OK);
        assert_said("base ");
        assert_said("141.0 MiB  -\n");
        assert_null(strstr(said, folder));
        assert_int_equal(mkdir(own, 0777), 0);
        fclose(fopen(path, "we"));
        assert_int_equal(truncate(path, entry->files[0].size), 0);
        assert_int_equal(RUN("list", "--model-dir", folder), EXIT_OK);
        assert_said(own);
        unlink(path);
        rmdir(own);
        rmdir(folder);
}

static void info_of_no_model_is_told(void **state) {
        (void)state;
        assert_int_equal(RUN("info", "--model-dir", "/nowhere", "base"), EXIT_MODEL);
        assert_said("run: eavesdrop model fetch base");
        assert_int_equal(RUN("info", "/dev/null"), EXIT_MODEL);
        assert_said("/dev/null: not a regular file");
        assert_int_equal(RUN("info", "nothing-of-that-name"), EXIT_MODEL);
        assert_said("eavesdrop model list");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(mistakes_are_told),
                cmocka_unit_test(help_is_given),
                cmocka_unit_test(list_tells_what_is_here),
                cmocka_unit_test(info_of_no_model_is_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
