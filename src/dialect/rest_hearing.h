#pragma once
// REST hearing: a request whose body is a file that is to be made text, and which waits for
// that, from its head to its answer. The body, a form or the file alone, goes to a scratch
// (transcription/scratch.h); then the file has its turn, and is heard as any upload is; the
// dialect says what is wished of it, and in which form it is told.
//
// It is a session of the hub's list from the beginning: counted, listed, dismissed as others.
//
// Threads: loop thread only.
// Memory:  the scratch's, a run's (file_run.h), and all of its segments, which the limits of
//          uploads bound; of an answer in pieces what the client has not taken yet.
// Life:    it frees itself once it is answered, or its client has gone.

#include "dialect/rest.h"
#include "net/form.h"
#include "pipeline/hub.h"
#include "transcription/file_run.h"
#include "transcription/scratch.h"

struct exchange;
struct http_response;  // net/exchange.h
struct rest_hearing;

// What a dialect does with one. `state` (below) is NULL until it sets it.
struct rest_hearing_ops {
        const struct rest_dialect *dialect;
        const char *file_field;  // of a form; "file"

        // It is there: `state` may keep it. Optional.
        void (*open)(struct rest_hearing *hearing);
        // Bytes of the file, as they come. Optional.
        void (*on_bytes)(struct rest_hearing *hearing, const uint8_t *bytes, size_t n);
        // A field of the form. False: it was refused (rest_hearing_refuse()). Optional.
        bool (*on_field)(struct rest_hearing *hearing, const char *name, const char *value);
        // All came: say what is wished in *ret, which asks for a file's stream already. Its
        // texts are lent until the hearing is freed. False: it was refused.
        bool (*wish)(struct rest_hearing *hearing, struct request *ret);
        // It is heard: its first sound came, and what is refused from now on has passed for
        // something that can be heard. Optional.
        void (*on_sound)(struct rest_hearing *hearing);
        // The last of `segments` is new. Optional.
        void (*on_segment)(struct rest_hearing *hearing);
        // All is text: answer with rest_hearing_reply(), or end the answer that was begun.
        // hearing->outcome says the rest.
        void (*on_whole)(struct rest_hearing *hearing);
        // Of an answer that was begun: say what went wrong; it is ended then. Optional.
        void (*on_broken)(struct rest_hearing *hearing, const struct rest_refusal *refusal);
        // Free `state`. Optional.
        void (*close)(struct rest_hearing *hearing);
};

// What an answer in pieces may have waiting for its client, beyond which it is cut.
#define REST_UNSENT_MAX ((size_t)4 * 1024 * 1024)

struct rest_hearing {
        struct hub_session base;  // first: the hub knows it by that
        struct hub *hub;
        const struct rest_hearing_ops *ops;
        void *state;                // the dialect's own
        struct exchange *exchange;  // NULL: it was cut

        char *file;                // what the sender calls it; NULL: nothing
        struct segment *segments;  // all that are final
        size_t n_segments, segments_max;
        const struct file_outcome *outcome;  // during on_whole

        // Its own:
        struct request request;  // what is wished of it
        struct form *form;
        struct scratch *scratch;
        struct file_run *run;
        bool is_begun;   // an answer in pieces
        bool is_ending;  // which ends when the client has taken all of it
        char *unsent;
        size_t n_unsent, unsent_max;

        // A refusal that came while the body's bytes were looked at, to be told afterwards.
        bool is_reading, is_refused;
        struct rest_refusal refusal;
        char *refused_words, *refused_field;
};

// Take on a request to POST a file. It may be over, and `state` freed, when this returns.
void rest_hearing_begin(const struct rest_place *place, struct exchange *exchange,
                        const struct rest_hearing_ops *ops, void *state);

// Refuse it; words and field are copied. Always false.
bool rest_hearing_refuse(struct rest_hearing *hearing, const struct rest_refusal *refusal);

// Refuse it for a mistake in that field (NULL: none in particular): 400. Always false.
bool rest_hearing_mistake(struct rest_hearing *hearing, const char *field, const char *words);

// Answer with all at once.
void rest_hearing_reply(struct rest_hearing *hearing, const struct http_response *response);

// Begin an answer in pieces; write a piece (copied); all is written.
void rest_hearing_answer_begin(struct rest_hearing *hearing,
                               const struct http_response *response);
void rest_hearing_write(struct rest_hearing *hearing, const char *bytes, size_t n);
void rest_hearing_answer_end(struct rest_hearing *hearing);
