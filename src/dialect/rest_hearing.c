#include "dialect/rest_hearing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/exchange.h"
#include "pipeline/hub_admission.h"
#include "util/log.h"
#include "util/mem.h"

// An answer is handed to the client in such pieces.
#define WRITE_PIECE ((size_t)16 * 1024)

#define RETRY_STOPPING (10 * NSEC_PER_SEC)
#define RETRY_FAILED   (10 * NSEC_PER_SEC)

static const struct rest_refusal stopping = {
        .status = 503, .words = "the server is stopping", .retry = RETRY_STOPPING};

// The base is first.
static struct rest_hearing *hearing_of(struct hub_session *base) {
        return (struct rest_hearing *)base;
}

// --- the end ---------------------------------------------------------------------------------

static void hearing_free(struct rest_hearing *hearing) {
        if (hearing->ops->close)
                hearing->ops->close(hearing);
        file_run_free(hearing->run);
        scratch_free(hearing->scratch);  // whose descriptor is closed now
        form_free(hearing->form);
        for (size_t i = 0; i < hearing->n_segments; i++)
                segment_deinit(&hearing->segments[i]);
        hub_leave(hearing->hub, &hearing->base);
        free(hearing->segments);
        free(hearing->file);
        free(hearing->unsent);
        free(hearing->refused_words);
        free(hearing->refused_field);
        free(hearing);
}

static void hearing_on_gone(void *context) {
        struct rest_hearing *hearing = context;

        log_debug(hearing->base.about, "client-left", "it did not wait for its text");
        hearing_free(hearing);
}

void rest_hearing_reply(struct rest_hearing *hearing, const struct http_response *response) {
        exchange_reply(hearing->exchange, response);
        hearing_free(hearing);
}

// --- an answer in pieces ---------------------------------------------------------------------

static void unsent_write(struct rest_hearing *hearing) {
        size_t at = 0;

        while (at < hearing->n_unsent) {
                size_t n = hearing->n_unsent - at;

                n = n < WRITE_PIECE ? n : WRITE_PIECE;
                if (!exchange_write(hearing->exchange, hearing->unsent + at, n))
                        break;
                at += n;
        }
        if (at > 0)
                memmove(hearing->unsent, hearing->unsent + at, hearing->n_unsent - at);
        hearing->n_unsent -= at;
}

static void hearing_on_drained(void *context) {
        struct rest_hearing *hearing = context;

        unsent_write(hearing);
        if (hearing->n_unsent > 0 || !hearing->is_ending)
                return;
        exchange_end(hearing->exchange);
        hearing_free(hearing);
}

void rest_hearing_answer_begin(struct rest_hearing *hearing,
                               const struct http_response *response) {
        hearing->is_begun = true;
        (void)exchange_begin(hearing->exchange, response);
}

void rest_hearing_write(struct rest_hearing *hearing, const char *bytes, size_t n) {
        if (!hearing->exchange)
                return;
        if (n > REST_UNSENT_MAX - hearing->n_unsent) {
                log_info(hearing->base.about, "client-dropped", "it reads too slowly");
                exchange_cut(TAKE(hearing->exchange));
                file_run_break(hearing->run, TRANSCRIPTION_REFUSED, 0, "");
                return;
        }
        if (hearing->n_unsent + n > hearing->unsent_max) {
                hearing->unsent_max = 2 * (hearing->n_unsent + n);
                hearing->unsent = xrealloc_array(hearing->unsent, hearing->unsent_max, 1);
        }
        memcpy(hearing->unsent + hearing->n_unsent, bytes, n);
        hearing->n_unsent += n;
        unsent_write(hearing);
        hearing->base.reader->observers.n_bytes += n;
}

void rest_hearing_answer_end(struct rest_hearing *hearing) {
        hearing->is_ending = true;
        if (hearing->exchange && hearing->n_unsent > 0)
                return;
        if (hearing->exchange)
                exchange_end(hearing->exchange);
        hearing_free(hearing);
}

// --- refusals --------------------------------------------------------------------------------

static void refusal_log(const struct rest_hearing *hearing,
                        const struct rest_refusal *refusal) {
        struct hub_counts *counts = hub_counts(hearing->hub);

        log_info(hearing->base.about, "client-refused", "%d: %s", refusal->status,
                 refusal->words);
        if (refusal->status == 429 || refusal->status == 503)
                counts->n_refused_busy++;
        else
                counts->n_refused_invalid++;
}

