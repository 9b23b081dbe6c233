// Streams that are added, changed, paused and removed, and a configuration that takes the place
// of another.
#include "manage/pulled.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audio/sound_rig.h"
#include "config/config_rig.h"
#include "manage/manage_rig.h"
#include "util/mem.h"

#define PULLED_TEST(function) \
        cmocka_unit_test_setup_teardown(function, manage_rig_setup, manage_rig_teardown)

#define HALL "{\"name\": \"hall\", \"url\": \"rtsp://user:secret@127.0.0.1:1/hall\"}"

// Refused so, with a part of the words.
static void expect_refusal(int r, const struct refusal *refusal, int status, const char *field,
                           const char *words) {
        assert_true(r < 0);
        assert_int_equal(refusal->status, status);
        assert_string_equal(refusal->field, field);
        assert_non_null(strstr(refusal->text, words));
}

static uint64_t opened(const struct manage_rig *rig, const char *name) {
        const struct hub_stream *stream = hub_find(rig->hub->hub, name);

        return stream ? stream->id : 0;
}

static int change(struct manage_rig *rig, const char *patch, struct refusal *refusal) {
        json_t *json = json_loads(patch, 0, NULL);
        int r;

        assert_non_null(json);
        r = pulled_change(rig->pulled, "hall", json, refusal);
        json_decref(json);
        return r;
}

static void what_was_added_is_there_after_a_restart(void **state) {
        struct manage_rig *rig = manage_rig_need(state);

        manage_rig_add(rig, HALL);
        assert_string_equal(manage_rig_list(rig), "hall:ac");
        assert_true(opened(rig, "hall") > 0);
        manage_rig_begin(rig, "streams: {yard: 'rtsp://127.0.0.1:1/yard'}\n");
        assert_string_equal(manage_rig_list(rig), "yard:fc hall:ac");
        assert_true(opened(rig, "hall") > 0);
}

static void a_pause_outlives_a_restart(void **state) {
        static const char file[] = "streams: {yard: 'rtsp://127.0.0.1:1/yard'}\n";
        struct manage_rig *rig = manage_rig_need(state);
        struct refusal refusal;

        manage_rig_begin(rig, file);
        manage_rig_add(rig, HALL);
        assert_int_equal(pulled_pause(rig->pulled, "hall", &refusal), 0);
        assert_int_equal(pulled_pause(rig->pulled, "yard", &refusal), 0);
        assert_int_equal(pulled_pause(rig->pulled, "yard", &refusal), 0);
        assert_string_equal(manage_rig_list(rig), "yard:fp hall:ap");
        assert_null(hub_first(rig->hub->hub));
        expect_refusal(pulled_restart(rig->pulled, "yard", &refusal), &refusal, 409, "",
                       "paused");
        manage_rig_begin(rig, file);
        assert_string_equal(manage_rig_list(rig), "yard:fp hall:ap");
        assert_null(hub_first(rig->hub->hub));
        assert_int_equal(pulled_resume(rig->pulled, "yard", &refusal), 0);
        manage_rig_begin(rig, file);
        assert_string_equal(manage_rig_list(rig), "yard:fc hall:ap");
}

