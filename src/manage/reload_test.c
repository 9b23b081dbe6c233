// The configuration is read again: on another thread, once more for who asks meanwhile, and
// what is wrong with it changes nothing.
#include "manage/reload.h"

#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_rig.h"
#include "manage/manage_rig.h"
#include "util/mem.h"

#define RELOAD_TEST(function) \
        cmocka_unit_test_setup_teardown(function, reload_setup, reload_teardown)

struct reload_rig {
        struct manage_rig *manage;
        struct reload *reload;
        const char *file;  // what is read; NULL: it has mistakes
        int n_loads;
        sem_t gate;  // where is_held, a reading waits here
        bool is_held;
        // What was told.
        int n_told, status;
        const struct config *shown;  // to whoever else has settings
        const char *warning;         // that he has; NULL: none
        char detail[256];
        char *changes;
};

// On a thread of its own; the test's looks at nothing of this meanwhile.
static int rig_load(const void *context, struct config **ret, char **ret_mistakes) {
        struct reload_rig *rig = (void *)(uintptr_t)context;

        if (rig->is_held)
                sem_wait(&rig->gate);
        rig->n_loads++;
        if (rig->file)
                *ret = rig_parse_config(rig->file);
        else
                *ret_mistakes = xstrdup("a.yaml:1:1: pase: unknown key");
        return rig->file ? 0 : -EINVAL;
}

static void rig_on_config(void *owner, const struct config *config, json_t *warnings) {
        struct reload_rig *rig = owner;

        rig->shown = config;
        if (rig->warning)
                json_array_append_new(warnings, json_string(rig->warning));
}

static void rig_on_done(void *context, const struct reload_result *result) {
        struct reload_rig *rig = context;

        rig->n_told++;
        rig->status = result->status;
        snprintf(rig->detail, sizeof(rig->detail), "%s", result->detail ? result->detail : "");
        free(rig->changes);
        rig->changes = result->changes ? json_dumps(result->changes, JSON_COMPACT) : NULL;
}

static void reload_begin(struct reload_rig *rig, const char *unloadable) {
        struct reload_parts parts = {
                .loop = rig->manage->hub->loop,
                .hub = rig->manage->hub->hub,
                .pulled = rig->manage->pulled,
                .rules = rig->manage->rules,
                .config = rig->manage->config,
                .load = unloadable ? NULL : rig_load,
                .unloadable = unloadable,
                .context = rig,
                .on_config = rig_on_config,
                .owner = rig,
        };

        reload_free(rig->reload);
        rig->reload = reload_new(&parts);
}

static int reload_setup(void **state) {
        struct reload_rig *rig = xnew(struct reload_rig);

        if (manage_rig_setup((void **)&rig->manage) < 0)
                return -1;
        *state = rig;
        sem_init(&rig->gate, 0, 0);
        if (rig->manage->pulled)
                reload_begin(rig, NULL);
        return 0;
}

static int reload_teardown(void **state) {
        struct reload_rig *rig = *state;

        // The streams have the configuration that was read last.
        rig->manage->rules = rules_close(rig->manage->rules);
        rig->manage->pulled = pulled_close(rig->manage->pulled);
        reload_free(rig->reload);
        manage_rig_teardown((void **)&rig->manage);
        sem_destroy(&rig->gate);
        free(rig->changes);
        free(rig);
        return 0;
}

static struct reload_rig *reload_need(void **state) {
        struct reload_rig *rig = *state;

        if (!rig->reload)
                skip();
        return rig;
}

static void wait_told(const struct reload_rig *rig, int n) {
        while (rig->n_told < n) {
                loop_advance(rig->manage->hub->loop, 1);
                sched_yield();
        }
}

