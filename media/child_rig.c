#include "media/child_rig.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "media/child.h"
#include "util/mem.h"

#define ARGUMENTS_MAX 64

static char folder[] = "/tmp/eavesdrop-child-XXXXXX";

// --- the folder -------------------------------------------------------------------

int rig_folder_make(void **state) {
        (void)state;
        signal(SIGPIPE, SIG_IGN);
        return mkdtemp(folder) ? 0 : -1;
}

int rig_folder_remove(void **state) {
        DIR *entries = opendir(folder);
        const struct dirent *entry;

        (void)state;
        while ((entry = readdir(entries))) {  // NOLINT(concurrency-mt-unsafe)
                CLEANUP(mem_freep) char *path = rig_folder_path(entry->d_name);

                unlink(path);
        }
        closedir(entries);
        return rmdir(folder);
}

char *rig_folder_path(const char *name) {
        return *name == '/' ? xstrdup(name) : xasprintf("%s/%s", folder, name);
}

static bool program_run(const char *const *argv) {
        int status;
        pid_t child = fork();

        assert_true(child >= 0);
        if (child == 0) {
                execvp(argv[0], (char *const *)(uintptr_t)argv);
                _exit(127);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        return status == 0;
}

void rig_folder_ffmpeg(const char *name, const char *arguments) {
        assert_true(rig_folder_try_ffmpeg(name, arguments));
}

bool rig_folder_try_ffmpeg(const char *name, const char *arguments) {
        CLEANUP(mem_freep) char *path = rig_folder_path(name);
        CLEANUP(mem_freep) char *words = xstrdup(arguments);
        const char *argv[ARGUMENTS_MAX] = {"ffmpeg", "-v", "error", "-nostdin", "-y"};
        char *made[ARGUMENTS_MAX];
        size_t n = 5, n_made = 0;
        char *rest = words, *word;
        bool is_done;

        while ((word = strsep(&rest, " "))) {
                const char *place = strstr(word, "%s");

                assert_true(n + 2 < ARGUMENTS_MAX);
                if (place) {
                        made[n_made] = xasprintf("%.*s%s%s", (int)(place - word), word, folder,
                                                 place + 2);
                        word = made[n_made++];
                }
                argv[n++] = word;
        }
        argv[n] = path;
        is_done = program_run(argv);
        while (n_made > 0)
                free(made[--n_made]);
        return is_done;
}

void rig_folder_write(const char *name, const void *bytes, size_t n) {
        CLEANUP(mem_freep) char *path = rig_folder_path(name);
        FILE *file = fopen(path, "wb");

        assert_non_null(file);
        assert_int_equal(fwrite(bytes, 1, n, file), n);
        fclose(file);
}

uint8_t *rig_folder_read(const char *name, size_t *ret_n) {
        CLEANUP(mem_freep) char *path = rig_folder_path(name);
        FILE *file = fopen(path, "rb");
        uint8_t *bytes;

        assert_non_null(file);
        fseek(file, 0, SEEK_END);
        *ret_n = (size_t)ftell(file);
        rewind(file);
        bytes = xcalloc(*ret_n + 1, 1);
        assert_int_equal(fread(bytes, 1, *ret_n, file), *ret_n);
        fclose(file);
        return bytes;
}

void rig_folder_cut(const char *name, const char *whole, size_t n) {
        size_t n_whole;
        uint8_t *bytes = rig_folder_read(whole, &n_whole);

        assert_true(n <= n_whole);
        rig_folder_write(name, bytes, n);
        free(bytes);
}

void rig_folder_join(const char *name, const char *one, const char *other) {
        size_t n_one, n_other;
        uint8_t *bytes = rig_folder_read(one, &n_one);
        uint8_t *more = rig_folder_read(other, &n_other);

        bytes = xrealloc_array(bytes, n_one + n_other, 1);
        memcpy(bytes + n_one, more, n_other);
        rig_folder_write(name, bytes, n_one + n_other);
        free(bytes);
        free(more);
}

// --- the child ----------------------------------------------------------------------

struct media_request rig_child_request(enum media_kind kind) {
        return (struct media_request){
                .kind = kind, .has_input = kind != MEDIA_NETWORK, .n_channels = 1};
}

static void text_append(char *ret, size_t size, const char *text) {
        size_t n = strlen(ret);

        snprintf(ret + n, size - n, "%s|", text);
}

static void record_take(struct rig_child *child, const struct media_record *record) {
        switch (record->type) {
        case MEDIA_SAMPLES:
                assert_true(child->has_opened);
                child->samples = xrealloc_array(
                        child->samples, child->n_samples + record->n_samples, sizeof(int16_t));
                memcpy(child->samples + child->n_samples, record->samples,
                       record->n_samples * sizeof(int16_t));
                child->n_samples += record->n_samples;
                break;
        case MEDIA_OPENED:
                child->has_opened = true;
                child->opened = *record->opened;
                break;
        case MEDIA_GAP:
                child->n_gaps++;
                child->gap = record->seconds;
                break;
        case MEDIA_JUMP:
                child->n_jumps++;
                child->jump = record->seconds;
                break;
        case MEDIA_TITLE:
                child->n_titles++;
                text_append(child->titles, sizeof(child->titles), record->words);
                break;
        case MEDIA_PROGRESS:
                child->n_progress++;
                break;
        case MEDIA_WARNING:
                child->n_warnings++;
                snprintf(child->warning, sizeof(child->warning), "%s", record->words);
                break;
        case MEDIA_END:
                child->has_end = true;
                child->fault = record->fault;
                child->seconds = record->seconds;
                snprintf(child->words, sizeof(child->words), "%s", record->words);
        }
}

static bool bytes_take(struct rig_child *child, struct media_records *records,
                       const uint8_t *bytes, size_t n) {
        struct media_record record;
        struct error error;
        int code;

        while ((code = media_records_feed(records, &bytes, &n, &record, &error)) == 1)
                record_take(child, &record);
        if (code < 0)
                print_error("%s\n", error.text);
        assert_int_equal(code, 0);
        return true;
}

void rig_child_run(struct rig_child *ret, const struct media_request *request, int input,
                   size_t most) {
        struct media_records *records = media_records_new(request->n_channels);
        uint8_t bytes[65536];
        int ends[2];
        ssize_t got;
        pid_t pid;

        *ret = (struct rig_child){0};
        assert_int_equal(pipe(ends), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                close(ends[0]);
                _exit(media_child_run(request, ends[1], input));
        }
        close(ends[1]);
        while ((most == 0 || ret->n_samples < most) &&
               (got = read(ends[0], bytes, sizeof(bytes))) > 0)
                bytes_take(ret, records, bytes, (size_t)got);
        close(ends[0]);
        if (most && ret->n_samples >= most)
                kill(pid, SIGTERM);
        assert_int_equal(waitpid(pid, &ret->status, 0), pid);
        media_records_free(records);
}

void rig_child_file(struct rig_child *ret, const struct media_request *request,
                    const char *name) {
        CLEANUP(mem_freep) char *path = rig_folder_path(name);
        int input = open(path, O_RDONLY | O_CLOEXEC);

        assert_true(input >= 0);
        rig_child_run(ret, request, input, 0);
        close(input);
        assert_int_equal(ret->status, 0);
}

// Its exit does not matter: the child may have read enough.
static pid_t writer_start(const char *name, int ends[2]) {
        size_t n;
        uint8_t *bytes = rig_folder_read(name, &n);
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
                close(ends[0]);
                for (size_t done = 0; done < n;) {
                        ssize_t got = write(ends[1], bytes + done, n - done);

                        if (got <= 0)
                                break;
                        done += (size_t)got;
                }
                _exit(0);
        }
        free(bytes);
        return pid;
}