// While the body's bytes are looked at, it is kept; the first counts.
static void refusal_keep(struct rest_hearing *hearing, const struct rest_refusal *refusal) {
        if (hearing->is_refused)
                return;
        hearing->is_refused = true;
        hearing->refusal = *refusal;
        hearing->refusal.words = hearing->refused_words = xstrdup(refusal->words);
        hearing->refusal.field = hearing->refused_field = xstrdup(refusal->field);
}

bool rest_hearing_refuse(struct rest_hearing *hearing, const struct rest_refusal *refusal) {
        if (hearing->is_reading) {
                refusal_keep(hearing, refusal);
                return false;
        }
        refusal_log(hearing, refusal);
        if (!hearing->is_begun) {
                hearing->ops->dialect->refuse(hearing->exchange, refusal);
                hearing_free(hearing);
                return false;
        }
        if (hearing->ops->on_broken)
                hearing->ops->on_broken(hearing, refusal);
        // No text follows, though the client may take long for what was written.
        hearing->run = file_run_free(hearing->run);
        rest_hearing_answer_end(hearing);
        return false;
}

bool rest_hearing_mistake(struct rest_hearing *hearing, const char *field, const char *words) {
        return rest_hearing_refuse(
                hearing, &(struct rest_refusal){.status = 400, .field = field, .words = words});
}

static bool scratch_refuse(struct rest_hearing *hearing,
                           const struct transcription_refusal *refusal) {
        return rest_hearing_refuse(
                hearing, &(struct rest_refusal){.status = refusal->status,
                                                .field = refusal->status == 413
                                                                 ? hearing->ops->file_field
                                                                 : NULL,
                                                .words = refusal->words,
                                                .retry = refusal->retry});
}

// Whoever came when there was no room for it.
static bool busy_refuse(struct rest_hearing *hearing, const char *words) {
        const struct upload_services *uploads = hub_parts(hearing->hub)->uploads;

        return rest_hearing_refuse(
                hearing, &(struct rest_refusal){.status = 503,
                                                .words = words,
                                                .retry = upload_slots_retry(uploads->slots)});
}

// Whoever asked for a text would take one with gaps for all of it.
static bool gaps_refuse(struct rest_hearing *hearing) {
        return rest_hearing_refuse(
                hearing,
                &(struct rest_refusal){.status = 503,
                                       .words = "some of the sound could not be decoded; "
                                                "send it again",
                                       .retry = RETRY_FAILED});
}

// --- being heard -----------------------------------------------------------------------------

static void run_on_sound(void *context) {
        struct rest_hearing *hearing = context;

        if (hearing->ops->on_sound)
                hearing->ops->on_sound(hearing);
}

static void run_on_segment(void *context, const struct segment *segment) {
        struct rest_hearing *hearing = context;

        if (hearing->n_segments == hearing->segments_max) {
                hearing->segments_max = hearing->segments_max ? 2 * hearing->segments_max : 16;
                hearing->segments = xrealloc_array(hearing->segments, hearing->segments_max,
                                                   sizeof(*hearing->segments));
        }
        segment_copy(&hearing->segments[hearing->n_segments++], segment);
        if (hearing->ops->on_segment)
                hearing->ops->on_segment(hearing);
}

static void run_on_end(void *context, const struct file_outcome *outcome) {
        struct rest_hearing *hearing = context;

        if (!hearing->exchange) {
                hearing_free(hearing);
        } else if (outcome->end == TRANSCRIPTION_WHOLE && outcome->has_gaps) {
                (void)gaps_refuse(hearing);
        } else if (outcome->end == TRANSCRIPTION_WHOLE) {
                hearing->outcome = outcome;
                hearing->ops->on_whole(hearing);
        } else if (outcome->end == TRANSCRIPTION_LATER || outcome->end == TRANSCRIPTION_LOST) {
                (void)busy_refuse(hearing, outcome->words);
        } else if (outcome->status == 422) {
                (void)rest_hearing_mistake(hearing, hearing->ops->file_field, outcome->words);
        } else {
                (void)rest_hearing_refuse(hearing,
                                          &(struct rest_refusal){.status = outcome->status,
                                                                 .words = outcome->words});
        }
}

