#pragma once
// Probes: the requests to look at an address without adding it, each until it is answered. A
// client that goes away ends its probe.
//
// Threads: loop thread only.

struct exchange;
struct loop;
struct media_backend;
struct probes;

// At a time; the next is told to come again.
#define PROBES_MAX 4

struct probes *probes_new(struct loop *loop);

// Before the program that reads media is freed. NULL is fine. Returns NULL.
struct probes *probes_free(struct probes *probes);

// The server is stopping: those that wait are refused, and so is who asks from now on.
void probes_stop(struct probes *probes);

// Answer a request whose body says what to look at: {"url": ..., "transport": "tcp" or "udp",
// "track": ...}. The address counts as a stranger's (source.h). `media`, which reads it, is
// lent.
void probes_answer(struct probes *probes, struct media_backend *media,
                   struct exchange *exchange);
