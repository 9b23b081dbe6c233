#include "sink/sink_scripted_rig.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "util/list.h"

static struct sink_script *scripts;

void sink_script_add(struct sink_script *script) {
        script->next = scripts;
        scripts = script;
}

void sink_script_remove(struct sink_script *script) {
        LIST_UNLINK(scripts, script, next);
}

static int scripted_check(const struct sink_config *config, struct error *error) {
        if (config->path && strcmp(config->path, "wrong") == 0)
                return error_set(error, -EINVAL, "path: it is wrong");
        return 0;
}

static int scripted_open(void **ret, struct sink *sink, struct loop *loop,
                         const struct sink_config *config, struct error *error) {
        struct sink_script *script = scripts;

        if (config->path && strcmp(config->path, "nowhere") == 0)
                return error_set(error, -ENOENT, "path: it is nowhere");
        while (strcmp(script->name, sink_name(sink)) != 0)
                script = script->next;
        script->sink = sink;
        script->loop = loop;
        *ret = script;
        return 0;
}

// The place of the poisonous row among them; `n` when there is none.
static size_t script_poison(const struct sink_script *script, const struct row *rows,
                            size_t n) {
        for (size_t i = 0; script->poison && i < n; i++)
                if (rows[i].text && strcmp(rows[i].text, script->poison) == 0)
                        return i;
        return n;
}

static void script_take(struct sink_script *script, const struct row *rows, size_t n) {
        for (size_t i = 0; script->ids && i < n; i++)
                memcpy(script->ids[script->n_ids++], rows[i].id, ROW_ID_BYTES);
}

static void script_answer(struct sink_script *script) {
        const struct row *rows = script->rows;
        size_t n = script->n_rows, poison = script_poison(script, rows, n);

        script->rows = NULL;
        if (poison < n) {
                script_take(script, rows, poison);
                sink_answer(script->sink, SINK_REFUSED, poison, "it is poison", 0);
                return;
        }
        script_take(script, rows, script->outcome == SINK_TAKEN ? n : script->n_taken);
        sink_answer(script->sink, script->outcome, script->n_taken, script->trouble,
                    script->retry);
}

void sink_script_release(struct sink_script *script) {
        script->is_held = false;
        if (script->rows)
                script_answer(script);
}

static void scripted_send(void *state, const struct row *rows, size_t n) {
        struct sink_script *script = state;
        size_t length = strlen(script->sends);

        assert(!script->rows && n > 0);
        for (size_t i = 0; i < n && length < sizeof(script->sends); i++)
                length += (size_t)snprintf(
                        script->sends + length, sizeof(script->sends) - length, "%c%s",
                        i > 0 ? ' ' : '[',
                        rows[i].text ? rows[i].text : row_kind_names[rows[i].kind]);
        if (length < sizeof(script->sends))
                snprintf(script->sends + length, sizeof(script->sends) - length, "]");
        script->n_sends++;
        script->sent = loop_now(script->loop);
        script->rows = rows;
        script->n_rows = n;
        if (!script->is_held)
                script_answer(script);
}

static void scripted_on_event(void *state, const struct sink_event *event) {
        struct sink_script *script = state;

        (void)event;
        script->n_events++;
}

static void scripted_reopen(void *state) {
        struct sink_script *script = state;

        script->n_reopened++;
}

static void *scripted_close(void *state) {
        struct sink_script *script = state;

        script->sink = NULL;
        script->rows = NULL;
        return NULL;
}

static const struct sink_ops scripted = {
        .type = "scripted",
        .batch_max = SINK_SCRIPT_BATCH,
        .check = scripted_check,
        .open = scripted_open,
        .send = scripted_send,
        .on_event = scripted_on_event,
        .reopen = scripted_reopen,
        .close = scripted_close,
};

const struct sink_ops *const sink_scripted_types[SINK_TYPES] = {[SINK_LINES] = &scripted};
