#include "source/ffmpeg_child.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audio/pcm.h"
#include "media/allow.h"
#include "source/ffmpeg_command.h"
#include "source/ffmpeg_diagnosis.h"
#include "util/mem.h"
#include "util/process.h"

#define FILE_LIMIT 64

#define SLICE_SAMPLES 4096
#define SAMPLE_SIZE   2  // s16, as ffmpeg_command asks for

// ffmpeg calls an RTSP peer that does not answer "invalid data", too: after so long it is that.
#define ANSWER_PATIENCE (4 * NSEC_PER_SEC)

#define TEXT_MAX 300

struct ffmpeg_backend {
        struct media_backend backend;  // first
        char *program;
};

struct ffmpeg_child {
        struct media_run run;  // first
        struct loop *loop;
        struct process *process;
        struct media_run_listener listener;
        struct ffmpeg_diagnosis diagnosis;
        bool is_network;
        nsec_t started;
        uint64_t n_samples;
        uint8_t rest[SAMPLE_SIZE];  // the first bytes of a sample cut by the pipe
        size_t n_rest;
        bool is_calling;  // within a call of the listener's
        bool is_closed;   // closed within that call: free when it returns
};

static struct ffmpeg_child *child_of(const struct media_run *run) {
        return (struct ffmpeg_child *)(uintptr_t)run;
}

// --- what it brings -------------------------------------------------------------

// True while the child is still open after the listener's call.
static bool child_call_end(struct ffmpeg_child *child) {
        child->is_calling = false;
        if (!child->is_closed)
                return true;
        free(child);
        return false;
}

static bool child_deliver(struct ffmpeg_child *child, const uint8_t *bytes, size_t n) {
        float samples[SLICE_SAMPLES];

        (void)pcm_to_float(PCM_S16, bytes, n, samples);
        child->n_samples += n;
        child->is_calling = true;
        child->listener.on_samples(child->listener.context, samples, n);
        return child_call_end(child);
}

static void child_on_stdout(void *context, const uint8_t *bytes, size_t n) {
        struct ffmpeg_child *child = context;

        if (child->n_rest > 0 && n > 0) {
                child->rest[1] = *bytes++;
                n--;
                child->n_rest = 0;
                if (!child_deliver(child, child->rest, 1))
                        return;
        }
        while (n >= SAMPLE_SIZE) {
                size_t n_samples = n / SAMPLE_SIZE;

                if (n_samples > SLICE_SAMPLES)
                        n_samples = SLICE_SAMPLES;
                if (!child_deliver(child, bytes, n_samples))
                        return;
                bytes += n_samples * SAMPLE_SIZE;
                n -= n_samples * SAMPLE_SIZE;
        }
        if (n > 0) {
                child->rest[0] = *bytes;
                child->n_rest = 1;
        }
}

static void child_on_stderr_line(void *context, const char *line) {
        struct ffmpeg_child *child = context;

        ffmpeg_diagnosis_add(&child->diagnosis, line);
}

static void child_on_drain(void *context) {
        struct ffmpeg_child *child = context;

        child->is_calling = true;
        if (child->listener.on_drain)
                child->listener.on_drain(child->listener.context);
        (void)child_call_end(child);
}

// --- its end --------------------------------------------------------------------

// What it complained of, if that is why it ended, or why there is no sound.
static enum media_fault fault_of(const struct ffmpeg_child *child,
                                 const struct process_exit *exit) {
        enum media_fault fault = child->diagnosis.fault;

        if (exit->signal == SIGXCPU)
                return MEDIA_FAULT_LIMIT;
        if (exit->signal)
                return MEDIA_FAULT_OTHER;
        if (exit->status == 0 && child->n_samples > 0)
                return child->diagnosis.n_errors > 0 ? MEDIA_FAULT_DAMAGED : MEDIA_FAULT_NONE;
        if (fault == MEDIA_FAULT_NOT_MEDIA && child->is_network && child->n_samples == 0 &&
            loop_now(child->loop) - child->started >= ANSWER_PATIENCE)
                return MEDIA_FAULT_TIMEOUT;
        return fault == MEDIA_FAULT_NONE && exit->status != 0 ? MEDIA_FAULT_OTHER : fault;
}

static const char *end_text(const struct ffmpeg_child *child, enum media_fault fault,
                            const struct process_exit *exit, char text[static TEXT_MAX]) {
        if (fault != MEDIA_FAULT_OTHER)
                return media_fault_text(fault);
        if (exit->signal)
                snprintf(text, TEXT_MAX, "ffmpeg was ended by signal %d (%s)", exit->signal,
                         sigdescr_np(exit->signal));
        else if (child->diagnosis.fault != MEDIA_FAULT_NONE)
                return ffmpeg_diagnosis_text(&child->diagnosis);
        else
                snprintf(text, TEXT_MAX, "ffmpeg ended with status %d", exit->status);
        return text;
}

