// Alerts that are added, changed and removed, and those of the file.
#include "manage/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config_rig.h"
#include "manage/manage_rig.h"
#include "util/mem.h"

#define RULES_TEST(function) \
        cmocka_unit_test_setup_teardown(function, manage_rig_setup, manage_rig_teardown)

#define FILE_ALERT "alerts: {fire: {words: fire}}\n"

static struct refusal refusal;

static int add(struct manage_rig *rig, const char *text) {
        json_t *wish = json_loads(text, 0, NULL);
        int r = rules_add(rig->rules, wish, &refusal);

        assert_non_null(wish);
        json_decref(wish);
        return r;
}

static int put(struct manage_rig *rig, const char *name, const char *text) {
        json_t *wish = json_loads(text, 0, NULL);
        bool is_new;
        int r = rules_put(rig->rules, name, wish, &is_new, &refusal);

        assert_non_null(wish);
        json_decref(wish);
        return r < 0 ? r : is_new;
}

static void expect_refusal(int r, int status, const char *field, const char *words) {
        assert_true(r < 0);
        assert_int_equal(refusal.status, status);
        assert_string_equal(refusal.field, field);
        if (!strstr(refusal.text, words))
                fail_msg("%s", refusal.text);
}

// "fire:f help:a", and "!" behind those whose namesake of the API is shadowed.
static const char *list(const struct manage_rig *rig) {
        static char text[256];
        json_t *all = rules_list(rig->rules), *json;
        size_t i, n = 0;

        text[0] = '\0';
        json_array_foreach(all, i, json) {
                const char *owner = json_string_value(json_object_get(json, "owner"));
                bool is_shadowed = json_is_true(json_object_get(json, "is_shadowed"));

                n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s:%c%s", i ? " " : "",
                                      json_string_value(json_object_get(json, "name")),
                                      owner[0], is_shadowed ? "!" : "");
        }
        json_decref(all);
        return text;
}

static void what_is_added_is_in_force_and_there_after_a_restart(void **state) {
        struct manage_rig *rig = manage_rig_need(state);
        struct stat status;
        json_t *json;

        manage_rig_begin(rig, FILE_ALERT);
        assert_string_equal(rig->alerts, "fire");
        assert_int_equal(add(rig, "{\"name\": \"help\", \"words\": [\"help\"], "
                                  "\"cooldown\": \"30s\"}"),
                         0);
        assert_int_equal(put(rig, "plate", "{\"patterns\": \"[A-Z]{2}\"}"), 1);
        assert_string_equal(rig->alerts, "fire help plate");
        assert_int_equal(put(rig, "plate", "{\"words\": \"plate\", \"name\": \"plate\"}"), 0);
        assert_null(manage_rig_keep(rig));
        assert_int_equal(stat(manage_rig_path(rig, "state.json"), &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
        manage_rig_begin(rig, FILE_ALERT);
        assert_string_equal(list(rig), "fire:f help:a plate:a");
        assert_string_equal(rig->alerts, "fire help plate");
        json = rules_show(rig->rules, "plate");
        assert_string_equal(
                json_string_value(json_object_get(json_object_get(json, "settings"), "words")),
                "plate");
        json_decref(json);
        assert_int_equal(rules_remove(rig->rules, "help", &refusal), 0);
        assert_string_equal(rig->alerts, "fire plate");
        assert_null(rules_show(rig->rules, "help"));
        manage_rig_begin(rig, FILE_ALERT);
        assert_string_equal(list(rig), "fire:f plate:a");
}

static void the_files_go_before_and_are_changed_there(void **state) {
        struct manage_rig *rig = manage_rig_need(state);
        CLEANUP(config_freep) struct config *file = rig_parse_config(FILE_ALERT);
        CLEANUP(config_freep) struct config *none = rig_parse_config("pause: 0.6\n");

        assert_int_equal(put(rig, "fire", "{\"words\": \"blaze\"}"), 1);
        rules_apply(rig->rules, file);
        assert_string_equal(list(rig), "fire:f!");
        assert_string_equal(rig->alerts, "fire");
        expect_refusal(put(rig, "fire", "{\"words\": \"x\"}"), 409, "", "configuration file's");
        expect_refusal(rules_remove(rig->rules, "fire", &refusal), 409, "",
                       "configuration file's");
        expect_refusal(add(rig, "{\"name\": \"fire\", \"words\": \"x\"}"), 409, "name",
                       "there is an alert");
        rules_apply(rig->rules, none);
        assert_string_equal(list(rig), "fire:a");
}

static void mistakes_are_refused_and_change_nothing(void **state) {
        struct manage_rig *rig = manage_rig_need(state);

        assert_int_equal(put(rig, "help", "{\"words\": \"help\"}"), 1);
        expect_refusal(add(rig, "{\"words\": \"x\"}"), 400, "name", "needs a name");
        expect_refusal(add(rig, "{\"name\": \"a b\", \"words\": \"x\"}"), 400, "name",
                       "is made of");
        expect_refusal(add(rig, "{\"name\": \"help\", \"words\": \"x\"}"), 409, "name",
                       "there is an alert");
        expect_refusal(put(rig, "help", "{\"patterns\": \"(\"}"), 400, "patterns", "missing");
        expect_refusal(put(rig, "help", "{\"words\": \"x\", \"name\": \"y\"}"), 400, "name",
                       "keeps its name");
        expect_refusal(put(rig, "fired", "{\"words\": \"x\"}"), 400, "name", "something else");
        expect_refusal(put(rig, "x", "{\"words\": \"x\", \"sessions\": true}"), 400, "sessions",
                       "journal.sessions");
        expect_refusal(rules_remove(rig->rules, "nobody", &refusal), 404, "", "no alert");
        assert_string_equal(list(rig), "help:a");
        assert_string_equal(rig->alerts, "help");
}

static void what_makes_no_sense_in_the_state_is_left_out(void **state) {
        struct manage_rig *rig = manage_rig_need(state);
        FILE *file;

        assert_null(manage_rig_keep(rig));
        file = fopen(manage_rig_path(rig, "state.json"), "we");
        assert_non_null(file);
        fputs("{\"alerts\": {\"good\": {\"words\": \"x\"}, \"bad\": {\"words\": 1, \"y\": 2}, "
              "\"worse\": []}}",
              file);
        assert_int_equal(fclose(file), 0);
        // The rig's own state is not written over it: nothing was set.
        manage_rig_begin(rig, "pause: 0.6\n");
        assert_string_equal(list(rig), "good:a");
        assert_int_equal(access(manage_rig_path(rig, "state.json.broken-1"), F_OK), 0);
        assert_null(manage_rig_keep(rig));
        manage_rig_begin(rig, "pause: 0.6\n");
        assert_string_equal(list(rig), "good:a");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                RULES_TEST(what_is_added_is_in_force_and_there_after_a_restart),
                RULES_TEST(the_files_go_before_and_are_changed_there),
                RULES_TEST(mistakes_are_refused_and_change_nothing),
                RULES_TEST(what_makes_no_sense_in_the_state_is_left_out),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
