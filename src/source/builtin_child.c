#include "source/builtin_child.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audio/pcm.h"
#include "media/records.h"
#include "source/builtin_request.h"
#include "source/media_process.h"
#include "util/mem.h"
#include "util/pipe_reader.h"
#include "util/pipe_writer.h"

// After SIGTERM, which is for those who have a peer to say goodbye to.
#define TERM_PATIENCE (3 * NSEC_PER_SEC)

// After SIGKILL, and after the end of its pipe: then nobody waits for word of its end any more.
#define END_PATIENCE (5 * NSEC_PER_SEC)

#define TEXT_MAX 400

struct builtin_backend {
        struct media_backend backend;  // first
        struct media_process *process;
};

struct builtin_child {
        struct media_run run;  // first
        struct loop *loop;
        struct media_process *process;
        struct media_process_child row;
        struct media_run_listener listener;
        struct media_records *records;
        struct pipe_reader *output;  // NULL: it was read to the end
        struct pipe_writer *input;   // uploads only
        struct loop_timer *patience;
        unsigned n_channels;
        bool is_killed;  // when it is stopped: it has no peer
        bool is_paused;
        bool is_stopping;
        bool is_calling;  // within a call of the listener's
        bool is_closed;   // the listener is gone

        // What it says of its end; else what the process says of it.
        bool has_end_record;
        enum media_fault fault;
        char text[TEXT_MAX], words[MEDIA_WORDS_MAX + 1];
        double damaged_at;
        bool has_died, is_general;
        bool is_end_told;
        uint64_t n_samples;
};

static struct builtin_child *child_of(const struct media_run *run) {
        return (struct builtin_child *)(uintptr_t)run;
}

// --- its end --------------------------------------------------------------------

static void child_free_if_done(struct builtin_child *child) {
        if (!child->is_closed || child->is_calling || media_process_child_lives(&child->row))
                return;
        child->patience = loop_timer_free(child->patience);
        child->records = media_records_free(child->records);
        free(child);
}

// True while the child is still open after the listener's call.
static bool child_call_end(struct builtin_child *child) {
        bool is_open = !child->is_closed;

        child->is_calling = false;
        child_free_if_done(child);
        return is_open;
}

// It did not come to an end of its own.
static void child_fail(struct builtin_child *child, enum media_fault fault, const char *text) {
        if (child->has_end_record || child->has_died)
                return;
        child->has_died = true;
        child->fault = fault;
        snprintf(child->text, sizeof(child->text), "%s", text);
}

static void child_end_tell(struct builtin_child *child) {
        struct media_end end = {.words = child->words, .n_samples = child->n_samples};

        if (child->is_end_told || child->is_closed)
                return;
        child->is_end_told = true;
        child->output = pipe_reader_close(child->output);
        child->input = pipe_writer_close(child->input);
        loop_timer_cancel(child->patience);
        end.has_died = child->has_died && !child->has_end_record;
        end.is_general = end.has_died && child->is_general;
        end.fault = child->fault;
        end.text = child->text;
        end.damaged_at = child->damaged_at;
        child->is_calling = true;
        child->listener.on_end(child->listener.context, &end);
        (void)child_call_end(child);
}

// The end is told when all was read and the process said how it came; of one that was stopped,
// whatever it still writes.
static void child_end_consider(struct builtin_child *child) {
        bool is_read = !child->output || child->is_stopping;

        if (is_read && !media_process_child_lives(&child->row))
                child_end_tell(child);
}

static void child_on_ended(void *context, const struct media_process_exit *exit) {
        struct builtin_child *child = context;
        char text[TEXT_MAX];
        enum media_fault fault = MEDIA_FAULT_OTHER;

        if (exit->words) {
                // The process that all children come from, which reads nothing itself.
                child->is_general = !child->has_died;
                snprintf(text, sizeof(text), "%s", exit->words);
        } else if (exit->signal == SIGXCPU) {
                fault = MEDIA_FAULT_LIMIT;
                snprintf(text, sizeof(text), "%s", media_fault_text(fault));
        } else if (exit->signal) {
                snprintf(text, sizeof(text), "its media process was ended by signal %d (%s)",
                         exit->signal, sigdescr_np(exit->signal));
        } else {
                snprintf(text, sizeof(text), "its media process ended with status %d",
                         exit->status);
        }
        child_fail(child, fault, text);
        if (child->is_closed)
                child_free_if_done(child);
        else
                child_end_consider(child);
}