static void only_another_stream_begins_anew(void **state) {
        struct manage_rig *rig = manage_rig_need(state);
        struct refusal refusal;
        uint64_t before;

        manage_rig_add(rig, HALL);
        before = opened(rig, "hall");
        // What holds already; and the URL as it was shown.
        assert_int_equal(change(rig, "{\"pause\": 0.6}", &refusal), 0);
        assert_int_equal(change(rig, "{\"url\": \"rtsp://***@127.0.0.1:1/hall\"}", &refusal),
                         0);
        assert_int_equal(opened(rig, "hall"), before);
        assert_int_equal(change(rig, "{\"pause\": 0.9}", &refusal), 0);
        assert_true(opened(rig, "hall") > before);
        before = opened(rig, "hall");
        assert_int_equal(pulled_restart(rig->pulled, "hall", &refusal), 0);
        assert_true(opened(rig, "hall") > before);

        expect_refusal(change(rig, "{\"language\": \"zz\"}", &refusal), &refusal, 400,
                       "language", "is not a language");
        expect_refusal(change(rig, "{\"name\": \"yard\"}", &refusal), &refusal, 400, "name",
                       "keeps its name");
        expect_refusal(change(rig, "{\"url\": null}", &refusal), &refusal, 400, "url",
                       "is missing");
        assert_int_equal(pulled_remove(rig->pulled, "hall", &refusal), 0);
        expect_refusal(pulled_remove(rig->pulled, "hall", &refusal), &refusal, 404, "",
                       "no stream");
        assert_string_equal(manage_rig_list(rig), "");
        assert_null(hub_first(rig->hub->hub));
}

// A sentence that is not over when the stream goes.
static void last_words_are_heard_of_what_is_paused(void **state) {
        struct manage_rig *rig = manage_rig_need(state);
        struct sound speech = rig_need_sound("misc/jfk.flac");
        struct refusal refusal;
        json_t *json;

        rig->hub->text = " the last words";
        manage_rig_add(rig, HALL);
        stream_on_audio(hub_find(rig->hub->hub, "hall")->stream, speech.samples,
                        3 * AUDIO_RATE);
        free(speech.samples);
        assert_int_equal(pulled_pause(rig->pulled, "hall", &refusal), 0);
        hub_rig_wait(rig->hub);
        json = pulled_json(pulled_find(rig->pulled, "hall"));
        assert_string_equal(
                json_string_value(json_object_get(json_object_get(json, "last"), "text")),
                "the last words");
        assert_int_equal(json_integer_value(json_object_get(json_object_get(json, "counters"),
                                                            "segments")),
                         1);
        json_decref(json);
        loop_advance(rig->hub->loop, 1);
        assert_int_equal(hub_backlog(rig->hub->hub), 0);
}

static void the_files_go_before_the_apis(void **state) {
        struct manage_rig *rig = manage_rig_need(state);
        struct refusal refusal;

        manage_rig_add(rig, HALL);
        manage_rig_begin(rig, "streams: {hall: 'rtsp://127.0.0.1:1/other'}\n");
        assert_string_equal(manage_rig_list(rig), "hall:fc");
        expect_refusal(pulled_remove(rig->pulled, "hall", &refusal), &refusal, 409, "",
                       "configuration file's");
        manage_rig_begin(rig, "pause: 0.6\n");
        assert_string_equal(manage_rig_list(rig), "hall:ac");
}

static void what_the_model_cannot_do_fails_alone(void **state) {
        struct manage_rig *rig = manage_rig_need(state);

        assert_null(manage_rig_keep(rig));
        state_set(rig->state, "streams",
                  json_pack("{s{ss}s{ss}s{ss}}", "bad", "uri", "x", "good", "url",
                            "rtsp://127.0.0.1:1/good", "file", "url", "/etc/passwd"));
        assert_null(manage_rig_keep(rig));
        manage_rig_begin(rig, "pause: 0.6\n");
        assert_string_equal(manage_rig_list(rig), "good:ac");
        assert_int_equal(access(manage_rig_path(rig, "state.json.broken-1"), F_OK), 0);
        manage_rig_begin(rig, "pause: 0.6\n");
        assert_string_equal(manage_rig_list(rig), "good:ac");
}

// --- another configuration -------------------------------------------------------------------

// Apply it, and expect this answer.
static void apply(struct manage_rig *rig, const char *text, const char *expected) {
        struct config *config = rig_parse_config(text);
        json_t *wanted = json_loads(expected, 0, NULL), *told = NULL;

        assert_non_null(wanted);
        assert_int_equal(pulled_apply(rig->pulled, config, &told, NULL), 0);
        assert_true(json_equal(told, wanted));
        json_decref(told);
        json_decref(wanted);
        config_free(rig->config);
        rig->config = config;
}

