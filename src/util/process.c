#include "util/process.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "util/mem.h"
#include "util/process_spawn.h"
#include "util/run_queue.h"

#define READ_MAX   65536           // what a pipe holds at most: one read empties it
#define ERRORS_MAX 4096            // bytes of complaints that are read at a time
#define STEP_MAX   ((size_t)8192)  // of output handed on at a time
#define WRITE_QUEUE_MAX \
        ((size_t)256 * 1024)  // bytes that wait before process_write() says stop

struct process {
        struct loop *loop;
        struct process_listener listener;
        pid_t pid;  // 0 once reaped
        int pidfd;
        uv_poll_t watch;  // on pidfd
        uv_pipe_t input, output, errors;
        unsigned n_handles;  // open on the loop; the struct must outlive them
        struct loop_timer *kill_timer;
        struct process_exit exit;
        bool is_input_open, is_output_open, is_errors_open;
        bool is_input_ending, is_input_full;
        bool is_paused;
        bool is_stopping;
        bool is_exit_told;
        bool is_killed;    // rather than asked to stop
        bool is_detached;  // process_close() was called: no listener, free when reaped

        char line[PROCESS_LINE_MAX];
        size_t line_length;

        // What a child writes is work of a size that its input decides: it is handed on in turn
        // with all other such work, and nothing more is read before.
        struct run_queue_entry entry;
        uint8_t output_bytes[READ_MAX];
        size_t n_output, n_handed_on;
        bool is_reading;  // libuv does
        bool has_output_ended;
};

struct write_request {
        uv_write_t request;
        uint8_t bytes[];
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

static void pipe_close(uv_pipe_t *pipe, bool *is_open) {
        if (!*is_open)
                return;
        *is_open = false;
        uv_close((uv_handle_t *)pipe, process_on_closed);
}

static void output_close(struct process *process) {
        run_queue_remove(run_queue_of(process->loop), &process->entry);
        pipe_close(&process->output, &process->is_output_open);
}

static void process_release(struct process *process) {
        pipe_close(&process->input, &process->is_input_open);
        output_close(process);
        pipe_close(&process->errors, &process->is_errors_open);
        process->kill_timer = loop_timer_free(process->kill_timer);
}

// on_exit is due when the child is reaped and both its outputs have been read to the end.
static void process_exit_tell(struct process *process) {
        if (process->pid != 0 || process->is_output_open || process->is_errors_open ||
            process->is_exit_told || process->is_detached)
                return;
        process->is_exit_told = true;
        process_release(process);
        process->listener.on_exit(process->listener.context, &process->exit);
}

static void process_kill(struct process *process, int number) {
        // The whole group, which is its own since setsid(); the id cannot have been reused,
        // because the child is not reaped yet.
        if (process->pid != 0)
                (void)kill(-process->pid, number);
}

static void process_on_kill_timer(void *context) {
        process_kill(context, SIGKILL);
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
        process_kill(process, SIGKILL);
        while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR)
                ;
        process->pid = 0;
        n_children--;
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
        process_resume(process);
        if (process->pid == 0)
                return;
        process_kill(process, process->is_killed ? SIGKILL : SIGTERM);
        loop_timer_set(process->kill_timer, PROCESS_TERM_TIMEOUT);
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

static void output_read_stop(struct process *process) {
        process->is_reading = false;
        uv_read_stop((uv_stream_t *)&process->output);
}

static void output_on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret) {
        struct process *process = handle->data;

        (void)suggested;
        // No room, which comes back as UV_ENOBUFS, while there is something to be handed on.
        *ret = uv_buf_init((char *)process->output_bytes, process->n_output ? 0 : READ_MAX);
}

static void output_on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer) {
        struct process *process = stream->data;

        (void)buffer;
        if (n == UV_ENOBUFS) {
                output_read_stop(process);
        } else if (n < 0) {  // maybe together with the last bytes
                output_read_stop(process);
                process->has_output_ended = true;
                run_queue_add(run_queue_of(process->loop), &process->entry);
        } else if (n > 0 && !process->is_stopping) {
                process->n_output = (size_t)n;
                run_queue_add(run_queue_of(process->loop), &process->entry);
        }
}

static void output_read_start(struct process *process) {
        if (process->is_reading || !process->is_output_open)
                return;
        process->is_reading = true;
        uv_read_start((uv_stream_t *)&process->output, output_on_alloc, output_on_read);
}

static void output_serve(void *context, struct quantum *quantum) {
        struct process *process = context;

        while (process->n_handed_on < process->n_output && !process->is_paused &&
               !process->is_stopping && !quantum_is_spent(quantum)) {
                const uint8_t *bytes = process->output_bytes + process->n_handed_on;
                size_t n = process->n_output - process->n_handed_on;

                if (n > STEP_MAX)
                        n = STEP_MAX;
                process->n_handed_on += n;
                quantum_spend(quantum, n);
                process->listener.on_stdout(process->listener.context, bytes, n);
        }
        if (process->is_stopping || process->n_handed_on == process->n_output)
                process->n_output = process->n_handed_on = 0;
        if (process->is_paused || !process->is_output_open)
                return;
        if (process->n_output)
                run_queue_add(run_queue_of(process->loop), &process->entry);
        else if (!process->has_output_ended)
                output_read_start(process);
        else {
                output_close(process);
                process_exit_tell(process);
        }
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
                pipe_close(&process->errors, &process->is_errors_open);
                process_exit_tell(process);
        }
}

