#include "sink/nats_client_rig.h"

#include <nats/nats.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/mem.h"

#define PATIENCE_MS 30000

static natsConnection *client_open(const struct rig_broker *broker) {
        CLEANUP(mem_freep) char *url = xasprintf("nats://127.0.0.1:%d", broker->port);
        natsConnection *client = NULL;
        natsOptions *options;

        assert_int_equal(natsOptions_Create(&options), NATS_OK);
        natsOptions_SetURL(options, url);
        natsOptions_SetUserInfo(options, "eavesdrop", RIG_BROKER_PASSWORD);
        assert_int_equal(natsConnection_Connect(&client, options), NATS_OK);
        natsOptions_Destroy(options);
        return client;
}

char *rig_nats_ask(const struct rig_broker *broker, const char *what, const char *json) {
        CLEANUP(mem_freep) char *subject = xasprintf("$JS.API.%s", what);
        natsConnection *client = client_open(broker);
        natsMsg *reply = NULL;
        char *answer;

        // JetStream may still be reading its files.
        for (int i = 0; i < PATIENCE_MS / 100; i++) {
                if (natsConnection_RequestString(&reply, client, subject, json, PATIENCE_MS) ==
                    NATS_OK)
                        break;
                nats_Sleep(100);
        }
        assert_non_null(reply);
        answer = strndup(natsMsg_GetData(reply), (size_t)natsMsg_GetDataLength(reply));
        natsMsg_Destroy(reply);
        natsConnection_Destroy(client);
        return answer;
}

static void message_read(natsMsg *msg, struct rig_nats_message *ret) {
        const char *id = NULL;

        natsMsgHeader_Get(msg, "Nats-Msg-Id", &id);
        ret->subject = xstrdup(natsMsg_GetSubject(msg));
        ret->id = xstrdup(id);
        ret->body = strndup(natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg));
}

size_t rig_nats_read(const struct rig_broker *broker, const char *stream,
                     struct rig_nats_message *ret, size_t n) {
        natsConnection *client = client_open(broker);
        jsStreamInfo *info = NULL;
        jsCtx *js = NULL;
        size_t n_read = 0;

        assert_int_equal(natsConnection_JetStream(&js, client, NULL), NATS_OK);
        if (js_GetStreamInfo(&info, js, stream, NULL, NULL) == NATS_OK)
                for (uint64_t i = info->State.FirstSeq; i <= info->State.LastSeq && n_read < n;
                     i++) {
                        natsMsg *msg = NULL;

                        if (i == 0 || js_GetMsg(&msg, js, stream, i, NULL, NULL) != NATS_OK)
                                continue;
                        message_read(msg, &ret[n_read++]);
                        natsMsg_Destroy(msg);
                }
        jsStreamInfo_Destroy(info);
        jsCtx_Destroy(js);
        natsConnection_Destroy(client);
        return n_read;
}

void rig_nats_messages_free(struct rig_nats_message *messages, size_t n) {
        for (size_t i = 0; i < n; i++) {
                free(messages[i].subject);
                free(messages[i].id);
                free(messages[i].body);
        }
        memset(messages, 0, n * sizeof(*messages));
}
