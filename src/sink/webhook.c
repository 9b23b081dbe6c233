#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "journal/row_json.h"
#include "sink/delivery.h"
#include "sink/signature.h"
#include "sink/sink_ops.h"
#include "util/mem.h"

#define WEBHOOK_BATCH  64  // their JSON takes some 2 ms of the loop
#define WEBHOOK_ID_MAX ((size_t)2 * ROW_ID_TEXT_MAX)

struct webhook {
        struct sink *sink;
        struct loop *loop;
        struct delivery *delivery;
        struct signature_key key;  // of no bytes: nothing is signed
        char *body;
        // The send that is out, and what of it is.
        const struct row *rows;
        size_t n_rows;
        size_t begin, n;
};

enum webhook_verdict { WEBHOOK_TAKEN, WEBHOOK_RETRY, WEBHOOK_REFUSED, WEBHOOK_GONE };

// Whether the status is about the server or the address rather than the rows: who may, what is
// there, when to come.
static bool is_about_server(int status) {
        static const int about_server[] = {401, 402, 403, 404, 405, 407, 408, 421, 425, 429};

        for (size_t i = 0; i < sizeof(about_server) / sizeof(about_server[0]); i++)
                if (status == about_server[i])
                        return true;
        return status < 400 || status >= 500;
}

static enum webhook_verdict verdict_of(int status) {
        if (status >= 200 && status < 300)
                return WEBHOOK_TAKEN;
        if (status == 410)
                return WEBHOOK_GONE;
        return is_about_server(status) ? WEBHOOK_RETRY : WEBHOOK_REFUSED;
}

static void trouble_write(char *ret, size_t size, const struct delivery_answer *answer) {
        int status = answer->status;

        if (status == 0)
                snprintf(ret, size, "%s", answer->trouble);
        else if (status >= 300 && status < 400)
                snprintf(ret, size,
                         "it answers %d, a redirect, which is not followed: give the address "
                         "that it leads to",
                         status);
        else
                snprintf(ret, size, "it answers %d", status);
}

// --- what is posted
// ----------------------------------------------------------------------------

static char *body_write(const struct row *rows, size_t n, size_t *ret_n) {
        char *body = NULL;
        FILE *out = open_memstream(&body, ret_n);

        if (!out)
                abort();
        for (size_t i = 0; i < n; i++) {
                CLEANUP(mem_freep) char *json = row_json(&rows[i], NULL);

                fputc(i > 0 ? ',' : '[', out);
                fputs(json, out);
        }
        fputc(']', out);
        if (fclose(out) != 0)
                abort();
        return body;
}

// One name for the same rows, and for no others: whoever has seen it has all of them.
static void id_write(char ret[WEBHOOK_ID_MAX], const struct row *rows, size_t n) {
        char first[ROW_ID_TEXT_MAX], last[ROW_ID_TEXT_MAX];

        row_id_format(rows[0].id, first);
        row_id_format(rows[n - 1].id, last);
        snprintf(ret, WEBHOOK_ID_MAX, n > 1 ? "%s_%s" : "%s", first, last);
}

static void webhook_post(struct webhook *webhook) {
        char id[WEBHOOK_ID_MAX], time[32], signature[SIGNATURE_TEXT_MAX];
        CLEANUP(mem_freep) char *id_line = NULL, *time_line = NULL, *signature_line = NULL;
        size_t n;

        free(webhook->body);
        webhook->body = body_write(webhook->rows + webhook->begin, webhook->n, &n);
        id_write(id, webhook->rows + webhook->begin, webhook->n);
        snprintf(time, sizeof(time), "%" PRId64, loop_wall(webhook->loop) / NSEC_PER_SEC);
        id_line = xasprintf("webhook-id: %s", id);
        time_line = xasprintf("webhook-timestamp: %s", time);
        if (webhook->key.n > 0) {
                signature_write(signature, &webhook->key, id, time, webhook->body, n);
                signature_line = xasprintf("webhook-signature: %s", signature);
        }
        delivery_post(webhook->delivery,
                      (const char *const[]){"Content-Type: application/json", id_line,
                                            time_line, signature_line, NULL},
                      webhook->body, n);
}

// --- what is answered
// --------------------------------------------------------------------------

// What was posted is through: the next row alone, or all is.
static void webhook_go_on(struct webhook *webhook) {
        webhook->begin += webhook->n;
        if (webhook->begin == webhook->n_rows) {
                sink_answer(webhook->sink, SINK_TAKEN, webhook->n_rows, NULL, 0);
                return;
        }
        webhook_post(webhook);
}

// One of these rows is refused: which?
static void webhook_split(struct webhook *webhook) {
        webhook->n = 1;
        webhook_post(webhook);
}

static void webhook_on_answer(void *context, const struct delivery_answer *answer) {
        struct webhook *webhook = context;
        char trouble[256];

        trouble_write(trouble, sizeof(trouble), answer);
        switch (verdict_of(answer->status)) {
        case WEBHOOK_TAKEN:
                webhook_go_on(webhook);
                break;
        case WEBHOOK_RETRY:
                sink_answer(webhook->sink, SINK_RETRY, webhook->begin, trouble, answer->retry);
                break;
        case WEBHOOK_REFUSED:
                if (webhook->n > 1)
                        webhook_split(webhook);
                else
                        sink_answer(webhook->sink, SINK_REFUSED, webhook->begin, trouble,
                                    answer->retry);
                break;
        case WEBHOOK_GONE:
                sink_answer(webhook->sink, SINK_BROKEN, webhook->begin,
                            "it answers 410: it is gone, and wants no more", 0);
                break;
        }
}

// --- life
// --------------------------------------------------------------------------------------

static void webhook_send(void *state, const struct row *rows, size_t n) {
        struct webhook *webhook = state;

        webhook->rows = rows;
        webhook->n_rows = n;
        webhook->begin = 0;
        webhook->n = n;
        webhook_post(webhook);
}

static int webhook_check(const struct sink_config *config, struct error *error) {
        struct signature_key key = {0};
        int r;

        if (!config->url)
                return error_set(error, -EINVAL, "url: say where the rows are posted to");
        r = delivery_check(config->url, error);
        if (r == 0 && config->secret)
                r = signature_key_read(&key, config->secret, error);
        signature_key_deinit(&key);
        return r;
}

static void *webhook_close(void *state) {
        struct webhook *webhook = state;

        delivery_free(webhook->delivery);
        signature_key_deinit(&webhook->key);
        free(webhook->body);
        return mem_free(webhook);
}

static int webhook_open(void **ret, struct sink *sink, struct loop *loop,
                        const struct sink_config *config, struct error *error) {
        struct webhook *webhook = xnew(struct webhook);
        int r;

        webhook->sink = sink;
        webhook->loop = loop;
        r = delivery_new(&webhook->delivery, loop, config, webhook_on_answer, webhook, error);
        if (r == 0 && config->secret)
                r = signature_key_read(&webhook->key, config->secret, error);
        if (r < 0) {
                webhook_close(webhook);
                return r;
        }
        *ret = webhook;
        return 0;
}

const struct sink_ops sink_webhook = {
        .type = "webhook",
        .batch_max = WEBHOOK_BATCH,
        .check = webhook_check,
        .open = webhook_open,
        .send = webhook_send,
        .close = webhook_close,
};
