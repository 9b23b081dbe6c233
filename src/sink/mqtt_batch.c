#include "sink/mqtt_batch.h"

#include <assert.h>
#include <errno.h>
#include <mqtt_protocol.h>
#include <string.h>

#include "journal/row_json.h"
#include "sink/home_assistant.h"
#include "sink/mqtt_topic.h"
#include "util/mem.h"

void mqtt_batch_start(struct mqtt_batch *batch, const struct row *rows, size_t n) {
        assert(n > 0 && n <= MQTT_BATCH_MAX && batch->n == 0);
        batch->rows = rows;
        batch->n = n;
        batch->n_published = batch->n_open = 0;
        memset(batch->progress, 0, sizeof(batch->progress));
        if (memcmp(rows[0].id, batch->begun, ROW_ID_BYTES) == 0)
                batch->progress[0].taken = batch->begun_taken;
}

void mqtt_batch_clear(struct mqtt_batch *batch) {
        size_t first = mqtt_batch_taken(batch);

        batch->begun_taken = 0;
        if (first < batch->n) {
                memcpy(batch->begun, batch->rows[first].id, ROW_ID_BYTES);
                batch->begun_taken = batch->progress[first].taken;
        }
        batch->n = batch->n_published = batch->n_open = 0;
}

// --- messages -------------------------------------------------------------------------------

static const char *const row_topics[ROW_KINDS] = {
        [ROW_SEGMENT] = "final",
        [ROW_ALERT] = "alert",
        [ROW_STATUS] = "status",
        [ROW_FORGOTTEN] = "forgotten",
};

char *mqtt_batch_topic(const struct row *row, const char *prefix) {
        return row->stream ? mqtt_topic_of(prefix, row->stream, row_topics[row->kind])
                           : xasprintf("%s/%s", prefix, row_topics[row->kind]);
}

// What kind of event it is for Home Assistant; NULL: none.
static const char *row_event(const struct row *row) {
        if (!row->stream)
                return NULL;
        if (row->kind == ROW_SEGMENT)
                return HOME_ASSISTANT_UTTERANCE;
        return row->kind == ROW_ALERT && row->phase == ROW_FIRED ? HOME_ASSISTANT_KEYWORD
                                                                 : NULL;
}

static int message_publish(struct mqtt_batch *batch, size_t row, unsigned message,
                           struct mqtt_link *link, const char *topic, const char *payload) {
        struct mqtt_progress *progress = &batch->progress[row];
        int id;

        if (progress->taken & 1U << message || progress->reason)
                return 0;
        id = mqtt_link_publish(link, topic, payload, false);
        if (id == -EMSGSIZE)
                progress->reason = MQTT_RC_PACKET_TOO_LARGE;
        else if (id == -EINVAL)
                progress->reason = MQTT_RC_TOPIC_NAME_INVALID;
        else if (id < 0)
                return id;
        if (id < 0)
                return 0;
        batch->open[batch->n_open++] = (struct mqtt_open){id, row, message};
        progress->n_open++;
        return 0;
}

static int row_publish(struct mqtt_batch *batch, size_t i, struct mqtt_link *link,
                       const char *prefix) {
        const struct row *row = &batch->rows[i];
        CLEANUP(mem_freep) char *topic = mqtt_batch_topic(row, prefix);
        CLEANUP(mem_freep) char *json = row_json(row, NULL);
        const char *event = row_event(row);
        int r = message_publish(batch, i, 0, link, topic, json);

        if (r == 0 && event) {
                CLEANUP(mem_freep)
                char *event_topic = mqtt_topic_of(prefix, row->stream, "event");
                CLEANUP(mem_freep)
                char *with_type = xasprintf("{\"event_type\":\"%s\",%s", event, json + 1);

                r = message_publish(batch, i, 1, link, event_topic, with_type);
        }
        return r;
}

// --- answers --------------------------------------------------------------------------------

static bool batch_has_refused(const struct mqtt_batch *batch) {
        for (size_t i = 0; i < batch->n_published; i++)
                if (batch->progress[i].reason)
                        return true;
        return false;
}

// Rows without all of their answers.
static size_t batch_waiting(const struct mqtt_batch *batch) {
        size_t n = 0;

        for (size_t i = 0; i < batch->n_published; i++)
                n += batch->progress[i].n_open > 0;
        return n;
}

int mqtt_batch_publish(struct mqtt_batch *batch, struct mqtt_link *link, const char *prefix,
                       size_t window) {
        while (batch->n_published < batch->n && !batch_has_refused(batch) &&
               batch_waiting(batch) < window) {
                int r = row_publish(batch, batch->n_published, link, prefix);

                if (r < 0)
                        return r;
                batch->n_published++;
        }
        return 0;
}

bool mqtt_batch_on_ack(struct mqtt_batch *batch, int id, int reason) {
        for (size_t i = 0; i < batch->n_open; i++) {
                struct mqtt_progress *progress = &batch->progress[batch->open[i].row];

                if (batch->open[i].id != id)
                        continue;
                progress->n_open--;
                if (reason >= MQTT_RC_UNSPECIFIED)
                        progress->reason = reason;
                else
                        progress->taken |= 1U << batch->open[i].message;
                batch->open[i] = batch->open[--batch->n_open];
                return true;
        }
        return false;
}

bool mqtt_batch_is_done(const struct mqtt_batch *batch) {
        return batch->n > 0 && batch->n_open == 0 &&
               (batch->n_published == batch->n || batch_has_refused(batch));
}

size_t mqtt_batch_taken(const struct mqtt_batch *batch) {
        size_t n = 0;

        while (n < batch->n_published && batch->progress[n].n_open == 0 &&
               batch->progress[n].reason == 0)
                n++;
        return n;
}

int mqtt_batch_reason(const struct mqtt_batch *batch) {
        size_t n = mqtt_batch_taken(batch);

        return n < batch->n_published ? batch->progress[n].reason : 0;
}