static void child_on_patience(void *context) {
        struct builtin_child *child = context;

        if (child->is_stopping && !child->is_killed) {
                child->is_killed = true;
                media_process_signal(child->process, &child->row, SIGKILL);
                loop_timer_set(child->patience, END_PATIENCE);
                return;
        }
        child_fail(child, MEDIA_FAULT_OTHER, "nothing was heard of the end of its process");
        child_end_tell(child);
}

static void child_stop(struct media_run *run) {
        struct builtin_child *child = child_of(run);

        if (child->is_stopping || child->is_end_told)
                return;
        child->is_stopping = true;
        if (child->output)
                pipe_reader_discard(child->output);
        media_process_signal(child->process, &child->row, child->is_killed ? SIGKILL : SIGTERM);
        // What has ended already is told of by the timer as well: not from inside this call.
        if (!media_process_child_lives(&child->row))
                loop_timer_set(child->patience, 0);
        else
                loop_timer_set(child->patience,
                               child->is_killed ? END_PATIENCE : TERM_PATIENCE);
}

// --- what it brings -------------------------------------------------------------

static void samples_tell(struct builtin_child *child, const struct media_record *record) {
        // All children are read on the loop's thread, one record at a time.
        static _Thread_local float samples[MEDIA_SAMPLES_MAX];

        (void)pcm_to_float(PCM_S16, (const uint8_t *)record->samples, record->n_samples,
                           samples);
        child->n_samples += record->n_samples / child->n_channels;
        child->listener.on_samples(child->listener.context, samples, record->n_samples);
}

static void end_take(struct builtin_child *child, const struct media_record *record) {
        const char *text = media_fault_text(record->fault);

        child->has_end_record = true;
        child->fault = record->fault;
        snprintf(child->words, sizeof(child->words), "%s", record->words);
        switch (record->fault) {
        case MEDIA_FAULT_OTHER:
                snprintf(child->text, sizeof(child->text), "%s", record->words);
                break;
        // These are of many kinds, and the words say which it was.
        case MEDIA_FAULT_LIMIT:
                snprintf(child->text, sizeof(child->text), "%s",
                         record->words[0] ? record->words : text);
                break;
        case MEDIA_FAULT_PROTOCOL:
        case MEDIA_FAULT_ADDRESS:
                snprintf(child->text, sizeof(child->text), record->words[0] ? "%s: %s" : "%s",
                         text, record->words);
                break;
        case MEDIA_FAULT_DAMAGED:
                child->damaged_at = record->seconds;
                snprintf(child->text, sizeof(child->text), "%s", text);
                break;
        default:
                snprintf(child->text, sizeof(child->text), "%s", text);
        }
}

static void record_tell(struct builtin_child *child, const struct media_record *record) {
        const struct media_run_listener *listener = &child->listener;

        switch (record->type) {
        case MEDIA_SAMPLES:
                samples_tell(child, record);
                break;
        case MEDIA_OPENED:
                if (listener->on_opened)
                        listener->on_opened(listener->context, record->opened);
                break;
        case MEDIA_GAP:
                if (listener->on_gap)
                        listener->on_gap(listener->context, record->seconds);
                break;
        case MEDIA_JUMP:
                if (listener->on_jump)
                        listener->on_jump(listener->context, record->seconds);
                break;
        case MEDIA_TITLE:
                if (listener->on_title)
                        listener->on_title(listener->context, record->words);
                break;
        case MEDIA_PROGRESS:
                if (listener->on_progress)
                        listener->on_progress(listener->context);
                break;
        case MEDIA_WARNING:
                if (listener->on_warning)
                        listener->on_warning(listener->context, record->words);
                break;
        case MEDIA_END:
                end_take(child, record);
                break;
        }
}

// It was taken over by what it read, or is broken: nothing that it says is worth anything.
static void nonsense_tell(struct builtin_child *child, const struct error *error) {
        char text[TEXT_MAX];

        snprintf(text, sizeof(text), "what its media process says makes no sense: %s",
                 error->text);
        child->has_end_record = false;
        child_fail(child, MEDIA_FAULT_OTHER, text);
        child->is_killed = true;
        child_stop(&child->run);
}

static size_t child_on_output(void *context, const uint8_t *bytes, size_t n) {
        struct builtin_child *child = context;
        size_t left = n;

        while (!child->is_paused && !child->is_stopping) {
                struct media_record record;
                struct error error = {0};
                int r = media_records_feed(child->records, &bytes, &left, &record, &error);

                if (r == 0)
                        break;
                if (r < 0) {
                        nonsense_tell(child, &error);
                        break;
                }
                child->is_calling = true;
                record_tell(child, &record);
                if (!child_call_end(child))
                        break;
        }
        return n - left;
}