void rig_child_pipe(struct rig_child *ret, const struct media_request *request,
                    const char *name) {
        int ends[2];
        pid_t writer;

        assert_int_equal(pipe(ends), 0);
        writer = writer_start(name, ends);
        close(ends[1]);
        rig_child_run(ret, request, ends[0], 0);
        close(ends[0]);
        waitpid(writer, NULL, 0);
        assert_int_equal(ret->status, 0);
}

void rig_child_deinit(struct rig_child *child) {
        free(child->samples);
        child->samples = NULL;
}

// --- sound --------------------------------------------------------------------------

double rig_sound_level(const int16_t *samples, size_t n) {
        double energy = 0;

        for (size_t i = 0; i < n; i++)
                energy += (double)samples[i] * samples[i];
        return n > 0 ? sqrt(energy / (double)n) / 32768 : 0;
}

static double likeness_at(const int16_t *a, const int16_t *b, size_t n) {
        double product = 0, square_a = 0, square_b = 0;

        for (size_t i = 0; i < n; i++) {
                product += (double)a[i] * b[i];
                square_a += (double)a[i] * a[i];
                square_b += (double)b[i] * b[i];
        }
        return square_a > 0 && square_b > 0 ? product / sqrt(square_a * square_b) : 0;
}

double rig_sound_likeness(const int16_t *a, size_t n_a, const int16_t *b, size_t n_b,
                          int most) {
        size_t n = n_a < n_b ? n_a : n_b;
        double best = 0;

        if (n <= (size_t)most)
                return 0;
        for (int shift = 0; shift <= most; shift++) {
                size_t left = n - (size_t)shift;

                best = fmax(best, likeness_at(a + shift, b, left));
                best = fmax(best, likeness_at(a, b + shift, left));
        }
        return best;
}
