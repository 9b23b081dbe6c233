#pragma once
// MQTT batch: the rows of one send as messages, and which of them the broker has acknowledged.
//
//   segment    PREFIX/STREAM/final, and /event as an "utterance"
//   alert      PREFIX/STREAM/alert, and /event as a "keyword" when it fires
//   status     PREFIX/STREAM/status
//   forgotten  PREFIX/STREAM/forgotten, of all streams PREFIX/forgotten
//
// Threads: loop thread.
// Memory:  rows are lent until the batch is cleared.

#include <stdbool.h>
#include <stddef.h>

#include "journal/row.h"
#include "sink/mqtt_link.h"

#define MQTT_BATCH_MAX 32  // rows: their JSON, twice, takes some 2 ms of the loop
#define MQTT_ROW_MAX   2   // messages of a row

struct mqtt_batch {
        const struct row *rows;
        size_t n;            // 0: there is none
        size_t n_published;  // rows
        struct mqtt_progress {
                int n_open;      // messages without an answer
                unsigned taken;  // messages that the broker has, a bit for each
                int reason;      // why the broker takes one of them not; 0: it does
        } progress[MQTT_BATCH_MAX];
        struct mqtt_open {
                int id;
                size_t row;
                unsigned message;
        } open[MQTT_BATCH_MAX * MQTT_ROW_MAX];
        size_t n_open;

        // What the broker has of a row that it has not all of: where a connection lasts for one
        // message alone, there is progress all the same.
        uint8_t begun[ROW_ID_BYTES];
        unsigned begun_taken;
};

// Begin; the batch is fresh (zeroed) or cleared.
void mqtt_batch_start(struct mqtt_batch *batch, const struct row *rows, size_t n);

// It is over, or its connection is.
void mqtt_batch_clear(struct mqtt_batch *batch);

// Publish what is not, as long as at most `window` rows have no answer. What the link itself
// refuses is noted as if the broker had. 0, or the link's -ENOTSUP or -EPIPE.
int mqtt_batch_publish(struct mqtt_batch *batch, struct mqtt_link *link, const char *prefix,
                       size_t window);

// Note an answer. False: it is to something else.
bool mqtt_batch_on_ack(struct mqtt_batch *batch, int id, int reason);

// Whether nothing more comes: all are answered, those behind one that was refused left out.
bool mqtt_batch_is_done(const struct mqtt_batch *batch);

// How many of the first rows are taken, and why the next one is not (0: no answer).
size_t mqtt_batch_taken(const struct mqtt_batch *batch);
int mqtt_batch_reason(const struct mqtt_batch *batch);

// The topic of a row's first message. The caller frees it.
char *mqtt_batch_topic(const struct row *row, const char *prefix);