static void what_changed_is_told(void **state) {
        struct reload_rig *rig = reload_need(state);

        rig->file = "pause: 0.8\nthreads: 2\nstreams: {a: 'rtsp://127.0.0.1:1/a'}\n"
                    "alerts: {fire: {words: fire}}\n";
        rig->warning = "tls: no key";
        reload_ask(rig->reload, rig_on_done, rig);
        assert_int_equal(rig->n_told, 0);
        wait_told(rig, 1);
        assert_int_equal(rig->status, 200);
        assert_string_equal(rig->changes, "{\"added\":[\"a\"],\"changed\":[],\"removed\":[],"
                                          "\"needs_restart\":[\"threads\"],"
                                          "\"warnings\":[\"tls: no key\"]}");
        assert_string_equal(rig->manage->alerts, "fire");
        assert_ptr_equal(rig->shown, reload_config(rig->reload));
        // Clients that come now begin from it, too.
        assert_true(hub_parts(rig->manage->hub->hub)->defaults->pause == 0.8F);

        // It is still not in force.
        rig->file = "threads: 2\nstreams: {a: 'rtsp://127.0.0.1:1/b'}\n";
        reload_ask(rig->reload, rig_on_done, rig);
        wait_told(rig, 2);
        assert_string_equal(rig->changes, "{\"added\":[],\"changed\":[\"a\"],\"removed\":[],"
                                          "\"needs_restart\":[\"threads\"],"
                                          "\"warnings\":[\"tls: no key\"]}");
        assert_string_equal(rig->manage->alerts, "");
}

static void mistakes_change_nothing(void **state) {
        struct reload_rig *rig = reload_need(state);
        const struct config *before = reload_config(rig->reload);

        reload_ask(rig->reload, rig_on_done, rig);
        wait_told(rig, 1);
        assert_int_equal(rig->status, 400);
        assert_string_equal(rig->detail, "a.yaml:1:1: pase: unknown key");
        rig->file = "streams: {a: {url: 'rtsp://127.0.0.1:1/a', language: yi}}\n";
        reload_ask(rig->reload, rig_on_done, rig);
        wait_told(rig, 2);
        assert_int_equal(rig->status, 400);
        assert_string_equal(rig->detail, "stream 'a': the model does not know 'yi'");
        assert_ptr_equal(reload_config(rig->reload), before);
        // What it names may have changed all the same.
        assert_ptr_equal(rig->shown, before);
        assert_string_equal(manage_rig_list(rig->manage), "");
}

static void who_asks_meanwhile_has_it_read_once_more(void **state) {
        struct reload_rig *rig = reload_need(state);

        rig->file = "pause: 0.6\n";
        rig->is_held = true;
        reload_ask(rig->reload, rig_on_done, rig);
        reload_ask(rig->reload, rig_on_done, rig);
        // It is being read: what is asked for now may have come too late for it.
        loop_advance(rig->manage->hub->loop, 0);
        for (int i = 0; i < 5; i++)
                reload_ask(rig->reload, rig_on_done, rig);
        sem_post(&rig->gate);
        sem_post(&rig->gate);
        wait_told(rig, 7);
        assert_int_equal(rig->n_loads, 2);
}

static void what_cannot_be_read_again_is_refused(void **state) {
        struct reload_rig *rig = reload_need(state);

        reload_begin(rig, "it came from standard input");
        reload_ask(rig->reload, rig_on_done, rig);
        wait_told(rig, 1);
        assert_int_equal(rig->status, 409);
        assert_string_equal(rig->detail, "it came from standard input");
        assert_int_equal(rig->n_loads, 0);
}

static void a_server_that_stops_changes_nothing(void **state) {
        struct reload_rig *rig = reload_need(state);

        rig->file = "streams: {a: 'rtsp://127.0.0.1:1/a'}\n";
        rig->is_held = true;
        reload_ask(rig->reload, rig_on_done, rig);
        loop_advance(rig->manage->hub->loop, 0);
        reload_stop(rig->reload);
        sem_post(&rig->gate);
        loop_advance(rig->manage->hub->loop, NSEC_PER_SEC);
        assert_int_equal(rig->n_told, 0);
        assert_string_equal(manage_rig_list(rig->manage), "");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                RELOAD_TEST(what_changed_is_told),
                RELOAD_TEST(mistakes_change_nothing),
                RELOAD_TEST(who_asks_meanwhile_has_it_read_once_more),
                RELOAD_TEST(what_cannot_be_read_again_is_refused),
                RELOAD_TEST(a_server_that_stops_changes_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
