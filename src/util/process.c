#include "util/process.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "util/mem.h"
#include "util/pipe_reader.h"
#include "util/pipe_writer.h"
#include "util/process_spawn.h"

#define ERRORS_MAX 4096  // bytes of complaints that are read at a time

struct process {
        struct loop *loop;
        struct process_listener listener;
        pid_t pid;  // 0 once reaped
        int pidfd;
        uv_poll_t watch;  // on pidfd
        uv_pipe_t errors;
        unsigned n_handles;          // open on the loop; the struct must outlive them
        struct pipe_writer *input;   // NULL: it is closed
        struct pipe_reader *output;  // NULL: it was read to the end
        struct loop_timer *kill_timer;
        struct process_exit exit;
        bool is_errors_open;
        bool is_stopping;
        bool is_exit_told;
        bool is_killed;  // rather than asked to stop
        bool is_service;
        bool is_detached;  // process_close() was called: no listener, free when reaped

        char line[PROCESS_LINE_MAX];
        size_t line_length;
};

static unsigned n_children;

unsigned process_children(void) {
        return n_children;
}

int process_id(const struct process *process) {
        return process->pid;
}

// --- end ------------------------------------------------------------------------

static void process_free_if_done(struct process *process) {
        if (process->is_detached && process->pid == 0 && process->n_handles == 0)
                free(process);
}

static void process_on_closed(uv_handle_t *handle) {
        struct process *process = handle->data;

        process->n_handles--;
        process_free_if_done(process);
}

static void errors_close(struct process *process) {
        if (!process->is_errors_open)
                return;
        process->is_errors_open = false;
        uv_close((uv_handle_t *)&process->errors, process_on_closed);
}

static void process_release(struct process *process) {
        process->input = pipe_writer_close(process->input);
        process->output = pipe_reader_close(process->output);
        errors_close(process);
        process->kill_timer = loop_timer_free(process->kill_timer);
}

// on_exit is due when the child is reaped and both its outputs have been read to the end.
static void process_exit_tell(struct process *process) {
        if (process->pid != 0 || process->output || process->is_errors_open ||
            process->is_exit_told || process->is_detached)
                return;
        process->is_exit_told = true;
        process_release(process);
        process->listener.on_exit(process->listener.context, &process->exit);
}

static void group_signal(struct process *process, int number) {
        // The whole group, which is its own since setsid(); the id cannot have been reused,
        // because the child is not reaped yet.
        if (process->pid != 0)
                (void)kill(-process->pid, number);
}

static void process_on_kill_timer(void *context) {
        group_signal(context, SIGKILL);
}

static void process_on_ended(uv_poll_t *watch, int status, int events) {
        struct process *process = watch->data;
        siginfo_t how = {0};

        (void)status;
        (void)events;
        // Looked at first and reaped after its group is gone, for the reason above.
        if (waitid(P_PID, (id_t)process->pid, &how, WEXITED | WNOWAIT | WNOHANG) < 0 ||
            how.si_pid == 0)
                return;
        group_signal(process, SIGKILL);
        while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR)
                ;
        process->pid = 0;
        n_children -= !process->is_service;
        if (how.si_code == CLD_EXITED)
                process->exit.status = how.si_status;
        else
                process->exit.signal = how.si_status;
        uv_close((uv_handle_t *)watch, process_on_closed);
        close(process->pidfd);
        if (process->is_detached)
                process_release(process);
        else
                process_exit_tell(process);
}

void process_allow_cpu(struct process *process, unsigned seconds) {
        struct rlimit limit;

        // The hard limit is the child's own, which nobody may raise.
        if (process->pid == 0 || prlimit(process->pid, RLIMIT_CPU, NULL, &limit) < 0)
                return;
        limit.rlim_cur = seconds < limit.rlim_max ? seconds : limit.rlim_max;
        (void)prlimit(process->pid, RLIMIT_CPU, &limit, NULL);
}

void process_stop(struct process *process) {
        assert(loop_is_current(process->loop));
        if (process->is_stopping)
                return;
        process->is_stopping = true;
        if (process->output)
                pipe_reader_discard(process->output);
        if (process->pid == 0)
                return;
        group_signal(process, process->is_killed ? SIGKILL : SIGTERM);
        loop_timer_set(process->kill_timer, PROCESS_TERM_TIMEOUT);
}

void process_kill(struct process *process) {
        process_stop(process);
        group_signal(process, SIGKILL);
}

