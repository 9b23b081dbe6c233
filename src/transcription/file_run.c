#include "transcription/file_run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "audio/pcm.h"
#include "util/log.h"
#include "util/mem.h"

struct file_run {
        struct hub *hub;
        struct hub_session *session;
        struct file_run_listener listener;
        struct upload *upload;
        struct hub_stream *opened;
        struct stream *stream;  // its
        struct observer observer;
        char language[LANGUAGE_CODE_MAX];
        float language_probability;
        char *words;             // that the end tells
        int64_t length;          // samples, by its own account; 0: unknown
        bool is_heard;           // some of its sound came
        bool is_read;            // all of it did
        bool is_over;            // the end is due
        bool has_gaps;           // some windows could not be decoded
        struct loop_timer *end;  // tells it
        enum transcription_end how;
        int status;
};

// --- text ------------------------------------------------------------------------------------

static void run_on_update(void *context, const struct stream_facts *facts,
                          const struct update *update) {
        struct file_run *run = context;

        (void)facts;
        if (update->language[0]) {
                snprintf(run->language, sizeof(run->language), "%s", update->language);
                run->language_probability = update->language_probability;
        }
        for (size_t i = 0; i < update->n_finals; i++)
                run->listener.on_segment(run->listener.context, &update->finals[i]);
}

static const struct observer_ops run_observer = {
        .name = "file",
        .on_update = run_on_update,
};

// --- the end ---------------------------------------------------------------------------------

// The first thing to say is said.
static void words_keep(struct file_run *run, const char *words) {
        if (words && !run->words)
                run->words = xstrdup(words);
}

void file_run_break(struct file_run *run, enum transcription_end end, int status,
                    const char *words) {
        if (run->is_over)
                return;
        run->is_over = true;
        run->how = end;
        run->status = status;
        if (end == TRANSCRIPTION_REFUSED)
                run->words = mem_free(run->words);
        words_keep(run, words);
        loop_timer_set(run->end, 0);
}

static void run_on_end(void *context) {
        struct file_run *run = context;
        struct file_outcome outcome = {
                .end = run->how,
                .status = run->status,
                .words = run->words,
                .has_gaps = run->has_gaps,
                .language = run->language,
                .language_probability = run->language_probability,
                .n_samples = run->stream ? stream_position(run->stream) : 0,
        };

        run->listener.on_end(run->listener.context, &outcome);
}

// --- sound -----------------------------------------------------------------------------------

static void upload_on_samples(void *context, const float *samples, size_t n) {
        struct file_run *run = context;

        if (!run->is_heard && run->listener.on_sound)
                run->listener.on_sound(run->listener.context);
        run->is_heard = true;
        stream_on_audio(run->stream, samples, n);
        if (stream_is_backlogged(run->stream))
                upload_pause(run->upload);
}

static void upload_on_length(void *context, double seconds) {
        struct file_run *run = context;
        double most = (double)hub_parts(run->hub)->uploads->seconds_max;

        run->length = (int64_t)((seconds < most ? seconds : most) * AUDIO_RATE);
}

static void upload_on_warning(void *context, const char *words) {
        struct file_run *run = context;

        log_info(run->session->about, "upload-warning", "%s", words);
        words_keep(run, words);
}

// Of a file that is damaged in the middle, what is before that is worth having.
static void upload_on_end(void *context, enum upload_end end, const char *words) {
        struct file_run *run = context;
        bool is_heard = stream_position(run->stream) > 0;

        if (end == UPLOAD_TOO_LARGE) {
                file_run_break(run, TRANSCRIPTION_REFUSED, 413, words);
        } else if (end == UPLOAD_NO_ROOM) {
                file_run_break(run, TRANSCRIPTION_LATER, 0, words);
        } else if (end == UPLOAD_LOST) {
                file_run_break(run, TRANSCRIPTION_LOST, 0, words);
        } else if (end == UPLOAD_DONE || (end == UPLOAD_DAMAGED && is_heard)) {
                words_keep(run, words);
                run->is_read = true;
                stream_flush(run->stream);
        } else {
                file_run_break(run, TRANSCRIPTION_REFUSED, 422, words);
        }
}

static void run_on_idle(void *context) {
        struct file_run *run = context;

        if (run->is_read)
                file_run_break(run, TRANSCRIPTION_WHOLE, 0, NULL);
}

static void run_on_relief(void *context) {
        struct file_run *run = context;

        if (run->upload)
                upload_resume(run->upload);
}

static void run_on_failure(void *context, const char *words) {
        struct file_run *run = context;

        run->has_gaps = true;
        words_keep(run, words);
}

// --- life ------------------------------------------------------------------------------------

static int stream_start(struct file_run *run, const struct request *wished,
                        struct error *error) {
        struct request request = *wished;
        struct stream_listener listener = {
                .on_idle = run_on_idle,
                .on_relief = run_on_relief,
                .on_failure = run_on_failure,
                .context = run,
        };
        int r = hub_open(&run->opened, run->hub, &request, run->session, &listener, error);

        if (r < 0)
                return r;
        run->stream = run->opened->stream;
        run->observer = (struct observer){
                .ops = &run_observer, .state = run, .counts = &run->session->reader->observers};
        stream_add_observer(run->stream, &run->observer);
        return 0;
}

static bool upload_start(struct file_run *run, int descriptor, uint64_t n_bytes) {
        const struct upload_listener listener = {
                .on_samples = upload_on_samples,
                .on_length = upload_on_length,
                .on_warning = upload_on_warning,
                .on_end = upload_on_end,
                .context = run,
        };

        if (upload_open_file(&run->upload, hub_parts(run->hub)->uploads, descriptor, n_bytes,
                             &listener))
                return true;
        close(descriptor);
        return false;
}

struct file_run *file_run_new(struct hub *hub, struct hub_session *session,
                              const struct request *request, int descriptor, uint64_t n_bytes,
                              const struct file_run_listener *listener) {
        struct file_run *run = xnew(struct file_run);
        struct error error = {0};
        int r;

        run->hub = hub;
        run->session = session;
        run->listener = *listener;
        run->end = loop_timer_new(hub_parts(hub)->loop, run_on_end, run);
        if (!upload_start(run, descriptor, n_bytes))
                return file_run_free(run);
        r = stream_start(run, request, &error);
        if (r < 0)
                run->upload = upload_close(run->upload);
        // The model may be another than when the file came.
        if (r == -EINVAL)
                file_run_break(run, TRANSCRIPTION_REFUSED, 422, error.text);
        else if (r < 0)
                file_run_break(run, TRANSCRIPTION_LATER, 0, error.text);
        return run;
}

int64_t file_run_done(const struct file_run *run) {
        return run->stream ? stream_transcribed(run->stream) : 0;
}

int64_t file_run_length(const struct file_run *run) {
        int64_t heard = run->stream ? stream_position(run->stream) : 0;

        return run->is_read || heard > run->length ? heard : run->length;
}

const char *file_run_language(const struct file_run *run) {
        return run->language;
}

struct file_run *file_run_free(struct file_run *run) {
        if (!run)
                return NULL;
        run->upload = upload_close(run->upload);
        if (run->stream)
                stream_remove_observer(run->stream, &run->observer);
        run->opened = hub_close(run->hub, run->opened);
        run->session->stream = NULL;
        run->end = loop_timer_free(run->end);
        free(run->words);
        return mem_free(run);
}