static void child_on_exit(void *context, const struct process_exit *exit) {
        struct ffmpeg_child *child = context;
        enum media_fault fault = fault_of(child, exit);
        char text[TEXT_MAX];
        const struct media_end end = {
                .fault = fault,
                .text = end_text(child, fault, exit, text),
                .words = child->diagnosis.line,
                .damaged_at = NAN,
                .has_died = exit->signal != 0,
                .n_samples = child->n_samples,
        };

        child->is_calling = true;
        child->listener.on_end(child->listener.context, &end);
        (void)child_call_end(child);
}

// --- what it is told ------------------------------------------------------------

static bool child_write(struct media_run *run, const uint8_t *bytes, size_t n) {
        return process_write(child_of(run)->process, bytes, n);
}

static size_t child_pending(const struct media_run *run) {
        return process_pending(child_of(run)->process);
}

static void child_write_end(struct media_run *run) {
        process_write_end(child_of(run)->process);
}

static void child_pause(struct media_run *run) {
        process_pause(child_of(run)->process);
}

static void child_resume(struct media_run *run) {
        process_resume(child_of(run)->process);
}

static void child_allow_cpu(struct media_run *run, unsigned seconds) {
        process_allow_cpu(child_of(run)->process, seconds);
}

static void child_stop(struct media_run *run) {
        process_stop(child_of(run)->process);
}

static int child_process_id(const struct media_run *run) {
        return process_id(child_of(run)->process);
}

static void child_close(struct media_run *run) {
        struct ffmpeg_child *child = child_of(run);

        child->process = process_close(child->process);
        if (child->is_calling)
                child->is_closed = true;
        else
                free(child);
}

static const struct media_run_ops ffmpeg_run_ops = {
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

static int child_run(struct ffmpeg_child *child, const struct ffmpeg_command *command,
                     struct error *error) {
        const struct process_config config = {
                .argv = command->argv,
                .variables = command->variables,
                .has_stdin = command->has_input || command->script,
                .stdin_descriptor = command->descriptor,
                .file_limit = FILE_LIMIT,
                .cpu_limit = command->cpu_limit,
                .niceness = command->niceness,
                .is_killed = command->is_killed,
        };
        const struct process_listener listener = {
                .on_stdout = child_on_stdout,
                .on_stderr_line = child_on_stderr_line,
                .on_drain = child_on_drain,
                .on_exit = child_on_exit,
                .context = child,
        };
        int code = process_open(&child->process, child->loop, &config, &listener, error);

        if (code < 0 || !command->script)
                return code;
        process_write(child->process, (const uint8_t *)command->script,
                      strlen(command->script));
        process_write_end(child->process);
        return 0;
}

static int ffmpeg_open(struct media_run **ret, struct media_backend *backend,
                       const struct media_run_config *config,
                       const struct media_run_listener *listener, struct error *error) {
        const struct ffmpeg_backend *ffmpeg = (const struct ffmpeg_backend *)backend;
        struct ffmpeg_child *child;
        struct ffmpeg_command command;
        int code;

        // Where it connects to nobody sees.
        if (config->is_untrusted && !media_allow_is_any(backend->allow))
                return error_set(error, -EPERM,
                                 "streams that are added while the server runs are not read by "
                                 "ffmpeg, whose connections cannot be judged: set media: "
                                 "builtin, or let them reach all with sources.allow: any");
        if (config->n_channels > 1)
                return error_set(error, -ENOTSUP,
                                 "channels are not kept apart by ffmpeg: set media: builtin");
        child = xnew(struct ffmpeg_child);
        child->run.ops = &ffmpeg_run_ops;
        child->loop = backend->loop;
        child->listener = *listener;
        child->is_network = config->kind == MEDIA_RUN_NETWORK;
        child->started = loop_now(backend->loop);
        ffmpeg_diagnosis_init(&child->diagnosis);
        ffmpeg_command_init(&command, ffmpeg->program, config);
        code = child_run(child, &command, error);
        ffmpeg_command_deinit(&command);
        if (code < 0) {
                free(child);
                return code;
        }
        *ret = &child->run;
        return 0;
}

// --- the program ----------------------------------------------------------------

static void ffmpeg_free(struct media_backend *backend) {
        struct ffmpeg_backend *ffmpeg = (struct ffmpeg_backend *)backend;

        free(ffmpeg->program);
        free(ffmpeg);
}

static const struct media_backend_ops ffmpeg_ops = {
        .name = "ffmpeg",
        .open = ffmpeg_open,
        .free = ffmpeg_free,
};

struct media_backend *ffmpeg_child_backend(struct loop *loop, const char *program) {
        struct ffmpeg_backend *ffmpeg = xnew(struct ffmpeg_backend);

        ffmpeg->backend = (struct media_backend){.ops = &ffmpeg_ops, .loop = loop};
        ffmpeg->program = xstrdup(program);
        return &ffmpeg->backend;
}
