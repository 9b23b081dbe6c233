#pragma once
// Messages: the events of OpenAI's realtime API, those of a client read and ours written.
//
// Threads: any one at a time.

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "dialect/realtime/settings.h"
#include "net/http_phrase.h"

enum realtime_command_kind {
        REALTIME_APPEND,
        REALTIME_COMMIT,
        REALTIME_CLEAR,
        REALTIME_UPDATE,       // session.update
        REALTIME_FLAT_UPDATE,  // transcription_session.update
        REALTIME_UNKNOWN,
};

struct realtime_command {
        enum realtime_command_kind kind;
        json_t *json;           // all of it
        const char *event_id;   // of the client; NULL: none. Within the JSON, as is
        const json_t *session;  // what is updated; NULL: absent
};

// Read what a client says. -EINVAL with the mistake; realtime_command_deinit() it in any case.
int realtime_command_read(struct realtime_command *ret, const char *text, size_t n,
                          struct realtime_mistake *mistake);
void realtime_command_deinit(struct realtime_command *command);

// An event of ours of that type and number: `members`, which it takes over, are what it has
// besides. The caller frees it.
char *realtime_event(uint64_t number, const char *type, json_t *members);

// Members of events; new references. Items are numbered; -1 is none.
json_t *realtime_item(int64_t item);
json_t *realtime_item_added(int64_t item, int64_t previous);
json_t *realtime_committed(int64_t item, int64_t previous);
json_t *realtime_error(const struct realtime_mistake *mistake, const char *event_id);

// A refusal by HTTP, as the REST API has it.
bool realtime_phrase(const struct http_request *request, int status, const char *words,
                     struct http_phrase *phrase);
