#include "transcription/transcription_run.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audio/pcm.h"
#include "util/log.h"
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
        struct upload *upload;
        struct stream *stream;
        struct observer observer;
        struct output outputs[SHELF_FORMATS];
        char language[LANGUAGE_CODE_MAX];
        char *words;             // that the end tells
        int64_t length;          // samples, by its own account; 0: unknown
        bool is_read;            // all its sound came
        bool is_over;            // the end is due
        struct loop_timer *end;  // tells it
        enum transcription_end how;
        int status;
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
static void outputs_end(struct transcription_run *run, int64_t n_samples,
                        struct shelf_text texts[SHELF_FORMATS]) {
        for (size_t i = 0; i < SHELF_FORMATS; i++) {
                struct output *output = &run->outputs[i];

                transcript_writer_end(output->writer, run->language, n_samples);
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

static void run_on_update(void *context, const struct stream_facts *facts,
                          const struct update *update) {
        struct transcription_run *run = context;

        (void)facts;
        if (update->language[0])
                snprintf(run->language, sizeof(run->language), "%s", update->language);
        for (size_t segment = 0; segment < update->n_finals; segment++)
                for (size_t i = 0; i < SHELF_FORMATS; i++)
                        transcript_writer_segment(run->outputs[i].writer,
                                                  &update->finals[segment]);
}

static const struct observer_ops run_observer = {
        .name = TRANSCRIPTION_READER,
        .on_update = run_on_update,
};

// --- the end ---------------------------------------------------------------------------------

// The first thing to say is said.
static void words_keep(struct transcription_run *run, const char *words) {
        if (words && !run->words)
                run->words = xstrdup(words);
}

static void run_over(struct transcription_run *run, enum transcription_end how, int status,
                     const char *words) {
        if (run->is_over)
                return;
        run->is_over = true;
        run->how = how;
        run->status = status;
        if (how == TRANSCRIPTION_REFUSED)
                run->words = mem_free(run->words);
        words_keep(run, words);
        loop_timer_set(run->end, 0);
}

static void run_on_end(void *context) {
        struct transcription_run *run = context;
        struct shelf_text texts[SHELF_FORMATS] = {{0}};
        struct transcription_outcome outcome = {
                .end = run->how,
                .status = run->status,
                .words = run->words,
                .language = run->language,
                .n_samples = run->stream ? stream_position(run->stream) : 0,
                .texts = texts,
        };

        if (run->how == TRANSCRIPTION_WHOLE)
                outputs_end(run, outcome.n_samples, texts);
        run->listener.on_end(run->listener.context, &outcome);
}

// --- sound -----------------------------------------------------------------------------------

static void upload_on_samples(void *context, const float *samples, size_t n) {
        struct transcription_run *run = context;

        stream_on_audio(run->stream, samples, n);
        if (stream_is_backlogged(run->stream))
                upload_pause(run->upload);
}

static void upload_on_length(void *context, double seconds) {
        struct transcription_run *run = context;
        double most = (double)hub_parts(run->hub)->uploads->seconds_max;

        run->length = (int64_t)((seconds < most ? seconds : most) * AUDIO_RATE);
}

static void upload_on_warning(void *context, const char *words) {
        struct transcription_run *run = context;

        log_info(run->base.about, "upload-warning", "%s", words);
        words_keep(run, words);
}

// Of a file that is damaged in the middle, what is before that is worth having.
static void upload_on_end(void *context, enum upload_end end, const char *words) {
        struct transcription_run *run = context;
        bool is_heard = stream_position(run->stream) > 0;

        if (end == UPLOAD_TOO_LARGE) {
                run_over(run, TRANSCRIPTION_REFUSED, 413, words);
        } else if (end == UPLOAD_NO_ROOM) {
                run_over(run, TRANSCRIPTION_LATER, 0, words);
        } else if (end == UPLOAD_DONE || (end == UPLOAD_DAMAGED && is_heard)) {
                words_keep(run, words);
                run->is_read = true;
                stream_flush(run->stream);
        } else {
                run_over(run, TRANSCRIPTION_REFUSED, 422, words);
        }
}

static void run_on_idle(void *context) {
        struct transcription_run *run = context;

        if (run->is_read)
                run_over(run, TRANSCRIPTION_WHOLE, 0, NULL);
}

static void run_on_relief(void *context) {
        struct transcription_run *run = context;

        if (run->upload)
                upload_resume(run->upload);
}

static void run_on_failure(void *context, const char *words) {
        words_keep(context, words);
}

// --- what the server asks --------------------------------------------------------------------

static void run_ask_leave(struct hub_session *base, uint16_t code) {
        (void)code;
        run_over(run_of(base), TRANSCRIPTION_LATER, 0, "the server stops");
}

static void run_ask_dismiss(struct hub_session *base, const char *words) {
        run_over(run_of(base), TRANSCRIPTION_REFUSED, 409, words);
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

// Neither its text nor its sound is journaled: whoever sent it fetches it, or nobody.
static int stream_start(struct transcription_run *run, struct error *error) {
        struct request_defaults defaults = *hub_parts(run->hub)->defaults;
        struct request request = request_of(&run->record->wish, run->base.about);
        struct stream_listener listener = {
                .on_idle = run_on_idle,
                .on_relief = run_on_relief,
                .on_failure = run_on_failure,
                .context = run,
        };
        struct hub_stream *opened;
        int r;

        defaults.has_journal = defaults.has_archive = false;
        request.defaults = &defaults;
        r = hub_open(&opened, run->hub, &request, &run->base, &listener, error);
        if (r < 0)
                return r;
        run->stream = opened->stream;
        run->observer = (struct observer){
                .ops = &run_observer, .state = run, .counts = &run->base.reader->observers};
        stream_add_observer(run->stream, &run->observer);
        return 0;
}

static bool upload_start(struct transcription_run *run, int descriptor) {
        const struct upload_listener listener = {
                .on_samples = upload_on_samples,
                .on_length = upload_on_length,
                .on_warning = upload_on_warning,
                .on_end = upload_on_end,
                .context = run,
        };

        if (upload_open_file(&run->upload, hub_parts(run->hub)->uploads, descriptor,
                             run->record->size, &listener))
                return true;
        close(descriptor);
        return false;
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

struct transcription_run *
transcription_run_new(struct hub *hub, const struct transcription_record *record,
                      int descriptor, const struct transcription_run_listener *listener) {
        struct transcription_run *run = xnew(struct transcription_run);
        struct error error = {0};
        int r;

        run->hub = hub;
        run->record = record;
        run->principal = (struct principal){.name = record->principal, .scopes = SCOPE_LISTEN};
        run->listener = *listener;
        run->end = loop_timer_new(hub_parts(hub)->loop, run_on_end, run);
        outputs_open(run);
        session_enter(run);
        if (!upload_start(run, descriptor))
                return transcription_run_free(run);
        r = stream_start(run, &error);
        if (r < 0)
                run->upload = upload_close(run->upload);
        // The model may be another than when the file came.
        if (r == -EINVAL)
                run_over(run, TRANSCRIPTION_REFUSED, 422, error.text);
        else if (r < 0)
                run_over(run, TRANSCRIPTION_LATER, 0, error.text);
        return run;
}

int64_t transcription_run_done(const struct transcription_run *run) {
        return run->stream ? stream_transcribed(run->stream) : 0;
}

int64_t transcription_run_length(const struct transcription_run *run) {
        int64_t heard = run->stream ? stream_position(run->stream) : 0;

        return run->is_read || heard > run->length ? heard : run->length;
}

struct transcription_run *transcription_run_free(struct transcription_run *run) {
        if (!run)
                return NULL;
        run->upload = upload_close(run->upload);
        if (run->stream)
                stream_remove_observer(run->stream, &run->observer);
        hub_close(run->hub, run->base.stream);
        hub_leave(run->hub, &run->base);
        run->end = loop_timer_free(run->end);
        outputs_drop(run);
        free(run->words);
        return mem_free(run);
}
