#include "manage/manage_rig.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config_rig.h"
#include "util/folder_rig.h"
#include "util/mem.h"

static int on_prepare(void *context, bool has_text, bool has_sound, struct error *error) {
        struct manage_rig *rig = context;

        (void)has_sound;
        (void)error;
        rig->n_prepared += has_text;
        return 0;
}

static void on_alerts(void *context, const struct alert_config *alerts, size_t n) {
        struct manage_rig *rig = context;
        size_t length = 0;

        rig->alerts[0] = '\0';
        for (size_t i = 0; i < n; i++)
                length += (size_t)snprintf(rig->alerts + length, sizeof(rig->alerts) - length,
                                           "%s%s", i ? " " : "", alerts[i].name);
}

static void rig_end(struct manage_rig *rig) {
        rig->rules = rules_close(rig->rules);
        rig->pulled = pulled_close(rig->pulled);
        if (rig->hub->hub)
                hub_rig_renew(rig->hub);
        rig->state = state_close(rig->state);
        rig->config = config_free(rig->config);
}

int manage_rig_setup(void **state) {
        struct manage_rig *rig = xnew(struct manage_rig);
        char folder[] = "/tmp/eavesdrop-manage-XXXXXX";

        if (hub_rig_setup((void **)&rig->hub) < 0 || !mkdtemp(folder))
                return -1;
        rig->folder = xstrdup(folder);
        *state = rig;
        if (rig->hub->hub)
                manage_rig_begin(rig, "pause: 0.6\n");
        return 0;
}

int manage_rig_teardown(void **state) {
        struct manage_rig *rig = *state;

        rig_end(rig);
        folder_rig_remove(rig->folder);
        hub_rig_teardown((void **)&rig->hub);
        free(rig->folder);
        free(rig);
        return 0;
}

struct manage_rig *manage_rig_need(void **state) {
        struct manage_rig *rig = *state;

        if (!rig->pulled)
                skip();
        return rig;
}

void manage_rig_begin(struct manage_rig *rig, const char *config) {
        struct pulled_parts parts = {
                .media = rig->hub->media,
                .on_prepare = on_prepare,
                .context = rig,
        };

        struct rules_parts rules = {.on_change = on_alerts, .context = rig};

        rig_end(rig);
        parts.hub = rig->hub->hub;
        parts.config = rig->config = rig_parse_config(config);
        parts.state = rig->state = state_open(rig->hub->loop, rig->folder);
        assert_int_equal(pulled_open(&rig->pulled, &parts, NULL), 0);
        rules.state = rig->state;
        rules.config = rig->config;
        rig->rules = rules_open(&rules);
}

const char *manage_rig_path(const struct manage_rig *rig, const char *name) {
        static char path[256];

        snprintf(path, sizeof(path), "%s/%s", rig->folder, name);
        return path;
}

struct kept {
        bool is_over;
        char words[512];
};

static void on_kept(void *context, const char *trouble) {
        struct kept *kept = context;

        kept->is_over = true;
        snprintf(kept->words, sizeof(kept->words), "%s", trouble ? trouble : "");
}

const char *manage_rig_keep(struct manage_rig *rig) {
        static struct kept kept;

        kept = (struct kept){0};
        state_keep(rig->state, on_kept, &kept);
        while (!kept.is_over) {
                loop_advance(rig->hub->loop, 1);
                sched_yield();
        }
        return kept.words[0] ? kept.words : NULL;
}

void manage_rig_add(struct manage_rig *rig, const char *wish) {
        json_t *json = json_loads(wish, 0, NULL);
        const struct pulled_stream *stream;
        struct refusal refusal = {0};

        assert_non_null(json);
        if (pulled_add(rig->pulled, json, &stream, &refusal) < 0)
                fail_msg("%s: %s", refusal.field, refusal.text);
        json_decref(json);
}

const char *manage_rig_list(const struct manage_rig *rig) {
        static char list[1024];
        size_t n = 0;

        list[0] = '\0';
        for (const struct pulled_stream *stream = pulled_first(rig->pulled); stream;
             stream = pulled_next(stream)) {
                json_t *json = pulled_json(stream);

                n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s:%c%c", n ? " " : "",
                                      json_string_value(json_object_get(json, "name")),
                                      json_string_value(json_object_get(json, "owner"))[0],
                                      json_string_value(json_object_get(json, "state"))[0]);
                json_decref(json);
        }
        return list;
}
