#include "decode/scheduler_rig.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#include "audio/pcm.h"
#include "decode/job_rig.h"
#include "util/mem.h"

static int script_answer(void *context, const struct job *job, struct hypothesis *ret) {
        struct hypothesis_segment *segment;

        (void)context;
        if (job->settings->options.prompt[0] == '!')
                return -EINVAL;
        segment = hypothesis_append(ret);
        segment->text = xstrdup(job->settings->options.prompt);
        segment->compression_ratio = 1;
        if (job->settings->options.prompt[0] == '~') {  // in circles
                segment->n_tokens = 12;
                segment->tokens = xcalloc(segment->n_tokens, sizeof(int32_t));
                segment->compression_ratio = 9;
        }
        return 0;
}

int scheduler_rig_open(void **state, size_t capacity, struct scheduler_config config) {
        struct scheduler_rig *rig = xnew(struct scheduler_rig);

        rig->loop = loop_new_fake(0);
        rig->script = engine_script_new(capacity, script_answer, NULL);
        config.engine = &engine_scripted;
        config.model = rig->script;
        *state = rig;
        return scheduler_open(&rig->scheduler, rig->loop, &config, NULL);
}

int scheduler_rig_setup(void **state) {
        return scheduler_rig_open(state, 1, (struct scheduler_config){.n_engines = 1});
}

int scheduler_rig_setup_many(void **state) {
        return scheduler_rig_open(state, 4, (struct scheduler_config){.n_engines = 2});
}

int scheduler_rig_teardown(void **state) {
        struct scheduler_rig *rig = *state;

        for (size_t i = 0; i < RIG_FLOWS_MAX; i++)
                flow_close(rig->flows[i]);
        scheduler_close(rig->scheduler);
        loop_free(rig->loop);
        engine_script_free(rig->script);
        free(rig);
        return 0;
}

struct job *rig_job(char letter, bool is_final, double seconds, nsec_t deadline) {
        struct job *job = rig_new_job((size_t)(seconds * AUDIO_RATE));

        job->is_final = is_final;
        job->deadline = deadline;
        rig_options(job)->prompt = xasprintf("%c", letter);
        return job;
}

struct job *rig_job_speculative(char letter) {
        struct job *job = rig_job(letter, false, 2, 0);

        job->is_speculative = true;
        return job;
}

void rig_on_answer(void *context, const struct job *job, int result,
                   struct hypothesis *hypothesis) {
        struct scheduler_rig *rig = context;

        rig->results[rig->n_answers] = result;
        rig->beams[rig->n_answers] = job->hints.beam_size;
        rig->has_lead[rig->n_answers] = job->hints.lead.n_samples > 0;
        rig->answers[rig->n_answers++] = job->settings->options.prompt[0];
        if (result == 0 && job->settings->options.prompt[0] == '~')
                assert_int_equal(hypothesis->n_segments, 0);
        else if (result == 0)
                assert_string_equal(hypothesis->segments[0].text,
                                    job->settings->options.prompt);
}

static struct flow *rig_flow_add(struct scheduler_rig *rig, struct flow *flow) {
        for (size_t i = 0; i < RIG_FLOWS_MAX; i++)
                if (!rig->flows[i])
                        return rig->flows[i] = flow;
        fail_msg("more flows than %d", RIG_FLOWS_MAX);
        return NULL;
}

struct flow *rig_flow_for(struct scheduler_rig *rig, bool is_bulk, flow_listener listener,
                          void *context) {
        return rig_flow_add(rig, flow_open(rig->scheduler, NULL, is_bulk, listener, context));
}

struct flow *rig_flow_of(struct scheduler_rig *rig, const char *owner, flow_listener listener,
                         void *context) {
        return rig_flow_add(rig, flow_open(rig->scheduler, owner, false, listener, context));
}

struct flow *rig_flow(struct scheduler_rig *rig, bool is_bulk) {
        return rig_flow_for(rig, is_bulk, rig_on_answer, rig);
}

void rig_close_flow(struct scheduler_rig *rig, struct flow *flow) {
        for (size_t i = 0; i < RIG_FLOWS_MAX; i++)
                if (rig->flows[i] == flow)
                        rig->flows[i] = flow_close(flow);
}

void rig_ignore_answer(void *context, const struct job *job, int result,
                       struct hypothesis *hypothesis) {
        (void)context;
        (void)job;
        (void)result;
        (void)hypothesis;
}

struct flow *rig_block(struct scheduler_rig *rig) {
        struct flow *blocker = rig_flow(rig, false);

        engine_script_hold(rig->script);
        flow_submit(blocker, rig_job('x', true, 1, 0));
        rig_wait_submitted(rig, 1);
        return blocker;
}

void rig_grant(struct scheduler_rig *rig) {
        loop_turn(rig->loop);
        sched_yield();
}

void rig_wait(struct scheduler_rig *rig) {
        for (;;) {
                struct scheduler_stats stats = scheduler_stats(rig->scheduler);

                if (stats.n_final + stats.n_partial == 0)
                        return;
                rig_grant(rig);
        }
}

void rig_wait_submitted(struct scheduler_rig *rig, unsigned n) {
        while (engine_script_submitted(rig->script) < n)
                sched_yield();
}

void rig_wait_told(struct scheduler_rig *rig) {
        unsigned n = engine_script_steps(rig->script);

        while (engine_script_steps(rig->script) < n + 2)
                sched_yield();
}
