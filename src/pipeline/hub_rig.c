#include "pipeline/hub_rig.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source/media_backend.h"
#include "util/mem.h"
#include "vad/silero_rig.h"

static int script_answer(void *context, const struct job *job, struct hypothesis *ret) {
        const struct hub_rig *rig = context;
        struct hypothesis_segment *segment;

        if (rig->failure < 0)
                return rig->failure;
        segment = hypothesis_append(ret);
        segment->text = xstrdup(rig->text);
        segment->end = (int64_t)job->n_samples;
        snprintf(ret->language, sizeof(ret->language), "en");
        return 0;
}

static int model_check(const void *context, const char *language, enum decode_task task,
                       struct error *error) {
        (void)context;
        (void)task;
        if (strcmp(language, "xx") == 0 || strcmp(language, "yi") == 0)
                return error_set(error, -EINVAL, "the model does not know '%s'", language);
        return 0;
}

int hub_rig_setup(void **state) {
        struct hub_rig *rig = xnew(struct hub_rig);
        struct scheduler_config config = {.engine = &engine_scripted, .n_engines = 1};

        *state = rig;
        rig->text = "word";
        rig->loop = loop_new_fake(1000 * NSEC_PER_SEC);
        rig->media = media_backend_new(rig->loop, "ffmpeg");
        rig->script = engine_script_new(4, script_answer, rig);
        config.model = rig->script;
        config.budget = rig->budget = budget_new(HUB_RIG_BUDGET);
        if (scheduler_open(&rig->scheduler, rig->loop, &config, NULL) < 0)
                return -1;
        rig->defaults = (struct request_defaults){
                .decoding = decode_options_default(),
                .filters = filter_limits_default(),
                .pause = 0.6F,
                .window_max = 28,
        };
        rig->parts = (struct hub_parts){
                .loop = rig->loop,
                .scheduler = rig->scheduler,
                .budget = rig->budget,
                .defaults = &rig->defaults,
                .check_model = model_check,
        };
        rig->parts.vad = rig->vad = rig_load_vad();
        if (rig->vad)
                rig->hub = hub_new(&rig->parts);
        return 0;
}

int hub_rig_teardown(void **state) {
        struct hub_rig *rig = *state;

        hub_free(rig->hub);
        scheduler_close(rig->scheduler);
        budget_free(rig->budget);
        engine_script_free(rig->script);
        vad_model_free(rig->vad);
        request_defaults_deinit(&rig->defaults);
        media_backend_free(rig->media);
        loop_free(rig->loop);
        free(rig);
        return 0;
}

struct hub_rig *hub_rig_need(void **state) {
        struct hub_rig *rig = *state;

        if (!rig->hub)
                skip();
        return rig;
}

void hub_rig_renew(struct hub_rig *rig) {
        hub_free(rig->hub);
        rig->hub = hub_new(&rig->parts);
}

struct hub_stream *hub_rig_open_pulled(struct hub_rig *rig, const char *name) {
        struct source_config source = {
                .name = name, .url = "rtsp://127.0.0.1:1/none", .media = rig->media};
        struct request request = {.name = name, .source = &source, .history = 100};
        struct stream_listener listener = {0};
        struct hub_stream *stream;

        assert_int_equal(hub_open(&stream, rig->hub, &request, NULL, &listener, NULL), 0);
        return stream;
}

void hub_rig_wait(struct hub_rig *rig) {
        do {
                loop_turn(rig->loop);
                sched_yield();
        } while (hub_backlog(rig->hub) > 0);
}