struct process *process_close(struct process *process) {
        if (!process)
                return NULL;
        process_stop(process);
        process->is_detached = true;
        if (process->pid == 0)
                process_release(process);
        process_free_if_done(process);
        return NULL;
}

// --- output ---------------------------------------------------------------------

static size_t output_on_bytes(void *context, const uint8_t *bytes, size_t n) {
        struct process *process = context;

        process->listener.on_stdout(process->listener.context, bytes, n);
        return n;
}

static void output_on_end(void *context) {
        struct process *process = context;

        process->output = pipe_reader_close(process->output);
        process_exit_tell(process);
}

static void errors_on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret) {
        static _Thread_local char bytes[ERRORS_MAX];

        (void)handle;
        (void)suggested;
        *ret = uv_buf_init(bytes, sizeof(bytes));
}

static void process_line_tell(struct process *process) {
        process->line[process->line_length] = '\0';
        if (process->line_length > 0 && !process->is_detached)
                process->listener.on_stderr_line(process->listener.context, process->line);
        process->line_length = 0;
}

static void process_on_errors(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer) {
        struct process *process = stream->data;

        for (ssize_t i = 0; i < n; i++) {
                char byte = buffer->base[i];

                if (byte == '\n' || byte == '\r')
                        process_line_tell(process);
                else if (byte != '\0' && process->line_length < PROCESS_LINE_MAX - 1)
                        process->line[process->line_length++] = byte;
        }
        if (n < 0) {
                process_line_tell(process);
                errors_close(process);
                process_exit_tell(process);
        }
}

void process_pause(struct process *process) {
        if (process->output)
                pipe_reader_pause(process->output);
}

void process_resume(struct process *process) {
        if (process->output)
                pipe_reader_resume(process->output);
}

// --- input ----------------------------------------------------------------------

static void input_on_drain(void *context) {
        struct process *process = context;

        if (process->listener.on_drain && !process->is_detached)
                process->listener.on_drain(process->listener.context);
}

size_t process_pending(const struct process *process) {
        return process->input ? pipe_writer_pending(process->input) : 0;
}

bool process_write(struct process *process, const uint8_t *bytes, size_t n) {
        assert(loop_is_current(process->loop));
        return !process->input || pipe_writer_write(process->input, bytes, n);
}

void process_write_end(struct process *process) {
        assert(loop_is_current(process->loop));
        if (process->input)
                pipe_writer_end(process->input);
}

// --- start ----------------------------------------------------------------------

// uv_pipe_init and uv_pipe_open on a fresh pipe end fail for nothing that happens: aborts.
static void errors_open(struct process *process, int descriptor) {
        if (uv_pipe_init(loop_uv(process->loop), &process->errors, 0) < 0 ||
            uv_pipe_open(&process->errors, descriptor) < 0)
                abort();
        process->errors.data = process;
        process->n_handles++;
        process->is_errors_open = true;
        uv_read_start((uv_stream_t *)&process->errors, errors_on_alloc, process_on_errors);
}

static void process_adopt(struct process *process, const struct process_ends *ends) {
        const struct pipe_reader_listener listener = {output_on_bytes, output_on_end, process};

        process->pid = ends->pid;
        process->pidfd = ends->pidfd;
        if (uv_poll_init(loop_uv(process->loop), &process->watch, ends->pidfd) < 0 ||
            uv_poll_start(&process->watch, UV_READABLE, process_on_ended) < 0)
                abort();
        process->watch.data = process;
        process->n_handles++;
        if (ends->input >= 0)
                process->input =
                        pipe_writer_open(process->loop, ends->input, input_on_drain, process);
        process->output = pipe_reader_open(process->loop, ends->output, &listener);
        if (ends->errors >= 0)
                errors_open(process, ends->errors);
}

int process_open(struct process **ret, struct loop *loop, const struct process_config *config,
                 const struct process_listener *listener, struct error *error) {
        struct process_ends ends;
        struct process *process;
        int code;

        assert(loop_is_current(loop));
        code = process_spawn(config, listener->on_stderr_line != NULL, &ends, error);
        if (code < 0)
                return code;
        process = xnew(struct process);
        process->loop = loop;
        process->listener = *listener;
        process->is_killed = config->is_killed;
        process->is_service = config->is_service;
        n_children += !process->is_service;
        process->kill_timer = loop_timer_new(loop, process_on_kill_timer, process);
        process_adopt(process, &ends);
        *ret = process;
        return 0;
}
