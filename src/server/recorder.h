#pragma once
// Recorder: what the server keeps of what it hears, and whom it tells for good: the journal,
// the archive of sound, alerts and sinks, joined.
//
// Threads: loop thread only.

#include "alert/alerts.h"
#include "api/api.h"
#include "config/config.h"
#include "journal/forget.h"
#include "pipeline/hub.h"
#include "util/cleanup.h"
#include "util/error.h"
#include "util/loop.h"

struct recorder;

// Open what the configuration asks for: no journal where nothing is journaled. A sink that
// cannot start is logged; a journal that cannot be opened, such as another server's, fails.
int recorder_open(struct recorder **ret, struct loop *loop, const struct config *config,
                  struct error *error);

// Sinks are closed, and what waits for the disk is written. The hub is closed before. NULL is
// fine. Returns NULL.
struct recorder *recorder_close(struct recorder *recorder);

// A stream comes whose text, or whose sound, is to be kept: what that needs and is not there
// yet is opened, as recorder_open() does it. Fails with words.
int recorder_prepare(struct recorder *recorder, bool has_text, bool has_sound,
                     struct error *error);

// What the hub's streams need of it; NULL where nothing is journaled, or no sound kept.
const struct journaling_services *recorder_journaling(const struct recorder *recorder);
struct archive *recorder_archive(const struct recorder *recorder);

// Look for these alerts from now on, in whatever is journaled.
void recorder_set_alerts(struct recorder *recorder, const struct alert_config *alerts,
                         size_t n);

// Tell the sinks from now on what the hub's streams do.
void recorder_watch(struct recorder *recorder, struct hub *hub);

// Once a second: where the disk is full, kept sound makes room for text.
void recorder_tick(struct recorder *recorder);

// Why text is not kept at the moment, as a line; NULL: it is, or nothing is to be.
const char *recorder_trouble(const struct recorder *recorder);

// Files that were renamed are opened anew.
void recorder_reopen(struct recorder *recorder);

// What it has open, for who has something forgotten: of *ret, journal and archive.
void recorder_kept(const struct recorder *recorder, struct forget_place *ret);

// Where its figures are.
void recorder_describe(const struct recorder *recorder, struct metrics_sources *ret);

DEFINE_CLEANUP(struct recorder *, recorder_close);
