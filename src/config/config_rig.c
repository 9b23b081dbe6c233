#include "config/config_rig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/mem.h"

// Tests have one thread.
void rig_set_variable(const char *name, const char *value) {
        if (value)
                setenv(name, value, 1);  // NOLINT(concurrency-mt-unsafe)
        else
                unsetenv(name);  // NOLINT(concurrency-mt-unsafe)
}

struct config *rig_parse_config(const char *text) {
        struct config_mistakes mistakes;
        struct config *config = NULL;
        int r = config_parse(&config, text, strlen(text), &mistakes);

        for (size_t i = 0; i < mistakes.n; i++) {
                CLEANUP(mem_freep)
                char *line = config_mistake_format(&mistakes.items[i], "good.yaml");

                print_error("%s\n", line);
        }
        assert_int_equal(r, 0);
        assert_int_equal(mistakes.n, 0);
        assert_non_null(config);
        return config;
}

const struct request_defaults *rig_defaults(const struct config *config, size_t i) {
        static struct request_defaults request;

        request_defaults_deinit(&request);
        request = config_stream_defaults(config, &config->streams[i]);
        return &request;
}

char *rig_tell_mistakes(struct config_mistakes *mistakes) {
        char *all = xstrdup("");

        for (size_t i = 0; i < mistakes->n; i++) {
                CLEANUP(mem_freep)
                char *line = config_mistake_format(&mistakes->items[i], "bad.yaml");
                CLEANUP(mem_freep) char *before = all;

                all = xasprintf("%s%s\n", before, line);
        }
        config_mistakes_deinit(mistakes);
        return all;
}

char *rig_refuse_config(const char *text, size_t n) {
        struct config_mistakes mistakes;
        struct config *config = NULL;

        assert_int_equal(config_parse(&config, text, n, &mistakes), -EINVAL);
        assert_null(config);
        assert_true(mistakes.n > 0);
        return rig_tell_mistakes(&mistakes);
}

void rig_expect_refused(const char *text, const char *expected) {
        CLEANUP(mem_freep) char *told = rig_refuse_config(text, strlen(text));

        assert_string_equal(told, expected);
}

void rig_expect_variable_refused(const char *name, const char *value, const char *expected) {
        struct config_mistakes mistakes;
        struct config *config = NULL;
        CLEANUP(mem_freep) char *told = NULL;

        rig_set_variable(name, value);
        assert_int_equal(config_load(&config, NULL, &mistakes), -EINVAL);
        told = rig_tell_mistakes(&mistakes);
        assert_string_equal(told, expected);
        rig_set_variable(name, NULL);
}
