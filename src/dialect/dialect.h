#pragma once
// Dialect: what one kind of client says. It is a row of a table in dialects.c, and a folder
// with the same name; session.h has what it may ask for its sessions.
//
// Threads: loop thread only.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/visitors.h"
#include "net/http_phrase.h"
#include "net/http_request.h"
#include "net/websocket.h"
#include "util/loop.h"

struct hub_stream;
struct session;

// All functions but those marked optional are required: on_text and on_binary of clients that
// come by WebSocket, on_bytes of others. None is called
// once the session is leaving, but on_idle, on_relief, on_failure, on_warning, on_stream,
// on_implausible, goodbye and close. `state` (session.h) is NULL until the dialect sets it.
struct dialect {
        const char *name;  // for the log, the metrics' label, and auth.anonymous.dialects
        // By which its clients look for a listener of its own (DNS-SD: "_wyoming._tcp"); NULL:
        // they do not.
        const char *service;
        unsigned scope;  // what its clients must have (enum principal_scope); 0: nothing

        // --- recognising: by the request, or else by what the client says first ---

        // Whether the upgrade request is of this dialect, by its path, headers, sub-protocols
        // or query (optional). The first dialect in the table that says so gets the session.
        bool (*matches_request)(const struct http_request *request);
        // What is then asked before there is a WebSocket (all optional, for those only; the
        // order and the rest is upgrade.h's): what its clients' keys are, what is wrong with
        // the request (NULL: nothing, or words that the caller frees, with *ret_status, which
        // is 400 before), what the answer has for headers that opens the WebSocket (each with
        // its
        // "\r\n"; the caller frees them), and how a refusal by HTTP is put: without `phrase`
        // all are let in, and `refuse` tells them.
        enum visitors_key key;
        char *(*judge)(const struct http_request *request, int *ret_status);
        char *(*headers)(const struct http_request *request);
        http_phrase_fn *phrase;
        // Then the session begins: the server may speak first (optional, for those only).
        void (*begin)(struct session *session, const struct http_request *request);
        // Whether the first text of a client whose request told nothing is of this dialect,
        // good or bad (optional). It is then given to on_text.
        bool (*matches_text)(const char *text, size_t n);
        // The key by which that text, a JSON object, is known, for people who sent another:
        // "\"type\" (eavesdrop)". With matches_text only.
        const char *first_key;

        // --- what the client says ---

        size_t text_max;  // bytes of a text; 0: SESSION_TEXT_MAX (those known by a request)
        void (*on_text)(struct session *session, const char *text, size_t n);
        // Texts that may be long come here instead, in pieces, and not yet looked at for UTF-8
        // (optional; those known by a request).
        void (*on_text_piece)(struct session *session, const struct websocket_piece *piece);
        void (*on_binary)(struct session *session, const struct websocket_piece *piece);
        // Bytes of a client that comes by no WebSocket, to a listener of this dialect's own
        // (session_open_raw). As on_bytes in net/raw.h: one message at most or a part of one,
        // and how many bytes that were.
        size_t (*on_bytes)(struct session *session, const uint8_t *bytes, size_t n);
        // Such a client will send no more, but may wait for what it is owed (optional: it is
        // gone).
        void (*on_end)(struct session *session);
        // Nothing waits to be sent to the client any more (optional).
        void (*on_drained)(struct session *session);

        // --- what happens to its stream (all optional) ---

        // The backlog is empty: of several channels, those of all that were flushed together.
        void (*on_idle)(struct session *session);
        void (*on_relief)(struct session *session);  // no longer held up (session.h)
        // What was said in a window is lost; told each time, before what became of the window.
        void (*on_failure)(struct session *session);
        // Something went wrong, and the session goes on.
        void (*on_warning)(struct session *session, const char *words);
        // The server is overloaded: `words` say what the client has to expect.
        void (*on_overload)(struct session *session, const char *words);
        // A stream that the server pulls was opened, or is about to be closed (hub.h).
        void (*on_stream)(struct session *session, struct hub_stream *stream, bool is_open);
        // The sound is nothing that can be heard: say so, and what to do.
        void (*on_implausible)(struct session *session);

        // --- the end ---

        // Say why the client is sent away; the session then closes the connection. `retry`:
        // it may come back after so long; 0: that would not help.
        void (*refuse)(struct session *session, const char *words, nsec_t retry);
        // Say goodbye and begin to close: its whole text has been sent.
        void (*goodbye)(struct session *session, uint16_t code);
        // Free `state`; the stream is closed afterwards by the session itself.
        void (*close)(struct session *session);
};

// The one in a table whose client's request that is. NULL: none is known by it.
const struct dialect *dialect_of(const struct dialect *const *table,
                                 const struct http_request *request);
