// eavesdrop status: one look at the running server.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cells.h"
#include "cli/cli.h"
#include "cli/cli_options.h"
#include "cli/reach.h"
#include "util/date.h"
#include "util/line_text.h"
#include "util/mem.h"

static const struct option_entry entries[] = {
        {"json", NULL, "the whole status, as JSON for programs", NULL, 0},
        REACH_OPTIONS,
        {0},
};

static const struct options_verb verb = {
        .name = "status",
        .about = "Shows how the running server is: its load, its streams and why one of them "
                 "is\n"
                 "silent, who is connected, what is kept and handed on. Exit code 0: it "
                 "answers,\n"
                 "1: none does.\n",
        .entries = entries,
};

#define MB 1e6

// --- parts of the answer ---------------------------------------------------------------------

static double number_of(const json_t *json, const char *key) {
        return json_number_value(json_object_get(json, key));
}

// Words behind a colon; "" for none. The caller frees it.
static char *reason_of(const json_t *json) {
        CLEANUP(mem_freep) char *reason = cells_text(json, "reason");

        return xasprintf("%s%s", reason[0] ? ": " : "", reason);
}

// What the server's clock says, in Unix ms.
static int64_t now_of(const json_t *status) {
        const char *started = json_string_value(json_object_get(status, "started"));
        int64_t begin = 0;

        if (started)
                (void)date_read(started, &begin);
        return begin + (int64_t)(number_of(status, "uptime") * 1000);
}

static void server_print(const json_t *status) {
        CLEANUP(mem_freep) char *version = cells_text(status, "version");
        CLEANUP(mem_freep) char *state = cells_text(status, "state");
        CLEANUP(mem_freep) char *reason = reason_of(status);
        CLEANUP(mem_freep) char *up = cells_duration(number_of(status, "uptime"));

        printf("eavesdrop %s, up %s: %s%s\n", version, up, state, reason);
}

static void load_print(const json_t *status) {
        const json_t *load = json_object_get(status, "load");
        const json_t *backlog = json_object_get(load, "backlog");
        CLEANUP(mem_freep) char *level = cells_text(load, "level");

        printf("load       %s, text %.1f s late; backlog of %.0f windows, %.0f s of sound\n",
               level, number_of(load, "final_delay"),
               number_of(backlog, "windows") + number_of(backlog, "file_windows"),
               number_of(backlog, "seconds"));
}

static void process_print(const json_t *status) {
        const json_t *memory = json_object_get(status, "memory");
        const json_t *processor = json_object_get(status, "processor");
        const json_t *used = json_object_get(memory, "budget_used");
        double for_clients = 0;

        for (void *at = json_object_iter((json_t *)used); at;
             at = json_object_iter_next((json_t *)used, at))
                for_clients += json_number_value(json_object_iter_value(at));
        printf("processor  %.0f s since the start", number_of(processor, "seconds"));
        if (json_is_number(json_object_get(processor, "cores")))
                printf(", %.1f cores of late", number_of(processor, "cores"));
        putchar('\n');
        printf("memory     %.0f MB; for clients %.0f of %.0f MB\n",
               number_of(memory, "resident") / MB, for_clients / MB,
               number_of(memory, "budget") / MB);
}

// --- lists -----------------------------------------------------------------------------------

static void streams_print(const json_t *status) {
        CLEANUP(cells_deinit) struct cells cells = {.n_columns = 4};
        const json_t *streams = json_object_get(status, "streams"), *stream;
        int64_t now = now_of(status);
        size_t i;

        printf("streams    %zu\n", json_array_size(streams));
        json_array_foreach(streams, i, stream) {
                CLEANUP(mem_freep) char *age = cells_age(stream, "since", now);
                char *reason = cells_text(stream, "reason");

                cells_row(&cells);
                cells_put(&cells, 0, cells_text(stream, "name"));
                cells_put(&cells, 1, cells_text(stream, "state"));
                cells_put(&cells, 2, xasprintf("for %s", age));
                if (!reason[0] && json_is_true(json_object_get(stream, "is_speaking"))) {
                        free(reason);
                        reason = xstrdup("somebody speaks");
                }
                cells_put(&cells, 3, reason);
        }
        cells_print(&cells, 2);
}

