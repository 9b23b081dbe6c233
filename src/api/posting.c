#include "api/posting.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/parameters.h"
#include "api/problem.h"
#include "api/transcribing.h"
#include "auth/principal.h"
#include "net/exchange.h"
#include "net/form.h"
#include "util/mem.h"

#define FILE_FIELD "file"

static const char *const parameter_names[] = {
        "wait", "format", "language", "task", "prompt", "hotwords", "words", "beam_size", NULL};

_Static_assert(FORM_VALUE_MAX >= DECODE_TEXT_MAX, "texts that may be wished fit in a form");

struct posting {
        struct exchange *exchange;
        struct hub *hub;
        struct transcription *transcription;  // that it brings, or whose end it waits for
        bool is_taken;                        // the latter
        struct transcription_waiter waiter;
        struct loop_timer *patience;

        struct transcription_wish wish;
        bool has_wait, has_format;
        unsigned wait;  // seconds
        enum transcript_format format;

        struct form *form;
        char *file;  // what its sender calls it

        // A refusal that came while the body's bytes were looked at, to be told afterwards.
        bool is_reading, is_refused;
        struct transcription_refusal refusal;
        const char *refused_field;  // static, or within `wish_field`
        char *wish_field;
};

// --- the end ---------------------------------------------------------------------------------

static struct posting *posting_free(struct posting *posting) {
        if (posting->is_taken && posting->transcription)
                transcription_leave(&posting->waiter);
        else if (posting->transcription)
                transcription_give_up(posting->transcription);
        posting->patience = loop_timer_free(posting->patience);
        form_free(posting->form);
        transcription_wish_deinit(&posting->wish);
        free(posting->file);
        free(posting->wish_field);
        return mem_free(posting);
}

static void refusal_reply(struct exchange *exchange, const char *field,
                          const struct transcription_refusal *refusal) {
        CLEANUP(mem_freep)
        char *headers = refusal->retry ? xasprintf("Retry-After: %.0f\r\n",
                                                   (double)refusal->retry / NSEC_PER_SEC)
                                       : NULL;
        struct problem problem = {.status = refusal->status,
                                  .field = field,
                                  .detail = refusal->words,
                                  .headers = headers};

        problem_reply(exchange, &problem);
}

static void posting_refuse(struct posting *posting) {
        refusal_reply(posting->exchange, posting->refused_field, &posting->refusal);
        posting_free(posting);
}

// Always false, for whoever reads.
static bool refuse(struct posting *posting, int status, const char *field, const char *words) {
        posting->is_refused = true;
        posting->refused_field = field;
        posting->refusal = (struct transcription_refusal){.status = status};
        snprintf(posting->refusal.words, sizeof(posting->refusal.words), "%s", words);
        return false;
}

static bool refuse_400(struct posting *posting, const char *field, const char *words) {
        return refuse(posting, 400, field, words);
}

static void posting_on_gone(void *context) {
        posting_free(context);
}

// The answer is the transcription's, as it is now.
static void posting_finish(struct posting *posting, struct transcription *transcription) {
        struct exchange *exchange = posting->exchange;
        enum transcript_format format = posting->format;

        posting_free(posting);
        transcribing_answer(exchange, transcription, format);
}

static void waiter_on_end(void *context, struct transcription *transcription) {
        static const struct problem gone = {.status = 410,
                                            .detail = "it was cancelled meanwhile"};
        struct posting *posting = context;

        posting->transcription = NULL;
        if (transcription) {
                posting_finish(posting, transcription);
                return;
        }
        problem_reply(posting->exchange, &gone);
        posting_free(posting);
}

static void posting_on_patience(void *context) {
        struct posting *posting = context;

        posting_finish(posting, posting->transcription);
}

// --- parameters ------------------------------------------------------------------------------

static bool wait_set(struct posting *posting, const char *value) {
        char *end;
        unsigned long wait = strtoul(value, &end, 10);

        if (posting->has_wait || value[0] < '0' || value[0] > '9' || *end ||
            wait > POSTING_WAIT_MOST)
                return refuse_400(posting, "wait",
                                  "a whole number of seconds from 0 to 120 is expected, once");
        posting->has_wait = true;
        posting->wait = (unsigned)wait;
        return true;
}

static bool format_set(struct posting *posting, const char *value) {
        if (posting->has_format || !transcript_writer_format(value, &posting->format))
                return refuse_400(posting, "format",
                                  "formats are json, text, srt and vtt; one of them, once");
        posting->has_format = true;
        return true;
}

static bool parameter_set(struct posting *posting, const char *name, const char *value) {
        struct error error = {0};
        int r;

        if (strcmp(name, "wait") == 0)
                return wait_set(posting, value);
        if (strcmp(name, "format") == 0)
                return format_set(posting, value);
        r = transcription_wish_set(&posting->wish, name, value, &error);
        if (r == 0)
                return true;
        free(posting->wish_field);
        posting->wish_field = xstrdup(name);
        return refuse_400(posting, posting->wish_field,
                          r == -ENOENT ? "there is no such parameter: there are wait, format, "
                                         "language, task, prompt, hotwords, words, beam_size"
                                       : error.text);
}

static bool query_read(struct posting *posting) {
        const struct http_request *request = exchange_request(posting->exchange);

        for (const char *const *name = parameter_names; *name; name++) {
                CLEANUP(mem_freep) char *value = http_request_query(request, *name);

                if (value && !parameter_set(posting, *name, value))
                        return false;
        }
        return true;
}