static void only_what_changed_in_the_file_begins_anew(void **state) {
        struct manage_rig *rig = manage_rig_need(state);
        uint64_t a, c, hall;

        manage_rig_begin(rig, "streams:\n"
                              "  a: rtsp://127.0.0.1:1/a\n"
                              "  b: rtsp://127.0.0.1:1/b\n"
                              "  c: {url: 'rtsp://127.0.0.1:1/c', pause: 0.9}\n");
        manage_rig_add(rig, HALL);
        a = opened(rig, "a");
        c = opened(rig, "c");
        hall = opened(rig, "hall");
        apply(rig,
              "streams:\n"
              "  d: rtsp://127.0.0.1:1/d\n"
              "  c: {pause: 900ms, url: 'rtsp://127.0.0.1:1/c'}\n"
              "  a: rtsp://127.0.0.1:1/elsewhere\n",
              "{\"added\": [\"d\"], \"changed\": [\"a\"], \"removed\": [\"b\"]}");
        assert_string_equal(manage_rig_list(rig), "d:fc c:fc a:fc hall:ac");
        assert_true(opened(rig, "a") > a);
        assert_int_equal(opened(rig, "c"), c);
        assert_int_equal(opened(rig, "hall"), hall);
        assert_int_equal(opened(rig, "b"), 0);

        // What all begin from concerns those that do not say otherwise.
        apply(rig,
              "pause: 0.7\n"
              "streams:\n"
              "  c: {url: 'rtsp://127.0.0.1:1/c', pause: 0.9}\n",
              "{\"added\": [], \"changed\": [\"hall\"], \"removed\": [\"d\", \"a\"]}");
        assert_int_equal(opened(rig, "c"), c);
        assert_true(opened(rig, "hall") > hall);
}

static void a_files_stream_shadows_while_it_is_there(void **state) {
        struct manage_rig *rig = manage_rig_need(state);

        manage_rig_add(rig, HALL);
        apply(rig, "streams: {hall: 'rtsp://127.0.0.1:1/file'}\n",
              "{\"added\": [], \"changed\": [\"hall\"], \"removed\": []}");
        assert_string_equal(manage_rig_list(rig), "hall:fc");
        apply(rig, "pause: 0.6\n", "{\"added\": [], \"changed\": [\"hall\"], \"removed\": []}");
        assert_string_equal(manage_rig_list(rig), "hall:ac");
}

static void what_the_model_cannot_do_changes_nothing(void **state) {
        struct manage_rig *rig = manage_rig_need(state);
        struct config *config;
        struct error error;
        json_t *told;

        manage_rig_begin(rig, "streams: {a: 'rtsp://127.0.0.1:1/a'}\n");
        config = rig_parse_config("streams:\n"
                                  "  b: {url: 'rtsp://127.0.0.1:1/b', language: yi}\n");
        assert_true(pulled_apply(rig->pulled, config, &told, &error) < 0);
        assert_string_equal(error.text, "stream 'b': the model does not know 'yi'");
        config_free(config);
        assert_string_equal(manage_rig_list(rig), "a:fc");
        assert_true(opened(rig, "a") > 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                PULLED_TEST(what_was_added_is_there_after_a_restart),
                PULLED_TEST(a_pause_outlives_a_restart),
                PULLED_TEST(only_another_stream_begins_anew),
                PULLED_TEST(last_words_are_heard_of_what_is_paused),
                PULLED_TEST(the_files_go_before_the_apis),
                PULLED_TEST(what_the_model_cannot_do_fails_alone),
                PULLED_TEST(only_what_changed_in_the_file_begins_anew),
                PULLED_TEST(a_files_stream_shadows_while_it_is_there),
                PULLED_TEST(what_the_model_cannot_do_changes_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
