#include "transcription/transcription_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

// Digits of an id that tell it from others in the log.
#define SHOWN_DIGITS 8

// The text in one form.
struct output {
        FILE *stream;
        struct transcript_writer *writer;
        struct shelf_text text;
};

struct transcription_run {
        struct hub_session base;  // first
        struct hub *hub;
        const struct transcription_record *record;
        struct principal principal;
        struct transcription_run_listener listener;
        struct file_run *file;
        struct output outputs[SHELF_FORMATS];
};

static struct transcription_run *run_of(struct hub_session *base) {
        return (struct transcription_run *)base;
}

// --- text ------------------------------------------------------------------------------------

static void outputs_open(struct transcription_run *run) {
        const char *file = run->record->file ? run->record->file : run->record->id;

        for (size_t i = 0; i < SHELF_FORMATS; i++) {
                struct output *output = &run->outputs[i];

                output->stream = open_memstream(&output->text.bytes, &output->text.n);
                if (!output->stream)
                        abort();
                output->writer =
                        transcript_writer_new(output->stream, (enum transcript_format)i, false);
                transcript_writer_begin(output->writer, file);
        }
}

// The texts are whole; those who get them free them.
static void outputs_end(struct transcription_run *run, const struct file_outcome *outcome,
                        struct shelf_text texts[SHELF_FORMATS]) {
        for (size_t i = 0; i < SHELF_FORMATS; i++) {
                struct output *output = &run->outputs[i];

                transcript_writer_end(output->writer, outcome->language, outcome->n_samples);
                output->writer = transcript_writer_free(output->writer);
                fclose(output->stream);
                output->stream = NULL;
                texts[i] = output->text;
                output->text = (struct shelf_text){0};
        }
}

static void outputs_drop(struct transcription_run *run) {
        for (size_t i = 0; i < SHELF_FORMATS; i++) {
                struct output *output = &run->outputs[i];

                output->writer = transcript_writer_free(output->writer);
                if (output->stream)
                        fclose(output->stream);
                free(output->text.bytes);
                *output = (struct output){0};
        }
}

static void run_on_segment(void *context, const struct segment *segment) {
        struct transcription_run *run = context;

        for (size_t i = 0; i < SHELF_FORMATS; i++)
                transcript_writer_segment(run->outputs[i].writer, segment);
}

static void run_on_end(void *context, const struct file_outcome *file) {
        struct transcription_run *run = context;
        struct shelf_text texts[SHELF_FORMATS] = {{0}};
        struct transcription_outcome outcome = {
                .end = file->end,
                .status = file->status,
                .words = file->words,
                .language = file->language,
                .n_samples = file->n_samples,
                .texts = texts,
        };

        if (file->end == TRANSCRIPTION_WHOLE)
                outputs_end(run, file, texts);
        run->listener.on_end(run->listener.context, &outcome);
}

// --- what the server asks --------------------------------------------------------------------

static void run_ask_leave(struct hub_session *base, uint16_t code) {
        (void)code;
        file_run_break(run_of(base)->file, TRANSCRIPTION_LATER, 0, "the server stops");
}

static void run_ask_dismiss(struct hub_session *base, const char *words) {
        file_run_break(run_of(base)->file, TRANSCRIPTION_REFUSED, 409, words);
}

static void run_ask_release(struct hub_session *base) {
        (void)base;
}

static bool run_ask_overload(struct hub_session *base, const char *words) {
        (void)base;
        (void)words;
        return false;
}

static const struct hub_session_ops run_ops = {
        .leave = run_ask_leave,
        .goodbye = run_ask_leave,
        .release = run_ask_release,
        .on_overload = run_ask_overload,
        .dismiss = run_ask_dismiss,
};

// --- the beginning ---------------------------------------------------------------------------

static struct request request_of(const struct transcription_wish *wish, const char *name) {
        struct request request = {
                .name = name,
                .format = PCM_F32,
                .is_file = true,
                .language = wish->language,
                .has_task = wish->has_task,
                .task = wish->task,
                .prompt = wish->prompt,
                .hotwords = wish->hotwords,
                .has_word_times = wish->has_word_times,
                .beam_size = wish->beam_size,
        };

        // Who asks for a translation and names no language wants it detected.
        if (wish->has_task && wish->task == DECODE_TRANSLATE && !wish->language)
                request.language = "";
        return request;
}

int transcription_run_check(const struct hub *hub, const struct transcription_wish *wish,
                            struct error *error) {
        const struct hub_parts *parts = hub_parts(hub);
        struct request request = request_of(wish, "");

        request_complete(&request, parts->defaults);
        return parts->check_model(parts->context, request.language, request.task, error);
}

static void session_enter(struct transcription_run *run) {
        struct hub_session *session = &run->base;

        session->ops = &run_ops;
        session->principal = &run->principal;
        snprintf(session->address, sizeof(session->address), "%s", run->record->address);
        snprintf(session->about, sizeof(session->about), TRANSCRIPTION_READER " %.*s",
                 SHOWN_DIGITS, run->record->id);
        // A file that was taken in is not refused any more, whatever its sender has open now.
        (void)hub_enter(run->hub, session);
        hub_session_is(session, hub_reader(run->hub, TRANSCRIPTION_READER));
}

// Neither its text nor its sound is journaled: whoever sent it fetches it, or nobody.
static void file_start(struct transcription_run *run, int descriptor) {
        const struct file_run_listener listener = {
                .on_segment = run_on_segment, .on_end = run_on_end, .context = run};
        struct request_defaults defaults = *hub_parts(run->hub)->defaults;
        struct request request = request_of(&run->record->wish, run->base.about);

        defaults.has_journal = defaults.has_archive = false;
        request.defaults = &defaults;
        run->file = file_run_new(run->hub, &run->base, &request, descriptor, run->record->size,
                                 &listener);
}

struct transcription_run *
transcription_run_new(struct hub *hub, const struct transcription_record *record,
                      int descriptor, const struct transcription_run_listener *listener) {
        struct transcription_run *run = xnew(struct transcription_run);

        run->hub = hub;
        run->record = record;
        run->principal = (struct principal){.name = record->principal, .scopes = SCOPE_LISTEN};
        run->listener = *listener;
        outputs_open(run);
        session_enter(run);
        file_start(run, descriptor);
        return run->file ? run : transcription_run_free(run);
}

int64_t transcription_run_done(const struct transcription_run *run) {
        return file_run_done(run->file);
}

int64_t transcription_run_length(const struct transcription_run *run) {
        return file_run_length(run->file);
}

struct transcription_run *transcription_run_free(struct transcription_run *run) {
        if (!run)
                return NULL;
        run->file = file_run_free(run->file);
        hub_leave(run->hub, &run->base);
        outputs_drop(run);
        return mem_free(run);
}
