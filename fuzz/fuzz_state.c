// state.json as a server finds it at its start: whatever it says, the server starts, with those
// alerts of it that make sense, and what does not is set aside.
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fuzz.h"
#include "manage/rules.h"
#include "util/log.h"
#include "util/mem.h"

static const char *const names[] = {"state.json", "state.json.broken-1", "state.json.broken-2",
                                    "state.json.new", "state.lock"};

static void require(bool is_true) {
        if (!is_true)
                abort();
}

static void file_write(const char *folder, const uint8_t *bytes, size_t n) {
        CLEANUP(mem_freep) char *path = xasprintf("%s/%s", folder, names[0]);
        FILE *file = fopen(path, "we");

        require(file != NULL);
        require(fwrite(bytes, 1, n, file) == n);
        require(fclose(file) == 0);
}

static void folder_remove(const char *folder) {
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                CLEANUP(mem_freep) char *path = xasprintf("%s/%s", folder, names[i]);

                (void)unlink(path);
        }
        require(rmdir(folder) == 0);
}

static void on_change(void *context, const struct alert_config *alerts, size_t n) {
        for (size_t i = 0; i < n; i++)
                require(alerts[i].name[0] != '\0');
        *(size_t *)context = n;
}

// How many alerts a server has that starts in that folder.
static size_t server_start(const char *folder) {
        CLEANUP(config_freep) struct config *config = NULL;
        struct config_mistakes mistakes;
        struct loop *loop = loop_new_fake(0);
        size_t n_alerts = 0;
        struct rules_parts parts = {.on_change = on_change, .context = &n_alerts};
        struct rules *rules;
        json_t *list;

        require(config_parse(&config, "pause: 1\n", 9, &mistakes) == 0);
        parts.config = config;
        parts.state = state_open(loop, folder);
        rules = rules_open(&parts);
        list = rules_list(rules);
        require(json_array_size(list) == n_alerts);
        json_decref(list);
        rules_close(rules);
        state_close(parts.state);
        loop_free(loop);
        return n_alerts;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
        char folder[] = "/tmp/eavesdrop-state-XXXXXX";
        size_t n_alerts;

        log_configure(LOG_ERROR, LOG_TEXT);
        require(mkdtemp(folder) != NULL);
        file_write(folder, bytes, n);
        n_alerts = server_start(folder);
        // What was left out is out of it, and the rest is there again.
        require(server_start(folder) == n_alerts);
        folder_remove(folder);
        return 0;
}
