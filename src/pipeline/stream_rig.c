#include "pipeline/stream_rig.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/mem.h"
#include "vad/silero_rig.h"

// A word for each half second, another one each time for the last and, in partial text, for
// the third; the first is misheard now and then.
static char *words_say(const struct job *job, unsigned n_partial) {
        size_t n = job->n_samples / (AUDIO_RATE / 2);
        char *text = xstrdup("");

        for (size_t i = 0; i <= n; i++) {
                bool is_misheard = i == 2 || (i == 0 && n_partial % 4 == 3);
                bool is_vague =
                        i == n || (is_misheard && !job->is_final && !job->is_speculative);
                char *longer = xasprintf("%s %s%zu", text, is_vague ? "maybe" : "word",
                                         is_vague ? n_partial : i);

                free(text);
                text = longer;
        }
        return text;
}

static int script_answer(void *context, const struct job *job, struct hypothesis *ret) {
        struct stream_rig *rig = context;
        struct hypothesis_segment *segment;

        if (rig->is_broken)
                return -EIO;
        segment = hypothesis_append(ret);
        if (!job->is_final)
                atomic_fetch_add(&rig->n_partial, 1);
        if (job->hints.n_draft_tokens > 0)
                atomic_fetch_add(&rig->n_drafted, 1);
        if (job->hints.lead.n_samples > 0)
                atomic_fetch_add(&rig->n_led, 1);
        // The token names the window, and a draft must be of the same one.
        for (size_t i = 0; i < job->hints.n_draft_tokens; i++)
                if (job->hints.draft_tokens[i] != (int32_t)job->begin)
                        atomic_store(&rig->is_drafted_wrong, true);
        segment->tokens = xcalloc(1, sizeof(*segment->tokens));
        segment->tokens[0] = (int32_t)job->begin;
        segment->n_tokens = 1;
        segment->end = (int64_t)job->n_samples;
        segment->text = rig->says_words ? words_say(job, atomic_load(&rig->n_partial))
                                        : xasprintf(" [%" PRId64 ",%" PRId64 ")", job->begin,
                                                    job->begin + segment->end);
        snprintf(ret->language, sizeof(ret->language), "en");
        ret->was_detected = job->hints.language[0] == '\0';
        ret->language_probability = 1;
        if (ret->was_detected)
                atomic_fetch_add(&rig->n_detected, 1);
        return 0;
}

static void on_idle(void *context) {
        struct stream_rig *rig = context;

        rig->n_finished++;
}

static void on_relief(void *context) {
        struct stream_rig *rig = context;

        rig->n_relieved++;
}

static void on_failure(void *context, const char *words) {
        struct stream_rig *rig = context;

        rig->n_failed++;
        snprintf(rig->failure, sizeof(rig->failure), "%s", words);
}

static void rig_open(struct stream_rig *rig, bool is_file, const struct source_config *source) {
        struct decode_options options = decode_options_default();
        struct stream_services services = {
                .loop = rig->loop,
                .scheduler = rig->scheduler,
                .vad = rig->vad,
                .counts = &rig->counts,
                .budget = rig->budget,
                .journaling = rig->journaling,
        };
        const struct journaling_facts facts = {.stream = "test", .principal = "nobody"};
        struct stream_settings settings = {
                .name = "test",
                .options = &options,
                .source = source,
                .history_segments = 5,
                .journaled = rig->journaling ? &facts : NULL,
                .is_file = is_file,
        };
        struct stream_listener listener = {on_idle, on_relief, on_failure, rig};

        stream_close(rig->stream);
        assert_int_equal(stream_open(&rig->stream, &services, &settings, &listener, NULL), 0);
        rig->observer = (struct observer){
                .ops = &observer_capture,
                .state = &rig->capture,
                .wants_tail = true,
                .counts = &rig->observer_counts,
        };
        stream_add_observer(rig->stream, &rig->observer);
}

void stream_rig_open(struct stream_rig *rig, bool is_file) {
        rig_open(rig, is_file, NULL);
}

void stream_rig_fetch(struct stream_rig *rig, const struct source_config *source) {
        rig_open(rig, false, source);
}

int stream_rig_setup(void **state) {
        struct stream_rig *rig = xnew(struct stream_rig);
        struct scheduler_config config = {.engine = &engine_scripted, .n_engines = 1};

        *state = rig;
        rig->loop = loop_new_fake(1000 * NSEC_PER_SEC);
        rig->script = engine_script_new(4, script_answer, rig);
        config.model = rig->script;
        config.budget = rig->budget = budget_new(RIG_BUDGET);
        if (scheduler_open(&rig->scheduler, rig->loop, &config, NULL) < 0)
                return -1;
        rig->vad = rig_load_vad();
        if (rig->vad && rig_load_sound("misc/jfk.flac", &rig->speech))
                stream_rig_open(rig, false);
        return 0;
}

int stream_rig_teardown(void **state) {
        struct stream_rig *rig = *state;

        stream_close(rig->stream);
        scheduler_close(rig->scheduler);
        budget_free(rig->budget);
        engine_script_free(rig->script);
        vad_model_free(rig->vad);
        loop_free(rig->loop);
        observer_capture_deinit(&rig->capture);
        free(rig->speech.samples);
        free(rig);
        return 0;
}

struct stream_rig *stream_rig_need(void **state) {
        struct stream_rig *rig = *state;

        if (!rig->stream)
                skip();
        return rig;
}

void stream_rig_wait(struct stream_rig *rig) {
        struct scheduler_stats stats;

        do {
                loop_turn(rig->loop);
                sched_yield();
                stats = scheduler_stats(rig->scheduler);
        } while (stats.n_final + stats.n_partial > 0);
}

void stream_rig_push(struct stream_rig *rig, const float *samples, size_t n) {
        for (size_t i = 0; i + RIG_PIECE <= n; i += RIG_PIECE) {
                stream_on_audio(rig->stream, samples + i, RIG_PIECE);
                loop_advance(rig->loop, NSEC_PER_SEC / 10);
                stream_rig_wait(rig);
        }
}

void stream_rig_push_silence(struct stream_rig *rig, double seconds) {
        static const float zeros[RIG_PIECE];

        for (int i = 0; i < (int)(seconds * 10); i++)
                stream_rig_push(rig, zeros, RIG_PIECE);
}
