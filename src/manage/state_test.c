// What outlives the process: written whole, read again, set aside when it makes no sense.
#include "manage/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "manage/manage_rig.h"
#include "util/mem.h"

#define STATE_TEST(function) \
        cmocka_unit_test_setup_teardown(function, manage_rig_setup, manage_rig_teardown)

static void file_put(const struct manage_rig *rig, const char *text) {
        FILE *file = fopen(manage_rig_path(rig, "state.json"), "w");

        assert_non_null(file);
        fputs(text, file);
        fclose(file);
}

static struct state *renew(struct manage_rig *rig, struct state *state) {
        state_close(state);
        return state_open(rig->hub->loop, rig->folder);
}

static void sections_outlive_the_process(void **context) {
        struct manage_rig *rig = *context;
        struct state *state = renew(rig, NULL);
        struct stat status;

        assert_null(state_get(state, "alerts"));
        state_set(state, "alerts", json_pack("{s{si}}", "fire", "n", 1));
        state_set(state, "other", json_pack("{si}", "n", 2));
        state = renew(rig, state);
        assert_int_equal(stat(manage_rig_path(rig, "state.json"), &status), 0);
        assert_int_equal(status.st_mode & 07777, 0600);
        // A section that nobody knows stays when another one is set.
        state_set(state, "other", json_pack("{si}", "n", 3));
        state = renew(rig, state);
        assert_int_equal(json_integer_value(json_object_get(state_get(state, "other"), "n")),
                         3);
        assert_non_null(json_object_get(state_get(state, "alerts"), "fire"));
        assert_null(state_trouble(state));
        state_close(state);
}

static void what_makes_no_sense_is_set_aside(void **context) {
        static const char *const broken[] = {"", "{", "[]", "null", "{\"a\":1,\"a\":2}", "{}x"};
        struct manage_rig *rig = *context;
        size_t n = sizeof(broken) / sizeof(broken[0]);

        for (size_t i = 0; i < n; i++) {
                CLEANUP(mem_freep) char *name = xasprintf("state.json.broken-%zu", i + 1);
                struct state *state;

                file_put(rig, broken[i]);
                state = renew(rig, NULL);
                assert_null(state_get(state, "a"));
                assert_int_equal(access(manage_rig_path(rig, name), F_OK), 0);
                state_set(state, "a", json_integer(1));
                state_close(state);
                state = renew(rig, NULL);
                assert_int_equal(json_integer_value(state_get(state, "a")), 1);
                state_close(state);
        }
}

static void on_kept(void *context, const char *trouble) {
        snprintf(context, 512, "%s", trouble ? trouble : "kept");
}

static void a_second_server_keeps_its_hands_off(void **context) {
        struct manage_rig *rig = *context;
        struct state *ours = renew(rig, NULL), *theirs;
        char words[512] = "";

        state_set(ours, "a", json_integer(1));
        ours = renew(rig, ours);
        theirs = state_open(rig->hub->loop, rig->folder);
        assert_non_null(strstr(state_trouble(theirs), "another eavesdrop has the folder"));
        assert_null(state_get(theirs, "a"));
        state_set(theirs, "a", json_integer(2));
        state_keep(theirs, on_kept, words);
        loop_advance(rig->hub->loop, 1);
        assert_non_null(strstr(words, "another eavesdrop"));
        state_close(theirs);
        ours = renew(rig, ours);
        assert_int_equal(json_integer_value(state_get(ours, "a")), 1);
        state_close(ours);
}

// A folder in its place stands for a disk that takes nothing.
static void what_cannot_be_written_is_told_and_tried_again(void **context) {
        struct manage_rig *rig = manage_rig_need(context);

        assert_int_equal(mkdir(manage_rig_path(rig, "state.json"), 0700), 0);
        state_set(rig->state, "a", json_integer(1));
        assert_non_null(strstr(manage_rig_keep(rig), "state.json"));
        assert_non_null(state_trouble(rig->state));
        assert_int_equal(rmdir(manage_rig_path(rig, "state.json")), 0);
        loop_advance(rig->hub->loop, 60 * NSEC_PER_SEC);
        assert_null(manage_rig_keep(rig));
        assert_null(state_trouble(rig->state));
        assert_int_equal(access(manage_rig_path(rig, "state.json"), F_OK), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                STATE_TEST(sections_outlive_the_process),
                STATE_TEST(what_makes_no_sense_is_set_aside),
                STATE_TEST(a_second_server_keeps_its_hands_off),
                STATE_TEST(what_cannot_be_written_is_told_and_tried_again),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
