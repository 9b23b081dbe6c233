#include "api/posting.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/multipart.h"
#include "api/parameters.h"
#include "api/problem.h"
#include "api/transcribing.h"
#include "auth/principal.h"
#include "net/exchange.h"
#include "util/mem.h"

#define FILE_FIELD "file"

static const char *const parameter_names[] = {
        "wait", "format", "language", "task", "prompt", "hotwords", "words", "beam_size", NULL};

// What a form may have around its file.
#define FORM_BYTES_MAX ((uint64_t)1024 * 1024)

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

        struct multipart *form;  // NULL: the body is the file
        char *file;              // what its sender calls it
        bool has_file, is_in_file;
        char *field;  // of the form, which is being read
        char value[DECODE_TEXT_MAX + 2];
        size_t n_value;
        uint64_t n_body, n_file;  // bytes that came, and of those the file's

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
        multipart_free(posting->form);
        transcription_wish_deinit(&posting->wish);
        free(posting->file);
        free(posting->field);
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

static bool file_on_bytes(struct posting *posting, const uint8_t *bytes, size_t n) {
        while (n > 0 && !posting->is_refused) {
                size_t piece =
                        n < TRANSCRIPTION_PIECE_MAX / 2 ? n : TRANSCRIPTION_PIECE_MAX / 2;

                posting->n_file += piece;
                if (!transcription_write(posting->transcription, bytes, piece))
                        exchange_pause(posting->exchange);
                bytes += piece;
                n -= piece;
        }
        return !posting->is_refused;
}

static bool form_on_part(void *context, const char *name, const char *file) {
        struct posting *posting = context;

        posting->is_in_file = strcmp(name, FILE_FIELD) == 0;
        posting->n_value = 0;
        if (!posting->is_in_file) {
                free(posting->field);
                posting->field = xstrdup(name);
                return true;
        }
        if (posting->has_file)
                return refuse_400(posting, FILE_FIELD, "one file at a time is taken");
        posting->has_file = true;
        posting->file = xstrdup(file);
        return true;
}

static bool form_on_bytes(void *context, const uint8_t *bytes, size_t n) {
        struct posting *posting = context;

        if (posting->is_in_file)
                return file_on_bytes(posting, bytes, n);
        if (n > DECODE_TEXT_MAX - posting->n_value)
                return refuse_400(posting, posting->field, "too long for any parameter");
        memcpy(posting->value + posting->n_value, bytes, n);
        posting->n_value += n;
        return true;
}

static bool form_on_part_end(void *context) {
        struct posting *posting = context;

        if (posting->is_in_file)
                return true;
        posting->value[posting->n_value] = '\0';
        if (strlen(posting->value) != posting->n_value)
                return refuse_400(posting, posting->field, "it has a zero byte in it");
        return parameter_set(posting, posting->field, posting->value);
}

static void form_read(struct posting *posting, const uint8_t *bytes, size_t n) {
        posting->n_body += n;
        if (!multipart_feed(posting->form, bytes, n) && multipart_trouble(posting->form))
                (void)refuse_400(posting, NULL, multipart_trouble(posting->form));
        // What stands before and behind all parts is read to no end.
        else if (!posting->is_refused && posting->n_body - posting->n_file > FORM_BYTES_MAX)
                (void)refuse(posting, 413, NULL,
                             "the form has more than 1 MiB around its file");
}

static void posting_on_body(void *context, const uint8_t *bytes, size_t n) {
        struct posting *posting = context;

        posting->is_reading = true;
        if (posting->form)
                form_read(posting, bytes, n);
        else
                (void)file_on_bytes(posting, bytes, n);
        posting->is_reading = false;
        if (posting->is_refused)
                posting_refuse(posting);
}

static bool body_check(struct posting *posting) {
        if (posting->form && !multipart_is_whole(posting->form))
                return refuse_400(posting, NULL, "the form ends before its last boundary");
        if (posting->form && !posting->has_file)
                return refuse_400(posting, FILE_FIELD,
                                  "the form has no file in the field \"file\"");
        if (posting->n_file == 0)
                return refuse_400(posting, FILE_FIELD, "the file is empty");
        return wish_check(posting);
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

// What the head says of the file's size. A form is larger than its file.
static uint64_t size_of(const struct http_request *request, bool is_form) {
        const char *length = http_request_header(request, "Content-Length");
        uint64_t size = length ? strtoull(length, NULL, 10) : UINT64_MAX;

        if (!is_form || size == UINT64_MAX)
                return size;
        return size > FORM_BYTES_MAX ? size - FORM_BYTES_MAX : 0;
}

static bool form_begin(struct posting *posting, const char *type) {
        const struct multipart_listener listener = {
                .on_part = form_on_part,
                .on_bytes = form_on_bytes,
                .on_part_end = form_on_part_end,
                .context = posting,
        };

        posting->form = multipart_new(type, &listener);
        return posting->form ||
               refuse_400(
                       posting, "Content-Type",
                       "multipart/form-data needs a boundary of 1 to 70 printable characters");
}

static bool bringing_begin(struct posting *posting, struct transcriptions *transcriptions,
                           bool is_form) {
        const struct http_request *request = exchange_request(posting->exchange);
        const struct transcription_bringer bringer = {
                .principal = request->principal,
                .address = request->address,
                .size = size_of(request, is_form),
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
        const char *type = http_request_header(exchange_request(exchange), "Content-Type");
        bool is_form = type && multipart_is_meant(type);
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
        if ((is_form && !form_begin(posting, type)) || !query_read(posting) ||
            !wish_check(posting) || !bringing_begin(posting, transcriptions, is_form)) {
                posting_refuse(posting);
                return;
        }
        exchange_set_handler(exchange, &handler);
}
