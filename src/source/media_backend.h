#pragma once
// Media backend: the program that reads media for us. Either eavesdrop-media, our own, or
// ffmpeg, which is there for those who have a build of their own; docs/operations.md says what
// each can do.
//
// Threads: loop thread only.
// Memory:  outlives the sources, media and uploads that are read with it.

#include "util/cleanup.h"
#include "util/error.h"
#include "util/loop.h"

struct media_backend;

// What media_backend_new() is asked for where nobody chose.
#define MEDIA_BACKEND_DEFAULT "builtin"

// `choice` is "builtin" (eavesdrop-media, where it is found), "ffmpeg" (the one in PATH), or a
// program's path: one called eavesdrop-media, or an ffmpeg. Nothing is started before it is
// needed.
struct media_backend *media_backend_new(struct loop *loop, const char *choice);

// What sources that are not trusted may reach of what is closed to them: words as
// source_allow_is_good() takes them, with blanks between; copied. NULL: nothing.
void media_backend_allow(struct media_backend *backend, const char *words);

// End what it has started. NULL is fine. Returns NULL.
struct media_backend *media_backend_free(struct media_backend *backend);

// Is that program there, and will it do? To be asked before anything starts; takes some 50 ms
// with ffmpeg. Negative errno, with the remedy in *error.
int media_backend_check(const char *choice, struct error *error);

DEFINE_CLEANUP(struct media_backend *, media_backend_free);