// Whether all of it together can be done.
static bool wish_check(struct posting *posting) {
        const char *field = NULL;
        struct error error = {0};
        int r = transcription_wish_check(&posting->wish, &field, &error);

        if (r < 0)
                return refuse_400(posting, field, error.text);
        r = transcription_run_check(posting->hub, &posting->wish, &error);
        return r == 0 || refuse_400(posting, "language", error.text);
}

// --- the body --------------------------------------------------------------------------------

static bool form_on_file(void *context, const char *name) {
        struct posting *posting = context;

        posting->file = xstrdup(name);
        return true;
}

static bool form_on_bytes(void *context, const uint8_t *bytes, size_t n) {
        struct posting *posting = context;

        while (n > 0 && !posting->is_refused) {
                size_t piece =
                        n < TRANSCRIPTION_PIECE_MAX / 2 ? n : TRANSCRIPTION_PIECE_MAX / 2;

                if (!transcription_write(posting->transcription, bytes, piece))
                        exchange_pause(posting->exchange);
                bytes += piece;
                n -= piece;
        }
        return !posting->is_refused;
}

static bool form_on_field(void *context, const char *name, const char *value) {
        return parameter_set(context, name, value);
}

static bool form_refuse(struct posting *posting) {
        const struct form_mistake *mistake = form_mistake(posting->form);

        return refuse(posting, mistake->status, mistake->field, mistake->words);
}

static void posting_on_body(void *context, const uint8_t *bytes, size_t n) {
        struct posting *posting = context;

        posting->is_reading = true;
        if (!form_feed(posting->form, bytes, n) && !posting->is_refused)
                (void)form_refuse(posting);
        posting->is_reading = false;
        if (posting->is_refused)
                posting_refuse(posting);
}

static bool body_check(struct posting *posting) {
        return form_end(posting->form) ? wish_check(posting) : form_refuse(posting);
}

static bool room_check(struct posting *posting) {
        const struct http_request *request = exchange_request(posting->exchange);

        posting->refused_field = NULL;
        return transcription_fits(posting->transcription, request->principal,
                                  &posting->refusal);
}

static void posting_on_body_end(void *context) {
        struct posting *posting = context;

        if (body_check(posting) && room_check(posting))
                transcription_bring_end(posting->transcription, &posting->wish, posting->file);
        else
                posting_refuse(posting);
}

// --- what becomes of the file ----------------------------------------------------------------

static void bringer_on_room(void *context) {
        struct posting *posting = context;

        exchange_resume(posting->exchange);
}

static void bringer_on_taken(void *context, struct transcription *transcription) {
        struct posting *posting = context;

        posting->is_taken = true;
        posting->waiter.on_end = waiter_on_end;
        posting->waiter.context = posting;
        transcription_wait(transcription, &posting->waiter);
        loop_timer_set(posting->patience, (nsec_t)posting->wait * NSEC_PER_SEC);
}

static void bringer_on_refused(void *context, const struct transcription_refusal *refusal) {
        struct posting *posting = context;

        posting->is_refused = true;
        posting->refused_field = NULL;
        posting->refusal = *refusal;
        if (!posting->is_reading)
                posting_refuse(posting);
}

// --- the head --------------------------------------------------------------------------------

// What the head says of the file's size.
static uint64_t size_of(const struct posting *posting) {
        const char *length =
                http_request_header(exchange_request(posting->exchange), "Content-Length");

        return form_file_size(posting->form, length ? strtoull(length, NULL, 10) : UINT64_MAX);
}

static bool form_begin(struct posting *posting) {
        const char *type =
                http_request_header(exchange_request(posting->exchange), "Content-Type");
        const struct form_listener listener = {
                .on_file = form_on_file,
                .on_bytes = form_on_bytes,
                .on_field = form_on_field,
                .context = posting,
        };

        posting->form = form_new(type, FILE_FIELD, &listener);
        return posting->form ||
               refuse(posting, form_without_boundary.status, form_without_boundary.field,
                      form_without_boundary.words);
}

static bool bringing_begin(struct posting *posting, struct transcriptions *transcriptions) {
        const struct http_request *request = exchange_request(posting->exchange);
        const struct transcription_bringer bringer = {
                .principal = request->principal,
                .address = request->address,
                .size = size_of(posting),
                .on_room = bringer_on_room,
                .on_taken = bringer_on_taken,
                .on_refused = bringer_on_refused,
                .context = posting,
        };

        posting->transcription =
                transcription_bring(transcriptions, &bringer, &posting->refusal);
        return posting->transcription;
}

void posting_answer(struct exchange *exchange, struct hub *hub,
                    struct transcriptions *transcriptions) {
        struct posting *posting;
        struct exchange_handler handler = {
                .on_body = posting_on_body,
                .on_body_end = posting_on_body_end,
                .on_gone = posting_on_gone,
                .body_max = UINT64_MAX - 1,  // what is too large is refused with words
        };

        if (!parameters_known(exchange, parameter_names))
                return;
        handler.context = posting = xnew(struct posting);
        posting->exchange = exchange;
        posting->hub = hub;
        posting->wait = POSTING_WAIT;
        posting->format = TRANSCRIPT_JSON;
        posting->patience = loop_timer_new(hub_parts(hub)->loop, posting_on_patience, posting);
        if (!form_begin(posting) || !query_read(posting) || !wish_check(posting) ||
            !bringing_begin(posting, transcriptions)) {
                posting_refuse(posting);
                return;
        }
        exchange_set_handler(exchange, &handler);
}
