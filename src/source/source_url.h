#pragma once
// Source URL: which kinds of address a source can be, and what ffmpeg may do for each.
// For source/ only.
//
// Threads: any; no state.

#include <stdbool.h>

// A source's kind, by its URL's scheme.
struct source_scheme {
        const char *name;  // "rtsp"
        // What ffmpeg may open for it, so that a hostile playlist or redirect reads no
        // local file.
        const char *protocols;
        // What it may take the bytes for: only what such a source really sends.
        const char *formats;
        // Environment variables that it needs, NULL-terminated; NULL: none.
        const char *const *variables;
        // Lines of the script: options of the demuxer and its protocol.
        const char *options;
        bool is_rtsp;
};

// The scheme of a network URL; NULL: unknown, or a file's path (source_url_file).
const struct source_scheme *source_url_scheme(const char *url);

// The path if `url` is a file: no scheme, "file:PATH" or "file://PATH"; else NULL.
const char *source_url_file(const char *url);
