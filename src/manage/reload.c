#include "manage/reload.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <uv.h>

#include "config/changes.h"
#include "util/log.h"
#include "util/mem.h"

struct reload_asking {
        void (*on_done)(void *context, const struct reload_result *result);
        void *context;
        STAILQ_ENTRY(reload_asking) link;
};

STAILQ_HEAD(askings, reload_asking);

// One reading of the file; its thread has it alone meanwhile.
struct file_reading {
        uv_work_t work;
        struct reload *reload;  // NULL: stopped meanwhile
        struct reload_parts parts;
        struct config *config;
        char *mistakes;
        int code;
};

struct reload {
        struct reload_parts parts;
        struct config *config;         // that was read last; NULL: the one of the start holds
        struct file_reading *reading;  // NULL: none
        struct loop_timer *timer;
        struct askings now;   // those whom the present reading is for
        struct askings next;  // and those who came later
        bool is_stopped;
};

const struct config *reload_config(const struct reload *reload) {
        return reload->config ? reload->config : reload->parts.config;
}

// --- telling ---------------------------------------------------------------------------------

// Whoever else has settings is told. What does not work; the caller's.
static json_t *config_tell(const struct reload *reload, const struct config *config) {
        json_t *warnings = json_array();

        reload->parts.on_config(reload->parts.owner, config, warnings);
        return warnings;
}

static void askings_drop(struct askings *askings) {
        struct reload_asking *asking;

        while ((asking = STAILQ_FIRST(askings))) {
                STAILQ_REMOVE_HEAD(askings, link);
                free(asking);
        }
}

// They may ask again, which is for the next time.
static void askings_tell(struct reload *reload, const struct reload_result *result) {
        struct askings told = STAILQ_HEAD_INITIALIZER(told);
        struct reload_asking *asking;

        STAILQ_CONCAT(&told, &reload->now);
        while ((asking = STAILQ_FIRST(&told))) {
                STAILQ_REMOVE_HEAD(&told, link);
                asking->on_done(asking->context, result);
                free(asking);
        }
}

// Nothing of the configuration changes; what is read beside it may have.
static void fail(struct reload *reload, int status, const char *detail) {
        struct reload_result result = {.status = status, .detail = detail};

        if (status == 409)
                log_info("server", "reload-refused", "the configuration stays as it was: %s",
                         detail);
        else
                log_error("server", "reload-refused", "nothing was changed: %s", detail);
        json_decref(config_tell(reload, reload_config(reload)));
        askings_tell(reload, &result);
}

// --- what changed ----------------------------------------------------------------------------

// "front, hall", or "none"; the caller frees it.
static char *names_join(const json_t *changes, const char *key) {
        json_t *name;
        size_t i;
        char *joined = NULL;

        json_array_foreach(json_object_get(changes, key), i, name) {
                CLEANUP(mem_freep) char *before = joined;

                joined = xasprintf("%s%s%s", before ? before : "", before ? ", " : "",
                                   json_string_value(name));
        }
        return joined ? joined : xstrdup("none");
}

static void changes_log(const json_t *changes) {
        CLEANUP(mem_freep) char *added = names_join(changes, "added");
        CLEANUP(mem_freep) char *changed = names_join(changes, "changed");
        CLEANUP(mem_freep) char *removed = names_join(changes, "removed");
        CLEANUP(mem_freep) char *needing = names_join(changes, "needs_restart");

        log_info("server", "reloaded",
                 "the configuration was read again; streams added: %s; changed: %s; "
                 "removed: %s",
                 added, changed, removed);
        if (json_array_size(json_object_get(changes, "needs_restart")) > 0)
                log_warning("server", "restart-needed",
                            "not in force before the server is started anew: %s", needing);
}

