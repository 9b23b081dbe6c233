// NATS: each row is a message of a JetStream stream, with the row's id as Nats-Msg-Id, by which
// JetStream leaves out what comes again.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "journal/row_json.h"
#include "sink/nats_subject.h"
#include "sink/nats_worker.h"
#include "sink/sink_ops.h"
#include "util/mem.h"

#define BATCH_MAX 64  // rows; their JSON takes some 2 ms of the loop

struct nats {
        struct sink *sink;
        char *subject;  // template
        struct nats_worker *worker;
};

static void nats_on_done(void *context, struct nats_batch *batch) {
        struct nats *nats = context;
        enum sink_outcome outcome = batch->outcome;
        size_t n_taken = batch->n_taken;
        struct error trouble = batch->trouble;

        nats_batch_free(batch);
        // The last that is done here: the next send may come from within.
        sink_answer(nats->sink, outcome, n_taken, trouble.code ? trouble.text : NULL, 0);
}

static void message_make(const struct nats *nats, struct nats_message *message,
                         const struct row *row) {
        message->subject = nats_subject_make(nats->subject, row);
        message->id = xcalloc(ROW_ID_TEXT_MAX, 1);
        row_id_format(row->id, message->id);
        message->body = row_json(row, NULL);
        message->n_body = strlen(message->body);
}

static void nats_send(void *state, const struct row *rows, size_t n) {
        struct nats *nats = state;
        struct nats_batch *batch = nats_batch_new(n);

        for (size_t i = 0; i < n; i++)
                message_make(nats, &batch->messages[i], &rows[i]);
        nats_worker_send(nats->worker, batch);
}

static void *nats_close(void *state) {
        struct nats *nats = state;

        nats_worker_leave(nats->worker);
        free(nats->subject);
        return mem_free(nats);
}

static const char *config_subject(const struct sink_config *config) {
        return config->subject ? config->subject : NATS_SUBJECT_DEFAULT;
}

// JetStream's rule: what stands in the subjects of its own interface.
static bool is_stream_name(const char *name) {
        return name[0] != '\0' && !name[strcspn(name, " \t\r\n\f.*>/\\")];
}

static int nats_check(const struct sink_config *config, struct error *error) {
        struct nats_address address;
        int r;

        if (!config->url)
                return error_set(error, -EINVAL,
                                 "url: say where the server is (nats://host:4222)");
        r = nats_address_init(&address, config->url, error);
        if (r < 0)
                return r;
        nats_address_deinit(&address);
        if (config->stream && !is_stream_name(config->stream))
                return error_set(error, -EINVAL,
                                 "stream: \"%s\" is no name of a JetStream stream: it has "
                                 "blanks, or one of . * > / \\",
                                 config->stream);
        return nats_subject_check(config_subject(config), error);
}

static int nats_open(void **ret, struct sink *sink, struct loop *loop,
                     const struct sink_config *config, struct error *error) {
        struct nats *nats;
        struct nats_plan plan = {.can_create = config->can_create};
        int r = nats_check(config, error);

        if (r < 0)
                return r;
        r = nats_address_init(&plan.address, config->url, error);
        if (r < 0)
                return r;
        plan.authority = xstrdup(config->authority);
        plan.credentials = xstrdup(config->credentials);
        plan.stream = xstrdup(config->stream);
        plan.pattern = nats_subject_pattern(config_subject(config));
        nats = xnew(struct nats);
        nats->sink = sink;
        nats->subject = xstrdup(config_subject(config));
        r = nats_worker_start(&nats->worker, loop, &plan, nats_on_done, nats, error);
        if (r < 0) {
                nats_close(nats);
                return r;
        }
        *ret = nats;
        return 0;
}

const struct sink_ops sink_nats = {
        .type = "nats",
        .batch_max = BATCH_MAX,
        .check = nats_check,
        .open = nats_open,
        .send = nats_send,
        .close = nats_close,
};