void process_pause(struct process *process) {
        if (process->is_paused || process->is_stopping)
                return;
        process->is_paused = true;
        if (process->is_output_open)
                output_read_stop(process);
}

void process_resume(struct process *process) {
        if (!process->is_paused)
                return;
        process->is_paused = false;
        if (process->is_output_open)
                run_queue_add(run_queue_of(process->loop), &process->entry);
}

// --- input ----------------------------------------------------------------------

static size_t process_queue(const struct process *process) {
        return uv_stream_get_write_queue_size((const uv_stream_t *)&process->input);
}

size_t process_pending(const struct process *process) {
        return process->is_input_open ? process_queue(process) : 0;
}

static void process_on_written(uv_write_t *request, int status) {
        struct process *process = request->data;

        free(request);
        if (!process->is_input_open)
                return;
        // A child that reads no more: the reason is on its stderr and in its exit status.
        if (status < 0 || (process->is_input_ending && process_queue(process) == 0))
                pipe_close(&process->input, &process->is_input_open);
        if (!process->is_input_full ||
            (process->is_input_open && process_queue(process) > WRITE_QUEUE_MAX / 2))
                return;
        process->is_input_full = false;
        if (process->listener.on_drain && !process->is_detached)
                process->listener.on_drain(process->listener.context);
}

bool process_write(struct process *process, const uint8_t *bytes, size_t n) {
        struct write_request *write;
        uv_buf_t buffer;

        assert(loop_is_current(process->loop));
        if (!process->is_input_open || process->is_input_ending || n == 0)
                return true;
        write = xcalloc(1, sizeof(*write) + n);
        memcpy(write->bytes, bytes, n);
        write->request.data = process;
        buffer = uv_buf_init((char *)write->bytes, (unsigned)n);
        if (uv_write(&write->request, (uv_stream_t *)&process->input, &buffer, 1,
                     process_on_written) < 0) {
                free(write);
                return true;
        }
        process->is_input_full = process_queue(process) > WRITE_QUEUE_MAX;
        return !process->is_input_full;
}

void process_write_end(struct process *process) {
        assert(loop_is_current(process->loop));
        process->is_input_ending = true;
        if (process_queue(process) == 0)
                pipe_close(&process->input, &process->is_input_open);
}

// --- start ----------------------------------------------------------------------

// libuv writes to pipes with write(): a child that closed its input must not end us.
static void sigpipe_ignore(void) {
        struct sigaction current;

        if (sigaction(SIGPIPE, NULL, &current) == 0 && current.sa_handler == SIG_DFL)
                (void)signal(SIGPIPE, SIG_IGN);
}

// uv_pipe_init and uv_pipe_open on a fresh pipe end fail for nothing that happens: aborts.
static void pipe_adopt(struct process *process, uv_pipe_t *pipe, int descriptor,
                       bool *is_open) {
        if (uv_pipe_init(loop_uv(process->loop), pipe, 0) < 0 ||
            uv_pipe_open(pipe, descriptor) < 0)
                abort();
        pipe->data = process;
        process->n_handles++;
        *is_open = true;
}

static void process_adopt(struct process *process, const struct process_ends *ends) {
        process->pid = ends->pid;
        process->pidfd = ends->pidfd;
        if (uv_poll_init(loop_uv(process->loop), &process->watch, ends->pidfd) < 0 ||
            uv_poll_start(&process->watch, UV_READABLE, process_on_ended) < 0)
                abort();
        process->watch.data = process;
        process->n_handles++;
        if (ends->input >= 0)
                pipe_adopt(process, &process->input, ends->input, &process->is_input_open);
        pipe_adopt(process, &process->output, ends->output, &process->is_output_open);
        output_read_start(process);
        if (ends->errors >= 0) {
                pipe_adopt(process, &process->errors, ends->errors, &process->is_errors_open);
                uv_read_start((uv_stream_t *)&process->errors, errors_on_alloc,
                              process_on_errors);
        }
}

int process_open(struct process **ret, struct loop *loop, const struct process_config *config,
                 const struct process_listener *listener, struct error *error) {
        struct process_ends ends;
        struct process *process;
        int code;

        assert(loop_is_current(loop));
        sigpipe_ignore();
        code = process_spawn(config, listener->on_stderr_line != NULL, &ends, error);
        if (code < 0)
                return code;
        n_children++;
        process = xnew(struct process);
        process->loop = loop;
        process->listener = *listener;
        process->is_killed = config->is_killed;
        process->entry = (struct run_queue_entry){
                .serve = output_serve,
                .context = process,
                .flow = run_queue_flow(run_queue_of(loop), &process, sizeof(process)),
        };
        process->kill_timer = loop_timer_new(loop, process_on_kill_timer, process);
        process_adopt(process, &ends);
        *ret = process;
        return 0;
}