static void child_on_output_end(void *context) {
        struct builtin_child *child = context;

        child->output = pipe_reader_close(child->output);
        if (media_process_child_lives(&child->row) && !child->is_stopping)
                loop_timer_set(child->patience, END_PATIENCE);
        child_end_consider(child);
}

// --- what it is told ------------------------------------------------------------

static void child_on_drain(void *context) {
        struct builtin_child *child = context;

        if (!child->listener.on_drain || child->is_end_told)
                return;
        child->is_calling = true;
        child->listener.on_drain(child->listener.context);
        (void)child_call_end(child);
}

static bool child_write(struct media_run *run, const uint8_t *bytes, size_t n) {
        struct builtin_child *child = child_of(run);

        return !child->input || pipe_writer_write(child->input, bytes, n);
}

static size_t child_pending(const struct media_run *run) {
        const struct builtin_child *child = child_of(run);

        return child->input ? pipe_writer_pending(child->input) : 0;
}

static void child_write_end(struct media_run *run) {
        struct builtin_child *child = child_of(run);

        if (child->input)
                pipe_writer_end(child->input);
}

static void child_pause(struct media_run *run) {
        struct builtin_child *child = child_of(run);

        child->is_paused = true;
        if (child->output)
                pipe_reader_pause(child->output);
}

static void child_resume(struct media_run *run) {
        struct builtin_child *child = child_of(run);

        child->is_paused = false;
        if (child->output)
                pipe_reader_resume(child->output);
}

static void child_allow_cpu(struct media_run *run, unsigned seconds) {
        struct builtin_child *child = child_of(run);

        media_process_allow_cpu(child->process, &child->row, seconds);
}

static int child_process_id(const struct media_run *run) {
        return child_of(run)->row.process_id;
}

static void child_close(struct media_run *run) {
        struct builtin_child *child = child_of(run);

        child->is_closed = true;
        child->output = pipe_reader_close(child->output);
        child->input = pipe_writer_close(child->input);
        child_stop(run);
        child_free_if_done(child);
}

static const struct media_run_ops builtin_run_ops = {
        .write = child_write,
        .pending = child_pending,
        .write_end = child_write_end,
        .pause = child_pause,
        .resume = child_resume,
        .allow_cpu = child_allow_cpu,
        .stop = child_stop,
        .process_id = child_process_id,
        .close = child_close,
};

// --- its beginning --------------------------------------------------------------

static void child_begin(struct builtin_child *child, struct builtin_request *request) {
        const struct pipe_reader_listener listener = {
                .on_bytes = child_on_output,
                .on_end = child_on_output_end,
                .context = child,
        };

        child->records = media_records_new(child->n_channels);
        child->patience = loop_timer_new(child->loop, child_on_patience, child);
        child->output = pipe_reader_open(child->loop, request->output, &listener);
        request->output = -1;
        if (request->input >= 0)
                child->input =
                        pipe_writer_open(child->loop, request->input, child_on_drain, child);
        request->input = -1;
}

static int builtin_open(struct media_run **ret, struct media_backend *backend,
                        const struct media_run_config *config,
                        const struct media_run_listener *listener, struct error *error) {
        const struct builtin_backend *builtin = (const struct builtin_backend *)backend;
        struct builtin_child *child = xnew(struct builtin_child);
        struct builtin_request request;
        int code;

        child->run.ops = &builtin_run_ops;
        child->loop = backend->loop;
        child->process = builtin->process;
        child->row.on_ended = child_on_ended;
        child->row.context = child;
        child->listener = *listener;
        child->is_killed = config->kind != MEDIA_RUN_NETWORK;
        child->damaged_at = NAN;
        code = builtin_request_init(&request, config, backend->allow, error);
        if (code == 0)
                code = media_process_start(builtin->process, &child->row, &request.request,
                                           request.descriptors, request.n_descriptors, error);
        if (code == 0) {
                child->n_channels = request.request.n_channels;
                child_begin(child, &request);
                *ret = &child->run;
        } else {
                free(child);
        }
        builtin_request_deinit(&request);
        return code;
}

// --- the program ----------------------------------------------------------------

static void builtin_free(struct media_backend *backend) {
        struct builtin_backend *builtin = (struct builtin_backend *)backend;

        media_process_free(builtin->process);
        free(builtin);
}

static const struct media_backend_ops builtin_ops = {
        .name = "builtin",
        .is_telling = true,
        .open = builtin_open,
        .free = builtin_free,
};

struct media_backend *builtin_child_backend(struct loop *loop, const char *program) {
        struct builtin_backend *builtin = xnew(struct builtin_backend);

        builtin->backend = (struct media_backend){.ops = &builtin_ops, .loop = loop};
        builtin->process = media_process_new(loop, program);
        return &builtin->backend;
}