// Neither its text nor its sound is journaled: they are whoever's asked.
static void scratch_on_whole(void *context, int descriptor, uint64_t n_bytes) {
        struct rest_hearing *hearing = context;
        const struct file_run_listener listener = {.on_sound = run_on_sound,
                                                   .on_segment = run_on_segment,
                                                   .on_end = run_on_end,
                                                   .context = hearing};
        struct request_defaults defaults = *hub_parts(hearing->hub)->defaults;

        defaults.has_journal = defaults.has_archive = false;
        hearing->request.defaults = &defaults;
        hearing->run = file_run_new(hearing->hub, &hearing->base, &hearing->request, descriptor,
                                    n_bytes, &listener);
        hearing->request.defaults = NULL;  // which are gone with this call
        if (hearing->run)
                hearing->base.reader->n_sessions++;
        else
                (void)busy_refuse(hearing, "too many uploads wait for their turn");
}

// --- the body --------------------------------------------------------------------------------

static void scratch_on_room(void *context) {
        struct rest_hearing *hearing = context;

        exchange_resume(hearing->exchange);
}

static void scratch_on_refused(void *context, const struct transcription_refusal *refusal) {
        (void)scratch_refuse(context, refusal);
}

static bool form_on_file(void *context, const char *name) {
        struct rest_hearing *hearing = context;

        hearing->file = xstrdup(name);
        return true;
}

static bool form_on_bytes(void *context, const uint8_t *bytes, size_t n) {
        struct rest_hearing *hearing = context;

        if (hearing->ops->on_bytes)
                hearing->ops->on_bytes(hearing, bytes, n);
        while (n > 0 && !hearing->is_refused) {
                size_t piece =
                        n < TRANSCRIPTION_PIECE_MAX / 2 ? n : TRANSCRIPTION_PIECE_MAX / 2;

                if (!scratch_write(hearing->scratch, bytes, piece))
                        exchange_pause(hearing->exchange);
                bytes += piece;
                n -= piece;
        }
        return !hearing->is_refused;
}

static bool form_on_field(void *context, const char *name, const char *value) {
        struct rest_hearing *hearing = context;

        return !hearing->ops->on_field || hearing->ops->on_field(hearing, name, value);
}

static bool form_refuse(struct rest_hearing *hearing, const struct form_mistake *mistake) {
        return rest_hearing_refuse(hearing, &(struct rest_refusal){.status = mistake->status,
                                                                   .field = mistake->field,
                                                                   .words = mistake->words});
}

static void hearing_on_body(void *context, const uint8_t *bytes, size_t n) {
        struct rest_hearing *hearing = context;

        hearing->is_reading = true;
        if (!form_feed(hearing->form, bytes, n) && !hearing->is_refused)
                (void)form_refuse(hearing, form_mistake(hearing->form));
        hearing->is_reading = false;
        if (hearing->is_refused)
                (void)rest_hearing_refuse(hearing, &hearing->refusal);
}

// Whether the model can do what is wished.
static bool model_check(struct rest_hearing *hearing) {
        const struct hub_parts *parts = hub_parts(hearing->hub);
        struct request request = hearing->request;
        struct error error = {0};

        request_complete(&request, parts->defaults);
        return parts->check_model(parts->context, request.language, request.task, &error) ==
                       0 ||
               rest_hearing_mistake(hearing, "language", error.text);
}

static bool wish_take(struct rest_hearing *hearing) {
        struct request *request = &hearing->request;

        *request = (struct request){
                .name = hearing->base.about, .format = PCM_F32, .is_file = true};
        if (!hearing->ops->wish(hearing, request))
                return false;
        // Who asks for a translation and names no language wants it detected.
        if (request->has_task && request->task == DECODE_TRANSLATE && !request->language)
                request->language = "";
        return model_check(hearing);
}

static void hearing_on_body_end(void *context) {
        struct rest_hearing *hearing = context;

        if (!form_end(hearing->form))
                (void)form_refuse(hearing, form_mistake(hearing->form));
        else if (wish_take(hearing))
                scratch_end(hearing->scratch);
}

// --- what the server asks --------------------------------------------------------------------

// What is being heard will be text soon; the rest may come again.
static void hearing_ask_leave(struct hub_session *base, uint16_t code) {
        struct rest_hearing *hearing = hearing_of(base);

        (void)code;
        if (!hearing->run && !hearing->is_ending)
                (void)rest_hearing_refuse(hearing, &stopping);
}

static void hearing_ask_goodbye(struct hub_session *base, uint16_t code) {
        struct rest_hearing *hearing = hearing_of(base);

        (void)code;
        if (hearing->exchange && !hearing->is_ending)
                (void)rest_hearing_refuse(hearing, &stopping);
}

