#pragma once
// Notify: tells the service manager that started us (systemd, Type=notify) how far we are, and,
// if it watches us (WatchdogSec=), that the loop still turns. Without one nothing is told.
//
// Threads: loop thread only.

#include "util/cleanup.h"
#include "util/loop.h"

struct notify;

// From now on the manager hears from the loop twice in the time after which it would take us
// for dead (WATCHDOG_USEC). `loop` outlives it.
struct notify *notify_new(struct loop *loop);

// NULL is fine. Returns NULL.
struct notify *notify_free(struct notify *notify);

// The start, or a reload, is over; `words` are what people see in the manager's status, one
// line.
void notify_ready(const char *words);

// What was told to reload begins to: notify_ready() follows.
void notify_reloading(void);

// The end has begun.
void notify_stopping(const char *words);

// Only the words.
void notify_status(const char *words);

DEFINE_CLEANUP(struct notify *, notify_free);
