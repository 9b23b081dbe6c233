#include "decode/job_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct job *rig_new_job(size_t n_samples) {
        struct decode_options options = decode_options_default();
        const struct decode_settings *settings = decode_settings_new(&options);
        struct job *job = job_new(settings, n_samples);

        decode_settings_unref(settings);
        assert_non_null(job);
        return job;
}

struct decode_options *rig_options(struct job *job) {
        struct decode_options options = decode_options_copy(&job->settings->options);

        decode_settings_unref(job->settings);
        job->settings = decode_settings_new(&options);
        return &((struct decode_settings *)(uintptr_t)job->settings)->options;
}
