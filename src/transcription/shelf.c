#include "transcription/shelf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "transcription/transcription_record.h"
#include "util/folder.h"
#include "util/input.h"
#include "util/log.h"
#include "util/mem.h"

#define LOCK_FILE "lock"

// A text is as long as what was said in the longest file there may be, and no longer.
#define TEXT_BYTES_MAX ((size_t)1 << 30)

static const char part[] = ".part", sound[] = ".sound", record_end[] = ".json",
                  broken[] = ".json.broken";

// By enum transcript_format.
static const char *const text_ends[SHELF_FORMATS] = {".txt", ".result", ".srt", ".vtt"};

static char *path_of(const char *folder, const char *id, const char *end) {
        return xasprintf("%s/%s%s", folder, id, end);
}

static int trouble(struct error *error, int code, const char *doing, const char *path) {
        return error_set(error, code, "cannot %s %s: %s", doing, path, strerrordesc_np(-code));
}

// --- writing ---------------------------------------------------------------------------------

int shelf_lock(int *ret, const char *folder, struct error *error) {
        int r = folder_make(folder);

        if (r < 0)
                return trouble(error, r, "make", folder);
        return folder_lock(ret, folder, LOCK_FILE, error);
}

static int file_make(int *ret, const char *path, struct error *error) {
        *ret = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        return *ret < 0 ? trouble(error, -errno, "make", path) : 0;
}

int shelf_begin(int *ret, const char *folder, const char *id, struct error *error) {
        CLEANUP(mem_freep) char *path = path_of(folder, id, part);

        return file_make(ret, path, error);
}

int shelf_scratch(int *ret, int *ret_reading, const char *folder, const char *id,
                  struct error *error) {
        CLEANUP(mem_freep) char *path = path_of(folder, id, part);
        int r = file_make(ret, path, error);

        if (r < 0)
                return r;
        *ret_reading = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        if (*ret_reading < 0)
                r = trouble(error, -errno, "open", path);
        (void)unlink(path);
        return r;
}

int shelf_append(int descriptor, const uint8_t *bytes, size_t n, struct error *error) {
        while (n > 0) {
                ssize_t wrote = write(descriptor, bytes, n);

                if (wrote < 0 && errno == EINTR)
                        continue;
                if (wrote < 0)
                        return error_set(error, -errno, "cannot write the file: %m");
                bytes += wrote;
                n -= (size_t)wrote;
        }
        return 0;
}

// Whole, on disk, and only then in the old one's place.
static int file_replace(const char *folder, const char *id, const char *end, const char *text,
                        size_t n, struct error *error) {
        CLEANUP(mem_freep) char *path = path_of(folder, id, end);
        CLEANUP(mem_freep) char *fresh = xasprintf("%s.new", path);
        int descriptor, r;

        (void)unlink(fresh);
        r = file_make(&descriptor, fresh, error);
        if (r < 0)
                return r;
        r = shelf_append(descriptor, (const uint8_t *)text, n, error);
        if (r == 0 && fsync(descriptor) < 0)
                r = trouble(error, -errno, "write", fresh);
        close(descriptor);
        if (r == 0 && rename(fresh, path) < 0)
                r = trouble(error, -errno, "write", path);
        if (r < 0)
                (void)unlink(fresh);
        return r;
}

static int record_replace(const char *folder, const char *id, const char *record,
                          struct error *error) {
        int r = file_replace(folder, id, record_end, record, strlen(record), error);

        if (r == 0 && (r = folder_sync(folder)) < 0)
                return trouble(error, r, "write", folder);
        return r;
}

int shelf_accept(const char *folder, const char *id, int descriptor, const char *record,
                 struct error *error) {
        CLEANUP(mem_freep) char *path = path_of(folder, id, part);
        CLEANUP(mem_freep) char *whole = path_of(folder, id, sound);

        if (fsync(descriptor) < 0)
                return trouble(error, -errno, "write", path);
        if (rename(path, whole) < 0)
                return trouble(error, -errno, "write", whole);
        return record_replace(folder, id, record, error);
}

int shelf_finish(const char *folder, const char *id,
                 const struct shelf_text texts[SHELF_FORMATS], const char *record,
                 struct error *error) {
        CLEANUP(mem_freep) char *path = path_of(folder, id, sound);
        int r = 0;

        for (size_t i = 0; texts && r == 0 && i < SHELF_FORMATS; i++)
                r = file_replace(folder, id, text_ends[i], texts[i].bytes, texts[i].n, error);
        if (r == 0)
                r = record_replace(folder, id, record, error);
        if (r == 0)
                (void)unlink(path);
        return r;
}

static void end_remove(const char *folder, const char *id, const char *end) {
        CLEANUP(mem_freep) char *path = path_of(folder, id, end);

        (void)unlink(path);
}