static void hearing_ask_release(struct hub_session *base) {
        (void)base;
}

static bool hearing_ask_overload(struct hub_session *base, const char *words) {
        (void)base;
        (void)words;
        return false;
}

static void hearing_ask_dismiss(struct hub_session *base, const char *words) {
        struct rest_hearing *hearing = hearing_of(base);

        if (hearing->exchange && !hearing->is_ending)
                (void)rest_hearing_refuse(
                        hearing, &(struct rest_refusal){.status = 403, .words = words});
}

static const struct hub_session_ops hearing_ops = {
        .leave = hearing_ask_leave,
        .goodbye = hearing_ask_goodbye,
        .release = hearing_ask_release,
        .on_overload = hearing_ask_overload,
        .dismiss = hearing_ask_dismiss,
};

// --- the head --------------------------------------------------------------------------------

static bool form_begin(struct rest_hearing *hearing) {
        const char *type =
                http_request_header(exchange_request(hearing->exchange), "Content-Type");
        const struct form_listener listener = {
                .on_file = form_on_file,
                .on_bytes = form_on_bytes,
                .on_field = form_on_field,
                .context = hearing,
        };

        hearing->form = form_new(type, hearing->ops->file_field, &listener);
        return hearing->form || form_refuse(hearing, &form_without_boundary);
}

static bool hearing_enter(struct rest_hearing *hearing, const struct rest_place *place) {
        bool fits = hub_enter(hearing->hub, &hearing->base);
        struct hub_refusal refusal;

        hub_session_is(&hearing->base, hub_reader(hearing->hub, hearing->ops->dialect->name));
        if (place->is_stopping)
                return rest_hearing_refuse(hearing, &stopping);
        if (!fits)
                return rest_hearing_refuse(
                        hearing,
                        &(struct rest_refusal){
                                .status = 429,
                                .words = "your address has too many sessions, or your token; "
                                         "close some, or have per_address.sessions or "
                                         "per_token.sessions raised",
                                .retry = 60 * NSEC_PER_SEC});
        if (!hub_admits(hearing->hub, &hearing->base, &refusal)) {
                CLEANUP(mem_freep)
                char *words = xasprintf("%s; %s", refusal.reason, refusal.remedy);

                return rest_hearing_refuse(
                        hearing, &(struct rest_refusal){.status = refusal.is_own ? 429 : 503,
                                                        .words = words,
                                                        .retry = refusal.retry});
        }
        return true;
}

static bool scratch_begin(struct rest_hearing *hearing, struct scratches *scratches) {
        const struct http_request *request = exchange_request(hearing->exchange);
        const char *length = http_request_header(request, "Content-Length");
        uint64_t size =
                form_file_size(hearing->form, length ? strtoull(length, NULL, 10) : UINT64_MAX);
        const struct scratch_listener listener = {
                .on_room = scratch_on_room,
                .on_whole = scratch_on_whole,
                .on_refused = scratch_on_refused,
                .context = hearing,
        };
        struct transcription_refusal refusal;

        hearing->scratch = scratch_new(scratches, request->principal, request->address, size,
                                       &listener, &refusal);
        return hearing->scratch || scratch_refuse(hearing, &refusal);
}

void rest_hearing_begin(const struct rest_place *place, struct exchange *exchange,
                        const struct rest_hearing_ops *ops, void *state) {
        const struct http_request *request = exchange_request(exchange);
        struct rest_hearing *hearing = xnew(struct rest_hearing);
        const struct exchange_handler handler = {
                .on_body = hearing_on_body,
                .on_body_end = hearing_on_body_end,
                .on_drained = hearing_on_drained,
                .on_gone = hearing_on_gone,
                .context = hearing,
                .body_max = UINT64_MAX - 1,  // what is too large is refused with words
        };

        hearing->base.ops = &hearing_ops;
        hearing->base.principal = request->principal;
        snprintf(hearing->base.about, sizeof(hearing->base.about), "client %s", request->peer);
        snprintf(hearing->base.address, sizeof(hearing->base.address), "%s", request->address);
        hearing->hub = place->hub;
        hearing->ops = ops;
        hearing->state = state;
        hearing->exchange = exchange;
        if (ops->open)
                ops->open(hearing);
        if (hearing_enter(hearing, place) && form_begin(hearing) &&
            scratch_begin(hearing, place->scratches))
                exchange_set_handler(exchange, &handler);
}
