#pragma once
// Alerts rig: alerts, what they gave out, and segments of a kitchen to give them.
//
// Threads: any one.

#include <stddef.h>
#include <stdint.h>

#include "alert/alerts.h"
#include "journal/row.h"

#define RIG_WALL 1764500000000  // when position 0 was, Unix ms

struct alerts_rig {
        struct alert_config configs[4];
        size_t n;
        struct alerts *alerts;
        struct row *rows[64];
        size_t n_rows, n_seen;
        uint8_t next_id;      // of segments and alerts alike: its last byte
        const char *stream;   // "kitchen" unless set
        const char *session;  // NULL unless set
        const char *language;
        uint32_t generation;
};

// One alert "help" of these words (a line each) and patterns, either NULL.
void alerts_rig_open(struct alerts_rig *rig, const char *words, const char *patterns);

// Of the configurations as they are.
void alerts_rig_start(struct alerts_rig *rig);
void alerts_rig_close(struct alerts_rig *rig);

// A final from `begin` to `end` seconds; what it made fire so far is in rows. Returns the last
// byte of its id.
uint8_t alerts_rig_final(struct alerts_rig *rig, double begin, double end, const char *text);

// Stable words.
void alerts_rig_tail(struct alerts_rig *rig, double begin, double end, const char *text);

// How many rows came since the last call.
size_t alerts_rig_came(struct alerts_rig *rig);

// One of those that came: -1 is the last, -2 the one before.
const struct row *alerts_rig_row(const struct alerts_rig *rig, int i);