// The record goes first: what is left when we are stopped here has none, and goes at the next
// start.
void shelf_remove(const char *folder, const char *id) {
        end_remove(folder, id, record_end);
        end_remove(folder, id, part);
        end_remove(folder, id, sound);
        for (size_t i = 0; i < SHELF_FORMATS; i++)
                end_remove(folder, id, text_ends[i]);
        (void)folder_sync(folder);
}

// --- reading ---------------------------------------------------------------------------------

int shelf_sound(const char *folder, const char *id) {
        CLEANUP(mem_freep) char *path = path_of(folder, id, sound);
        int descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

        return descriptor < 0 ? -errno : descriptor;
}

static int file_read(const char *path, size_t n_max, struct shelf_text *ret) {
        struct stat status;

        if (lstat(path, &status) < 0)
                return -errno;
        if (!S_ISREG(status.st_mode))
                return -EINVAL;
        if ((uint64_t)status.st_size > n_max)
                return -EFBIG;
        return input_read(path, (size_t)status.st_size, 0, &ret->bytes, &ret->n);
}

int shelf_read(const char *folder, const char *id, enum transcript_format format,
               struct shelf_text *ret, struct error *error) {
        CLEANUP(mem_freep) char *path = path_of(folder, id, text_ends[format]);
        int r = file_read(path, TEXT_BYTES_MAX, ret);

        return r < 0 ? trouble(error, r, "read", path) : 0;
}

// --- looking through -------------------------------------------------------------------------

static void record_set_aside(const char *folder, const char *id, const char *why) {
        CLEANUP(mem_freep) char *path = path_of(folder, id, record_end);
        CLEANUP(mem_freep) char *aside = path_of(folder, id, broken);

        if (rename(path, aside) < 0)
                log_error("server", "transcription-broken",
                          "%s: %s; it cannot be set aside: %m", path, why);
        else
                log_error("server", "transcription-broken", "%s: %s; it is set aside as %s",
                          path, why, aside);
}

static void record_look_at(const char *folder, const char *id,
                           bool (*on_record)(void *context, const char *id, const char *text,
                                             size_t n),
                           void *context) {
        CLEANUP(mem_freep) char *path = path_of(folder, id, record_end);
        struct shelf_text text = {0};
        int r = file_read(path, TRANSCRIPTION_BYTES_MAX, &text);

        if (r == -EINVAL || r == -EFBIG)
                record_set_aside(folder, id, "it is no record");
        else if (r < 0)
                log_error("server", "transcription-not-read",
                          "cannot read %s: %s; it is left as it is until the next start", path,
                          strerrordesc_np(-r));
        else if (!on_record(context, id, text.bytes, text.n))
                record_set_aside(folder, id, "it makes no sense");
        free(text.bytes);
}

// Splits "ID.END": the id's part of the name, or false for what is none of ours.
static bool name_split(const char *name, char id[TRANSCRIPTION_ID_DIGITS + 1],
                       const char **ret_end) {
        if (strlen(name) <= TRANSCRIPTION_ID_DIGITS || name[TRANSCRIPTION_ID_DIGITS] != '.')
                return false;
        memcpy(id, name, TRANSCRIPTION_ID_DIGITS);
        id[TRANSCRIPTION_ID_DIGITS] = '\0';
        *ret_end = name + TRANSCRIPTION_ID_DIGITS;
        return transcription_id_is_good(id);
}

static bool is_missing(const char *folder, const char *id, const char *end) {
        CLEANUP(mem_freep) char *path = path_of(folder, id, end);

        return access(path, F_OK) < 0 && errno == ENOENT;
}

// Whether nobody has use for it: of what has a record, even one that was set aside, only what
// its writing left behind goes.
static bool is_rubbish(const char *folder, const char *id, const char *end) {
        size_t n = strlen(end);

        if (strcmp(end, part) == 0 || (n > 4 && strcmp(end + n - 4, ".new") == 0))
                return true;
        return is_missing(folder, id, record_end) && is_missing(folder, id, broken);
}

int shelf_look_through(const char *folder,
                       bool (*on_record)(void *context, const char *id, const char *text,
                                         size_t n),
                       void *context, struct error *error) {
        struct dirent **names = NULL;
        // They are read before anything in the folder is changed.
        int n = scandir(folder, &names, NULL, alphasort);

        if (n < 0)
                return trouble(error, -errno, "look through", folder);
        for (int i = 0; i < n; i++) {
                char id[TRANSCRIPTION_ID_DIGITS + 1];
                const char *end;

                if (name_split(names[i]->d_name, id, &end) && strcmp(end, record_end) == 0)
                        record_look_at(folder, id, on_record, context);
        }
        for (int i = 0; i < n; i++) {
                char id[TRANSCRIPTION_ID_DIGITS + 1];
                const char *end;

                if (name_split(names[i]->d_name, id, &end) && is_rubbish(folder, id, end))
                        end_remove(folder, id, end);
                free(names[i]);
        }
        free(names);
        return 0;
}