// "3 whisperlive, 1 eavesdrop".
static void sessions_print(const json_t *status) {
        const json_t *sessions = json_object_get(status, "sessions");
        const char *between = "";

        printf("sessions   ");
        for (void *at = json_object_iter((json_t *)sessions); at;
             at = json_object_iter_next((json_t *)sessions, at)) {
                CLEANUP(mem_freep) char *name = line_text_copy(json_object_iter_key(at));

                printf("%s%.0f %s", between, json_number_value(json_object_iter_value(at)),
                       name);
                between = ", ";
        }
        puts(*between ? "" : "none");
}

static void kept_print(const json_t *status, const char *key) {
        const json_t *kept = json_object_get(status, key);
        CLEANUP(mem_freep) char *state = cells_text(kept, "state");
        CLEANUP(mem_freep) char *reason = reason_of(kept);

        if (json_is_null(kept))
                printf("%-10s nothing is kept\n", key);
        else
                printf("%-10s %s%s, %.1f MB\n", key, state, reason,
                       number_of(kept, "bytes") / MB);
}

// "files      ok, 2 running, 1 waiting, 40 done, 3 failed, 1.5 MB".
static void transcriptions_print(const json_t *status) {
        const json_t *all = json_object_get(status, "transcriptions");
        CLEANUP(mem_freep) char *state = cells_text(all, "state");
        CLEANUP(mem_freep) char *reason = reason_of(all);

        if (!json_is_object(all))
                return;
        printf("files      %s%s, %.0f running, %.0f waiting, %.0f done, %.0f failed, %.1f MB\n",
               state, reason, number_of(all, "running"),
               number_of(all, "waiting") + number_of(all, "coming"), number_of(all, "done"),
               number_of(all, "failed"), number_of(all, "bytes") / MB);
}

static void sinks_print(const json_t *status) {
        CLEANUP(cells_deinit) struct cells cells = {.n_columns = 5};
        const json_t *sinks = json_object_get(status, "sinks"), *sink;
        size_t i;

        if (json_array_size(sinks) == 0)
                return;
        puts("sinks");
        json_array_foreach(sinks, i, sink) {
                char *state = cells_text(sink, "state");

                cells_row(&cells);
                cells_put(&cells, 0, cells_text(sink, "name"));
                cells_put(&cells, 1, cells_text(sink, "type"));
                cells_put(&cells, 2, state);
                cells_put(&cells, 3,
                          xasprintf("%.0f rows behind", number_of(sink, "lag_rows")));
                cells_put(&cells, 4,
                          strcmp(state, "ok") == 0 ? NULL : cells_text(sink, "reason"));
        }
        cells_print(&cells, 2);
}

static void alerts_print(const json_t *status) {
        CLEANUP(cells_deinit) struct cells cells = {.n_columns = 2};
        const json_t *alerts = json_object_get(status, "alerts"), *alert;
        size_t i;

        if (json_array_size(alerts) == 0)
                return;
        puts("alerts");
        json_array_foreach(alerts, i, alert) {
                cells_row(&cells);
                cells_put(&cells, 0, cells_text(alert, "name"));
                cells_put(&cells, 1, xasprintf("fired %.0f times", number_of(alert, "fired")));
        }
        cells_print(&cells, 2);
}

static void status_print(const json_t *status) {
        server_print(status);
        load_print(status);
        process_print(status);
        streams_print(status);
        sessions_print(status);
        kept_print(status, "journal");
        kept_print(status, "archive");
        transcriptions_print(status);
        sinks_print(status);
        alerts_print(status);
}

// --- the verb --------------------------------------------------------------------------------

int cli_status(int argc, char **argv) {
        CLEANUP(running_freep) struct running *running = NULL;
        struct cli_options options;
        struct error error;
        json_t *status;
        int r = cli_options_parse(&options, &verb, SETTING_READ, argc, argv);

        if (r < 0)
                r = reach_server(&running, &options);
        if (r >= 0)
                return r;
        if (reach_ask(running, "GET", "/api/v1/status", NULL, &status, &error) < 0) {
                complaint_print(verb.name, "%s", error.text);
                return EXIT_TROUBLE;
        }
        if (options_get(&options.options, "json"))
                cells_json_print(status);
        else
                status_print(status);
        json_decref(status);
        return EXIT_OK;
}
