// A window that fails: whoever owns the stream is told, and the stream goes on.
#include <stdio.h>
#include <string.h>

#include "decode/job.h"
#include "pipeline/stream_rig.h"

// --- no memory for a job, made by the linker (--wrap) ----------------------------------------

static bool is_without_memory;

struct job *__real_job_new(const struct decode_settings *settings, size_t n_samples);
struct job *__wrap_job_new(const struct decode_settings *settings, size_t n_samples);

struct job *__wrap_job_new(const struct decode_settings *settings, size_t n_samples) {
        return is_without_memory ? NULL : __real_job_new(settings, n_samples);
}

// --- who is told -----------------------------------------------------------------------------

// What is told of windows: "closed; " and "text; " or "nothing; ".
struct reader {
        char told[256];
        int64_t closed_at;
};

static void reader_tell(struct reader *reader, const char *what) {
        size_t n = strlen(reader->told);

        snprintf(reader->told + n, sizeof(reader->told) - n, "%s; ", what);
}

static void reader_on_update(void *state, const struct stream_facts *facts,
                             const struct update *update) {
        struct reader *reader = state;

        (void)facts;
        if (update->closed_at == 0)
                return;
        assert_true(update->closed_at > reader->closed_at);
        reader->closed_at = update->closed_at;
        reader_tell(reader, update->n_finals > 0 ? "text" : "nothing");
}

static void reader_on_window(void *state, const struct observer_window *window) {
        if (window->is_closed)
                reader_tell(state, "closed");
}

static const struct observer_ops reader_ops = {
        .name = "reader", .on_update = reader_on_update, .on_window = reader_on_window};

// "And so, my fellow Americans", in one breath: samples of it.
#define PHRASE 30400

// A window of speech, closed by a flush.
static void say(struct stream_rig *rig, bool has_memory) {
        stream_rig_push(rig, rig->speech.samples, PHRASE);
        is_without_memory = !has_memory;
        stream_flush(rig->stream);
        is_without_memory = false;
}

// --- tests -----------------------------------------------------------------------------------

static void a_lost_window_is_told_and_the_next_ones_are_heard(void **state) {
        struct stream_rig *rig = stream_rig_need(state);

        rig->is_broken = true;
        stream_rig_push(rig, rig->speech.samples, rig->speech.n);
        stream_rig_push_silence(rig, 2);
        assert_true(rig->n_failed > 0);
        assert_int_equal(rig->capture.n_finals, 0);
        assert_non_null(strstr(rig->failure, "s of speech could not be decoded: Input/output"));
        assert_int_equal(stream_backlog(rig->stream), 0);
        rig->is_broken = false;
        rig->n_failed = 0;
        stream_rig_push(rig, rig->speech.samples, rig->speech.n);
        stream_rig_push_silence(rig, 2);
        assert_int_equal(rig->n_failed, 0);
        assert_true(rig->capture.n_finals > 0);
}

static void a_window_without_memory_is_one_without_text(void **state) {
        struct stream_rig *rig = stream_rig_need(state);
        struct reader reader = {0};
        struct observer observer = {.ops = &reader_ops, .state = &reader};

        stream_add_observer(rig->stream, &observer);
        say(rig, false);
        assert_string_equal(reader.told, "closed; nothing; ");
        assert_int_equal(rig->n_failed, 1);
        assert_non_null(strstr(rig->failure, "Cannot allocate memory"));
        stream_remove_observer(rig->stream, &observer);
}

static void it_waits_for_those_before_it(void **state) {
        struct stream_rig *rig = stream_rig_need(state);
        struct reader reader = {0};
        struct observer observer = {.ops = &reader_ops, .state = &reader};

        stream_add_observer(rig->stream, &observer);
        stream_rig_push(rig, rig->speech.samples, PHRASE);
        engine_script_hold(rig->script);
        stream_flush(rig->stream);
        stream_on_audio(rig->stream, rig->speech.samples, PHRASE);
        is_without_memory = true;
        stream_flush(rig->stream);
        is_without_memory = false;
        assert_string_equal(reader.told, "closed; closed; ");
        rig->n_finished = 0;
        engine_script_release(rig->script);
        stream_rig_wait(rig);
        assert_string_equal(reader.told, "closed; closed; text; nothing; ");
        assert_int_equal(rig->n_finished, 1);
        stream_remove_observer(rig->stream, &observer);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                STREAM_TEST(a_lost_window_is_told_and_the_next_ones_are_heard),
                STREAM_TEST(a_window_without_memory_is_one_without_text),
                STREAM_TEST(it_waits_for_those_before_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