static void restart_needed_add(const struct reload *reload, const struct config *config,
                               json_t *changes) {
        const char *names[SETTINGS_MAX];
        size_t n = config_restart_needed(reload->parts.config, config, names);
        json_t *list = json_array();

        for (size_t i = 0; i < n; i++)
                json_array_append_new(list, json_string(names[i]));
        json_object_set_new(changes, "needs_restart", list);
}

// The configuration, which is taken, is in force from here on.
static void apply(struct reload *reload, struct config *config) {
        struct reload_result result = {.status = 200};
        struct error error = {0};

        if (pulled_apply(reload->parts.pulled, config, &result.changes, &error) < 0) {
                config_free(config);
                fail(reload, 400, error.text);
                return;
        }
        rules_apply(reload->parts.rules, config);
        hub_set_defaults(reload->parts.hub, &config->defaults);
        log_set_level(config->log_level);
        restart_needed_add(reload, config, result.changes);
        json_object_set_new(result.changes, "warnings", config_tell(reload, config));
        config_free(reload->config);
        reload->config = config;
        changes_log(result.changes);
        askings_tell(reload, &result);
        json_decref(result.changes);
}

// --- reading ---------------------------------------------------------------------------------

static void reading_work(uv_work_t *work) {
        struct file_reading *reading = work->data;

        reading->code = reading->parts.load(reading->parts.context, &reading->config,
                                            &reading->mistakes);
}

static void reading_end(struct reload *reload, struct file_reading *reading) {
        reload->reading = NULL;
        if (reading->code < 0)
                fail(reload, 400,
                     reading->mistakes ? reading->mistakes : "the file cannot be read");
        else
                apply(reload, TAKE(reading->config));
        if (!STAILQ_EMPTY(&reload->next))
                loop_timer_set(reload->timer, 0);
}

static void reading_on_done(uv_work_t *work, int status) {
        struct file_reading *reading = work->data;

        if (status < 0)
                reading->code = status;
        if (reading->reload)
                reading_end(reading->reload, reading);
        config_free(reading->config);
        free(reading->mistakes);
        free(reading);
}

static void reload_on_timer(void *context) {
        struct reload *reload = context;
        struct file_reading *reading;
        int r;

        if (reload->reading || reload->is_stopped)
                return;
        STAILQ_CONCAT(&reload->now, &reload->next);
        if (!reload->parts.load) {
                fail(reload, 409, reload->parts.unloadable);
                return;
        }
        reading = reload->reading = xnew(struct file_reading);
        reading->work.data = reading;
        reading->reload = reload;
        reading->parts = reload->parts;
        r = uv_queue_work(loop_uv(reload->parts.loop), &reading->work, reading_work,
                          reading_on_done);
        if (r < 0)
                reading_on_done(&reading->work, r);
}

void reload_ask(struct reload *reload,
                void (*on_done)(void *context, const struct reload_result *result),
                void *context) {
        struct reload_asking *asking = xnew(struct reload_asking);

        asking->on_done = on_done;
        asking->context = context;
        STAILQ_INSERT_TAIL(&reload->next, asking, link);
        if (!reload->reading)
                loop_timer_set(reload->timer, 0);
}

// --- life ------------------------------------------------------------------------------------

struct reload *reload_new(const struct reload_parts *parts) {
        struct reload *reload = xnew(struct reload);

        reload->parts = *parts;
        STAILQ_INIT(&reload->now);
        STAILQ_INIT(&reload->next);
        reload->timer = loop_timer_new(parts->loop, reload_on_timer, reload);
        return reload;
}

void reload_stop(struct reload *reload) {
        reload->is_stopped = true;
        loop_timer_cancel(reload->timer);
        if (reload->reading)
                reload->reading->reload = NULL;
        reload->reading = NULL;
        askings_drop(&reload->now);
        askings_drop(&reload->next);
}

struct reload *reload_free(struct reload *reload) {
        if (!reload)
                return NULL;
        reload_stop(reload);
        reload->timer = loop_timer_free(reload->timer);
        config_free(reload->config);
        return mem_free(reload);
}
